"""A thin HTTP client for measuring: one kept connection, no more work a request than a socket needs."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    milliseconds: float


class Client:
    """One connection to a server; not for several threads."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """Send and read the whole answer; the time is from the first byte sent to the last received."""
        start = time.perf_counter()
        self._connection.request(method, path, body, {"content-type": "application/octet-stream"} if body else {})
        response = self._connection.getresponse()
        data = response.read()
        return Answer(response.status, data, 1000 * (time.perf_counter() - start))

    def close(self) -> None:
        self._connection.close()
