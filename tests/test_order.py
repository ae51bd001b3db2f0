"""The list of the longest modules names modules that are there."""

from __future__ import annotations

from pathlib import Path

from tests.order import LONGEST, rank

HERE = Path(__file__).parent


def test_every_module_is_there_once_and_the_longest_come_first() -> None:
    assert [one for one in LONGEST if not (HERE / one).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)
    assert rank(LONGEST[0]) < rank(LONGEST[1]) < rank("test_moments.py")
