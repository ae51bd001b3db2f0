"""The mathematics of calibration, on templates drawn by a law that is known."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest

from kenspeckle.errors import InvalidValue
from kenspeckle.models.calibrating import Known, measure

DAY = "2026-01-01"


def people(
    count: int, photographs: int, *, noise: float = 0.3, group: str = "", seed: int = 1, dimension: int = 64
) -> list[Known]:
    """Unit vectors around a direction of each person."""
    random = np.random.default_rng(seed)
    known = []
    for person in range(count):
        centre = random.standard_normal(dimension)
        for _ in range(photographs):
            one = centre + noise * random.standard_normal(dimension)
            known.append(Known(group, f"{group}{person}", np.asarray(one / np.linalg.norm(one), np.float32)))
    return known


def test_knots_follow_the_impostors() -> None:
    found = measure(people(40, 6), "cosine", DAY)
    knots = list(zip(found.calibration.distances, found.calibration.similarities, strict=True))
    assert [similarity for _, similarity in knots] == [100, 99, 95, 90, 80, 50, 10, 0]
    assert knots[0][0] == 0
    assert all(one[0] < other[0] for one, other in pairwise(knots))
    apart = found.impostors
    for similarity, part in ((50.0, 1 / 300), (10.0, 1e-2), (0.0, 1e-1)):
        reached = float((apart <= {s: d for d, s in knots}[similarity]).mean())
        assert reached == pytest.approx(part, rel=0.1)
    # Cosines of random directions in 64 dimensions are about normal, with a deviation of 1/8.
    law = NormalDist(0, 1 / 8)
    for distance, similarity in knots[1:5]:
        part = {99.0: 1e-6, 95.0: 1e-5, 90.0: 1e-4, 80.0: 1e-3}[similarity]
        assert 1 - distance**2 / 2 == pytest.approx(law.inv_cdf(1 - part), abs=0.06)
    assert found.calibration.kind == "measured"
    assert (
        "40 people, 240 photographs, 600 pairs of one person and 28,080 of two, 2026-01-01" in found.calibration.sample
    )


def test_heavy_tails_move_the_bar_of_80() -> None:
    """No more than 1 impostor pair in 1,000 of the sample passes at 80, whatever the normal law says."""
    known = people(30, 4)
    pairs = zip(people(1, 4), people(1, 4, seed=9), strict=True)
    mixed = [0.5 * one.template + 0.85 * other.template for one, other in pairs]
    brother = [Known("", "brother", np.asarray(one / np.linalg.norm(one), np.float32)) for one in mixed]
    found = measure([*known, *brother], "cosine", DAY)
    without = measure(known, "cosine", DAY)
    assert (found.impostors <= found.calibration.distance(80)).mean() <= 1e-3 + 1 / len(found.impostors)
    assert found.calibration.distance(80) < without.calibration.distance(80) - 0.05


def test_a_person_in_two_folders_is_told() -> None:
    twin = [Known("", "twin", one.template) for one in people(1, 4)]
    with pytest.raises(InvalidValue, match="photographs lie in the wrong folders"):
        measure([*people(30, 4), *twin], "cosine", DAY)


def test_rates_have_intervals_also_by_group() -> None:
    known = [*people(12, 5, group="a", seed=1, noise=0.9), *people(12, 5, group="b", seed=2, noise=0.9)]
    found = measure(known, "cosine", DAY).facts
    assert (found["people"], found["photographs"], found["genuine_pairs"]) == (24, 120, 240)
    assert found["impostor_pairs"] == 2 * 66 * 25, "within each group alone"
    for rates in (found["at_80"], found["groups"]["a"], found["groups"]["b"]):
        for one in (rates["false_matches"], rates["misses"]):
            low, high = one["interval"]
            assert 0 <= low <= one["rate"] <= high <= 1
    misses = found["at_80"]["misses"]
    assert misses["interval"][0] < misses["interval"][1]
    assert found["at_80"]["false_matches"]["rate"] <= 1e-3 + 1 / found["impostor_pairs"]
    assert sum(found["groups"][name]["misses"]["pairs"] for name in "ab") == 240


def test_euclidean_packs_are_measured_in_their_own_distances() -> None:
    scaled = [Known("", one.person, one.template * 10) for one in people(20, 5)]
    one, other = measure(people(20, 5), "euclidean", DAY), measure(scaled, "euclidean", DAY)
    assert other.calibration.distances == pytest.approx([10 * d for d in one.calibration.distances], rel=1e-4)
    assert all(map(math.isfinite, other.calibration.distances))


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ([], "Too few to measure on: 0 people"),
        (people(1, 50), "Too few"),
        (people(4, 20), "At least 5 people"),
        (people(60, 1), "10 and 1,000 pairs are needed"),
        (people(6, 5), "Too few"),
    ],
)
def test_too_few_are_refused_with_numbers(known: list[Known], says: str) -> None:
    with pytest.raises(InvalidValue, match=says):
        measure(known, "cosine", DAY)


def test_a_pack_that_tells_nobody_apart_is_told() -> None:
    with pytest.raises(InvalidValue, match="does not tell these people apart"):
        measure(people(15, 5, noise=20.0), "cosine", DAY)
