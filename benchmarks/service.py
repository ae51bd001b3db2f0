"""The real server over HTTP: what HTTP and storage add, what it does under load, how fast it starts, what it holds."""

from __future__ import annotations

import itertools
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.client import Client
from benchmarks.peers import Peer, Peers
from benchmarks.photographs import Photograph
from benchmarks.pipeline import ours, theirs
from kenspeckle import settings as settings_
from kenspeckle.cli.launch import Launched, launch
from kenspeckle.compose.embedded import build
from kenspeckle.domain import Box, FaceDetail, Image, Pose, Quality
from kenspeckle.domain import operations as ops
from kenspeckle.ports import Engine, NewFace

CLIENTS = 4
PAIRS = 3
"""Requests, each beside the engine alone, for one run of each peer, which take longer than all of them."""
SETTLED = 600
"""Rows of the audit trail after which SQLite writes over its log and makes it no longer, as it does from then on: half
as much work for the disk."""
FACES_AN_IMAGE = 10
MEGABYTE = 1e6


def overhead(
    engine: Engine, peers: Peers, photographs: Sequence[Photograph], rounds: int, tick: Callable[[], None]
) -> dict[str, Any]:
    """Search and index over HTTP by one client, beside the engine alone and the peers in this process, in turn.

    Photographs without a face are left out. Milliseconds; `added` is the median of the shares that HTTP and
    storage add to the engine's time of the same photograph, `added_ms` of the milliseconds."""
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        launch(Path(folder)) as server,
        closing(Client(server.url)) as client,
    ):
        for _ in range(SETTLED):
            client.ask("GET", "/v1/collections/kenspeckle/faces")
        for photograph in photographs:
            if client.ask("POST", "/v1/search", photograph.data).status == 200:
                rows.append(_overhead_of(client, engine, peers, photograph, rounds))
            tick()
    verbs: dict[str, Any] = {}
    for verb in ("search", "index"):
        of = [row[verb] for row in rows]
        verbs[verb] = {side: statistics.median(one[side] for one in of) for side in ("http_ms", "engine_ms")} | {
            "added": statistics.median(one["http_ms"] / one["engine_ms"] - 1 for one in of),
            "added_ms": statistics.median(one["http_ms"] - one["engine_ms"] for one in of),
            "peers": {
                name: {
                    "ms": statistics.median(one[name] for one in of),
                    "times_faster": statistics.median(one[name] / one["http_ms"] for one in of),
                }
                for name in peers
            },
        }
    return {"photographs": len(rows), "rounds": rounds, "verbs": verbs, "rows": rows}


def _overhead_of(client: Client, engine: Engine, peers: Peers, photograph: Photograph, rounds: int) -> dict[str, Any]:
    times: dict[str, dict[str, list[float]]] = {
        verb: {side: [] for side in ("http_ms", "engine_ms", *peers)} for verb in ("search", "index")
    }
    for _ in range(rounds):
        for verb, every_face in (("search", False), ("index", True)):
            for _ in range(PAIRS):
                times[verb]["http_ms"].append(_request(client, verb, photograph))
                times[verb]["engine_ms"].append(ours(engine, photograph.data, every_face=every_face).total)
            for name, peer in peers.items():
                times[verb][name].append(theirs(peer, photograph.data, every_face=every_face).total)
    medians: dict[str, Any] = {
        verb: {side: statistics.median(values) for side, values in sides.items()} for verb, sides in times.items()
    }
    return {"photograph": photograph.name, **medians}


def _request(client: Client, verb: str, photograph: Photograph) -> float:
    """Milliseconds of a search, or of indexing under a new identity: the same again would be answered without work."""
    path = "/v1/search" if verb == "search" else f"/v1/index/{uuid.uuid4().hex}.jpg"
    answer = client.ask("POST" if verb == "search" else "PUT", path, photograph.data)
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status} for {photograph.name}: {answer.body[:200]!r}")
    return answer.milliseconds


def load(peers: Peers, photographs: Sequence[Photograph], requests: int, tick: Callable[[], None]) -> dict[str, Any]:
    """Searches by several clients at once, against images a second of each peer on one core, measured before and
    after."""
    before = {name: _pace(peer, photographs) for name, peer in peers.items()}
    statuses: dict[int, int] = {}
    times: list[float] = []
    lock = threading.Lock()
    with tempfile.TemporaryDirectory() as folder, launch(Path(folder)) as server:
        _indexed(server, photographs)
        work = itertools.islice(itertools.cycle(photographs), requests)

        def one_client() -> None:
            with closing(Client(server.url)) as client:
                while True:
                    with lock:
                        photograph = next(work, None)
                    if photograph is None:
                        return
                    answer = client.ask("POST", "/v1/search", photograph.data)
                    with lock:
                        statuses[answer.status] = statuses.get(answer.status, 0) + 1
                        times.append(answer.milliseconds)
                        tick()

        start = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            for future in [pool.submit(one_client) for _ in range(CLIENTS)]:
                future.result()
        seconds = time.perf_counter() - start
        resident = _resident(server)
    paces = {name: (before[name] + _pace(peer, photographs)) / 2 for name, peer in peers.items()}
    return {
        "clients": CLIENTS,
        "requests": len(times),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "failures": sum(count for status, count in statuses.items() if status >= 500),
        "images_a_second": len(times) / seconds,
        "median_ms": statistics.median(times),
        "p99_ms": float(np.percentile(times, 99)),
        "peers": {
            name: {"images_a_second": pace, "times_faster": len(times) / seconds / pace} for name, pace in paces.items()
        },
        "resident_mb": resident,
    }


def _indexed(server: Launched, photographs: Sequence[Photograph]) -> None:
    with closing(Client(server.url)) as client:
        for number, photograph in enumerate(photographs):
            client.ask("PUT", f"/v1/index/person-{number}.jpg", photograph.data)


def _pace(peer: Peer, photographs: Sequence[Photograph]) -> float:
    """Images a second of a peer on one core, one pass over the photographs."""
    return 1000 * len(photographs) / sum(theirs(peer, one.data, every_face=False).total for one in photographs)


def start_up(photographs: Sequence[Photograph], faces: int, starts: int, tick: Callable[[], None]) -> dict[str, Any]:
    """Seconds from starting the process to the first 200 of /readyz with `faces` stored, and memory (MB) after
    searches and indexing there."""
    with tempfile.TemporaryDirectory() as folder:
        _fill(Path(folder), faces)
        tick()
        seconds, searches = [], []
        resident = 0.0
        for _ in range(starts):
            start = time.perf_counter()
            with launch(Path(folder)) as server, closing(Client(server.url)) as client:
                while client.ask("GET", "/readyz").status != 200:
                    time.sleep(0.01)
                seconds.append(time.perf_counter() - start)
                answers = [client.ask("POST", "/v1/search", one.data) for one in photographs]
                searches.append(answers[0].milliseconds)
                for number, photograph in enumerate(photographs):
                    client.ask("PUT", f"/v1/index/start-{number}.jpg", photograph.data)
                resident = max(resident, _resident(server))
            tick()
    return {
        "faces": faces,
        "starts": starts,
        "ready_s": statistics.median(seconds),
        "slowest_ready_s": max(seconds),
        "first_search_ms": statistics.median(searches),
        "resident_mb": resident,
    }


def _resident(server: Launched) -> float:
    return float(psutil.Process(server.process.pid).memory_info().rss) / MEGABYTE


def _fill(data_dir: Path, faces: int) -> None:
    """A data folder with so many faces of random templates, by the catalog that the server will open."""
    settings = settings_.load({"data_dir": data_dir}, environ=models())
    service = build(settings)
    try:
        pack = service.recognizer.handle(ops.DescribeCollection(collection_id=settings.collection))
        random = np.random.default_rng(7)
        detail = FaceDetail(Box(0.4, 0.3, 0.2, 0.3), 99.0, (), Pose(0, 0, 0), Quality(80, 80))
        for number in range(faces // FACES_AN_IMAGE):
            templates = random.normal(size=(FACES_AN_IMAGE, 128)).astype(np.float32)
            templates *= 1.4 / np.linalg.norm(templates, axis=1, keepdims=True)
            service.catalog.add_faces(
                Image(
                    image_id=str(uuid.uuid4()),
                    collection_id=settings.collection,
                    key=f"filled-{number}.jpg",
                    digest=f"{number:064x}",
                    media_type="image/jpeg",
                    size=1,
                    width=640,
                    height=480,
                    created_at=time.time(),
                    kept=False,
                ),
                f"filled-{number}.jpg",
                [NewFace(str(uuid.uuid4()), detail, template) for template in templates],
                pack.pack,
            )
    finally:
        service.close()


def models() -> dict[str, str]:
    """Where the models lie is the one setting that a measurement takes from its surroundings."""
    here = settings_.load()
    return {"KENSPECKLE_MODELS_DIR": str(here.models_dir), "KENSPECKLE_CONFIG": "/dev/null"}
