"""Slows down a host that sends too much without a key: its connections are read no further for a while."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from starlette.types import Scope

from kenspeckle.serving.budget import BODIES, Share
from kenspeckle.serving.connections import Entry
from kenspeckle.serving.envelope import REFUSED
from kenspeckle.serving.flow import Bounds, Flow
from kenspeckle.usecases.access.authorization import PRINCIPAL

_PROOFS = frozenset({b"x-api-key", b"authorization"})
"""Headers that may prove a key."""


class Slowdown:
    """The pauses of one connection. `entry` None: nothing is counted."""

    def __init__(self, loop: asyncio.AbstractEventLoop, bounds: Bounds, flow: Flow, entry: Entry | None) -> None:
        self._loop = loop
        self._bounds = bounds
        self._flow = flow
        self._entry = entry
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False
        self.waited = 0.0
        """Seconds that requests sent at once have waited, one after another."""

    def pause(self, seconds: float, go_on: Callable[[], None]) -> bool:
        """Stop reading for so many seconds, and call `go_on` then. False for zero seconds."""
        if seconds <= 0 or self._ended:
            return False
        self._flow.hold()
        self.resume()
        self._timer = self._loop.call_later(min(seconds, self._bounds.longest_pause), go_on)
        return True

    def resume(self) -> None:
        """The pause is over, or goes on no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end(self) -> None:
        self._ended = True
        self.resume()

    def delay_start(self, scope: Scope) -> float:
        """Seconds that a new request has to wait because of others of its host; 0 or less: none."""
        if self._entry is None or self._entry.known or names_a_key(scope):
            return 0.0
        return self._entry.delay()

    @property
    def floods(self) -> bool:
        """Whether the host sends many wrong keys, and none was proved on this connection."""
        return self._entry is not None and not self._entry.known and self._entry.floods

    def count_wrong(self) -> None:
        if self._entry is not None:
            self._entry.count_wrong()

    def delay(self) -> float:
        """Seconds that a request without a right key has to wait."""
        return self._entry.delay() if self._entry is not None else 0.0

    def count_request(self) -> float:
        """A request without a key, or none at all; seconds that the next one has to wait."""
        return self._entry.delay(self._bounds.anonymous_rate) if self._entry is not None else 0.0

    def count_dropped(self, size: int) -> float:
        """Bytes of a client without a key that were dropped, which count as requests; seconds to wait."""
        if self._entry is None:
            return 0.0
        return self._entry.delay(self._bounds.anonymous_rate, size / self._bounds.dropped_bytes)

    def count_answered(self, anonymous: bool, others_wait: bool) -> float:
        """A request was answered; seconds until the next one of those `others_wait` says were sent with it."""
        seconds = self.count_request() if anonymous else 0.0
        if not anonymous and self._entry is not None:
            self._entry.prove()
        self.waited = self.waited + min(max(seconds, 0.0), self._bounds.longest_pause) if others_wait else 0.0
        return seconds


def names_a_key(scope: Scope) -> bool:
    """Whether the request has something that may prove a key. It is looked at at once also where its host sends too
    many that have not: the holder of a key may share its address with an attacker."""
    return b"ignature=" in scope["query_string"] or any(name in _PROOFS for name, _ in scope["headers"])


def is_anonymous(scope: Scope | None) -> bool:
    """Whether no key was found for the request that was just answered."""
    state: dict[str, Any] = scope.get("state", {}) if scope is not None else {}
    share: Share | None = state.get(BODIES)
    return PRINCIPAL not in state and not (share is not None and share.known)


def has_wrong_key(scope: Scope | None) -> bool:
    """Whether the request that was just answered named a key and was refused for it."""
    return scope is not None and REFUSED in scope.get("state", {}) and names_a_key(scope) and is_anonymous(scope)


def narrow(transport: asyncio.Transport, size: int) -> None:
    """Have the system keep little of what is only dropped. It gives a fast sender up to megabytes, and these would
    stay there while reading pauses: of many connections, more than all programs of the machine may have."""
    connected = transport.get_extra_info("socket")
    if connected is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
