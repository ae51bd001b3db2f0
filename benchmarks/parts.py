"""Where the time goes that PostgreSQL adds to a search: what each call of the catalog takes within real searches, on
both catalogs in turn, in one process.

`python -m benchmarks.parts [ROUNDS [SETTING=VALUE...]]`, settings of PostgreSQL, prints medians of elapsed and of
processor time. What happens between the calls is
a search: the networks have the caches in between, as in a service. PostgreSQL has its own defaults (every commit is
flushed), and tells what it spent on each statement itself."""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.faults.portraits import Portraits
from tests.postgres import Server

from benchmarks.machine import described
from kenspeckle.compose.embedded import build
from kenspeckle.compose.service import Service
from kenspeckle.domain import operations as ops
from kenspeckle.settings import load

CALLS = ("collection", "read_stored", "append_audit")
"""What a search asks of the catalog: its collection, the rows that are answered, its row of the audit trail."""
KINDS = ("SQLite", "PostgreSQL")
HOME = "kenspeckle"

Times = dict[str, list[tuple[float, float]]]
"""Milliseconds elapsed and of this thread's processor time, by call."""


@contextmanager
def serving(folder: Path, url: str, times: Times) -> Iterator[Service]:
    """A service in this process, with one portrait, whose calls are timed."""
    service = build(load({"data_dir": folder, "catalog_url": url, "master_key": "ab" * 32}, environ={}))
    if not isinstance(service, Service):
        raise TypeError("The embedded profile is measured.")
    try:
        for name in CALLS:
            setattr(service.catalog, name, _timed(getattr(service.catalog, name), times[name]))
        yield service
    finally:
        service.close()


def _timed(call: Callable[..., Any], times: list[tuple[float, float]]) -> Callable[..., Any]:
    def timed(*arguments: Any, **named: Any) -> Any:
        began, busy = time.perf_counter(), time.thread_time()
        try:
            return call(*arguments, **named)
        finally:
            times.append((1000 * (time.perf_counter() - began), 1000 * (time.thread_time() - busy)))

    return timed


def run(rounds: int, *settings: str) -> None:
    """Print the table. `settings` are as in postgresql.conf."""
    portraits = Portraits()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = Server("log_min_duration_statement=0", *settings, quick=False)
        stack.callback(server.close)
        server.execute("CREATE DATABASE parts")
        urls = {KINDS[0]: f"sqlite:///{folder / 'here.db'}", KINDS[1]: server.url("parts")}
        times: dict[str, Times] = {kind: defaultdict(list) for kind in KINDS}
        services = {kind: stack.enter_context(serving(folder / kind, url, times[kind])) for kind, url in urls.items()}
        for service in services.values():
            service.recognizer.handle(
                ops.IndexFaces(collection_id=HOME, image=portraits[0], external_image_id="one.jpg")
            )
        for number in range(rounds + 10):
            if number == 10:  # plans are prepared and caches filled
                for one in times.values():
                    for calls in (*one.values(),):
                        calls.clear()
                begun = (server.folder / "log").stat().st_size
            for kind in KINDS if number % 2 else reversed(KINDS):
                with_timing = _timed(services[kind].recognizer.handle, times[kind]["search"])
                with_timing(ops.SearchImage(collection_id=HOME, image=portraits[0]))
        log = (server.folder / "log").read_text()[begun:]
    print(f"{described()}, {rounds} searches of each, ms: elapsed, processor")
    for name in ("search", *CALLS):
        cells = [f"{statistics.median(one[at] for one in times[kind][name]):.3f}" for kind in KINDS for at in (0, 1)]
        counts = [f"{len(times[kind][name]) / rounds:.2f}" for kind in KINDS]
        print(f"{name:14}", *cells, "calls a search", *counts)
    for name, spent in sorted(_spent(log).items(), key=lambda one: -len(one[1])):
        if len(spent) > rounds / 10:
            print(
                f"{len(spent) / rounds:6.2f} a search, {statistics.median(spent):.3f} ms by PostgreSQL itself: {name}"
            )


def _spent(log: str) -> dict[str, list[float]]:
    """What PostgreSQL says that it spent, by the beginning of each statement."""
    found: dict[str, list[float]] = defaultdict(list)
    for spent, kind, statement in re.findall(r"duration: ([\d.]+) ms  (\w+)[^:]*: ([^\n]*)", log):
        found[f"{kind} {statement[:60]}"].append(float(spent))
    return found


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else 200, *sys.argv[2:])
