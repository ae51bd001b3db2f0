"""When a connection has to end: the deadline of what it waits for, and that of an answer that nobody reads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import Enum

from kenspeckle.serving.flow import Bounds, Outgoing

log = logging.getLogger(__name__)


class Wait(Enum):
    """What an idle connection waits for."""

    IDLE = 0
    HEAD = 1
    UNREAD = 2


class Deadline:
    """One timer, for what the connection waits for now."""

    def __init__(self, loop: asyncio.AbstractEventLoop, bounds: Bounds) -> None:
        self._loop = loop
        self._seconds = (bounds.idle_seconds, bounds.head_seconds, bounds.unread_seconds)
        self._wait: Wait | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, wait: Wait | None, expire: Callable[[Wait], None]) -> bool:
        """Wait for something else from now on, after whose time `expire` is called. False where it is the same."""
        if wait is self._wait:
            return False
        self._wait = wait
        self.cancel()
        if wait is not None:
            self._timer = self._loop.call_later(self._seconds[wait.value], expire, wait)
        return True

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Sending:
    """Looks now and then whether a client reads its answers, and ends the connection of one that does not."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        bounds: Bounds,
        transport: asyncio.Transport,
        outgoing: Outgoing,
        client: str | None,
    ) -> None:
        self._loop = loop
        self._bounds = bounds
        self._transport = transport
        self._outgoing = outgoing
        self._client = client
        self._sent = 0
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """Where bytes wait to be sent: look again in `send_seconds`."""
        waiting = self._transport.get_write_buffer_size()
        if waiting and self._timer is None:
            self._sent = self._outgoing.written - waiting
            self._timer = self._loop.call_later(self._bounds.send_seconds, self._look)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        waiting = self._transport.get_write_buffer_size()
        taken = self._outgoing.written - waiting - self._sent
        if waiting and taken < self._bounds.send_pace * self._bounds.send_seconds:
            log.info("an answer was not read", extra={"client": self._client, "bytes": waiting})
            self._transport.abort()
        else:
            self.watch()
