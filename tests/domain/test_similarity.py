"""Words for a similarity, and the chance that a stranger reaches it in a collection."""

from __future__ import annotations

import pytest

from kenspeckle.domain.similarity import among, false_match_rate, tier


@pytest.mark.parametrize(
    ("similarity", "word"),
    [(100, "sure"), (99, "sure"), (98.99, "likely"), (90, "likely"), (89.99, "possible"), (80, "possible")],
)
def test_a_word_for_each_tier(similarity: float, word: str) -> None:
    assert tier(similarity) == word


@pytest.mark.parametrize("similarity", [79.99, 50, 0])
def test_no_word_and_no_rate_where_none_is_promised(similarity: float) -> None:
    assert (tier(similarity), false_match_rate(similarity), among(similarity, 1000)) == ("", None, "")


def test_the_rate_is_that_of_the_knots_and_falls_between_them() -> None:
    assert [false_match_rate(one) for one in (80, 90, 95, 99)] == pytest.approx([1e-3, 1e-4, 1e-5, 1e-6])
    assert false_match_rate(85) == pytest.approx(10**-3.5)
    assert false_match_rate(100) == 1e-6


@pytest.mark.parametrize(
    ("similarity", "faces", "said"),
    [
        (80, 2, "Among the 2 faces here, a stranger reaches 80 in about 1 of 500 searches."),
        (80, 1000, "Among the 1,000 faces here, a stranger reaches 80 in about 63 of 100 searches."),
        (95, 1000, "Among the 1,000 faces here, a stranger reaches 95 in about 1 of 100 searches."),
        (99, 1, "Among the one face here, a stranger reaches 99 in about 1 of 1,000,000 searches."),
        (99.8, 20, "Among the 20 faces here, a stranger reaches 99 in about 1 of 50,000 searches."),
        (90, 1_000_000, "Among the 1,000,000 faces here, a stranger reaches 90 in about 100 of 100 searches."),
        (80.9, 2, "Among the 2 faces here, a stranger reaches 80 in about 1 of 500 searches."),
        (95, 0, ""),
    ],
)
def test_the_chance_grows_with_the_collection(similarity: float, faces: int, said: str) -> None:
    assert among(similarity, faces) == said
