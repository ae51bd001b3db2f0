"""Names of people: how they are stored, and what they are sorted and searched by."""

from __future__ import annotations

import pytest

from kenspeckle.domain.people import MAX_NAME, name_key, person_name
from kenspeckle.errors import InvalidValue


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("  Ada   Lovelace ", "Ada Lovelace"),
        ("Zoe\u0308", "Zo\u00eb"),
        ("Ada\u202eKing", "AdaKing"),
        ("\u738b\u5c0f\u660e", "\u738b\u5c0f\u660e"),
    ],
)
def test_a_name_is_stored_as_it_is_seen(sent: str, stored: str) -> None:
    assert person_name(sent) == stored


@pytest.mark.parametrize("sent", ["", " ", "\u202e", "\u200d", "a\nb", "a\tb", "\x00", "a" * (MAX_NAME + 1)])
def test_names_that_can_not_be_seen_or_are_too_long_are_refused(sent: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        person_name(sent)
    assert refused.value.field == "name"


def test_case_accents_and_width_do_not_count_in_a_search() -> None:
    assert name_key("ZO\u00cb  M\u00fcller") == name_key("zoe muller")
    assert name_key("\uff21da") == "ada"
    assert name_key("Stra\u00dfe") == "strasse"
    assert name_key("\u738b") != name_key("\u6c6a")
