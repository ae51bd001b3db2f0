"""Photographs that are real PNG and JPEG files for the wire edge, and drawings for the engine of the unit tests."""

from __future__ import annotations

import io

from PIL import Image

from kenspeckle.errors import UnsupportedImage
from kenspeckle.ports import Photo
from tests.fakes.drawn import DrawnEngine, drawing

MARK = b"drawing:"


def blank(width: int = 100, height: int = 100, kind: str = "PNG") -> bytes:
    """A photograph of nobody, of a real format and size."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), "grey").save(file, kind)
    return file.getvalue()


def portrait(*people: float, size: float = 0.4, note: str = "", kind: str = "PNG") -> bytes:
    """A photograph of these people, after whose last byte the drawing lies."""
    return blank(kind=kind) + MARK + drawing(*people, size=size, note=note)


class PortraitEngine(DrawnEngine):
    """Finds the people of `portrait`; a photograph without a drawing shows nobody."""

    def open(self, data: bytes) -> Photo:
        if data[:3] not in (b"\x89PN", b"\xff\xd8\xff"):
            raise UnsupportedImage("This is no photograph.")
        _, mark, drawn = data.partition(MARK)
        return super().open(drawn if mark else drawing())
