"""Shows errors: one red line and the next step, on standard error; a traceback only with --debug."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from kenspeckle.cli.output import err
from kenspeckle.client.errors import describe
from kenspeckle.text import printable

FINE = 0
NEGATIVE = 1
"""Nothing broke, but the answer is no: no match, or some photographs were skipped."""
FAILED = 1
"""An error of a command that has no negative answer."""
TROUBLE = 2
"""Wrong usage, or an error of a command whose negative answer is 1 (as grep has it)."""
INTERRUPTED = 130

DEBUG = "KENSPECKLE_DEBUG"


@contextmanager
def report_errors(code: int) -> Iterator[None]:
    """Show any error of the block and end the command with `code`. Works as a decorator too."""
    try:
        yield
    except (BrokenPipeError, typer.Exit, typer.Abort, EOFError):
        raise
    except Exception as error:
        show(error)
        raise typer.Exit(code) from error


def show(error: Exception) -> None:
    """Print the error; with --debug (or KENSPECKLE_DEBUG=1) the traceback before it."""
    if os.environ.get(DEBUG):
        traceback.print_exception(error, file=sys.stderr)
    message, hint = describe(error)

    err().print(f"Error: {printable(message)}", style="red", markup=False, highlight=False, soft_wrap=True)
    if hint:
        err().print(printable(hint), markup=False, highlight=False, soft_wrap=True)
