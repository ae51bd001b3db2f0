"""The header of a photograph: what is known before any pixel is decoded, and the bytes that a decoder needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kenspeckle.errors import DamagedImage

MAX_PARTS: Final = 20_000
"""Segments, chunks or boxes of one file. A photograph of 15 MB whose pixels come in pieces of 1 KB has as many; files
with more are made to waste a parser's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Sizes in pixels as they are stored, before `orientation` (EXIF's, 1 to 8) is applied.

    `picture` are the bytes to decode: the file without what its pixels don't depend on. `passes` is how often a decoder
    goes over all pixels, `buffered` how many bytes it keeps beside its output, `lossless` is told of a WebP alone.
    `tails`: where the file ends before the end of the picture is marked, two ends of different content; all pixels are
    there where both give the same."""

    media_type: str
    width: int
    height: int
    orientation: int = 1
    picture: bytes
    passes: float = 1.0
    buffered: int = 0
    lossless: bool = False
    tails: tuple[bytes, ...] = ()


Check = Callable[[int, int], None]
"""Called with each size that a file claims, as soon as it is known; raises ImageTooLarge or ImageTooSmall."""


def damage(what: str) -> DamagedImage:
    return DamagedImage(f"The image is damaged or cut off and can't be decoded ({what}); save or send it again.")


def too_many(parts: str) -> DamagedImage:
    return DamagedImage(f"The image has more than {MAX_PARTS} {parts}; save it again with any image program.")
