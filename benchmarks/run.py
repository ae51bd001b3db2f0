"""`make bench`: measures everything in one run and writes docs/benchmarks.md, .json and .svg."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import goals, growth, guard, machine, peers, pipeline, plot, report, search, service, wire
from benchmarks.photographs import photographs
from kenspeckle import settings as settings_
from kenspeckle.models import registry
from kenspeckle.vision.engine import Engine

DOCS = Path(__file__).resolve().parents[1] / "docs"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    photographs: int
    rounds: int
    requests: int
    faces: tuple[tuple[int, int], ...]
    """(faces, components) that are searched."""
    growth: tuple[int, ...]
    """Faces of the collections whose costs are laid side by side."""
    stored: int
    starts: int
    signed: int


FULL = Size(
    photographs=24,
    rounds=3,
    requests=500,
    faces=((10_000, 128), (100_000, 128), (1_000_000, 128), (1_000_000, 512)),
    growth=(10_000, 100_000),
    stored=10_000,
    starts=3,
    signed=300,
)
QUICK = Size(
    photographs=2, rounds=1, requests=12, faces=((10_000, 128),), growth=(1_000,), stored=1_000, starts=1, signed=20
)


def main() -> int:
    """Exit code 0 where every goal held, 1 where one did not; with --quick nothing is judged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that everything works; the figures mean little")
    parser.add_argument("--growth", type=int, nargs="+", metavar="FACES", help="sizes of the growth table")
    parser.add_argument("--output", type=Path, help="folder for the report; docs/ unless --quick")
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    if options.growth:
        size = replace(size, growth=tuple(options.growth))
    console = Console(stderr=True)
    start = time.monotonic()
    results = measure(size, console)
    found = goals.goals(results)
    results["goals"] = [one.shape() for one in found]
    folder = options.output or (None if options.quick else DOCS)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "benchmarks.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
        plot.draw(results, folder / "benchmarks.svg")
        print(f"Written: {report.write(folder, results, found)}")
    for one in found:
        verdict = "held  " if one.held else "MISSED"
        print(f"{verdict}  {one.name}: {one.value:.3g} {one.unit} (limit {one.limit:g})")
    print(f"{time.monotonic() - start:.0f} s.")
    return 0 if options.quick or all(one.held for one in found) else 1


def measure(size: Size, console: Console) -> dict[str, Any]:
    """All measurements, one after the other, for they would disturb each other."""
    settings = settings_.load()
    columns = (TextColumn("{task.description:<44}"), BarColumn(), TimeElapsedColumn())
    results: dict[str, Any] = {"machine": machine.described()}
    with Progress(*columns, console=console) as progress:
        fetching = progress.add_task("models and photographs", total=1)
        beside = peers.load(settings.models_dir, lambda *_: None)
        what, chosen = photographs(settings.models_dir, size.photographs, lambda *_: None)
        engine = Engine(registry.find(settings.models_dir, settings.pack), settings)
        progress.update(fetching, completed=1)
        results["pack"], results["runtime"] = engine.pack.name, engine.runtime.label
        results["bfloat16"] = engine.runtime.bfloat16
        results["photographs"] = f"{len(chosen)} {what}" if chosen else what

        def step(name: str, total: int) -> Callable[[], None]:
            task = progress.add_task(name, total=total)
            return lambda: progress.advance(task)

        tick = step("pipeline against peers", len(chosen))
        results["pipeline"] = pipeline.run(engine, beside, chosen, size.rounds, tick)
        tick = step("HTTP and storage against the pipeline", len(chosen))
        results["http"] = service.overhead(engine, beside, chosen, size.rounds, tick)
        tick = step(f"{service.CLIENTS} clients at once", size.requests)
        results["load"] = service.load(beside, chosen, size.requests, tick)
        tick = step(f"start with {size.stored:,} faces", size.starts + 1)
        results["start"] = service.start_up(chosen, size.stored, size.starts, tick)
        tick = step("Rekognition's protocol", 1)
        results["wire"] = wire.run(size.signed)
        tick()
        tick = step("keys and the audit trail", 1)
        results["guard"] = guard.run(size.signed)
        tick()
        results["search"] = {"rows": [], "goals": []}
        tick = step("exact search", len(size.faces))
        for one in size.faces:
            for member, found in search.run([one]).items():
                results["search"][member] += found
            tick()
        tick = step("growth", len(size.growth))
        results["growth"] = growth.run(size.growth, tick)
    return results


if __name__ == "__main__":
    sys.exit(main())
