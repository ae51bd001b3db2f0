"""The `face_recognition` way, from dlib itself: HOG detector upsampled once, 5-point predictor, the same weights.

What `face_recognition.face_locations(image)` and `face_encodings(image, locations)` do with their defaults, without
the package, which would compile dlib.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlib
import numpy as np
from PIL import Image

from kenspeckle.models import registry
from kenspeckle.models.download import fetch
from kenspeckle.models.extract import Member

UPSAMPLED = 1
JITTERS = 1

_FOLDER = "face_recognition_models-0.3.0/face_recognition_models/models"
PREDICTOR = Member(
    f"{_FOLDER}/shape_predictor_5_face_landmarks.dat",
    9_150_489,
    "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
)


@dataclass(frozen=True, slots=True)
class DlibPeer:
    """Loaded models of dlib."""

    detector: Any
    predictor: Any
    embedder: Any

    @classmethod
    def load(cls, models_dir: Path, progress: Callable[[str, int, int], None]) -> DlibPeer:
        """Fetches the weights into the models folder, once. Raises ModelMissing."""
        embedder = registry.CENTERFACE_DLIB.embedder
        files = fetch(embedder.archive, [embedder.member, PREDICTOR], models_dir / "peers", progress)
        return cls(
            dlib.get_frontal_face_detector(),
            dlib.shape_predictor(str(files[PREDICTOR])),
            dlib.face_recognition_model_v1(str(files[embedder.member])),
        )

    def decode(self, data: bytes) -> Any:
        """RGB pixels, (height, width, 3) uint8, as `face_recognition.load_image_file` makes them."""
        return np.array(Image.open(io.BytesIO(data)).convert("RGB"))

    def detect(self, pixels: Any) -> list[Any]:
        """Rectangles of faces, largest first."""
        return sorted(self.detector(pixels, UPSAMPLED), key=lambda one: -one.area())

    def embed(self, pixels: Any, faces: list[Any]) -> list[Any]:
        """A 128-D template of each face."""
        return [
            np.array(self.embedder.compute_face_descriptor(pixels, self.predictor(pixels, face), JITTERS))
            for face in faces
        ]
