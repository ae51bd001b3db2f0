"""Keys are made: random, stored as digests, with an expiry or a reason why not."""

from __future__ import annotations

import hashlib
import re

import pytest

from kenspeckle.domain import Principal, Scope
from kenspeckle.errors import InvalidValue
from kenspeckle.usecases.access.credentials import expiry, well_formed
from kenspeckle.usecases.access.keys import Access
from tests.fakes.memory_keys import MemoryKeys
from tests.usecases.access.conftest import NOW


def test_a_key_is_random_and_only_its_digest_is_stored(access: Access, keys: MemoryKeys) -> None:
    created = access.create("desk")
    assert re.fullmatch(r"ksp_[0-9A-Za-z]{43}", created.api_key)
    assert access.create("desk").api_key != created.api_key
    _, digest, sealed = keys.rows[created.key.key_id]
    assert digest == hashlib.sha256(created.api_key.encode()).hexdigest()
    assert sealed is None
    assert created.api_key not in repr(keys.rows)


def test_without_scopes_a_key_may_do_all_but_hand_out_keys(access: Access) -> None:
    key = access.create("desk").key
    assert key.scopes == {Scope.INDEX, Scope.SEARCH, Scope.READ, Scope.DELETE}
    assert key.collections == frozenset()
    assert key.expires_at is None


def test_a_pair_looks_like_amazons_and_its_secret_is_sealed(access: Access, keys: MemoryKeys) -> None:
    created = access.create("sdk", aws=True)
    assert created.access_key_id is not None
    assert created.secret_access_key is not None
    assert re.fullmatch(r"KSPA[A-Z2-7]{16}", created.access_key_id)
    assert len(created.secret_access_key) == 40
    assert created.key.kind == "aws"
    assert created.key.key_id == created.access_key_id
    sealed = keys.rows[created.access_key_id][2]
    assert sealed is not None
    assert created.secret_access_key.encode() not in sealed
    assert access.aws_secret(created.access_key_id) == (created.key, created.secret_access_key)
    assert access.authenticate(created.api_key) == Principal(created.key)


@pytest.mark.parametrize(
    ("name", "scopes", "collections", "field"),
    [
        ("", ["read"], [], "name"),
        ("  ", ["read"], [], "name"),
        ("x" * 129, ["read"], [], "name"),
        ("a\nb", ["read"], [], "name"),
        ("desk", [], [], "scopes"),
        ("desk", ["write"], [], "scopes"),
        ("desk", ["ADMIN"], [], "scopes"),
        ("desk", ["read"], ["a/b"], "collections"),
        ("desk", ["read"], [""], "collections"),
        ("desk", ["read"], ["x" * 256], "collections"),
    ],
)
def test_a_key_with_bad_parts_is_refused(
    access: Access, keys: MemoryKeys, name: str, scopes: list[str], collections: list[str], field: str
) -> None:
    with pytest.raises(InvalidValue) as refused:
        access.create(name, scopes, collections)
    assert refused.value.field == field
    assert not keys.rows


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("12h", 43200), ("30d", 2592000), ("4w", 2419200), (" 1d ", 86400)],
)
def test_expiry_as_an_age(text: str, seconds: int) -> None:
    assert expiry(text, NOW) == NOW + seconds


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2030-01-31", 1896048000.0),
        ("2030-01-31T12:00:00", 1896091200.0),
        ("2030-01-31T12:00:00Z", 1896091200.0),
        ("2030-01-31T12:00:00+02:00", 1896084000.0),
    ],
)
def test_expiry_as_a_moment(text: str, at: float) -> None:
    assert expiry(text, NOW) == at


@pytest.mark.parametrize("text", ["", "soon", "0d", "-1d", "1.5h", "2020-01-01", "2030-13-01", "9999999d", "1y", "٣d"])
def test_an_expiry_that_is_none_or_has_passed_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        expiry(text, NOW)
    assert refused.value.field == "expires"


def test_well_formed() -> None:
    assert well_formed("x" * 256)
    assert not well_formed("x" * 257)
