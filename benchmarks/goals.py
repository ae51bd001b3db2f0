"""The limits that the product set itself, each with what was measured and whether it held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.peers import FACE_RECOGNITION, OPENCV


@dataclass(frozen=True, slots=True)
class Goal:
    """`value` is measured; it must be at least (`least`) or at most (not `least`) the `limit`, both in `unit`."""

    name: str
    value: float
    limit: float
    unit: str
    least: bool = False

    @property
    def held(self) -> bool:
        return self.value >= self.limit if self.least else self.value <= self.limit

    def shape(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": self.value,
            "limit": self.limit,
            "unit": self.unit,
            "direction": "at least" if self.least else "at most",
            "held": self.held,
        }


def goals(results: dict[str, Any]) -> list[Goal]:
    """Every goal for which there is a measurement; some are lower where the processor does not compute in bfloat16."""
    search, index = (results["http"]["verbs"][verb] for verb in ("search", "index"))
    load, start = results["load"], results["start"]
    fast = results["bfloat16"]
    found = [
        Goal(
            "one client's search over HTTP, times as fast as face_recognition",
            search["peers"][FACE_RECOGNITION]["times_faster"],
            12 if fast else 9,
            "x",
            True,
        ),
        Goal(
            "images under load, for each that face_recognition does on a core",
            load["peers"][FACE_RECOGNITION]["times_faster"],
            20,
            "x",
            True,
        ),
        Goal(
            "images under load, for each that OpenCV does on a core with the same weights",
            load["peers"][OPENCV]["times_faster"],
            3 if fast else 2.2,
            "x",
            True,
        ),
        Goal("answers 5xx under load", load["failures"], 0, ""),
        Goal("time that HTTP and storage add to search", search["added_ms"], 2, "ms"),
        Goal("time that HTTP and storage add to index", 100 * index["added"], 15, "%"),
        Goal(f"ready with {start['faces']:,} faces stored", start["ready_s"], 3, "s"),
        Goal(f"resident memory with {start['faces']:,} faces stored", start["resident_mb"], 600, "MB"),
    ]
    return found + [Goal(**one) for part in ("wire", "guard", "search", "growth") for one in results[part]["goals"]]
