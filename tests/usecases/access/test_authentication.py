"""Keys are checked: the open server, what bites within half a second, what a principal may do."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from kenspeckle.domain import Principal
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.errors import Unauthenticated
from kenspeckle.usecases.access import authentication
from kenspeckle.usecases.access.authentication import TRUST_SECONDS
from kenspeckle.usecases.access.keys import Access
from tests.fakes.memory_keys import MemoryKeys
from tests.usecases.access.conftest import NOW, Time


def test_with_no_key_the_service_is_open_and_the_first_key_locks_it(access: Access) -> None:
    assert access.authenticate(None) == Principal(None)
    assert access.authenticate("anything") == Principal(None)
    created = access.create("desk")
    with pytest.raises(Unauthenticated, match="x-api-key"):
        access.authenticate(None)
    assert access.authenticate(created.api_key).key == created.key


def test_a_key_that_another_process_creates_locks_within_half_a_second(
    access: Access, keys: MemoryKeys, clock: Time, tmp_path: Path
) -> None:
    assert access.open
    Access(keys, MasterKey(tmp_path / "master.key"), clock).create("desk")
    clock.now += TRUST_SECONDS
    assert not access.open


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_service_once_locked_does_not_open_when_its_last_key_ends(
    access: Access, keys: MemoryKeys, clock: Time, tmp_path: Path, end: str
) -> None:
    created = access.create("desk", expires_at=NOW + 10)
    if end == "revoked":
        access.revoke(created.key.key_id)
    clock.now += 3600
    assert not access.open
    assert not Access(keys, MasterKey(tmp_path / "master.key"), clock).open


def test_a_service_for_the_network_is_never_open(keys: MemoryKeys, tmp_path: Path) -> None:
    access = Access(keys, MasterKey(tmp_path / "master.key"), loopback=False)
    with pytest.raises(Unauthenticated):
        access.authenticate(None)


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "ksp_" + "0" * 43,
        "ksp_",
        "x" * 257,
        "x" * 1_000_000,
        "schlüssel",
        "\udcff",
        "ключ" * 20,
        "a b",
        "a\x00b",
        "' OR 1=1 --",
    ],
)
def test_what_is_no_key_is_refused(access: Access, sent: str) -> None:
    access.create("desk")
    with pytest.raises(Unauthenticated):
        access.authenticate(sent)


def test_part_of_a_key_and_its_digest_are_no_key(access: Access) -> None:
    key = access.create("desk").api_key
    for sent in (key[:-1], key + "0", key.lower(), hashlib.sha256(key.encode()).hexdigest()):
        with pytest.raises(Unauthenticated, match="unknown"):
            access.authenticate(sent)


def test_very_long_keys_are_not_even_looked_up(access: Access, keys: MemoryKeys) -> None:
    access.create("desk")
    before = keys.reads
    with pytest.raises(Unauthenticated):
        access.authenticate("x" * 10_000)
    assert access.aws_secret("x" * 10_000) is None
    assert keys.reads == before


def test_an_expired_key_is_refused_by_name(access: Access, clock: Time) -> None:
    created = access.create("desk", expires_at=NOW + 10)
    assert access.authenticate(created.api_key).key is not None
    clock.now += 10
    with pytest.raises(Unauthenticated, match="'desk' expired at 2027-01-15T08:00:10Z"):
        access.authenticate(created.api_key)


def test_a_revoked_key_is_refused_at_once(access: Access) -> None:
    created = access.create("desk")
    access.authenticate(created.api_key)
    assert access.revoke(created.key.key_id).revoked_at == NOW
    with pytest.raises(Unauthenticated, match="'desk' was revoked"):
        access.authenticate(created.api_key)


def test_a_revocation_by_another_process_bites_within_half_a_second(
    access: Access, keys: MemoryKeys, clock: Time
) -> None:
    created = access.create("desk", aws=True)
    access.authenticate(created.api_key)
    assert access.aws_secret(created.key.key_id)
    keys.revoke_key(created.key.key_id, NOW)
    clock.now += TRUST_SECONDS
    with pytest.raises(Unauthenticated):
        access.authenticate(created.api_key)
    assert access.aws_secret(created.key.key_id) is None


def test_a_busy_client_costs_two_reads_a_second(access: Access, keys: MemoryKeys, clock: Time) -> None:
    created = access.create("desk")
    before = keys.reads
    for _ in range(1000):
        access.authenticate(created.api_key)
        clock.now += 0.001
    assert keys.reads - before <= 3


def test_checking_a_known_key_takes_less_than_a_tenth_of_a_millisecond(access: Access) -> None:
    created = access.create("desk")
    access.authenticate(created.api_key)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(200):
            access.authenticate(created.api_key)
        best = min(best, (time.perf_counter() - started) / 200)
    assert best < 1e-4


def test_the_memory_of_keys_is_bounded(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "_REMEMBERED", 3)
    made = [access.create(f"key {number}", aws=True) for number in range(10)]
    for created in made + made:
        assert access.authenticate(created.api_key).key == created.key
        assert access.aws_secret(created.key.key_id) == (created.key, created.secret_access_key)
    assert len(access._by_digest) <= 3
    assert len(access._pairs) <= 3


@pytest.mark.parametrize("end", ["unknown", "revoked", "expired", "api"])
def test_a_pair_that_does_not_work_has_no_secret(access: Access, clock: Time, end: str) -> None:
    created = access.create("sdk", aws=end != "api", expires_at=NOW + 10)
    if end == "revoked":
        access.revoke(created.key.key_id)
    if end == "expired":
        clock.now += 11
    asked = "KSPA" + "A" * 16 if end == "unknown" else created.key.key_id
    assert access.aws_secret(asked) is None
