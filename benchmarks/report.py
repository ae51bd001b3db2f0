"""Writes measurements into `docs/benchmarks.md`: the tables stand between two markers, the prose around them stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import growth
from benchmarks.goals import Goal

BEGIN = "<!-- measured: everything from here to the end marker is written by `make bench` -->"
END = "<!-- measured: end -->"

TEMPLATE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def write(folder: Path, results: dict[str, Any], found: Sequence[Goal]) -> Path:
    """The report in `folder`; returns its path. Raises ValueError where the markers are gone."""
    path = folder / TEMPLATE.name
    head, begun, rest = TEMPLATE.read_text("utf-8").partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"{TEMPLATE} lacks the markers between which the tables stand.")
    path.write_text(f"{head}{BEGIN}\n{_measured(results, found)}\n{END}{tail}", "utf-8")
    return path


def _measured(results: dict[str, Any], found: Sequence[Goal]) -> str:
    machine = results["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    parts = [
        f"Measured {machine['measured']} on {machine['cores']} cores of {machine['processor']}, "
        f"{machine['memory_gb']} GB, {machine['system']}, Python {machine['python']} ({packages}); "
        f"pack {results['pack']} on {results['runtime']}; {results['photographs']}.",
        "![Our pipeline and those of the peers, and search](benchmarks.svg)",
        "## Goals\n\n" + _table(("goal", "measured", "limit", "held"), (_goal(one) for one in found)),
        "## Pipeline, in process, milliseconds a photograph\n\n" + _pipeline(results["pipeline"]),
        "## Over HTTP, one client, milliseconds a photograph\n\n" + _http(results["http"]),
        "## Under load\n\n" + _load(results["load"]),
        "## Rekognition's protocol\n\n" + _rows(results["wire"]["rows"]),
        "## Keys and the audit trail\n\n" + _rows(results["guard"]["rows"]),
        "## Exact search\n\n" + _rows(results["search"]["rows"]),
        "## Growth\n\n" + growth.table(results["growth"]["rows"]),
        "## Start and memory\n\n" + _start(results["start"]),
    ]
    return "\n\n".join(parts)


def _goal(one: Goal) -> tuple[str, ...]:
    unit = f" {one.unit}" if one.unit not in ("", "x", "%") else one.unit
    return (
        one.name,
        f"{one.value:.3g}{unit}",
        f"{'≥' if one.least else '≤'} {one.limit:g}{unit}",
        "yes" if one.held else "**no**",
    )


def _pipeline(part: dict[str, Any]) -> str:
    rows = []
    for verb, sides in part["verbs"].items():
        for name, one in {"Kenspeckle": sides["ours"], **sides["peers"]}.items():
            faster = f"{one['times_faster']:.1f}x" if "times_faster" in one else ""
            times = (f"{one[key]:.1f}" for key in ("detect_ms", "embed_ms", "total_ms"))
            rows.append((verb, name, *times, str(one["faces"]), faster))
    return _table(("verb", "who", "decode, detect", "embed", "total", "faces found", "we are faster"), rows)


def _http(part: dict[str, Any]) -> str:
    rows = [
        (
            verb,
            *(f"{one[key]:.1f}" for key in ("http_ms", "engine_ms")),
            f"{one['added_ms']:.1f}",
            f"{100 * one['added']:.1f}%",
            *(f"{peer['ms']:.1f}, {peer['times_faster']:.1f}x" for peer in one["peers"].values()),
        )
        for verb, one in part["verbs"].items()
    ]
    peers = next(iter(part["verbs"].values()))["peers"]
    return _table(
        ("verb", "HTTP", "engine alone", "added", "of the engine", *(f"{name}, we are faster" for name in peers)), rows
    )


def _load(part: dict[str, Any]) -> str:
    statuses = ", ".join(f"{count} x {status}" for status, count in part["statuses"].items())
    return _table(
        (
            "clients",
            "requests",
            "answers",
            "images a second",
            "median ms",
            "p99 ms",
            *(f"{name} on one core, images for one of its" for name in part["peers"]),
        ),
        [
            (
                str(part["clients"]),
                str(part["requests"]),
                statuses,
                f"{part['images_a_second']:.1f}",
                f"{part['median_ms']:.1f}",
                f"{part['p99_ms']:.1f}",
                *(f"{one['images_a_second']:.2f}, {one['times_faster']:.1f}" for one in part["peers"].values()),
            )
        ],
    )


def _start(part: dict[str, Any]) -> str:
    return _table(
        ("faces stored", "ready, s (median)", "slowest", "first search, ms", "resident, MB"),
        [
            (
                f"{part['faces']:,}",
                f"{part['ready_s']:.2f}",
                f"{part['slowest_ready_s']:.2f}",
                f"{part['first_search_ms']:.1f}",
                f"{part['resident_mb']:.0f}",
            )
        ],
    )


def _rows(rows: Sequence[dict[str, Any]]) -> str:
    """Rows of equal members, which name the columns."""
    columns = tuple(rows[0]) if rows else ()
    return _table(
        tuple(one.replace("_", " ") for one in columns), (tuple(_cell(row[one]) for one in columns) for row in rows)
    )


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
