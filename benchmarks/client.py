"""A thin HTTP client for measuring: one kept connection, and nothing on the clock but the server and the socket."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    milliseconds: float


class Client:
    """One connection to a server whose answers tell their length; not for several threads."""

    def __init__(self, url: str, *, headers: str = "", source: str = "") -> None:
        """`headers` are lines that every request gets; `source` is the address that it comes from."""
        parts = urlsplit(url)
        self._host = parts.netloc
        self._headers = headers
        own = (source, 0) if source else None
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=60, source_address=own)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        """Send and read the whole answer; the time is from the first byte sent to the last received.

        Raises OSError, ConnectionError where the server hangs up."""
        headers = self._headers + ("content-type: application/octet-stream\r\n" if body else "")
        head = f"{method} {path} HTTP/1.1\r\nhost: {self._host}\r\n{headers}content-length: {len(body)}\r\n\r\n"
        message = head.encode("ascii") + body
        start = time.perf_counter()
        self._socket.sendall(message)
        received = self._received(b"")
        while (end := received.find(b"\r\n\r\n")) < 0:
            received = self._received(received)
        told = _LENGTH.search(received, 0, end + 2)
        whole = end + 4 + (int(told[1]) if told else 0)
        while len(received) < whole:
            received = self._received(received)
        took = time.perf_counter() - start
        return Answer(int(received[9:12]), received[end + 4 : whole], 1000 * took)

    def close(self) -> None:
        self._socket.close()

    def _received(self, before: bytes) -> bytes:
        piece = self._socket.recv(_PIECE)
        if not piece:
            raise ConnectionError("the server closed the connection")
        return before + piece
