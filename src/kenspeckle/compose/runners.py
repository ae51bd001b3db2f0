"""What is open while a service runs: parts to close, and runners beside requests, which are started too."""

from __future__ import annotations

import logging
from typing import Protocol, TypeVar


class Part(Protocol):
    """Something that holds files, threads or connections until it is closed."""

    def close(self) -> None: ...


class Runner(Part, Protocol):
    """Something that works beside requests, in threads of its own, from `start` to `close`."""

    def start(self) -> None: ...


log = logging.getLogger(__name__)

P = TypeVar("P", bound=Part)
R = TypeVar("R", bound=Runner)


class Runners:
    """All that is open, closed in the reverse order: what came later may use what was there before it."""

    def __init__(self) -> None:
        self._open: list[Part] = []

    def hold(self, part: P) -> P:
        """Close it with the rest."""
        self._open.append(part)
        return part

    def start(self, runner: R) -> R:
        """Start it, and close it with the rest, also where its start fails: it may have begun."""
        self.hold(runner)
        runner.start()
        return runner

    def close(self) -> None:
        """Close everything, the last one first. An error of one keeps no other open; the first error is raised, those
        after it are logged."""
        first: BaseException | None = None
        while self._open:
            part = self._open.pop()
            try:
                part.close()
            except BaseException as error:
                if first is None:
                    first = error
                else:
                    log.error("closing %s failed: %s", type(part).__name__, error, exc_info=error)
        if first is not None:
            raise first
