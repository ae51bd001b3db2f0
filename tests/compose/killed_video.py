"""A process that works on a video and is killed in front of a step that its last argument names."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from kenspeckle.compose.embedded import build
from kenspeckle.compose.service import Service
from kenspeckle.settings import load
from kenspeckle.usecases.jobs import runner
from kenspeckle.usecases.videos import analysis


def die(*_: Any, **__: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def main(folder: Path, job_id: str, step: str) -> None:
    """`checkpoint`: one is stored, and the next is not; `naming`: all faces are stored, and nobody is named."""
    runner.LEASE_SECONDS = 0.0  # whoever comes next need not wait for it
    vars(analysis)["STEP_MS"] = 1000
    service = build(load({"data_dir": folder, "host": "127.0.0.1"}, environ={}))
    assert isinstance(service, Service)
    catalog: Any = service.catalog
    if step == "checkpoint":
        real = catalog.checkpoint

        def once(*words: Any) -> None:
            catalog.checkpoint = die
            real(*words)

        catalog.checkpoint = once
    else:
        catalog.name_people = die
    service.jobs.run_one(job_id, patience=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
