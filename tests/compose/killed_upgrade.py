"""A process that works on an upgrade and is killed at a step that its last argument names, by the step itself."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from kenspeckle.compose.embedded import build
from kenspeckle.compose.service import Service
from kenspeckle.settings import load
from kenspeckle.usecases.jobs import runner
from kenspeckle.usecases.recognition import upgrade


def die(*_: Any, **__: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def after(real: Callable[..., Any]) -> Callable[..., Any]:
    def called(*words: Any, **named: Any) -> Any:
        real(*words, **named)
        die()

    return called


def main(folder: Path, job_id: str, step: str) -> None:
    """`staged`: one face is; `staging`: in front of the second; `switching`: in the transaction, all is written and
    nothing committed; `switched`: it is committed, and nobody knows."""
    runner.LEASE_SECONDS = 0.0  # whoever comes next need not wait for it
    service = build(load({"data_dir": folder, "host": "127.0.0.1", "pack": "centerface-dlib"}, environ={}))
    assert isinstance(service, Service)
    catalog: Any = service.catalog
    if step == "staged":
        catalog.stage = after(catalog.stage)
    elif step == "staging":
        real = catalog.stage

        def once(*words: Any) -> None:
            catalog.stage = die
            real(*words)

        catalog.stage = once
    elif step == "switching":
        vars(upgrade)["combine"] = die
    else:
        catalog.switch = after(catalog.switch)
    service.jobs.run_one(job_id, patience=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
