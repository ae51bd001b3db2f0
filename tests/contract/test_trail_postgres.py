"""Rows of the audit trail on PostgreSQL, each added by one statement: the chain stays one, over processes and over
connections that are lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from kenspeckle.catalog.database import Database
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.errors import StorageUnavailable
from kenspeckle.usecases.audit.recorder import Recorder
from kenspeckle.usecases.audit.verification import verify
from tests.postgres import Server

KEY = b"k" * 32


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    with postgres.database() as made:
        yield made


@pytest.fixture
def catalog(url: str) -> Iterator[SqlCatalog]:
    with closing(SqlCatalog.open(url)) as opened:
        yield opened


def begun(catalog: SqlCatalog) -> Recorder:
    recorder = Recorder(catalog, KEY)
    recorder.begin()
    recorder.record(recorder.entry("SearchFaces", "first"))
    return recorder


def collections(catalog: SqlCatalog) -> list[str | None]:
    """Of each row; the trail is sound."""
    assert verify(catalog, KEY).sound
    return [row.collection_id for row in catalog.audit_rows()][1:]


def test_a_row_is_one_statement(catalog: SqlCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = begun(catalog)
    monkeypatch.setattr(Database, "write_quickly", lambda self: pytest.fail("a transaction of several messages"))
    for name in ("a", "b"):
        recorder.record(recorder.entry("SearchFaces", name))
    assert collections(catalog) == ["first", "a", "b"]


def test_processes_take_turns_at_one_chain(url: str, catalog: SqlCatalog) -> None:
    with closing(SqlCatalog.open(url)) as other:
        recorders = [begun(one) for one in (catalog, other)]

        def work(recorder: Recorder, name: str) -> None:
            for number in range(25):
                recorder.record(recorder.entry("SearchFaces", f"{name}{number}"))

        threads = [
            threading.Thread(target=work, args=(recorder, f"{at}{of}-"))
            for at, recorder in enumerate(recorders)
            for of in range(2)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        found = collections(catalog)
        assert len(found) == len(recorders) + 4 * 25
        for name in ("00-", "01-", "10-", "11-"):
            assert [one for one in found if one and one.startswith(name)] == [f"{name}{at}" for at in range(25)]


@pytest.mark.parametrize("stored", [True, False])
def test_a_connection_that_is_lost_meanwhile_neither_loses_nor_doubles_the_row(
    catalog: SqlCatalog, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    recorder, once = begun(catalog), Database.once

    def lost(self: Database, *statement: Any) -> int:
        if stored:
            assert once(self, *statement) == 1
        error = StorageUnavailable("It is gone.")
        error.lost = True
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Database, "once", lost)
        row = recorder.record(recorder.entry("SearchFaces", "a"))
    assert row is not None
    recorder.record(recorder.entry("SearchFaces", "b"))
    assert collections(catalog) == ["first", "a", "b"]
    assert row.number == 3


def test_another_error_is_the_callers(catalog: SqlCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = begun(catalog)

    def refused(self: Database, *statement: Any) -> int:
        raise StorageUnavailable("It takes no writes.")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "once", refused)
        with pytest.raises(StorageUnavailable, match="takes no writes"):
            recorder.record(recorder.entry("SearchFaces", "a"))
    assert collections(catalog) == ["first"]


def test_what_another_process_removed_by_age_is_seen(url: str, catalog: SqlCatalog) -> None:
    recorder = begun(catalog)
    with closing(SqlCatalog.open(url)) as other:
        trimming = begun(other)
        newest = other.audit_head().number
        assert other.trim_audit(trimming.now() + 60, lambda head: head) == newest
    recorder.record(recorder.entry("SearchFaces", "a"))
    assert catalog.audit_head().floor == newest
    assert [row.number for row in catalog.audit_rows()] == [newest + 1, newest + 2], "the seal was not made anew"
