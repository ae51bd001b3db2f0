"""The engine: opens photographs, detects faces, makes templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from kenspeckle.domain import Attribute, Box, Calibration, Collection, FaceDetail, PackInfo, Sample, Vector


class Photo(Protocol):
    """A photograph whose header was checked; pixels are decoded on demand. Width and height are those of the upright
    photograph."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def media_type(self) -> str: ...


class Engine(Protocol):
    """Detects and describes faces. It does not limit its own load: callers hold a turn of the inference gate, also to
    open a photograph."""

    pack: PackInfo
    """What `Engines` knows of its pack; another calibration may come while it runs. Read it once a request."""

    def open(self, data: bytes) -> Photo:
        """Check the bytes. Raises UnsupportedImage, ImageTooLarge, ImageTooSmall."""
        ...

    def frame(self, sample: Sample) -> Photo:
        """A frame of a video, whose pixels are decoded already."""
        ...

    def detect(self, photo: Photo, *, largest_only: bool = False, part: float = 1.0) -> tuple[FaceDetail, ...]:
        """Faces, largest first. `largest_only` allows (not demands) to find no others; `part` (0..1) bounds the places
        that are looked at closely to that part of those of one photograph. Raises DamagedImage."""
        ...

    def embed(self, photo: Photo, faces: Sequence[FaceDetail]) -> list[Vector]:
        """One template a face, in the order given. Raises DamagedImage."""
        ...

    def clarity(self, photo: Photo, faces: Sequence[FaceDetail]) -> list[float]:
        """How recognizable each face is to the embedder, 0..100, in the order given. Raises DamagedImage."""
        ...

    def attributes(self, photo: Photo, faces: Sequence[FaceDetail], asked: frozenset[Attribute]) -> list[FaceDetail]:
        """The faces with what is asked for of them, in the order given; without what can't be told. Raises
        DamagedImage, and ModelMissing where the networks for it are not installed."""
        ...

    def thumbnail(self, photo: Photo, box: Box) -> bytes:
        """The face with some surroundings, upright JPEG of at most 256 px. Raises DamagedImage."""
        ...


class Engines(Protocol):
    """One engine for each model pack. A collection's engine is chosen by its contract, never by a pack's name."""

    @property
    def default(self) -> Engine:
        """The engine of the setting PACK, which is never unloaded: for requests that concern no collection."""
        ...

    @property
    def packs(self) -> Sequence[PackInfo]:
        """All packs that are known, the default one first; not all of them need be installed."""
        ...

    def of(self, collection: Collection) -> Engine:
        """The engine whose templates can be compared with the collection's, loaded at its first use. Get it again for
        every request. Raises PackMismatch, and ModelMissing where its pack is not installed."""
        ...

    def pack_of(self, collection: Collection) -> PackInfo:
        """The description of the collection's pack; nothing is loaded, and it need not be installed. Raises
        PackMismatch where there is no pack with the collection's contract."""
        ...

    def find_pack(self, name: str | None) -> PackInfo:
        """The pack of that name, for a new collection; None: the default one. Raises InvalidValue where there is none,
        ModelMissing where it is not installed."""
        ...

    def use_calibrations(self, shared: Mapping[str, Calibration]) -> None:
        """Have packs mean by a distance what these say, by contract, from the next request on; the others what they
        meant at first."""
        ...
