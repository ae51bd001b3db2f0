"""Reads dlib's serialization of a network, trusting none of its bytes.

The format, as dlib 19 and 20 write it: an integer is a control byte (low nibble: number of bytes, high bit: sign)
and that many little-endian bytes; a bool is the character 0 or 1; a real number is an integer mantissa and an
integer exponent of two; a string is its length and its bytes; a tensor is the integer 2, four dimensions and raw
little-endian float32.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

MAX_STRING = 64
MAX_TENSOR = 1 << 24
"""Longest name (bytes) and largest tensor (elements) that a network of ours may hold: 16 times what it has."""


class FormatError(ValueError):
    """The bytes are no dlib serialization, or not the one that is expected here."""


class Reader:
    """A cursor over serialized bytes. Every method raises FormatError where the bytes end or make no sense."""

    def __init__(self, data: bytes) -> None:
        self.data = memoryview(data)
        self.at = 0

    def take(self, count: int) -> memoryview:
        if count < 0 or count > len(self.data) - self.at:
            raise FormatError(f"{count} bytes are expected at {self.at}, {len(self.data) - self.at} are left")
        self.at += count
        return self.data[self.at - count : self.at]

    def integer(self) -> int:
        control = self.take(1)[0]
        size = control & 0x0F
        if not 1 <= size <= 8 or control & 0x70:
            raise FormatError(f"no integer at {self.at - 1}")
        magnitude = int.from_bytes(self.take(size), "little")
        return -magnitude if control & 0x80 else magnitude

    def boolean(self) -> bool:
        value = self.take(1)[0]
        if value not in b"01":
            raise FormatError(f"no bool at {self.at - 1}")
        return value == ord("1")

    def real(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        if not -2000 <= exponent <= 2000:
            raise FormatError(f"a number that is not finite ends at {self.at}")
        try:
            return math.ldexp(mantissa, exponent)
        except OverflowError:
            raise FormatError(f"a number too large ends at {self.at}") from None

    def string(self) -> str:
        size = self.integer()
        if not 0 <= size <= MAX_STRING:
            raise FormatError(f"a name of {size} bytes at {self.at}")
        try:
            return bytes(self.take(size)).decode("ascii")
        except UnicodeDecodeError:
            raise FormatError(f"no name ends at {self.at}") from None

    def tensor(self) -> Floats:
        """A copy of a tensor, shape (n, k, nr, nc), float32, all finite."""
        self.expect(2, self.integer(), "tensor version")
        shape = tuple(self.integer() for _ in range(4))
        if min(shape) < 0 or max(shape) > MAX_TENSOR or math.prod(shape) > MAX_TENSOR:
            raise FormatError(f"a tensor of shape {shape} at {self.at}")
        values = np.frombuffer(self.take(4 * math.prod(shape)), "<f4").astype(np.float32).reshape(shape)
        if not np.isfinite(values).all():
            raise FormatError(f"a tensor with values that are not finite ends at {self.at}")
        return values

    def expect(self, wanted: object, found: object, what: str) -> None:
        if wanted != found:
            raise FormatError(f"{what}: {wanted} is expected, {found} was found, before byte {self.at}")

    def end(self) -> None:
        if self.at != len(self.data):
            raise FormatError(f"{len(self.data) - self.at} bytes are left over at {self.at}")
