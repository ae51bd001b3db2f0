"""Draws what a similarity means, from the figures of accuracy.json and the calibration of the default pack, `sface`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
import numpy as np

from kenspeckle.domain.pack import Calibration
from kenspeckle.models import registry

ACCURACY = Path(__file__).parents[1] / "accuracy.json"
RANGE = (-0.3, 1.0)
THRESHOLDS = {80: "1 in 1,000", 90: "1 in 10,000", 95: "1 in 100,000", 99: "1 in 1,000,000"}
GROUPS = {"johns": "strangers: men of similar age", "bbt": "strangers: the cast of a series"}
COLOURS = ("#0d9488", "#b45309")
SHADES = ("#0f766e", "#0d9488", "#5eb5ab", "#a7d5cf")
INK = "#111827"
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "kenspeckle",
}


def draw(folder: Path) -> list[Path]:
    """Write similarity.svg and gallery.svg into the folder."""
    measured = json.loads(ACCURACY.read_text("utf-8"))["packs"][0]
    calibration = registry.get(measured["pack"]).info.calibration
    with mpl.rc_context(STYLE):
        figure, (above, below) = plt.subplots(2, 1, figsize=(8, 6.4), sharex=True, height_ratios=(3, 2))
        _distances(above, measured)
        _calibration(below, calibration)
        figure.tight_layout()
        return [_written(figure, folder / "similarity.svg"), _written(_gallery(), folder / "gallery.svg")]


def _distances(axes: Any, measured: dict[str, Any]) -> None:
    """The law of each group's strangers, and the farthest pair of one person in it."""
    along = np.linspace(*RANGE, 400)
    for (name, label), colour in zip(GROUPS.items(), COLOURS, strict=True):
        law, found = measured["knots"][name], measured["sets"][name]
        height = np.exp(-0.5 * ((along - law["mean"]) / law["deviation"]) ** 2) / law["deviation"]
        axes.plot(along, height, color=colour, label=f"{label} ({law['pairs']:,} pairs)")
        axes.fill_between(along, height, color=colour, alpha=0.15)
        one, nearest = found["farthest_genuine"], found["nearest_impostor"]
        axes.plot(one, 0, "o", color=colour, clip_on=False, zorder=3, label=f"farthest pair of one person: {one:.2f}")
        axes.plot(nearest, 0, "x", color=colour, clip_on=False, zorder=3, label=f"nearest strangers: {nearest:.2f}")
    axes.axvline(measured["thresholds"][0]["at"], color=INK, linestyle=":", linewidth=1)
    axes.set_ylim(bottom=0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.legend(frameon=False, fontsize=8.5, loc="upper right")


def _calibration(axes: Any, calibration: Calibration) -> None:
    """The line from cosine to similarity, with the thresholds on it."""
    along = np.linspace(*RANGE, 400)
    axes.plot(along, [calibration.similarity(math.sqrt(2 - 2 * one)) for one in along], color=INK)
    for similarity in THRESHOLDS:
        axes.plot(_cosine(calibration.distance(similarity)), similarity, "o", color=INK, markersize=4)
    axes.axvline(_cosine(calibration.distance(80)), color=INK, linestyle=":", linewidth=1)
    note = "\n".join(f"{similarity}: {rate}" for similarity, rate in THRESHOLDS.items())
    axes.annotate(f"strangers that pass\n{note}", (0.7, 45), fontsize=8.5, va="center")
    axes.set_xlim(*RANGE)
    axes.set_ylim(0, 102)
    axes.set_xlabel("cosine of two templates")
    axes.set_ylabel("similarity")


def _cosine(distance: float) -> float:
    """Of two templates of length 1 at that Euclidean distance."""
    return 1 - distance * distance / 2


def _gallery() -> Any:
    """1 - (1 - rate)^people for each threshold."""
    figure, axes = plt.subplots(figsize=(8, 3.4))
    people = np.logspace(0, 6, 300)
    for exponent, (similarity, colour) in enumerate(zip(THRESHOLDS, SHADES, strict=True), start=3):
        chance = -np.expm1(people * np.log1p(-(10.0**-exponent)))
        axes.plot(people, 100 * chance, color=colour, linewidth=2)
        axes.text(10 ** (exponent - 0.45), 32, str(similarity), color=colour, ha="right", weight="bold")
    axes.set_xscale("log")
    axes.set_xlim(1, 1e6)
    axes.set_ylim(0, 100)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("people in the collection")
    axes.set_ylabel("searches with a stranger\nthat find somebody, %")
    figure.tight_layout()
    return figure


def _written(figure: Any, file: Path) -> Path:
    figure.savefig(file, metadata={"Date": None}, facecolor="white")
    plt.close(figure)
    return file
