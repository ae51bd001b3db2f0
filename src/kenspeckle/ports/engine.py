"""What sees faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kenspeckle.domain import Box, Collection, FaceDetail, PackInfo, Vector


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


class Engines(Protocol):
    """One engine a model pack. Which of them a collection takes is said by its contract, never by a pack's name."""

    @property
    def default(self) -> Engine:
        """That of the setting PACK, always loaded: for what is about no collection."""
        ...

    def of(self, collection: Collection) -> Engine:
        """The engine whose templates can be compared with the collection's, loaded at its first use. Ask for it anew
        with every request. Raises PackMismatch, and ModelMissing where its pack is not installed."""
        ...

    def pack_of(self, collection: Collection) -> PackInfo:
        """What is known of the collection's pack; nothing is loaded, and it need not be installed. Raises PackMismatch
        where there is no pack with the collection's contract."""
        ...

    def named(self, name: str | None) -> PackInfo:
        """The pack of that name, for a new collection; None: the default one. Raises InvalidValue where there is none,
        ModelMissing where it is not installed."""
        ...
