"""An engine that recognizes nobody by itself: it is told who is in which picture."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from kenspeckle.domain import Attribute, Box, Calibration, FaceDetail, Landmark, PackInfo, Pose, Quality, Sample, Vector
from kenspeckle.ports import Photo
from kenspeckle.vision.decode import Photograph

PACK = PackInfo(
    name="stub",
    contract=hashlib.sha256(b"kenspeckle.testing.stub 1").hexdigest(),
    dimension=128,
    calibration=Calibration((0.0, 0.4, 0.8, 1.0), (100.0, 99.0, 80.0, 0.0), "default", "names, not faces"),
    version="7.0",
)
LIKENESS = 0.99
"""Cosine of the templates of one person in two pictures; strangers have about 0."""
_CHIP_SIDE = 64


@dataclass(frozen=True, slots=True)
class StubPhoto:
    """A picture with the names of who is in it, and what tells it from others."""

    width: int
    height: int
    media_type: str
    people: tuple[str, ...]
    digest: bytes


class StubEngine:
    """Implements `ports.Engine` over what `told` says; any other picture, which has to be a real one, shows nobody."""

    def __init__(self, max_bytes: int, max_pixels: int) -> None:
        self.pack = PACK
        self.told: dict[bytes, tuple[str, ...]] = {}
        """Names by SHA-256 of the picture's bytes."""
        self._max_bytes = max_bytes
        self._max_pixels = max_pixels

    def open(self, data: bytes) -> Photo:
        """Raises as a real engine for bytes that are no picture."""
        seen = Photograph(data, max_bytes=self._max_bytes, max_pixels=self._max_pixels)
        digest = hashlib.sha256(data).digest()
        return StubPhoto(seen.width, seen.height, seen.media_type, self.told.get(digest, ()), digest)

    def frame(self, sample: Sample) -> Photo:
        """Nobody: frames of videos are not named here."""
        return StubPhoto(sample.width, sample.height, "", (), hashlib.sha256(sample.pixels).digest())

    def detect(self, photo: Photo, *, largest_only: bool = False, part: float = 1.0) -> tuple[FaceDetail, ...]:
        """The people from left to right, each a little smaller than the one before."""
        assert isinstance(photo, StubPhoto)
        return tuple(_face(place, len(photo.people)) for place in range(len(photo.people)))

    def embed(self, photo: Photo, faces: Sequence[FaceDetail]) -> list[Vector]:
        assert isinstance(photo, StubPhoto)
        known = {_face(place, len(photo.people)).box: name for place, name in enumerate(photo.people)}
        return [template(known[one.box], photo.digest) for one in faces]

    def clarity(self, photo: Photo, faces: Sequence[FaceDetail]) -> list[float]:
        return [100.0 for _ in faces]

    def attributes(self, photo: Photo, faces: Sequence[FaceDetail], asked: frozenset[Attribute]) -> list[FaceDetail]:
        """Nothing is told of people who are names."""
        return list(faces)

    def thumbnail(self, photo: Photo, box: Box) -> bytes:
        return _chip()


def template(name: str, picture: bytes) -> Vector:
    """The template of a person in a picture: of length 1, near all others of that name, far from those of others."""
    own, other = _direction(name.encode()), _direction(name.encode() + b"\0" + picture)
    mixed = LIKENESS**0.5 * own + (1 - LIKENESS) ** 0.5 * (other - (other @ own) * own)
    found: Vector = (mixed / np.linalg.norm(mixed)).astype(np.float32)
    return found


def _direction(seed: bytes) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    number = int.from_bytes(hashlib.sha256(seed).digest()[:8], "big")
    drawn = np.random.default_rng(number).standard_normal(PACK.dimension)
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = drawn / np.linalg.norm(drawn)
    return found


def _face(place: int, among: int) -> FaceDetail:
    width = 0.8 / max(among, 2) * 0.99**place
    box = Box((place + 0.1) / max(among, 2), 0.2, width, 0.5 * 0.99**place)
    spots = {"eyeLeft": (0.3, 0.4), "eyeRight": (0.7, 0.4), "nose": (0.5, 0.6), "mouthLeft": (0.35, 0.8)}
    spots["mouthRight"] = (0.65, 0.8)
    landmarks = tuple(
        Landmark(kind, box.left + x * box.width, box.top + y * box.height) for kind, (x, y) in spots.items()
    )
    return FaceDetail(box, 99.9, landmarks, Pose(0.0, 0.0, 0.0), Quality(80.0, 90.0))


@cache
def _chip() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (_CHIP_SIDE, _CHIP_SIDE), "grey").save(file, "JPEG")
    return file.getvalue()
