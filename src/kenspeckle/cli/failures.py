"""Errors as people read them: one red line and the next step, on standard error; a traceback only with --debug."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

FINE = 0
NEGATIVE = 1
"""Nothing broke, but the answer is no: no match, or some photographs were skipped."""
FAILED = 1
"""An error of a command that has no negative answer."""
TROUBLE = 2
"""Wrong usage, or an error of a command whose negative answer is 1 (as grep has it)."""
INTERRUPTED = 130

DEBUG = "KENSPECKLE_DEBUG"

_NEXT_STEPS = {
    "invalid_setting": "`kenspeckle settings` shows every setting and where its value comes from.",
    "collection_not_found": "`kenspeckle collections list` shows those that exist; `collections create` makes one.",
    "face_not_found": "`kenspeckle faces list` shows those that exist.",
    "user_not_found": "`kenspeckle users list` shows those that exist.",
    "webhook_not_found": "`kenspeckle webhooks list` shows those that exist.",
    "no_face": "`kenspeckle detect IMAGE` shows what is found; a larger or sharper photograph may help.",
    "unauthenticated": "Commands take the key as --api-key or KENSPECKLE_API_KEY.",
    "forbidden": "`kenspeckle keys list`, where the service runs, shows what each key may do.",
    "storage_full": "Free some disk space and run the command again; what was indexed before is safe.",
    "overloaded": "Run it again in a moment, or raise KENSPECKLE_WORKERS and KENSPECKLE_QUEUE.",
    "pack_mismatch": "`kenspeckle models list` shows the packs.",
}


class CommandFailed(Exception):
    """A failure of the command line itself, such as a file that isn't there. `hint` is the next step."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ServerGone(CommandFailed):
    """The server at --url does not answer."""


@contextmanager
def reported(code: int) -> Iterator[None]:
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
    from kenspeckle.cli.output import err

    err().print(f"Error: {printable(message)}", style="red", markup=False, highlight=False, soft_wrap=True)
    if hint:
        err().print(printable(hint), markup=False, highlight=False, soft_wrap=True)


def describe(error: Exception) -> tuple[str, str]:
    """(what went wrong, the next step); the next step is empty where the message already says it."""
    from kenspeckle.errors import KenspeckleError

    if isinstance(error, CommandFailed):
        return error.message, error.hint
    if isinstance(error, KenspeckleError):
        return error.message, _NEXT_STEPS.get(error.code, "")
    if isinstance(error, OSError) and error.strerror:
        place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        return f"{place}{error.strerror}", ""
    if isinstance(error, UnicodeEncodeError):  # an argument that holds undecodable bytes, where only text can be
        return f"'{error.object[:60]}' is no valid text.", "Names of files may be any bytes; all else is UTF-8."
    return (
        f"Something unexpected happened ({type(error).__name__}: {error}).",
        "`kenspeckle --debug ...` shows the traceback, which a bug report needs.",
    )


def printable(text: str) -> str:
    """Text that is safe on a terminal: control characters and undecodable bytes of file names are escaped."""
    return "".join(one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode() for one in text)
