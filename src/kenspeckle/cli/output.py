"""Where commands write: tables and JSON to standard output, progress and remarks to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kenspeckle.text import printable

PIPE_WIDTH = 1000
"""Columns of output that is no terminal; rich would use 80 and fold lines."""


@lru_cache(maxsize=1)
def _consoles() -> tuple[Console, Console]:
    return Console(highlight=False), Console(stderr=True, highlight=False)


def out() -> Console:
    """Standard output."""
    return _consoles()[0]


def err() -> Console:
    """Standard error."""
    return _consoles()[1]


def emit(value: Any, *, line: bool = False) -> None:
    """One JSON document: on a terminal indented, unless it has to be one `line` of many; else on one line.

    Undecodable bytes of file names come out as `\\udcXX`, which Python's JSON parser gives back unchanged."""
    option = orjson.OPT_INDENT_2 if sys.stdout.isatty() and not line else 0
    try:
        text = orjson.dumps(value, option=option).decode()
    except TypeError:  # a lone surrogate, which orjson refuses and the standard library escapes
        text = json.dumps(value, indent=2 if option else None)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def say(text: str, style: str = "") -> None:
    """A line for people on standard output."""
    out().print(Text(printable(text), style=style), soft_wrap=True)


def remark(text: str, style: str = "") -> None:
    """A line for people on standard error."""
    err().print(Text(printable(text), style=style), soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[str] = ()) -> None:
    """A small table on standard output; columns named in `numbers` are right-aligned. In a pipe nothing is cut off."""
    right = set(numbers)
    shape = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shape.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        shape.add_row(*(Text(printable(cell)) for cell in row))
    console = out() if out().is_terminal else Console(highlight=False, width=PIPE_WIDTH)
    console.print(shape)


def moment(seconds: float) -> str:
    """A time since the epoch in the local zone; empty where it isn't known."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M") if seconds else ""
