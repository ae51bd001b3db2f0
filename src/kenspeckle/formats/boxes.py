"""Boxes of the ISO base media file format (ISO/IEC 14496-12) and the items of a picture in them (ISO/IEC 23008-12)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_BOXES: Final = 4096
"""Boxes, items or associations of one kind. A phone's photograph has some sixty; readers compare each with each."""


class Malformed(Exception):
    """The boxes contradict themselves."""


@dataclass(frozen=True, slots=True)
class Items:
    """What a `meta` box tells: the item that is the picture, types and places of all items, their properties.

    `properties` are (type, begin, end) of the contents of each property; `associated` their numbers by item."""

    primary: int
    types: dict[int, bytes]
    places: dict[int, tuple[tuple[int, int], ...]]
    properties: tuple[tuple[bytes, int, int], ...]
    associated: dict[int, tuple[int, ...]]

    def of(self, item: int) -> Iterator[tuple[bytes, int, int]]:
        """Properties of an item, in the order in which they apply."""
        for number in self.associated.get(item, ()):
            if number > len(self.properties):
                raise Malformed
            yield self.properties[number - 1]


def number(data: bytes, at: int, length: int) -> int:
    """Big-endian. Raises Malformed where the bytes end before."""
    if at + length > len(data):
        raise Malformed
    return int.from_bytes(data[at : at + length], "big")


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, begin, end) of the contents of each box between two offsets. Raises Malformed, also of too many."""
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        length, head = number(data, start, 4), 8
        if length == 1:
            length, head = number(data, start + 8, 8), 16
        stop = end if length == 0 else start + length
        if (length and length < head) or stop > end:
            raise Malformed
        yield data[start + 4 : start + 8], start + head, stop
        start = stop
    raise Malformed


def items(data: bytes) -> Items:
    """Of the file's `meta` box. Raises Malformed."""
    start, end = next(((begin, stop) for kind, begin, stop in boxes(data, 0, len(data)) if kind == b"meta"), (0, 0))
    if not end:
        raise Malformed
    inside = {}
    for kind, begin, stop in boxes(data, start + 4, end):  # a full box: version and flags come first
        if kind in inside:
            raise Malformed
        inside[kind] = begin, stop
    if not inside.keys() >= {b"pitm", b"iinf", b"iloc", b"iprp"}:
        raise Malformed
    at, _ = inside[b"pitm"]
    properties: tuple[tuple[bytes, int, int], ...] = ()
    associated: dict[int, tuple[int, ...]] = {}
    for kind, begin, stop in boxes(data, *inside[b"iprp"]):
        if kind == b"ipco":
            properties = tuple(boxes(data, begin, stop))
        elif kind == b"ipma":
            _associate(data, begin, associated)
    return Items(
        primary=number(data, at + 4, 4 if data[at] else 2),
        types=dict(_types(data, *inside[b"iinf"])),
        places=_places(data, inside[b"iloc"][0], inside.get(b"idat", (0, 0))[0]),
        properties=properties,
        associated=associated,
    )


def _types(data: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Each `infe` of the item information."""
    wide = number(data, start, 1) > 0
    for kind, at, _ in boxes(data, start + (8 if wide else 6), end):
        if kind == b"infe":
            long = number(data, at, 1) >= 3
            name = at + (10 if long else 8)
            yield number(data, at + 4, 4 if long else 2), data[name : name + 4]


def _places(data: bytes, at: int, inside: int) -> dict[int, tuple[tuple[int, int], ...]]:
    """Offset in the file and length of each extent, by item: the `iloc` box. `inside`: where the `idat` box begins."""
    version = number(data, at, 1)
    offset_size, length_size = data[at + 4] >> 4, data[at + 4] & 15
    base_size, index_size = data[at + 5] >> 4, data[at + 5] & 15 if version else 0
    id_size = 4 if version == 2 else 2
    count, at = number(data, at + 6, id_size), at + 6 + id_size
    found: dict[int, tuple[tuple[int, int], ...]] = {}
    extents = 0
    for _ in range(count):
        item = number(data, at, id_size)
        at += id_size
        method = number(data, at, 2) & 15 if version else 0
        at += (2 if version else 0) + 2  # the number of the file that holds the data: this one
        base = number(data, at, base_size) + (inside if method == 1 else 0)
        amount, at = number(data, at + base_size, 2), at + base_size + 2
        extents += max(1, amount)
        if extents > MAX_BOXES or item in found:
            raise Malformed
        places = []
        for _extent in range(amount):
            at += index_size
            offset, length = number(data, at, offset_size), number(data, at + offset_size, length_size)
            at += offset_size + length_size
            places.append((base + offset, length))
        found[item] = tuple(places)
    return found


def _associate(data: bytes, at: int, found: dict[int, tuple[int, ...]]) -> None:
    """Numbers (from 1) of the properties of each item: the `ipma` box."""
    wide_items, wide_numbers = number(data, at, 1) > 0, number(data, at + 3, 1) & 1
    count, at = number(data, at + 4, 4), at + 8
    id_size, step = 4 if wide_items else 2, 2 if wide_numbers else 1
    mask = 0x7FFF if wide_numbers else 0x7F
    for _ in range(count):
        item, amount = number(data, at, id_size), number(data, at + id_size, 1)
        at += id_size + 1
        numbers = (number(data, at + step * place, step) & mask for place in range(amount))
        if item in found or len(found) >= MAX_BOXES:
            raise Malformed
        found[item] = tuple(one for one in numbers if one)
        at += step * amount
