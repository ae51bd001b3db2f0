"""Our pipeline and those of the peers side by side, in one process, stage by stage."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.peers import Peer, Peers
from benchmarks.photographs import Photograph
from kenspeckle.errors import KenspeckleError
from kenspeckle.ports import Engine

OURS = "ours"


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one photograph's stages and how many faces were found."""

    detect: float
    embed: float
    faces: int

    @property
    def total(self) -> float:
        return self.detect + self.embed


def ours(engine: Engine, data: bytes, *, every_face: bool) -> Timing:
    """What a search (the largest face) or indexing (every face) makes the engine do."""
    start = time.perf_counter()
    photo = engine.open(data)
    faces = engine.detect(photo, largest_only=not every_face)
    middle = time.perf_counter()
    engine.embed(photo, faces if every_face else faces[:1])
    return _timing(start, middle, len(faces))


def theirs(peer: Peer, data: bytes, *, every_face: bool) -> Timing:
    """The same of a peer: every face is detected either way, and the largest or all are embedded."""
    start = time.perf_counter()
    pixels = peer.decode(data)
    faces = peer.detect(pixels)
    middle = time.perf_counter()
    peer.embed(pixels, faces if every_face else faces[:1])
    return _timing(start, middle, len(faces))


def _timing(start: float, middle: float, faces: int) -> Timing:
    return Timing(1000 * (middle - start), 1000 * (time.perf_counter() - middle), faces)


def run(
    engine: Engine, peers: Peers, photographs: Sequence[Photograph], rounds: int, tick: Callable[[], None]
) -> dict[str, Any]:
    """Medians over photographs (each the median of its rounds), all sides in turn so that drift cancels."""
    rows = []
    for photograph in photographs:
        row: dict[str, Any] = {"photograph": photograph.name, "size": [photograph.width, photograph.height]}
        try:
            ours(engine, photograph.data, every_face=True)  # not timed: first touch of this size
        except KenspeckleError as error:
            row["error"] = error.code
            continue
        for verb, every_face in (("search", False), ("index", True)):
            sides: dict[str, list[Timing]] = {OURS: [], **{name: [] for name in peers}}
            for _ in range(rounds):
                sides[OURS].append(ours(engine, photograph.data, every_face=every_face))
                for name, peer in peers.items():
                    sides[name].append(theirs(peer, photograph.data, every_face=every_face))
            row[verb] = {side: _medians(timings) for side, timings in sides.items()}
        rows.append(row)
        tick()
    return {
        "photographs": len(rows),
        "rounds": rounds,
        "verbs": {verb: _summary(rows, verb, peers) for verb in ("search", "index")},
        "rows": rows,
    }


def _medians(timings: Sequence[Timing]) -> dict[str, float]:
    return {
        "detect_ms": statistics.median(one.detect for one in timings),
        "embed_ms": statistics.median(one.embed for one in timings),
        "total_ms": statistics.median(one.total for one in timings),
        "faces": timings[0].faces,
    }


def _summary(rows: Sequence[dict[str, Any]], verb: str, peers: Peers) -> dict[str, Any]:
    """Medians over photographs of each side, and the median of the ratios of the same photograph for each peer."""
    sides = {
        side: {
            name: statistics.median(row[verb][side][name] for row in rows)
            for name in ("detect_ms", "embed_ms", "total_ms")
        }
        | {"faces": sum(row[verb][side]["faces"] for row in rows)}
        for side in (OURS, *peers)
    }
    found: dict[str, Any] = {OURS: sides[OURS], "peers": {}}
    for name in peers:
        ratios = [row[verb][name]["total_ms"] / row[verb][OURS]["total_ms"] for row in rows]
        found["peers"][name] = sides[name] | {
            "times_faster": statistics.median(ratios),
            "least_times_faster": min(ratios),
        }
    return found
