"""`kenspeckle encode`: an image as base64 text, for clients that can only send text."""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from kenspeckle.cli.failures import FAILED, report_errors
from kenspeckle.intake.files import read

MOST = 1 << 30


@report_errors(FAILED)
def encode(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="The image, or - for standard input.")],
    destination: Annotated[
        Path | None, typer.Argument(metavar="[DST]", help="File for the text; - or nothing for standard output.")
    ] = None,
) -> None:
    """Encode an image as base64, in one line, as /v1/index and /v1/search take it with content-type text/plain. A new
    file is readable by its owner only."""

    text = base64.b64encode(read(source, MOST))
    if destination is None or str(destination) == "-":
        sys.stdout.buffer.write(text + (b"\n" if sys.stdout.isatty() else b""))
        sys.stdout.buffer.flush()
    else:
        # As for pictures: a new file is readable by its owner only.
        with open(destination, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(text)
