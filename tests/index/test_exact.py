"""Exact search over 8-bit codes against brute force in NumPy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kenspeckle.index import exact
from kenspeckle.index.exact import ExactIndex
from kenspeckle.index.scan import Scanners

DIMENSION = 16


def empty(dimension: int = DIMENSION) -> ExactIndex:
    """An index that searches on the asking thread alone."""
    return ExactIndex(Scanners(dimension))


@pytest.fixture(scope="module")
def scanners() -> Iterator[dict[int, Scanners]]:
    """By the number of threads."""
    made = {threads: Scanners(DIMENSION, threads) for threads in (1, 2, 4)}
    yield made
    for one in made.values():
        one.close()


def nearest(templates: dict[int, np.ndarray], probe: np.ndarray, k: int, within: float) -> list[int]:
    """Rows of the k nearest, by brute force in float64."""
    distances = {row: float(np.linalg.norm(one.astype(np.float64) - probe)) for row, one in templates.items()}
    return sorted((row for row in distances if distances[row] <= within), key=distances.__getitem__)[:k]


@st.composite
def steps(draw: st.DrawFn) -> list[tuple[str, list[int], float, int]]:
    return draw(
        st.lists(
            st.tuples(
                st.sampled_from(["put", "remove", "search"]),
                st.lists(st.integers(1, 60), min_size=1, max_size=30, unique=True),
                st.sampled_from([0.0, 1e-36, 1e-3, 1.0, 1.0, 1.0, 40.0, 1e6]),
                st.integers(0, 2**32 - 1),
            ),
            min_size=1,
            max_size=25,
        )
    )


@given(steps(), st.sampled_from([3, 7, exact.BLOCK]), st.sampled_from([1, 2, 4]))
@settings(deadline=None, max_examples=150)
def test_finds_what_brute_force_finds(
    scanners: dict[int, Scanners], taken: list[tuple[str, list[int], float, int]], block: int, threads: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "BLOCK", block)
        index, held = ExactIndex(scanners[threads]), dict[int, np.ndarray]()
        for verb, rows, size, seed in taken:
            rng = np.random.default_rng(seed)
            templates = (rng.standard_normal((len(rows), DIMENSION)) * size).astype(np.float32)
            if verb == "put":
                index.put(rows, templates)
                held.update(zip(rows, templates, strict=True))
            elif verb == "remove":
                index.remove(rows)
                for row in rows:
                    held.pop(row, None)
            else:
                k = int(rng.integers(1, 12))
                within = float(rng.choice([np.inf, 1e300, size * 3]))
                found = index.candidates(templates[0], k, within)
                assert len(set(found.tolist())) == len(found)
                assert set(found.tolist()) <= set(held)
                assert set(nearest(held, templates[0], k, within * (1 - 1e-6))) <= set(found.tolist())
            assert len(index) == len(held)


def test_the_first_ten_are_those_of_float32() -> None:
    rng = np.random.default_rng(1)
    templates = rng.standard_normal((150_000, 128), dtype=np.float32)
    templates *= 1.4 / np.linalg.norm(templates, axis=1, keepdims=True)
    scanners = Scanners(128, 2)
    index = ExactIndex(scanners)
    for start in range(0, len(templates), 40_000):
        index.put(range(start, min(start + 40_000, len(templates))), templates[start : start + 40_000])
    squares = np.einsum("ij,ij->i", templates, templates)
    for probe in templates[:40] + rng.standard_normal((40, 128), dtype=np.float32) * 0.05:
        first = np.argsort(squares - 2 * (templates @ probe))[:10]
        found = index.candidates(probe, 10, np.inf)
        assert set(first.tolist()) <= set(found.tolist())
        assert len(found) < 100
    scanners.close()


def test_reads_nothing_where_all_are_far() -> None:
    rng = np.random.default_rng(2)
    index = empty()
    index.put(range(1000), (rng.standard_normal((1000, DIMENSION)) + 5).astype(np.float32))
    assert len(index.candidates(np.zeros(DIMENSION, np.float32), 10, 0.6)) == 0


def test_a_widened_range_still_tells_rows_apart() -> None:
    rng = np.random.default_rng(3)
    index, small = empty(), rng.standard_normal((500, DIMENSION)).astype(np.float32)
    index.put(range(500), small)
    error = index.error
    index.put([500], np.full((1, DIMENSION), 100, np.float32))
    assert error < index.error < 100 / 127 * DIMENSION**0.5
    assert 7 in index.candidates(small[7], 1, np.inf)
    index.remove([500])
    assert set(index.candidates(small[7], 1000, np.inf).tolist()) == set(range(500))


def test_what_is_not_finite_never_matches() -> None:
    index = empty()
    templates = np.ones((3, DIMENSION), np.float32)
    index.put([1, 2, 3], templates)
    templates[1, 4], templates[2, 0] = np.nan, np.inf
    index.put([1, 2, 4], templates)
    assert sorted(index.candidates(templates[0], 10, np.inf).tolist()) == [1, 3]
    assert not len(index.candidates(templates[1], 10, np.inf))


@pytest.mark.parametrize("dimension", [1, 5, 128, 512])
def test_any_dimension(dimension: int) -> None:
    rng = np.random.default_rng(4)
    templates = rng.standard_normal((300, dimension)).astype(np.float32)
    index = empty(dimension)
    index.put(range(300), templates)
    held = dict(enumerate(templates))
    assert set(nearest(held, templates[3], 5, np.inf)) <= set(index.candidates(templates[3], 5, np.inf).tolist())


def test_nothing_to_find() -> None:
    index, probe = empty(), np.zeros(DIMENSION, np.float32)
    assert not len(index.candidates(probe, 10, np.inf))
    index.put([1], np.zeros((1, DIMENSION), np.float32))
    assert not len(index.candidates(probe, 0, np.inf))
    assert index.candidates(probe, 10, 0.0).tolist() == [1]
    index.remove([1, 2])
    assert not len(index.candidates(probe, 10, np.inf))
