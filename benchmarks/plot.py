"""Draws `docs/benchmarks.svg`: time a photograph, ours and the peers' by stage, and search time by faces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

OURS = ("#1d4ed8", "#93b4f5")
THEIRS = ("#6b7280", "#c5c9d0")


def draw(results: dict[str, Any], path: Path) -> None:
    """Write the plot."""
    mpl.rcParams.update(
        {"svg.hashsalt": "kenspeckle", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
    )
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), width_ratios=(3, 2))
    _photographs(left, results)
    _search(right, results["search"]["rows"])
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _photographs(axes: Any, results: dict[str, Any]) -> None:
    """Stacked bars: detection and embedding in process, and the whole request over HTTP."""
    labels, rows = [], []
    for verb, sides in results["pipeline"]["verbs"].items():
        http = results["http"]["verbs"][verb]
        labels += [f"{verb}, in process", f"{verb}, over HTTP", *(f"{verb}, {name}" for name in sides["peers"])]
        rows += [
            (sides["ours"]["detect_ms"], sides["ours"]["embed_ms"], OURS),
            (http["http_ms"], 0.0, OURS),
            *((one["detect_ms"], one["embed_ms"], THEIRS) for one in sides["peers"].values()),
        ]
    for place, (detect, embed, (dark, light)) in enumerate(rows):
        axes.barh(place, detect, color=dark)
        axes.barh(place, embed, left=detect, color=light)
        axes.annotate(f" {detect + embed:.1f}", (detect + embed, place), va="center")
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("milliseconds a photograph (dark: decode and detect, light: embed)")


def _search(axes: Any, rows: list[dict[str, Any]]) -> None:
    """Search time against faces, both logarithmic."""
    axes.loglog(
        [row["faces"] for row in rows], [row["search_ms"] for row in rows], "o-", color=OURS[0], label="exact search"
    )
    if all("read_ms" in row for row in rows):
        axes.loglog(
            [row["faces"] for row in rows], [row["read_ms"] for row in rows], "s--", color=THEIRS[0], label="plain read"
        )
    axes.set_xlabel("faces in the collection")
    axes.set_ylabel("milliseconds")
    axes.legend(frameon=False)
