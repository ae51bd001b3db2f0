"""Keys are listed, rotated and seeded, and their last use is recorded; what seeds them is never printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from kenspeckle.domain import Scope
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.errors import Conflict, KeyNotFound, SettingError, StorageFull, Unauthenticated
from kenspeckle.settings import Settings
from kenspeckle.usecases.access.keys import Access
from tests.fakes.memory_keys import MemoryKeys
from tests.usecases.access.conftest import NOW, Time


def test_list_and_show(access: Access, clock: Time) -> None:
    first = access.create("first").key
    clock.now += 1
    second = access.create("second").key
    assert access.list() == (first, second)
    assert access.show(second.key_id) == second
    for act in (access.show, access.revoke, access.rotate):
        with pytest.raises(KeyNotFound):
            act("key-none")


@pytest.mark.parametrize("aws", [False, True])
def test_rotation_keeps_the_rights_and_revokes_the_old_key(access: Access, aws: bool) -> None:
    old = access.create("desk", ["search"], ["a"], aws=aws, expires_at=NOW + 10)
    new = access.rotate(old.key.key_id)
    assert (new.key.name, new.key.scopes, new.key.collections, new.key.expires_at, new.key.kind) == (
        old.key.name,
        old.key.scopes,
        old.key.collections,
        old.key.expires_at,
        old.key.kind,
    )
    assert access.authenticate(new.api_key).key == new.key
    with pytest.raises(Unauthenticated):
        access.authenticate(old.api_key)
    assert access.aws_secret(old.key.key_id) is None
    assert (access.aws_secret(new.key.key_id) is not None) == aws
    with pytest.raises(Conflict, match="revoked"):
        access.rotate(old.key.key_id)


ADMIN = "an-admin-key-of-an-unattended-install"


def test_the_admin_key_is_seeded_once(access: Access, keys: MemoryKeys, clock: Time, tmp_path: Path) -> None:
    access.seed(ADMIN)
    principal = access.authenticate(ADMIN)
    assert principal.key is not None
    assert principal.key.scopes == {Scope.ADMIN}
    assert principal.only is None
    access.seed(ADMIN)
    again = Access(keys, MasterKey(tmp_path / "master.key"), clock)
    again.seed(ADMIN)
    assert len(keys.rows) == 1
    assert not again.open


def test_a_revoked_admin_key_stays_revoked_at_the_next_start(access: Access, keys: MemoryKeys) -> None:
    access.seed(ADMIN)
    access.revoke(next(iter(keys.rows)))
    access.seed(ADMIN)
    with pytest.raises(Unauthenticated, match="revoked"):
        access.authenticate(ADMIN)


def test_two_processes_may_seed_at_once(access: Access, keys: MemoryKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    access.seed(ADMIN)
    monkeypatch.setattr(keys, "key_by_digest", lambda digest: None)
    access.seed(ADMIN)
    assert len(keys.rows) == 1


@pytest.mark.parametrize("key", ["x" * 31, "x" * 257, "schlüssel" * 5, "with space " * 5, "new\nline" * 5])
def test_a_bad_admin_key_stops_the_start(access: Access, keys: MemoryKeys, key: str) -> None:
    with pytest.raises(SettingError, match="KENSPECKLE_ADMIN_KEY") as refused:
        access.seed(key)
    assert key not in refused.value.message
    assert not keys.rows


def test_no_admin_key_changes_nothing(access: Access) -> None:
    access.seed("")
    assert access.open


def test_secrets_stay_out_of_the_printed_settings(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path, admin_key=ADMIN, master_key="11" * 32, catalog_url="postgresql://user:word@host/db"
    )
    shown = repr(settings)
    assert ADMIN not in shown
    assert "1111" not in shown
    assert "word" not in shown


def test_last_use_is_recorded_once_a_minute(access: Access, keys: MemoryKeys, clock: Time) -> None:
    created = access.create("desk")
    for _ in range(150):
        access.authenticate(created.api_key)
        clock.now += 1
    access.close()
    assert [at - NOW for _, at in keys.touches] == [0, 60, 120]


def test_a_clock_that_is_set_back_does_not_stop_the_record(access: Access, keys: MemoryKeys, clock: Time) -> None:
    created = access.create("desk")
    access.record_use(created.key)
    clock.now -= 86400
    access.record_use(created.key)
    access.close()
    assert [at - NOW for _, at in keys.touches] == [0, -86400]


def test_a_full_disk_refuses_nobody(
    access: Access, keys: MemoryKeys, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(key_id: str, now: float) -> None:
        raise StorageFull("The disk is full.")

    monkeypatch.setattr(keys, "touch_key", full)
    created = access.create("desk")
    assert access.authenticate(created.api_key).key == created.key
    access.close()
    assert "was not recorded: The disk is full." in caplog.text
