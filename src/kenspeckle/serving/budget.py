"""Limits the bytes of bodies, or of answers, in memory at once: in all, and for each client."""

from __future__ import annotations

import threading

from kenspeckle.errors import Overloaded
from kenspeckle.serving.connections import of_one_host

MIB = 1024 * 1024

BODIES = "bodies"
"""Member of a request's state with its share of the bodies' budget."""


class Budget:
    """At most `most` bytes in all; of one client `known`, and `unknown` until it has proved to hold a key. A client's
    only request may take more, so that the budget refuses no request that the size limits allow."""

    def __init__(self, most: int = 256 * MIB, known: int = 128 * MIB, unknown: int = 16 * MIB) -> None:
        self.most = most
        self.known = known
        self.unknown = unknown
        self._clients: dict[str, int] = {}
        self._held = 0
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        """Bytes that are taken now."""
        return self._held

    def share(self, address: str) -> Share:
        """The share of one request of this client; it is empty."""
        return Share(self, of_one_host(address))

    def take(self, client: str, size: int, own: int, known: bool) -> bool:
        """Take `size` more bytes for a request that has `own` already. False where that exceeds the budget."""
        with self._lock:
            held, alone = self._clients.get(client, 0), self._held == own
            most = self.known if known else self.unknown
            if not alone and (self._held + size > self.most or (held > own and held + size > most)):
                return False
            self._held += size
            self._clients[client] = held + size
            return True

    def give_back(self, client: str, size: int) -> None:
        with self._lock:
            self._held -= size
            left = self._clients[client] - size
            if left:
                self._clients[client] = left
            else:
                del self._clients[client]


class Share:
    """The bytes of one request. `known`: its client has proved to hold a key."""

    def __init__(self, budget: Budget, client: str) -> None:
        self._budget = budget
        self._client = client
        self._size = 0
        self.known = False

    def take(self, size: int) -> None:
        """Raises Overloaded where the budget has not so many."""
        if size and not self._budget.take(self._client, size, self._size, self.known):
            raise Overloaded("Too many bytes are on their way at once; send this request again.", retry_after=1.0)
        self._size += size

    def give_back(self) -> None:
        """Return all that was taken; a second call has no effect."""
        size, self._size = self._size, 0
        if size:
            self._budget.give_back(self._client, size)
