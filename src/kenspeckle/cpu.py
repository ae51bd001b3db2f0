"""What the machine has: cores for this process, what runs on them now, and threads that are kept apart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")
LOAD: Final = Path("/proc/loadavg")
"""Its fourth field counts threads that are running or ready to run."""


@dataclass(frozen=True, slots=True)
class Split:
    """The two cores of a machine that has no more: one for a thread that calls, one for its helper.

    Linux leaves both threads on one core for milliseconds where the other was idle for moments only, and then two
    are slower than one. A helper that stays on `helper` needs its caller elsewhere for the length of a call."""

    caller: int
    helper: int

    @contextmanager
    def apart(self) -> Iterator[None]:
        """The calling thread stays on `caller`, unless someone has taken that core from this process meanwhile."""
        try:
            os.sched_setaffinity(0, {self.caller})
        except OSError:
            yield
            return
        try:
            yield
        finally:
            os.sched_setaffinity(0, {self.caller, self.helper})


def split() -> Split | None:
    """The two cores of this process; None where it has fewer, or more, among which Linux finds an idle one itself."""
    found = _allowed()
    return Split(*sorted(found)) if len(found) == 2 and cores() == 2 else None


def cores() -> int:
    """Processor cores that this process may use, a container's quota considered (cgroup v2)."""
    found = len(_allowed()) or os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text().split()
        return max(1, min(found, int(quota) // int(period)))
    except (OSError, ValueError):  # not Linux, or no quota: "max"
        return found


def running() -> int:
    """Threads that run or wait for a core now, on the whole machine, the caller included; 1 where nobody tells."""
    try:
        with LOAD.open("rb", buffering=0) as file:
            return int(file.read(64).split()[3].partition(b"/")[0])
    except (OSError, ValueError, IndexError):
        return 1


def _allowed() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
