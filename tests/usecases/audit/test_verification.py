"""The chain of the audit trail: what was changed, removed or put in is found, and named."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from contextvars import copy_context
from pathlib import Path

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import Key, Principal
from kenspeckle.domain.audit import AuditRow, describe
from kenspeckle.errors import InvalidValue, StorageFull, StorageUnavailable
from kenspeckle.ports import AuditQuery
from kenspeckle.usecases.audit import actor, verification
from kenspeckle.usecases.audit.recorder import MOST_LATE, Recorder
from kenspeckle.usecases.audit.refused_requests import MOST_KINDS, Refusals

KEY = b"k" * 32
OTHER = b"o" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kenspeckle.db"


@pytest.fixture
def catalog(path: Path) -> Iterator[SqlCatalog]:
    with closing(SqlCatalog.open(f"sqlite:///{path}")) as catalog:
        yield catalog


@pytest.fixture
def recorder(catalog: SqlCatalog) -> Recorder:
    """Of a trail of ten rows: its beginning and nine searches."""
    recorder = Recorder(catalog, KEY)
    recorder.begin()
    for number in range(2, 11):
        recorder.record(recorder.entry("SearchFaces", "people", face_ids=[f"face-{number}"]))
    return recorder


def attack(path: Path, *statements: str) -> None:
    """As someone who can write to the file, and knows of the triggers."""
    with closing(sqlite3.connect(path)) as driver, driver:
        for name in ("audit_no_update", "audit_no_delete", "audit_head_stays"):
            driver.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            driver.execute(statement)


def found(catalog: SqlCatalog, anchor: str | None = None) -> list[int]:
    return [one.number for one in verification.verify(catalog, KEY, anchor).findings]


def test_a_whole_trail_is_sound(catalog: SqlCatalog, recorder: Recorder) -> None:
    verified = verification.verify(catalog, KEY)
    assert (verified.sound, verified.rows, verified.first) == (True, 10, 1)
    assert verification.verify(catalog, KEY, verified.anchor).sound
    assert [row.number for row in catalog.audit_rows()] == list(range(1, 11))
    assert [row["faces"] for row in verification.lines(catalog, 9)] == [["face-10"]]


COLUMNS = {
    "at": "at + 1",
    "operation": "'GetFace'",
    "outcome": "'forbidden'",
    "who": "'someone else'",
    "name": "'x'",
    "request_id": "'x'",
    "address": "'x'",
    "collection_id": "NULL",
    "face_count": "0",
    "faces": "'[]'",
    "facts": "'{\"a\":1}'",
    "hash": "zeroblob(32)",
    "seal": "zeroblob(32)",
}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_row_is_named(catalog: SqlCatalog, recorder: Recorder, path: Path, column: str) -> None:
    attack(path, f"UPDATE audit SET {column} = {COLUMNS[column]} WHERE number = 5")
    assert 5 in found(catalog)
    assert set(found(catalog)) <= {5, 6}


@pytest.mark.parametrize(("rows", "first"), [("= 1", 1), ("= 5", 5), ("BETWEEN 4 AND 7", 4), ("= 10", 10), ("> 7", 8)])
def test_removed_rows_are_named(catalog: SqlCatalog, recorder: Recorder, path: Path, rows: str, first: int) -> None:
    attack(path, f"DELETE FROM audit WHERE number {rows}")
    assert found(catalog) == [first]


def test_a_row_put_in_is_named(catalog: SqlCatalog, recorder: Recorder, path: Path) -> None:
    copied = (
        "at, operation, outcome, who, name, request_id, address, collection_id, face_count, faces, facts, hash, seal"
    )
    attack(path, f"INSERT INTO audit SELECT 11, {copied} FROM audit WHERE number = 10")
    assert set(found(catalog)) == {11}


def test_a_chain_rebuilt_without_the_key_does_not_hold(catalog: SqlCatalog, recorder: Recorder, path: Path) -> None:
    attack(path, "DELETE FROM audit", "UPDATE audit_head SET number = 0, hash = zeroblob(32), seal = x''")
    forger = Recorder(catalog, OTHER)
    forger.begin()
    for number in range(2, 11):
        forger.record(forger.entry("SearchFaces", "people", face_ids=[f"forged-{number}"]))
    assert verification.verify(catalog, OTHER).sound
    verified = verification.verify(catalog, KEY)
    assert [one.number for one in verified.findings] == [1, 10]
    assert "none of the 10 rows is sealed under this master key" in verified.findings[0].what


def test_a_head_put_back_is_found(catalog: SqlCatalog, recorder: Recorder, path: Path) -> None:
    anchor = verification.verify(catalog, KEY).anchor
    attack(
        path,
        "DELETE FROM audit WHERE number > 7",
        "UPDATE audit_head SET number = 7, hash = (SELECT hash FROM audit WHERE number = 7)",
    )
    assert found(catalog) == [7]
    # What the service writes next says so for good.
    recorder.record(recorder.entry("GetFace"))
    assert [row.operation for row in catalog.audit_rows(7)] == ["AuditSealBroken", "AuditCutBack", "GetFace"]
    assert found(catalog) == [8, 9]
    assert 10 in found(catalog, anchor)


def test_an_older_state_of_the_whole_trail_is_found_by_an_anchor_only(
    catalog: SqlCatalog, recorder: Recorder, path: Path
) -> None:
    with closing(sqlite3.connect(path)) as driver:
        number, made, seal = driver.execute("SELECT number, hash, seal FROM audit_head").fetchone()
    recorder.record(recorder.entry("GetFace"))
    anchor = verification.verify(catalog, KEY).anchor
    attack(
        path,
        "DELETE FROM audit WHERE number > 10",
        f"UPDATE audit_head SET number = {number}, hash = x'{made.hex()}', seal = x'{seal.hex()}'",
    )
    assert found(catalog) == []
    assert found(catalog, anchor) == [11]
    with pytest.raises(InvalidValue):
        verification.verify(catalog, KEY, "11")


def test_an_anchor_vouches_for_rows_of_a_lost_master_key(catalog: SqlCatalog, recorder: Recorder) -> None:
    anchor = verification.verify(catalog, KEY).anchor
    after = Recorder(catalog, OTHER)
    after.record(after.entry("GetFace"))
    numbers = [one.number for one in verification.verify(catalog, OTHER, anchor).findings]
    assert numbers == [11]
    assert next(row for row in catalog.audit_rows(10)).operation == "AuditSealBroken"


def test_a_wiped_trail_is_found_by_who_wrote_it(catalog: SqlCatalog, recorder: Recorder, path: Path) -> None:
    attack(path, "DELETE FROM audit", "UPDATE audit_head SET number = 0, hash = zeroblob(32), seal = x''")
    assert found(catalog) == [0]
    recorder.record(recorder.entry("GetFace"))
    assert "AuditCutBack" in {row.operation for row in catalog.audit_rows()}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET who = 'x'",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE number = 10",
        "DELETE FROM audit_head",
    ],
)
def test_the_table_takes_rows_only(recorder: Recorder, path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as driver, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        driver.execute(statement)


def test_rows_go_by_age_and_the_rest_stays_verifiable(catalog: SqlCatalog) -> None:
    now = [1e9]
    recorder = Recorder(catalog, KEY, now=lambda: now[0])
    recorder.begin()
    for _ in range(20):
        recorder.record(recorder.entry("GetFace"))
        now[0] += verification.DAY / 2
    assert verification.trim(recorder, 0, now[0]) == 0
    assert verification.trim(recorder, 5, now[0]) == 11
    verified = verification.verify(catalog, KEY)
    assert (verified.sound, verified.first, verified.rows) == (True, 12, 11)
    newest = describe(list(catalog.audit_rows())[-1])
    assert newest["operation"] == "AuditTrimmed"
    assert (newest["facts"]["rows"], newest["facts"]["through"]) == (11, 11)
    assert verification.trim(recorder, 5, now[0]) == 0


def test_rows_of_many_threads_are_one_chain(catalog: SqlCatalog) -> None:
    recorders = [Recorder(catalog, KEY), Recorder(catalog, KEY)]  # as two processes would

    def write(recorder: Recorder, name: str, made: list[AuditRow]) -> None:
        actor.acting(actor.Actor(name))
        for _ in range(25):
            row = recorder.record(recorder.entry("GetFace"))
            assert row is not None
            made.append(row)

    made: list[list[AuditRow]] = [[] for _ in range(8)]
    threads = [
        threading.Thread(target=write, args=(recorders[number % 2], f"key-{number}", made[number]))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = {row.number: row for row in catalog.audit_rows()}
    assert verification.verify(catalog, KEY).sound
    assert len(stored) == 201
    for number, rows in enumerate(made):
        assert [stored[row.number] for row in rows] == rows
        assert {row.who for row in rows} == {f"key-{number}"}


def test_what_can_not_be_recorded_fails_or_waits(catalog: SqlCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    strict, lenient = Recorder(catalog, KEY), Recorder(catalog, KEY, required=False)
    strict.begin()

    def full(self: SqlCatalog, link: object) -> None:
        raise StorageFull("The disk is full.")

    monkeypatch.setattr(SqlCatalog, "append_audit", full)
    with pytest.raises(StorageFull, match="nothing is answered without its record"):
        strict.record(strict.entry("GetFace"))
    assert lenient.record(lenient.entry("GetFace", face_ids=["late"])) is None
    for _ in range(3):
        lenient.record(lenient.entry("GetImage"))
    monkeypatch.undo()
    lenient.record(lenient.entry("ListFaces"))
    operations = [row.operation for row in catalog.audit_rows(1)]
    assert operations == ["GetFace", "GetImage", "GetImage", "GetImage", "ListFaces"]
    monkeypatch.setattr(SqlCatalog, "append_audit", full)
    lenient._late.extend([lenient.entry("GetFace")] * MOST_LATE)
    lenient.record(lenient.entry("GetFace"))
    monkeypatch.undo()
    lenient.close()
    assert next(row.operation for row in catalog.audit_rows(6)) == "AuditLost"
    assert verification.verify(catalog, KEY).findings[0].number == 7


def test_a_flood_of_refusals_is_few_rows(catalog: SqlCatalog) -> None:
    before = threading.enumerate()
    recorder = Recorder(catalog, KEY)
    refusals = Refusals(recorder)
    refusals.start()
    for number in range(5000):
        refusals.note(
            "PUT /v1/search",
            "unauthenticated",
            key_id="nobody",
            name="",
            request_id="r",
            address=f"10.0.0.{number % 50}",
        )
    refusals.close()
    rows = [describe(row) for row in catalog.find_audit(AuditQuery(operation="RequestRefused"), 1000)]
    assert len(rows) == MOST_KINDS + 1
    assert sum(row["facts"]["count"] for row in rows) == 5000
    assert {row["outcome"] for row in rows} == {"unauthenticated", "others"}
    assert not [one for one in threading.enumerate() if one.name == "refusals" and one not in before]


def test_rows_are_found_by_what_is_asked(catalog: SqlCatalog, recorder: Recorder) -> None:
    key = Key("key-7", "front desk", "api", frozenset(), frozenset(), 0.0)

    def numbers(query: AuditQuery, limit: int = 100) -> list[int]:
        return [row.number for row in catalog.find_audit(query, limit)]

    def act() -> None:
        actor.begin_request("request-1", "192.0.2.1")
        actor.identify(Principal(key))
        recorder.record(recorder.entry("GetFace", "others", face_ids=["f"], outcome="face_not_found"))

    copy_context().run(act)
    assert numbers(AuditQuery(who="key-7")) == [11]
    assert numbers(AuditQuery(collection_id="people"), 3) == [10, 9, 8]
    assert numbers(AuditQuery(collection_id="people", before=8), 2) == [7, 6]
    assert numbers(AuditQuery(operation="AuditBegun")) == [1]
    assert numbers(AuditQuery(since=4e9)) == []
    assert numbers(AuditQuery(outcome="failed")) == numbers(AuditQuery(outcome="face_not_found")) == [11]
    assert numbers(AuditQuery(outcome="ok", before=3)) == [2, 1]
    row = catalog.find_audit(AuditQuery(), 1)[0]
    assert (row.who, row.name, row.request_id, row.address) == ("key-7", "front desk", "request-1", "192.0.2.1")


def test_odd_texts_are_bounded_and_stored(catalog: SqlCatalog) -> None:
    recorder = Recorder(catalog, KEY)
    recorder.record(
        recorder.entry("GetFace", "x" * 10_000 + "\ud800", face_ids=["\0\ud800"], facts={"a\ud800": ["\0"]})
    )
    assert verification.verify(catalog, KEY).sound
    assert len(next(iter(catalog.audit_rows(1))).collection_id or "") == 255


def test_an_error_of_the_database_reaches_everyone_who_waits(
    catalog: SqlCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(catalog, KEY)
    monkeypatch.setattr(
        SqlCatalog, "append_audit", lambda self, link: (_ for _ in ()).throw(StorageUnavailable("It is busy."))
    )
    errors: list[Exception] = []

    def write() -> None:
        try:
            recorder.record(recorder.entry("GetFace"))
        except StorageUnavailable as error:
            errors.append(error)

    threads = [threading.Thread(target=write) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(errors) == 5
