"""The map from rows to positions against a dict."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kenspeckle.index.positions import PAGE, Positions

ROWS = st.one_of(st.integers(0, 3 * PAGE), st.integers(-(2**40), 2**60))


@given(st.lists(st.tuples(ROWS, st.booleans(), st.integers(0, 2**31 - 1))))
def test_is_a_map(steps: list[tuple[int, bool, int]]) -> None:
    positions, expected = Positions(), dict[int, int]()
    for row, keep, position in steps:
        if keep:
            positions.set(row, position)
            expected[row] = position
        elif row in expected:
            positions.remove(row)
            del expected[row]
        assert positions.get(row) == expected.get(row)
    assert all(positions.get(row) == position for row, position in expected.items())


def test_empty_pages_go() -> None:
    positions = Positions()
    positions.extend(list(range(10 * PAGE)), 5)
    assert positions.get(7) == 12
    for row in range(10 * PAGE):
        positions.remove(row)
    assert not positions._pages


@given(st.lists(st.one_of(st.integers(0, 20), st.integers(0, 3 * PAGE)), unique=True), st.booleans())
def test_many_at_once(rows: list[int], ordered: bool) -> None:
    taken = sorted(rows) if ordered else rows
    positions = Positions()
    positions.extend(taken, 7)
    assert [positions.get(row) for row in taken] == list(range(7, 7 + len(taken)))
    assert all(positions.get(row) is None for row in range(-PAGE, 4 * PAGE) if row not in taken)
