"""What a request pays before and after its work: its key checked, its plan counted, its row in the audit trail.

In process, as every edge does it, on a real data folder; beside it what the disk takes for the same bytes, written
and flushed. `python -m benchmarks.guard` prints the figures.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from io import FileIO
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers

from benchmarks.service import SETTLED, models
from kenspeckle import settings as settings_
from kenspeckle.api.auth import HEADER, Authenticator
from kenspeckle.compose.embedded import build
from kenspeckle.compose.service import BaseService
from kenspeckle.domain import Plan
from kenspeckle.usecases.access.rate_limits import Limits

LIMIT_MS = 0.5
PLAN = Plan(rate=1e6, burst=1_000_000)
"""Counted like any, and never used up."""
LOG_BYTES = 2 * (24 + 8192)
"""What a row adds to SQLite's write-ahead log: a page of the trail and the page of its head."""

FLUSH = getattr(os, "fdatasync", os.fsync)
"""As SQLite does it where the system has it."""


def run(rounds: int = 500) -> dict[str, Any]:
    """Medians in milliseconds over `rounds` requests, the parts in turn."""
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_.load({"data_dir": Path(folder) / "data"}, environ=models())
        with closing(build(settings)) as service, Path(folder, "plain").open("wb", buffering=0) as plain:
            medians = _medians(service, plain, rounds)
    goal = {
        "name": "checking a key and writing the audit row",
        "value": medians["both_ms"],
        "limit": LIMIT_MS,
        "unit": "ms",
    }
    return {"rounds": rounds, "rows": [{"what": "a request with a key and a plan", **medians}], "goals": [goal]}


def _medians(service: BaseService, plain: FileIO, rounds: int) -> dict[str, float]:
    made = service.access.create("benchmark", plan=PLAN)
    authenticator, limits = Authenticator(service.access), Limits(service.catalog)
    sent = Headers({"host": "localhost", HEADER: made.api_key})
    faces = [str(uuid.UUID(int=number)) for number in range(3)]

    def check() -> None:
        principal = authenticator.authenticate(sent, "127.0.0.1")
        assert principal.key is not None
        limits.spend(principal.key)

    def record() -> None:
        service.recorder.record(service.recorder.entry("SearchFacesByImage", "kenspeckle", face_ids=faces))

    def flush() -> None:
        plain.write(bytes(LOG_BYTES))
        FLUSH(plain.fileno())

    for _ in range(SETTLED):
        record()
    times: dict[str, list[float]] = {"key_ms": [], "row_ms": [], "both_ms": [], "disk_ms": []}
    for _ in range(rounds):
        key, row, disk = _took(check), _took(record), _took(flush)
        for name, value in (("key_ms", key), ("row_ms", row), ("both_ms", key + row), ("disk_ms", disk)):
            times[name].append(value)
    return {name: statistics.median(values) for name, values in times.items()}


def _took(act: Callable[[], None]) -> float:
    begun = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - begun)


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
