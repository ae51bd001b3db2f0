"""Gives freed memory back to the system, which the C library keeps (glibc; elsewhere nothing is done)."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path
from typing import Final

GROWN: Final = 8 * 1024 * 1024
"""Bytes that a process has to have grown by since the last time."""
PAUSE_SECONDS: Final = 10.0
"""Least seconds between two times: what was given back has to be asked for again."""

_ARENA_MAX: Final = -8
"""M_ARENA_MAX of glibc's mallopt."""

_STATM: Final = Path("/proc/self/statm")


def trim() -> None:
    """Give back what is free now."""
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if give_back is not None:
        give_back(0)


def share_arenas(cores: int) -> None:
    """Have threads share two arenas a core where they would have up to eight, each with gaps of its own."""
    choose = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if choose is not None:
        choose(_ARENA_MAX, 2 * cores)


def resident() -> int:
    """Bytes of this process in memory; 0 where the system does not say."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


class Trimmer:
    """Gives back what crowds of requests leave: between small things that live on, the large ones of one moment leave
    gaps that those of the next do not fit in, and these may be as large as all that is used."""

    def __init__(self) -> None:
        self._least = resident()
        self._last = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether the process has grown since, and PAUSE_SECONDS have passed."""
        if time.monotonic() - self._last < PAUSE_SECONDS:
            return False
        self._last = time.monotonic()
        now = resident()
        self._least = min(self._least, now)
        return now > self._least + GROWN

    def trim(self) -> None:
        """Takes milliseconds, so that an event loop calls it in a thread."""
        trim()
        self._least = resident()
