"""How many bytes of bodies, or of answers, may lie in memory at once: in all, and for one client."""

from __future__ import annotations

import threading

from kenspeckle.errors import Overloaded
from kenspeckle.serving.connections import of_one_host

MIB = 1024 * 1024

BODIES = "bodies"
"""Where a request's state has its share of the bodies' budget."""


class Budget:
    """At most `most` bytes in all; of one client `known`, and `unknown` until it has proved to hold a key. A client's
    only request may take more, so that none is too large for the budget which is not too large by itself."""

    def __init__(self, most: int = 256 * MIB, known: int = 128 * MIB, unknown: int = 24 * MIB) -> None:
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
        """That of one request of this client; nothing is taken yet."""
        return Share(self, of_one_host(address))

    def take(self, client: str, size: int, own: int, known: bool) -> bool:
        """Take `size` bytes more for a request that has `own` already. False where that is too much."""
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
    """What one request holds. `known`: its client has proved to hold a key."""

    def __init__(self, budget: Budget, client: str) -> None:
        self._budget = budget
        self._client = client
        self._size = 0
        self.known = False

    def take(self, size: int) -> None:
        """Raises Overloaded where it can't have so many."""
        if size and not self._budget.take(self._client, size, self._size, self.known):
            raise Overloaded("Too many bytes are on their way at once; send this request again.", retry_after=1.0)
        self._size += size

    def give_back(self) -> None:
        """All that was taken; again does nothing."""
        size, self._size = self._size, 0
        if size:
            self._budget.give_back(self._client, size)
