"""The parts that are open while a service runs, and the runners beside requests, which are also started."""

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
    """All open parts, closed in reverse order, because later parts may use earlier ones."""

    def __init__(self) -> None:
        self._open: list[Part] = []

    def hold(self, part: P) -> P:
        """Close the part with the rest."""
        self._open.append(part)
        return part

    def start(self, runner: R) -> R:
        """Start it, and close it with the rest, also if its start fails."""
        self.hold(runner)
        runner.start()
        return runner

    def close(self) -> None:
        """Close everything, the last one first. An error of one does not keep others open; the first error is raised,
        those after it are logged."""
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
