"""Who is measured beside us in the same run: the `face_recognition` way, and OpenCV's own on the weights of `sface`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

FACE_RECOGNITION = "face_recognition"
OPENCV = "OpenCV"


class Peer(Protocol):
    """A way from the bytes of a photograph to templates, on one core."""

    def decode(self, data: bytes) -> Any:
        """Pixels, as `detect` and `embed` take them."""

    def detect(self, pixels: Any) -> list[Any]:
        """Faces, largest first."""

    def embed(self, pixels: Any, faces: list[Any]) -> list[Any]:
        """A 128-D template of each face."""


Peers: TypeAlias = Mapping[str, Peer]
"""By name."""


def load(models_dir: Path, progress: Callable[[str, int, int], None]) -> Peers:
    """Both; their weights are fetched into the models folder, once. Raises ModelMissing."""
    from benchmarks.dlib_peer import DlibPeer
    from benchmarks.opencv_peer import OpenCvPeer

    return {FACE_RECOGNITION: DlibPeer.load(models_dir, progress), OPENCV: OpenCvPeer.load(models_dir, progress)}
