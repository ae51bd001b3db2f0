"""The limits of one connection, and its flow control and transport as uvicorn's requests use them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from uvicorn.protocols.http.flow_control import FlowControl


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of one connection, in seconds, bytes and counts."""

    head_seconds: float = 20.0
    """For a head, from its first byte; of a connection's first request, from the connection."""
    idle_seconds: float = 75.0
    """Between two requests: longer than the 60 s of usual load balancers, so that these close, not we."""
    head_bytes: int = 64 * 1024
    """Of a request's line and headers; of anything else that is neither head nor body. Metadata takes 2 KiB of it,
    other clients' cookies the rest."""
    fields: int = 256
    """Header lines of a head."""
    trailer_bytes: int = 8 * 1024
    trailer_fields: int = 32
    """Of trailers. Clients send one or two: a checksum, a signature."""
    pipelined: int = 16
    """Pipelined requests that wait behind the one under way. Further ones are not answered: the client sends them
    again."""
    unread_seconds: float = 20.0
    unread_bytes: int = 64 * 1024 * 1024
    """Seconds for a body that goes on after its answer. It is read and dropped, so that a client which reads only after
    sending gets its answer."""
    broken_bytes: int = 1024 * 1024
    """Bytes that are read and dropped, for the same reason, after what is no request that can be answered."""
    pieces: int = 20_000
    """Chunks that a body may have whatever their size: each costs as much as some kilobytes."""
    chunk_bytes: int = 64
    """Least size of those beyond, on average: lines of base64 have 76."""
    piece_bytes: int = 1024
    """What a smaller chunk counts as where it is dropped."""
    anonymous_rate: float = 100.0
    """Requests a second of one host that no key was found for (also those that need none, and heads that were refused).
    More wait, up to"""
    longest_pause: float = 3.0
    """each: that host's next requests, unless they name a key. At least CONNECTIONS_PER_HOST / anonymous_rate: with
    less, all connections of a host would wait this long together, and then ask together, more often than the rate."""
    waiting_seconds: float = 10.0
    """Seconds in all that requests sent at once wait so; the others are not answered, as those beyond `pipelined`."""
    dropped_bytes: int = 1024 * 1024
    """Bytes of a client without a key that are read and dropped, which count as one request."""
    send_seconds: float = 12.0
    """Seconds between two checks whether a client reads its answer."""
    send_pace: float = 16 * 1024
    """Least bytes a second that count as reading."""
    unsent_bytes: int = 32 * 1024
    """Bytes of an answer in memory above which the next piece waits."""
    receive_buffer: int = 64 * 1024
    """Bytes that the system keeps of what is read and dropped (Linux doubles it)."""
    send_buffer: int = 128 * 1024
    """Bytes that the system keeps of an answer (Linux doubles it). Unbounded, it takes megabytes of an answer that
    nobody reads, and each looks like reading."""


class Flow(FlowControl):
    """uvicorn's flow control, changed so that an application that reads its body does not resume the reading of further
    requests."""

    held = False

    def hold(self) -> None:
        """Stop reading until `release`."""
        self.held = True
        self.pause_reading()

    def release(self) -> None:
        self.held = False
        self.resume_reading()

    def resume_reading(self) -> None:
        if not self.held:
            super().resume_reading()


class Outgoing(asyncio.Transport):
    """The transport that requests write to: counts what is sent, and closes once the client's body was read."""

    def __init__(self, transport: asyncio.Transport, finish: Callable[[], None]) -> None:
        super().__init__()
        self._transport = transport
        self._finish = finish
        self.written = 0
        self.finished = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += len(data)
        self._transport.write(data)

    def is_closing(self) -> bool:
        return self.finished or self._transport.is_closing()

    def close(self) -> None:
        self._finish()

    def forget(self) -> None:
        """The connection is lost: it and this object no longer hold each other in memory."""
        self.finished = True
        self._finish = _nothing


def _nothing() -> None:
    """What is left to do when a lost connection is closed."""
