"""Decodes HEIC in another process, which a crafted file may crash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from PIL import Image

from kenspeckle.errors import DamagedImage, ImageTooLarge
from kenspeckle.formats import Head

CHILD: Final = Path(__file__).with_name("heif_child.py")
SECONDS: Final = 60.0
ENVIRONMENT: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
"""Variables that the other process may see; it has no use for the operator's secrets."""

DAMAGED: Final = "The HEIC file is damaged or of a kind that can't be read; send the photograph as a JPEG."


def decode(head: Head, most: int) -> Image.Image:
    """RGB as a viewer sees it (libheif applies the container's rotation), reduced to at most `most` pixels.

    Raises DamagedImage, also where the decoder crashed or took too long, and ImageTooLarge (no memory).
    """
    environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    command = [sys.executable, "-I", str(CHILD), str(most)]
    try:
        done = subprocess.run(  # noqa: S603  our own program, no argument of the client's
            command, input=head.picture, capture_output=True, timeout=SECONDS, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DamagedImage(DAMAGED) from error
    if done.returncode == 2:
        raise ImageTooLarge("The image needs more memory than there is to decode; send a smaller one.")
    line, _, pixels = done.stdout.partition(b"\n")
    if done.returncode or not line:
        raise DamagedImage(DAMAGED)
    *whole, width, height = map(int, line.split())
    if whole != [head.width, head.height]:  # the container lies
        raise DamagedImage(DAMAGED)
    return Image.frombuffer("RGB", (width, height), pixels, "raw", "RGB", 0, 1)
