"""AV1 (bitstream specification 1.0.0): how many frames of which size a picture makes a decoder reconstruct."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kenspeckle.formats.boxes import Malformed

MAX_UNITS: Final = 4096
"""Open bitstream units of one item: its headers, frames and tile groups."""

_SEQUENCE, _FRAME_HEADER, _FRAME = 1, 3, 6
_HEADER_BYTES: Final = 512
"""Bytes in which a header ends: at most 32 operating points of some 80 bits come before the sizes."""
_SELECT: Final = 2
_KEY: Final = 0
_SWITCH: Final = 3


class _Bits:
    """Reads big-endian bits from the front. Raises Malformed behind the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data[:_HEADER_BYTES], "big")
        self._left = 8 * min(len(data), _HEADER_BYTES)

    def take(self, count: int = 1) -> int:
        self._left -= count
        if self._left < 0:
            raise Malformed
        return self._value >> self._left & ((1 << count) - 1)

    def skip_uvlc(self) -> None:
        """4.10.3."""
        zeros = 0
        while not self.take():
            zeros += 1
        self.take(min(zeros, 32))


@dataclass(frozen=True, slots=True)
class _Sequence:
    """What a frame's header is read by. `size` is that of every frame that doesn't override it, `widest` what one may
    override it with. `moment` is the length of a frame's presentation time, 0 where there is none."""

    reduced: bool
    size: tuple[int, int]
    widest: tuple[int, int]
    id_length: int
    screen_content: int
    integer_vectors: int
    moment: int


def frames(data: bytes) -> Iterator[tuple[int, int]]:
    """The most pixels, as (width, height), of each frame that is reconstructed. Raises Malformed."""
    sequence: _Sequence | None = None
    for kind, body in _units(data):
        if kind == _SEQUENCE:
            sequence = _sequence(_Bits(body))
        elif kind in (_FRAME_HEADER, _FRAME):
            if sequence is None:
                raise Malformed
            size = _frame(_Bits(body), sequence)
            if size is not None:
                yield size


def _units(data: bytes) -> Iterator[tuple[int, bytes]]:
    """5.3.1: (type, content)."""
    at = 0
    for _ in range(MAX_UNITS):
        if at >= len(data):
            return
        head = data[at]
        at += 2 if head & 4 else 1
        length = len(data) - at
        if head & 2:
            length, at = _leb128(data, at)
        if length < 0 or at + length > len(data):
            raise Malformed
        yield head >> 3 & 15, data[at : at + min(length, _HEADER_BYTES)]
        at += length
    raise Malformed


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """4.10.5: the value, and where it ends."""
    value = 0
    for place, byte in enumerate(data[at : at + 8]):
        value |= (byte & 127) << 7 * place
        if not byte & 128:
            return value, at + place + 1
    raise Malformed


def _sequence(bits: _Bits) -> _Sequence:
    """5.5.1, up to what the size of a frame depends on."""
    bits.take(4)  # profile, still picture
    reduced = bool(bits.take())
    moment = 0
    if reduced:
        bits.take(5)
    else:
        moment = _timing(bits)
    widths, heights = bits.take(4) + 1, bits.take(4) + 1
    size = bits.take(widths) + 1, bits.take(heights) + 1
    id_length = 0
    if not reduced and bits.take():
        id_length = bits.take(4) + 2
        id_length += bits.take(3) + 1
    bits.take(3)
    screen_content = integer_vectors = _SELECT
    if not reduced:
        bits.take(4)
        order_hint = bits.take()
        bits.take(2 if order_hint else 0)
        screen_content = _SELECT if bits.take() else bits.take()
        if screen_content:
            integer_vectors = _SELECT if bits.take() else bits.take()
    return _Sequence(reduced, size, (1 << widths, 1 << heights), id_length, screen_content, integer_vectors, moment)


def _timing(bits: _Bits) -> int:
    """Timing, decoder model and operating points; the length of a frame's presentation time."""
    moment = delay = 0
    model = False
    if bits.take():
        bits.take(64)
        equal = bits.take()
        if equal:
            bits.skip_uvlc()
        model = bool(bits.take())
        if model:
            delay = bits.take(5) + 1
            bits.take(37)
            length = bits.take(5) + 1
            moment = 0 if equal else length
    initial = bits.take()
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take()
        if model and bits.take():
            bits.take(2 * delay + 1)
        if initial and bits.take():
            bits.take(4)
    return moment


def _frame(bits: _Bits, sequence: _Sequence) -> tuple[int, int] | None:
    """5.9.2, up to whether the frame has a size of its own; None where one is shown that was decoded before."""
    if sequence.reduced:
        return sequence.size
    if bits.take():
        return None
    kind, shown = bits.take(2), bits.take()
    if shown:
        bits.take(sequence.moment)
    else:
        bits.take()
    if not (kind == _SWITCH or (kind == _KEY and shown)):
        bits.take()
    bits.take()
    screen_content = bits.take() if sequence.screen_content == _SELECT else sequence.screen_content
    if screen_content and sequence.integer_vectors == _SELECT:
        bits.take()
    bits.take(sequence.id_length)
    return sequence.widest if kind == _SWITCH or bits.take() else sequence.size
