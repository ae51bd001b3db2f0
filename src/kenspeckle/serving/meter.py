"""Counts what one connection sends: heads, trailers, chunks of bodies, and bytes that are only dropped."""

from __future__ import annotations

from typing import NoReturn

from kenspeckle.serving.flow import Bounds

BROKEN = (
    "The bytes on this connection are no HTTP request. Either the request's head is malformed, or more bytes came than "
    "Content-Length declared; nothing of them was stored. Send the request again with its true length."
)
CHUNKS = "The body comes in too many chunks of a few bytes each; send it in larger ones, or with Content-Length."


class Refused(Exception):
    """Ends the parsing from within a callback; `Meter.refusal` says why."""


class Meter:
    """The counts of one connection against its bounds. It refers to nothing but these."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.refusal = (400, BROKEN)
        """Status and sentence of the answer to bytes that are not taken."""
        self.progress = False
        """Whether something other than fields came since `end_read`: a whole head, a part of a body."""
        self._quiet = 0
        self._size = self._fields = 0
        self._most_size, self._most_fields = bounds.head_bytes, bounds.fields
        self._body = self._pieces = 0
        self.dropped = 0
        """Bytes of this message that were dropped, a small chunk as `piece_bytes`."""
        self._uncounted = 0

    def refuse(self, status: int, detail: str) -> NoReturn:
        """Raises Refused."""
        self.refusal = (status, detail)
        raise Refused

    def begin_head(self) -> None:
        self._size = self._fields = 0
        self._most_size, self._most_fields = self._bounds.head_bytes, self._bounds.fields

    def begin_body(self) -> None:
        """What has fields from here on is trailers."""
        self._size = self._fields = self.dropped = self._body = self._pieces = 0
        self._most_size, self._most_fields = self._bounds.trailer_bytes, self._bounds.trailer_fields

    def count(self, size: int, fields: int) -> None:
        """Bytes and fields of a head or of trailers. Raises Refused."""
        self._size += size
        self._fields += fields
        if self._size > self._most_size or self._fields > self._most_fields:
            self._refuse_large()

    def count_chunk(self, size: int) -> None:
        """A part of a body that is read. Raises Refused where there are too many small ones."""
        self._body += size
        self._pieces += 1
        if self._pieces > self._bounds.pieces + self._body // self._bounds.chunk_bytes:
            self.refuse(400, CHUNKS)

    def end_read(self, size: int) -> None:
        """All of what was read at once was parsed. Raises Refused where it is neither head nor body for too long."""
        self._quiet = 0 if self.progress else self._quiet + size
        self.progress = False
        if self._quiet > self._bounds.head_bytes:
            self._refuse_large()

    def drop(self, size: int) -> None:
        self.dropped += size
        self._uncounted += size

    def take_dropped(self) -> int:
        """Bytes that were dropped since the last call."""
        size, self._uncounted = self._uncounted, 0
        return size

    def _refuse_large(self) -> NoReturn:
        self.refuse(
            431,
            f"The request's head or trailers are too large: a head may have {self._bounds.head_bytes} bytes and "
            f"{self._bounds.fields} fields, trailers {self._bounds.trailer_bytes} and {self._bounds.trailer_fields}. "
            "Send fewer or shorter ones.",
        )
