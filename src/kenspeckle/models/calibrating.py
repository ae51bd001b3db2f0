"""What similarity means for a pack, from templates of people who are known: knots, rates and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from kenspeckle.domain import Calibration
from kenspeckle.errors import InvalidValue

Doubles: TypeAlias = npt.NDArray[np.float64]
Counts: TypeAlias = npt.NDArray[np.int64]

LEAST_PEOPLE: Final = 5
LEAST_GENUINE: Final = 10
LEAST_IMPOSTORS: Final = 1000
"""Pairs of two people of one group; with fewer, a rate of 1 in 1,000 can't be measured."""

ROUNDS: Final = 500
"""Of the bootstrap, which draws people and not pairs: pairs of one person hang together."""

TAIL: Final = ((99.0, 1e-6), (95.0, 1e-5), (90.0, 1e-4), (80.0, 1e-3))
SEEN: Final = ((50.0, 1 / 300), (10.0, 1e-2), (0.0, 1e-1))
"""Similarity and the part of impostor pairs that reach it: by the fitted law, and as counted."""


@dataclass(frozen=True, slots=True)
class Known:
    """The template of a photograph of a person who is known."""

    group: str
    person: str
    template: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Measured:
    calibration: Calibration
    facts: dict[str, Any]
    """JSON-ready: counts, rates at 80 with their intervals (95 %), by group too."""
    genuine: Doubles
    impostors: Doubles
    """Distances of all pairs, ascending."""


def measure(known: Sequence[Known], metric: str, when: str) -> Measured:
    """Calibrates on the impostor pairs within each group. Raises InvalidValue where there are too few pairs, or where
    the pack does not tell these people apart."""
    people = sorted({(one.group, one.person) for one in known})
    place = {one: at for at, one in enumerate(people)}
    who = np.array([place[one.group, one.person] for one in known], np.int64)
    group = np.array([people[at][0] for at in who])
    distances = _distances(np.array([one.template for one in known], np.float64)) if known else np.empty((0, 0))
    first, second = np.triu_indices(len(known), 1)
    same = who[first] == who[second]
    within = ~same & (group[first] == group[second])
    apart = distances[first, second]
    genuine, impostors = np.sort(apart[same]), np.sort(apart[within])
    _enough(len(people), len(genuine), len(impostors))
    knots = _knots(impostors, metric)
    bar = knots[4][0]
    if float((genuine > bar).mean()) > 0.5:
        raise InvalidValue(
            f"At 1 stranger in 1,000, {100 * float((genuine > bar).mean()):.0f} % of the pairs of one person are "
            "missed: the pack does not tell these people apart, or photographs lie in the wrong folders."
        )
    names = sorted({one for one, _ in people})
    counted = f"{len(people):,} people, {len(known):,} photographs"
    sample = f"{counted}, {len(genuine):,} pairs of one person and {len(impostors):,} of two, {when}"
    pairs = _Pairs(who[first], who[second], same, within, apart, bar, len(people))
    groups = np.array([names.index(one) for one, _ in people])
    facts: dict[str, Any] = {
        "measured": when,
        "people": len(people),
        "photographs": len(known),
        "genuine_pairs": len(genuine),
        "impostor_pairs": len(impostors),
        "at_80": pairs.rates(np.ones(len(people), np.bool_)),
        "groups": {name: pairs.rates(groups == at) for at, name in enumerate(names)} if len(names) > 1 else {},
    }
    calibration = Calibration(
        tuple(one for one, _ in knots), tuple(similarity for _, similarity in knots), "measured", sample
    )
    return Measured(calibration, facts, genuine, impostors)


def _distances(templates: Doubles) -> Doubles:
    squares = (templates * templates).sum(axis=1)
    found: Doubles = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * templates @ templates.T, 0))
    return found


def _enough(people: int, genuine: int, impostors: int) -> None:
    if people < LEAST_PEOPLE or genuine < LEAST_GENUINE or impostors < LEAST_IMPOSTORS:
        raise InvalidValue(
            f"Too few to measure on: {people} people with {genuine:,} pairs of one person and {impostors:,} pairs of "
            f"two people of one group. At least {LEAST_PEOPLE} people, {LEAST_GENUINE} and {LEAST_IMPOSTORS:,} pairs "
            "are needed, such as 10 people with 5 photographs each."
        )


def _knots(impostors: Doubles, metric: str) -> list[tuple[float, float]]:
    """(distance, similarity), from 0 and 100 on. A normal law of the impostors, in cosines or distances, made wider
    where more of them come near than it says, gives what is too rare to be counted."""
    cosine = metric == "cosine"
    values = 1 - impostors * impostors / 2 if cosine else -impostors  # the larger, the nearer
    law = NormalDist(float(values.mean()), max(float(values.std(ddof=1)), 1e-9))
    spread = NormalDist().inv_cdf(1 - 1e-3)
    counted = (float(np.quantile(values, 1 - 1e-3)) - law.mean) / spread
    law = NormalDist(law.mean, max(law.stdev, counted))

    def distance(value: float) -> float:
        return math.sqrt(max(0.0, 2 - 2 * value)) if cosine else -value

    knots = [(0.0, 100.0)]
    for similarity, part in TAIL:
        knots.append((distance(law.inv_cdf(1 - part)), similarity))
    for similarity, part in SEEN:
        seen = distance(float(np.quantile(values, 1 - part)))
        knots.append((max(seen, knots[-1][0] * 1.001), similarity))
    if not all(one[0] < other[0] for one, other in pairwise(knots)):
        raise InvalidValue(
            "Strangers come so near to each other that nothing is left for the same person: the pack does not tell "
            "these people apart, or photographs lie in the wrong folders."
        )
    return knots


class _Pairs:
    """Counts of pairs for each two people, so that people can be drawn again and again."""

    def __init__(
        self,
        first: Counts,
        second: Counts,
        same: npt.NDArray[np.bool_],
        within: npt.NDArray[np.bool_],
        apart: Doubles,
        bar: float,
        people: int,
    ) -> None:
        def counts(chosen: npt.NDArray[np.bool_]) -> Doubles:
            cells = np.bincount(first[chosen] * people + second[chosen], minlength=people * people)
            return cells.astype(np.float64).reshape(people, people)

        self.genuine, self.missed = np.diag(counts(same)), np.diag(counts(same & (apart > bar)))
        self.strangers, self.passed = counts(within), counts(within & (apart <= bar))

    def rates(self, chosen: npt.NDArray[np.bool_]) -> dict[str, Any]:
        """False matches and misses at 80 among these people, each with the interval of 95 % of the draws."""
        at = np.flatnonzero(chosen)
        draws = np.random.default_rng(1).multinomial(len(at), np.full(len(at), 1 / len(at)), ROUNDS)
        weights = np.zeros((ROUNDS, len(chosen)))
        weights[:, at] = draws
        alone = chosen.astype(np.float64)
        found = {}
        for name, top, bottom in (
            ("false_matches", self.passed, self.strangers),
            ("misses", np.diag(self.missed), np.diag(self.genuine)),
        ):
            square = name == "false_matches"
            every = self._rate(alone[None], top, bottom, square=square)[0]
            drawn = self._rate(weights, top, bottom, square=square)
            drawn = drawn[np.isfinite(drawn)]
            ends = np.quantile(drawn, (0.025, 0.975)).tolist() if len(drawn) else [None, None]
            pairs = alone @ bottom @ alone if square else alone @ np.diag(bottom)
            found[name] = {
                "rate": float(every) if np.isfinite(every) else None,
                "interval": ends,
                "pairs": int(pairs),
            }
        return found

    @staticmethod
    def _rate(weights: Doubles, top: Doubles, bottom: Doubles, *, square: bool) -> Doubles:
        with np.errstate(invalid="ignore", divide="ignore"):
            if square:
                over = ((weights @ top) * weights).sum(axis=1)
                under = ((weights @ bottom) * weights).sum(axis=1)
            else:
                over, under = weights @ np.diag(top), weights @ np.diag(bottom)
            found: Doubles = over / under
        return found
