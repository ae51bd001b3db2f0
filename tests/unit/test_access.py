"""Keys: made, checked, rotated, revoked; the open server; the master key and what it seals."""

from __future__ import annotations

import base64
import hashlib
import multiprocessing
import re
import stat
import time
from pathlib import Path

import pytest

from kenspeckle.catalog.master import MasterKey
from kenspeckle.domain import Key, Principal, Scope
from kenspeckle.errors import (
    Conflict,
    Forbidden,
    InvalidValue,
    KeyNotFound,
    SettingError,
    StorageFull,
    StorageUnavailable,
    Unauthenticated,
)
from kenspeckle.settings import Settings
from kenspeckle.usecases import access as access_
from kenspeckle.usecases.access import TRUST_SECONDS, Access, require
from kenspeckle.usecases.credentials import expiry, well_formed
from kenspeckle.usecases.loopback import is_loopback, is_loopback_address, require_key_for
from tests.unit.memory_keys import MemoryKeys

NOW = 1_800_000_000.0


class Time:
    """A clock and a stop watch that tests move."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def keys(clock: Time) -> MemoryKeys:
    return MemoryKeys(clock)


@pytest.fixture
def access(keys: MemoryKeys, clock: Time, tmp_path: Path) -> Access:
    return Access(keys, MasterKey(tmp_path / "master.key"), clock, ticks=clock)


# -- creating ----------------------------------------------------------------------------------------------------------


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


# -- checking ----------------------------------------------------------------------------------------------------------


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
    monkeypatch.setattr(access_, "_REMEMBERED", 3)
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


# -- rights ------------------------------------------------------------------------------------------------------------


def _principal(scopes: set[Scope], collections: set[str]) -> Principal:
    return Principal(Key("key-1", "desk", "api", frozenset(scopes), frozenset(collections), NOW))


@pytest.mark.parametrize(
    ("scopes", "collections", "scope", "collection", "message"),
    [
        ({Scope.READ}, set(), Scope.INDEX, "a", "no scope 'index'; it has: read"),
        ({Scope.READ, Scope.DELETE}, set(), Scope.ADMIN, None, "no scope 'admin'; it has: read, delete"),
        ({Scope.READ}, {"a"}, Scope.READ, "b", "not granted the collection 'b'"),
        ({Scope.ADMIN}, {"a"}, Scope.ADMIN, None, "single collections only"),
        ({Scope.ADMIN}, {"a"}, Scope.READ, "b", "not granted the collection 'b'"),
    ],
)
def test_a_missing_right_is_named(
    scopes: set[Scope], collections: set[str], scope: Scope, collection: str | None, message: str
) -> None:
    with pytest.raises(Forbidden, match=message):
        require(_principal(scopes, collections), scope, collection)


def test_granted_rights_pass() -> None:
    require(Principal(None), Scope.ADMIN, None)
    require(_principal({Scope.READ}, set()), Scope.READ, None)
    require(_principal({Scope.READ}, {"a"}), Scope.READ, "a")
    for scope in Scope:
        require(_principal({Scope.ADMIN}, set()), scope, "a")


# -- managing ----------------------------------------------------------------------------------------------------------


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
    assert principal.may(Scope.ADMIN, None)
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


# -- last use ----------------------------------------------------------------------------------------------------------


def test_last_use_is_recorded_once_a_minute(access: Access, keys: MemoryKeys, clock: Time) -> None:
    created = access.create("desk")
    for _ in range(150):
        access.authenticate(created.api_key)
        clock.now += 1
    access.close()
    assert [at - NOW for _, at in keys.touches] == [0, 60, 120]


def test_a_clock_that_is_set_back_does_not_stop_the_record(access: Access, keys: MemoryKeys, clock: Time) -> None:
    created = access.create("desk")
    access.used(created.key)
    clock.now -= 86400
    access.used(created.key)
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


# -- where a key is needed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "localhost"])
def test_loopback(host: str, keys: MemoryKeys) -> None:
    assert is_loopback(host)
    require_key_for(host, keys)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "0.0.0.0",
        "::",
        "192.168.1.5",
        "::ffff:192.168.1.5",
        "fe80::1",
        "no-such-host.invalid",
        "127.0.0.1.no-such-host.invalid",
        "x" * 300,
        "a..b",
        "127.0.0.1, 10.0.0.1",
    ],
)
def test_any_other_address_needs_a_key(host: str, keys: MemoryKeys, access: Access, clock: Time) -> None:
    with pytest.raises(SettingError, match="keys create"):
        require_key_for(host, keys)
    access.create("desk", expires_at=NOW + 10)
    require_key_for(host, keys)
    clock.now += 11
    with pytest.raises(SettingError):
        require_key_for(host, keys)


def test_a_name_that_also_leads_elsewhere_is_not_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(2, 1, 6, "", ("127.0.0.1", 0)), (2, 1, 6, "", ("10.0.0.7", 0))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    assert not is_loopback("localhost")
    assert not is_loopback_address("localhost")


# -- the master key ----------------------------------------------------------------------------------------------------


def test_the_master_key_is_made_at_first_need_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "data" / "master.key"
    sealer = MasterKey(file)
    assert not file.exists()
    sealed = sealer.seal(b"secret", "KSPA1")
    assert len(file.read_bytes()) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"secret" not in sealed
    assert MasterKey(file).unseal(sealed, "KSPA1") == b"secret"
    assert sealer.seal(b"secret", "KSPA1") != sealed


def _seal_in_a_process(file: Path) -> bytes:
    return MasterKey(file).seal(b"secret", "KSPA1")


def test_processes_that_start_at_once_make_one_master_key(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        sealed = pool.map(_seal_in_a_process, [file] * 8)
    assert [MasterKey(file).unseal(one, "KSPA1") for one in sealed] == [b"secret"] * 8


def test_a_secret_opens_only_under_its_key_its_context_and_whole(tmp_path: Path) -> None:
    sealer = MasterKey(tmp_path / "master.key")
    sealed = sealer.seal(b"secret", "KSPA1")
    flipped = bytearray(sealed)
    flipped[-1] ^= 1
    for damaged in (bytes(flipped), sealed[:-1], sealed[:5], b"", b"\x02" + sealed[1:]):
        with pytest.raises(StorageUnavailable, match="can't be decrypted"):
            sealer.unseal(damaged, "KSPA1")
    with pytest.raises(StorageUnavailable):
        sealer.unseal(sealed, "KSPA2")
    with pytest.raises(StorageUnavailable):
        MasterKey(tmp_path / "other", "11" * 32).unseal(sealed, "KSPA1")


def test_a_lost_master_key_is_not_replaced_in_silence(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    sealed = MasterKey(file).seal(b"secret", "KSPA1")
    file.unlink()
    with pytest.raises(StorageUnavailable, match="missing"):
        MasterKey(file).unseal(sealed, "KSPA1")
    assert not file.exists()


RAW = bytes(range(200, 232))


@pytest.mark.parametrize(
    "content", [RAW, RAW.hex().encode(), RAW.hex().upper().encode() + b"\n", base64.b64encode(RAW)]
)
def test_forms_of_a_master_key_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "given"
    file.write_bytes(content)
    file.chmod(0o600)
    settings = Settings(data_dir=tmp_path, master_key_file=str(file))
    sealed = MasterKey.of(settings).seal(b"secret", "KSPA1")
    assert MasterKey(tmp_path / "none", RAW.hex()).unseal(sealed, "KSPA1") == b"secret"


def test_a_master_key_file_that_the_operator_named_is_never_made(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, master_key_file=str(tmp_path / "mount" / "key"))
    with pytest.raises(StorageUnavailable, match="missing"):
        MasterKey.of(settings).seal(b"secret", "KSPA1")


@pytest.mark.parametrize("given", ["x", "x" * 32, "zz" * 32, "11" * 31, "11" * 33, "ü" * 32])
def test_a_bad_master_key_is_a_setting_error_that_does_not_show_it(tmp_path: Path, given: str) -> None:
    with pytest.raises(SettingError, match="openssl rand") as refused:
        MasterKey(tmp_path / "none", given).seal(b"secret", "KSPA1")
    assert given not in refused.value.message or given == "x"


def test_a_master_key_that_others_can_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "master.key"
    file.write_bytes(RAW)
    file.chmod(0o644)
    MasterKey(file).seal(b"secret", "KSPA1")
    assert "can be read by others" in caplog.text


def test_secrets_stay_out_of_the_printed_settings(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path, admin_key=ADMIN, master_key="11" * 32, catalog_url="postgresql://user:word@host/db"
    )
    shown = repr(settings)
    assert ADMIN not in shown
    assert "1111" not in shown
    assert "word" not in shown


def test_well_formed() -> None:
    assert well_formed("x" * 256)
    assert not well_formed("x" * 257)
