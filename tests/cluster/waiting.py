"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

from kenspeckle.client.errors import CommandFailed

READY_SECONDS = 300.0
"""A start on a machine that does much else may take its time."""


def until(holds: Callable[[], bool], seconds: float = READY_SECONDS) -> None:
    """Wait for it. Raises CommandFailed where it does not come."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise CommandFailed(f"Something did not come within {seconds:.0f} s.")
        time.sleep(0.05)
