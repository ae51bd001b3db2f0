"""OpenCV's own pipeline on the weights of the pack `sface`: `FaceDetectorYN` at 640 pixels and `FaceRecognizerSF`.

As OpenCV's face recognition tutorial puts them together, with its score and overlap thresholds, on one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx

from kenspeckle.models import registry
from kenspeckle.models.download import fetch

SIDE = 640
"""Longest side of the picture that faces are looked for in; a smaller photograph is taken as it is."""
SCORE, OVERLAP, MOST = 0.9, 0.3, 5000


EMPTY = np.zeros(0, np.uint8)
"""Of a configuration, which ONNX has none of."""


@dataclass(frozen=True, slots=True)
class OpenCvPeer:
    """Loaded networks of OpenCV."""

    detector: Any
    recognizer: Any

    @classmethod
    def load(cls, models_dir: Path, progress: Callable[[str, int, int], None]) -> OpenCvPeer:
        """Fetches the published files into the models folder, once. Raises ModelMissing."""
        finder, embedder = registry.SFACE.finder, registry.SFACE.embedder
        if finder is None:
            raise LookupError("the pack sface has no finder")
        files = fetch(finder.archive, [finder.member, embedder.member], models_dir / "peers", progress)
        cv2.setNumThreads(1)
        networks = [_one_input(files[member]) for member in (finder.member, embedder.member)]
        return cls(
            cv2.FaceDetectorYN.create("onnx", networks[0], EMPTY, (SIDE, SIDE), SCORE, OVERLAP, MOST),
            cv2.FaceRecognizerSF.create("onnx", networks[1], EMPTY),
        )

    def decode(self, data: bytes) -> Any:
        """BGR pixels, (height, width, 3) uint8, of at most SIDE pixels."""
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if pixels is None:
            raise ValueError("OpenCV reads no photograph in these bytes")
        scale = SIDE / max(pixels.shape[:2])
        return cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else pixels

    def detect(self, pixels: Any) -> list[Any]:
        """Faces as OpenCV has them: box, five landmarks and score, 15 numbers; largest first."""
        self.detector.setInputSize((pixels.shape[1], pixels.shape[0]))
        _, faces = self.detector.detect(pixels)
        return [] if faces is None else sorted(faces, key=lambda one: -one[2] * one[3])

    def embed(self, pixels: Any, faces: list[Any]) -> list[Any]:
        """A 128-D template of each face."""
        return [self.recognizer.feature(self.recognizer.alignCrop(pixels, face))[0].copy() for face in faces]


def _one_input(file: Path) -> Any:
    """The published network as OpenCV 5 takes it: SFace's file lists its weights as inputs too, after the picture."""
    model = onnx.load(file)
    picture = model.graph.input[0]
    del model.graph.input[:]
    model.graph.input.append(picture)
    return np.frombuffer(model.SerializeToString(), np.uint8)
