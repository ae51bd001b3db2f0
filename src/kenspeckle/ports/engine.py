"""What sees faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kenspeckle.domain import Box, FaceDetail, PackInfo, Vector


class Photo(Protocol):
    """A photograph whose header was checked; pixels are decoded when they are asked for. Sizes as a viewer sees it."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def media_type(self) -> str: ...


class Engine(Protocol):
    """Sees faces. Not gated: callers hold a turn of the inference gate, to open a photograph too."""

    @property
    def pack(self) -> PackInfo: ...
    def open(self, data: bytes) -> Photo:
        """Check the bytes. Raises UnsupportedImage, ImageTooLarge, ImageTooSmall."""
        ...

    def detect(self, photo: Photo, *, largest_only: bool = False) -> tuple[FaceDetail, ...]:
        """Faces, largest first. `largest_only` allows (not demands) to find no others. Raises DamagedImage."""
        ...

    def embed(self, photo: Photo, faces: Sequence[FaceDetail]) -> list[Vector]:
        """One template a face, in the order given. Raises DamagedImage."""
        ...

    def clarity(self, photo: Photo, faces: Sequence[FaceDetail]) -> list[float]:
        """How much the embedder makes of each face, 0..100, in the order given. Raises DamagedImage."""
        ...

    def thumbnail(self, photo: Photo, box: Box) -> bytes:
        """The face with some surroundings, upright JPEG of at most 256 px. Raises DamagedImage."""
        ...
