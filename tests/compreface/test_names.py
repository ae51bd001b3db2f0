"""Every subject has an identity and every identity a subject, and each finds the other again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenspeckle.compreface.errors import Refusal
from kenspeckle.compreface.names import LONGEST, identity_of, subject_of
from kenspeckle.domain import validation

IDENTITIES = st.from_regex(r"[a-zA-Z0-9_.\-:]{1,60}", fullmatch=True)
NEARLY = st.text(alphabet=":0123456789ABCDEFabz -", min_size=1, max_size=20)


@given(st.one_of(st.text(min_size=1, max_size=25), NEARLY))
def test_a_subject_is_found_again_under_its_identity(subject: str) -> None:
    try:
        identity = identity_of(subject)
    except Refusal:
        assert not subject.strip() or len(subject.encode()) * 3 > LONGEST
        return
    assert validation.external_image_id(identity) == identity
    assert subject_of(identity) == subject


@given(IDENTITIES)
def test_an_identity_of_another_edge_has_a_subject_that_leads_back(identity: str) -> None:
    try:
        assert identity_of(subject_of(identity)) == identity
    except Refusal:
        assert not subject_of(identity).strip()


@pytest.mark.parametrize(
    ("subject", "identity"),
    [
        ("keanu-reeves.jpg", "keanu-reeves.jpg"),
        ("John Smith", "John:20Smith"),
        ("Müller", "M:C3:BCller"),
        ("2026-11-30T12:30:45", "2026-11-30T12:30:45"),
        ("John:20Smith", "John:3A20Smith"),
    ],
)
def test_examples(subject: str, identity: str) -> None:
    assert identity_of(subject) == identity
    assert subject_of(identity) == subject
