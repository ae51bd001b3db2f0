"""Decodes HEIC in a child process, because a crafted file may crash the decoder."""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

from PIL import Image

from kenspeckle.errors import DamagedImage, ImageTooLarge, UnsupportedImage
from kenspeckle.formats import Head
from kenspeckle.vision import heif_child

log = logging.getLogger(__name__)

CHILD: Final = Path(heif_child.__file__)
SECONDS: Final = 60.0
"""Seconds to wait; processor time has a tighter bound, by the pixels (`heif_child`)."""
ENVIRONMENT: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
"""Environment variables of the child process; it does not get the operator's secrets."""

DAMAGED: Final = "The HEIC file is damaged or of a kind that can't be read; send the photograph as a JPEG."


def decode(head: Head, most: int) -> Image.Image:
    """RGB as a viewer sees it (libheif applies the container's rotation), reduced to at most `most` pixels.

    Raises DamagedImage, also where the decoder crashed, ImageTooLarge (too much memory or time), and
    UnsupportedImage where the decoder can't be loaded, which is the operator's to mend and said in the log.
    """
    environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    # Isolated: neither the working folder nor a variable decides what is imported.
    command = [sys.executable, "-I", str(CHILD), str(most), str(head.width * head.height), *_folders()]
    try:
        done = subprocess.run(  # noqa: S603  our own program, no argument of the client's
            command, input=head.picture, capture_output=True, timeout=SECONDS, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DamagedImage(DAMAGED) from error
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise ImageTooLarge("The HEIC takes too long to decode; send the photograph smaller, or as a JPEG.")
    if done.returncode == heif_child.NO_MEMORY:
        raise ImageTooLarge("The image needs more memory than there is to decode; send a smaller one.")
    if done.returncode == heif_child.NO_DECODER:
        log.error("HEIC can't be decoded: pi-heif does not load: %s", done.stderr.decode(errors="replace")[:500])
        raise UnsupportedImage("This server can't decode HEIC at present; send the photograph as a JPEG.")
    end = done.stdout.find(b"\n")
    if done.returncode or end < 1:
        raise DamagedImage(DAMAGED)
    *whole, width, height = map(int, done.stdout[:end].split())
    if whole != [head.width, head.height]:  # the container lies
        raise DamagedImage(DAMAGED)
    pixels = memoryview(done.stdout)[end + 1 :]  # Pillow copies them, and once is enough.
    return Image.frombuffer("RGB", (width, height), pixels, "raw", "RGB", 0, 1)  # type: ignore[arg-type]  # takes any buffer


@cache
def _folders() -> tuple[str, ...]:
    """Where this process finds the libraries: a user's site folder, `pip install --target`, PYTHONPATH."""
    specs = (importlib.util.find_spec(name) for name in ("pi_heif", "PIL"))
    return tuple({str(Path(one.origin).absolute().parents[1]): None for one in specs if one and one.origin})
