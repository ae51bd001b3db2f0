"""Reads HEIC: the size from the container here, the pixels in another process, which a crafted file may crash."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PIL import Image

from kenspeckle.errors import DamagedImage, ImageTooLarge

CHILD: Final = Path(__file__).with_name("heif_child.py")
SECONDS: Final = 60.0
ENVIRONMENT: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
"""Variables that the other process may see; it has no use for the operator's secrets."""

MAX_BOXES: Final = 4096

DAMAGED: Final = "The HEIC file is damaged or of a kind that can't be read; send the photograph as a JPEG."


def decode(data: bytes, most: int) -> Image.Image:
    """RGB as a viewer sees it (libheif applies the container's rotation), reduced to at most `most` pixels.

    Raises DamagedImage, also where the decoder crashed or took too long, and ImageTooLarge (no memory).
    """
    environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    command = [sys.executable, "-I", str(CHILD), str(most)]
    try:
        done = subprocess.run(  # noqa: S603  our own program, no argument of the client's
            command, input=data, capture_output=True, timeout=SECONDS, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DamagedImage(DAMAGED) from error
    if done.returncode == 2:
        raise ImageTooLarge("The image needs more memory than there is to decode; send a smaller one.")
    head, _, pixels = done.stdout.partition(b"\n")
    if done.returncode or not head:
        raise DamagedImage(DAMAGED)
    *whole, width, height = map(int, head.split())
    if tuple(whole) != size(data):  # the container lies
        raise DamagedImage(DAMAGED)
    return Image.frombuffer("RGB", (width, height), pixels, "raw", "RGB", 0, 1)


def size(data: bytes) -> tuple[int, int]:
    """Width and height of the primary image as a viewer sees it, by the container alone (ISO/IEC 23008-12).

    Raises DamagedImage where the container doesn't tell.
    """
    try:
        return _size(data)
    except (IndexError, KeyError, ZeroDivisionError) as error:
        raise DamagedImage(DAMAGED) from error


def _size(data: bytes) -> tuple[int, int]:
    start, end = next(_find(data, b"meta", 0, len(data)))
    start += 4  # a full box: version and flags come first
    at, _ = next(_find(data, b"pitm", start, end))
    primary = _number(data, at + 4, 4 if data[at] else 2)
    properties, last = next(_find(data, b"iprp", start, end))
    first, stop = next(_find(data, b"ipco", properties, last))
    boxes = list(_boxes(data, first, stop))
    at, _ = next(_find(data, b"ipma", properties, last))
    width = height = 0
    for index in _associated(data, at, primary):
        kind, inside, _ = boxes[index - 1]
        if kind == b"ispe":
            width, height = _number(data, inside + 4, 4), _number(data, inside + 8, 4)
        elif kind == b"clap":
            width, height = (round(_number(data, inside + by, 4) / _number(data, inside + by + 4, 4)) for by in (0, 8))
        elif kind == b"irot" and data[inside] & 1:
            width, height = height, width
    return width, height


def _number(data: bytes, at: int, length: int) -> int:
    if at + length > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + length], "big")


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, begin, end) of the contents of each box between two offsets."""
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        length, head = _number(data, start, 4), 8
        if length == 1:
            length, head = _number(data, start + 8, 8), 16
        stop = end if length == 0 else start + length
        if (length and length < head) or stop > end:
            raise IndexError(start)
        yield data[start + 4 : start + 8], start + head, stop
        start = stop


def _find(data: bytes, wanted: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Contents of the first box of that type. Raises KeyError where there is none."""
    for kind, begin, stop in _boxes(data, start, end):
        if kind == wanted:
            yield begin, stop
            return
    raise KeyError(wanted)


def _associated(data: bytes, at: int, item: int) -> list[int]:
    """Numbers (from 1) of the properties of an item, in the order in which they apply: the `ipma` box."""
    wide_items, wide_numbers = data[at] > 0, data[at + 3] & 1
    count, at = _number(data, at + 4, 4), at + 8
    for _ in range(min(count, MAX_BOXES)):
        length = 4 if wide_items else 2
        found, amount, at = _number(data, at, length), data[at + length], at + length + 1
        step = 2 if wide_numbers else 1
        if found == item:
            mask = 0x7FFF if wide_numbers else 0x7F
            numbers = [_number(data, at + step * place, step) & mask for place in range(amount)]
            return [number for number in numbers if number]
        at += step * amount
    raise KeyError(item)
