"""What a similarity means to a person: a word for it, and how often a stranger reaches it in a collection."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

RATES: Final = ((80.0, 1e-3), (90.0, 1e-4), (95.0, 1e-5), (99.0, 1e-6))
"""Similarity, and the part of pairs of strangers that reach it (docs/accuracy.md); no rate is promised below the first.
`console/similarity.js` has the same."""

TIERS: Final = ((99.0, "sure"), (90.0, "likely"), (80.0, "possible"))


def tier(similarity: float) -> str:
    """`sure`, `likely` or `possible`; "" below 80, where strangers are too common for a word."""
    return next((word for least, word in TIERS if similarity >= least), "")


def false_match_rate(similarity: float) -> float | None:
    """The part of pairs of strangers that reach the similarity, the logarithm linear between the known ones; from 99
    on that of 99, of which it is less. None below 80."""
    if similarity < RATES[0][0]:
        return None
    for (low, many), (high, few) in pairwise(RATES):
        if similarity <= high:
            return many * math.pow(few / many, (similarity - low) / (high - low))
    return RATES[-1][1]


def among(similarity: float, faces: int) -> str:
    """How often a stranger finds somebody who reaches the similarity among so many faces, 1 - (1 - rate)^faces, as a
    sentence; "" where nothing can be said. The similarity is rounded down, to 99 at most."""
    reached = math.floor(min(similarity, RATES[-1][0]))
    rate = false_match_rate(reached)
    if rate is None or faces < 1:
        return ""
    chance = -math.expm1(faces * math.log1p(-rate))
    often = f"{round(100 * chance)} of 100" if chance >= 0.1 else f"1 of {_round_digits(1 / chance):,}"
    where = "the one face" if faces == 1 else f"the {faces:,} faces"
    return f"Among {where} here, a stranger reaches {reached} in about {often} searches."


def _round_digits(value: float) -> int:
    """To two digits."""
    scale: int = 10 ** max(0, int(math.log10(value)) - 1)
    return round(value / scale) * scale
