"""Processor cores: how many this process may use, what runs on them now, and how to keep two threads apart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CGROUPS: Final = Path("/sys/fs/cgroup")
OWN_CGROUP: Final = Path("/proc/self/cgroup")
"""Where in the hierarchies this process is: a line `number:controllers:path` for each; version 2 has no controllers."""
LOAD: Final = Path("/proc/loadavg")
"""Its fourth field counts threads that are running or ready to run."""


@dataclass(frozen=True, slots=True)
class Split:
    """The two cores of a machine that has no more: one for a thread that calls, one for its helper.

    If the helper was idle only for a moment, Linux leaves both threads on one core for milliseconds, and two threads
    are then slower than one. A helper that stays on `helper` needs its caller elsewhere for the length of a call."""

    caller: int
    helper: int

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Pins the calling thread to `caller` for the block, unless that core was taken from this process meanwhile."""
        try:
            os.sched_setaffinity(0, {self.caller})
        except OSError:
            yield
            return
        try:
            yield
        finally:
            os.sched_setaffinity(0, {self.caller, self.helper})


_most: int | None = None


def limit_cores(most: int) -> None:
    """Let this process use so many at most, for one of several that share a machine's."""
    global _most
    _most = most


def split() -> Split | None:
    """The two cores of this process; None where it has one, or more than two, among which Linux finds an idle one
    itself."""
    found = _allowed_cpus()
    return Split(*sorted(found)) if len(found) == 2 and cores() == 2 else None


def cores() -> int:
    """Processor cores that this process may use: those of its CPU affinity, limited by the quota of its cgroup and of
    those around it (versions 1 and 2; Docker's `--cpus`, Kubernetes' limits), rounded down, and by `limit_cores`; at
    least 1."""
    found = len(_allowed_cpus()) or os.cpu_count() or 1
    found = min([found, *_quotas()])
    return max(1, found if _most is None else min(found, _most))


def _quotas() -> Iterator[int]:
    """Whole cores of each quota that holds for this process."""
    for folder in dict.fromkeys(_cgroups()):
        try:
            if (folder / "cpu.max").is_file():
                quota, period = (folder / "cpu.max").read_text().split()
            else:
                quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            if int(quota) > 0:  # -1 is none in version 1, "max" in version 2
                yield int(quota) // int(period)
        except (OSError, ValueError, ZeroDivisionError):  # not Linux, no quota, or not readable
            continue


def _cgroups() -> Iterator[Path]:
    """The folders of this process's cgroups and of those around them, outermost first for each hierarchy."""
    try:
        lines = OWN_CGROUP.read_text().splitlines()
    except (OSError, ValueError):
        lines = []
    # In a container the hierarchy begins with its own cgroup, whatever the path says that the host knows it by.
    for line in ["0::/", "1:cpu:/", *lines]:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        for name in (controllers, "cpu") if controllers else ("",):
            folder = CGROUPS / name
            yield folder
            for part in Path(path).parts[1:]:
                if part == "..":
                    break
                folder /= part
                yield folder


def running() -> int:
    """Threads that run or wait for a core now, on the whole machine, the caller included; 1 where the system does not
    say."""
    try:
        with LOAD.open("rb", buffering=0) as file:
            return int(file.read(64).split()[3].partition(b"/")[0])
    except (OSError, ValueError, IndexError):
        return 1


def _allowed_cpus() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
