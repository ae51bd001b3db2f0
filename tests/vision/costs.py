"""What a photograph costs: run in a process of its own, which looks at the files that it is given and tells.

A line of JSON for each: seconds of processor time, MiB of memory above what the process had, and how it ended."""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from pathlib import Path

from kenspeckle.errors import KenspeckleError
from kenspeckle.vision.decode import Photograph

SCALES = (640, 960, 1 << 20)
"""As the passes of the engine ask, and then for all there is."""


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    warnings.simplefilter("always")
    for line in sys.stdin:
        data = Path(line.rstrip("\n")).read_bytes()
        Path("/proc/self/clear_refs").write_text("5")
        before, begun = _kib("VmRSS"), time.process_time()
        try:
            photo = Photograph(data, max_bytes=15 << 20, max_pixels=50_000_000)
            for longest in SCALES:
                size = photo.image(longest).size
            ended = f"{size[0]} x {size[1]}"
        except KenspeckleError as error:
            ended = type(error).__name__
        told = {"seconds": time.process_time() - begun, "mib": (_kib("VmHWM") - before) / 1024, "ended": ended}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        del data


def _kib(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


if __name__ == "__main__":
    main()
