"""The contract of `ports.Storage`: a catalog in an SQLite file, and one that has no file on this machine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.storage import storage_of
from kenspeckle.doctor import database
from kenspeckle.doctor.findings import Examined
from kenspeckle.doctor.instance import Instance
from kenspeckle.errors import NotOffered, SettingError, StorageUnavailable
from kenspeckle.ports import Storage
from kenspeckle.settings import Settings
from tests.catalogs import gallery, stored_face
from tests.postgres import Server

ELSEWHERE = "sqlite://"


def test_a_file_is_seen_once_it_is_there(url: str, path: Path) -> None:
    storage = storage_of(url)
    assert storage.file == path
    assert not storage.readable()
    with pytest.raises(StorageUnavailable, match="There is no catalog"):
        storage.see()
    assert not path.parent.exists()
    with closing(SqlCatalog.open(url)) as catalog:
        catalog.create_collection(gallery())
        stored_face(catalog, 1)
        storage.see()
        assert storage.readable()
        with closing(storage.inspect()) as inspection:
            assert inspection.schema() == inspection.known[-1]
            assert inspection.names() == ["people"]
            assert inspection.catalog.collection("people").face_count == 1
            assert not inspection.damage(thorough=True)
            assert inspection.log_bytes > 0
            with pytest.raises(StorageUnavailable, match="only looked at"):
                inspection.catalog.create_collection(gallery("others"))
            with pytest.raises(StorageUnavailable, match="only looked at"), inspection.catalog.lock(["0" * 64]):
                pass
    assert storage.copies().keyring().keys == {}


def test_what_is_no_database_is_not_readable(url: str, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all")
    assert not storage_of(url).readable()


def test_a_catalog_elsewhere_says_that_it_has_no_file() -> None:
    storage = storage_of(ELSEWHERE)
    assert storage.file is None
    assert not storage.readable()
    storage.see()
    asked: tuple[Callable[[Storage], object], ...] = (Storage.inspect, Storage.copies, Storage.replacer)
    for ask in asked:
        with pytest.raises(NotOffered, match="SQLite file or in PostgreSQL"):
            getattr(storage, ask.__name__)()


def test_a_catalog_in_postgresql_is_inspected(postgres: Server, tmp_path: Path) -> None:
    with postgres.database() as url:
        storage = storage_of(url)
        assert storage.file is None
        storage.see()
        with closing(SqlCatalog.open(url)) as catalog:
            catalog.create_collection(gallery())
            stored_face(catalog, 1)
        with closing(storage.inspect()) as inspection:
            assert inspection.schema() == inspection.known[-1]
            assert inspection.names() == ["people"]
            assert inspection.catalog.collection("people").face_count == 1
            assert not inspection.damage(thorough=True)
            assert [name for name, _ in inspection.templates("people", "face")] == ["face-1"]
            with pytest.raises(StorageUnavailable, match="only looked at"):
                inspection.catalog.create_collection(gallery("others"))
        found = Examined("database", "Database")
        settings = Settings(data_dir=tmp_path, catalog_url=url)
        with closing(storage.inspect()) as inspection:
            database.check(Instance(settings, False, lambda *_: None, lambda: 0.0, inspection), found)
        assert found.summary.startswith("PostgreSQL, no damage is known")
        assert not found.findings
    with postgres.empty_database() as url, pytest.raises(StorageUnavailable, match="without a catalog"):
        storage_of(url).see()


def test_a_server_that_is_not_reached_is_a_finding(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    settings = Settings(data_dir=tmp_path, catalog_url=f"postgresql://kenspeckle@/kenspeckle?host={tmp_path}")
    found = Examined("database", "Database")
    database.check(Instance(settings, False, lambda *_: None, lambda: 0.0), found)
    assert [one.code for one in found.findings] == ["database_no_access"]


def test_what_is_no_url_is_refused() -> None:
    with pytest.raises(SettingError, match="CATALOG_URL"):
        storage_of("no url")
