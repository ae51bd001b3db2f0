"""What is written beside a face in a saved picture."""

from __future__ import annotations

import pytest

from kenspeckle.intake.pictures import label


@pytest.mark.parametrize(
    ("name", "similarity", "written"),
    [
        ("Amy", 99.94, "Amy 99.9, sure"),
        ("Amy", 97.3, "Amy 97.3, likely"),
        ("Amy", 80.0, "Amy 80.0, possible"),
        ("Amy", 62.0, "Amy 62.0"),
        ("", 91.0, "91.0, likely"),
    ],
)
def test_a_label_has_similarity_and_word(name: str, similarity: float, written: str) -> None:
    assert label(name, similarity) == written
