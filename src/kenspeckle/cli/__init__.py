"""The command line: `kenspeckle`. Each command has its module; heavy imports wait until a command runs."""

from __future__ import annotations

import contextlib
import gc
import os
import sys


def main() -> None:
    """Entry point of the installed command."""
    _open_standard_streams()
    # NumPy's products of matrices are made on one core each, read when it is imported: what is large is divided among
    # threads here, and two cores that wait for each other beside other work took three to thirty times as long.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # What is imported lives as long as the process: to look for garbage meanwhile took a ninth of a list's time. It is
    # turned on again for the command itself (`commands.Entry.load`).
    gc.disable()
    try:
        from kenspeckle.cli.app import run  # late: a module of this package is imported without Typer

        run()
    finally:
        gc.enable()


def _open_standard_streams() -> None:
    """Services may start without them. The next opened files would get their numbers, and output would go into a
    database."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                # The lowest free number, so this one.
                os.open(os.devnull, os.O_RDWR)
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", closefd=False))
