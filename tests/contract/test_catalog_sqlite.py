"""The SQLite catalog's own duties: files and modes, schema, damage, a full disk."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event

from kenspeckle.catalog import schema
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.tables import metadata
from kenspeckle.errors import SettingError, StorageFull, StorageUnavailable
from tests.catalogs import gallery, held, new_face, photo, stored_face, template


def test_only_the_owner_may_read_it(path: Path, url: str) -> None:
    with closing(SqlCatalog.open(url)) as catalog:
        catalog.create_collection(gallery())
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"kenspeckle.db": 0o600, "kenspeckle.db-wal": 0o600, "kenspeckle.db-shm": 0o600}
    assert [file.name for file in path.parent.iterdir()] == ["kenspeckle.db"]


def test_every_connection_is_durable_and_thorough(url: str) -> None:
    with closing(SqlCatalog.open(url)) as catalog, catalog.database.read() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "busy_timeout": 10_000,
    }


def test_deleted_templates_leave_the_file(path: Path, url: str) -> None:
    with closing(SqlCatalog.open(url)) as catalog:
        catalog.create_collection(gallery())
        for number in range(3):
            stored_face(catalog, number)
        catalog.delete_faces("people", ["face-1"])
    content = path.read_bytes()
    assert template(0).tobytes() in content
    assert template(1).tobytes() not in content


@pytest.mark.parametrize("make", [schema.create, schema.migrate], ids=["created", "migrated"])
def test_an_empty_database_becomes_what_the_tables_say(make: Callable[[Connection], None]) -> None:
    with create_engine("sqlite://").begin() as connection:
        make(connection)
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_database_that_is_created_is_one_that_is_migrated() -> None:
    made = []
    for make in (schema.create, schema.migrate):
        with create_engine("sqlite://").begin() as connection:
            make(connection)
            made.append(_everything(connection.connection.driver_connection))
    created, migrated = made
    assert created == migrated
    assert created["service", "rows"] == [(1, "", 0)]
    assert created["audit_head", "rows"] == [(1, 0, bytes(32), 0, bytes(32), b"")]


def _everything(driver: Any) -> dict[tuple[str, str], object]:
    """Tables with columns, indexes, references and rows, triggers: everything that SQLite holds but the wording of
    statements, and the key that is drawn for each database."""
    driver.execute("UPDATE service SET cursor_key = ''")
    found: dict[tuple[str, str], object] = {}
    for kind, name, text in driver.execute("SELECT type, name, sql FROM sqlite_master").fetchall():
        if kind == "table":
            found[name, "columns"] = driver.execute(f"PRAGMA table_xinfo({name})").fetchall()
            found[name, "references"] = sorted(
                one[2:] for one in driver.execute(f"PRAGMA foreign_key_list({name})").fetchall()
            )
            found[name, "indexes"] = sorted(
                # The name of a constraint's index is a number, in the order in which the table declares them.
                (index if origin == "c" else "", *more, driver.execute(f"PRAGMA index_xinfo({index})").fetchall())
                for _, index, unique, origin, partial in driver.execute(f"PRAGMA index_list({name})").fetchall()
                for more in [(unique, origin, partial)]
            )
            found[name, "numbered"] = "AUTOINCREMENT" in text, "WITHOUT ROWID" in text
            found[name, "rows"] = driver.execute(f"SELECT * FROM {name}").fetchall()
        elif text:
            found[name, kind] = text
    return found


def test_the_versions_that_the_code_knows_are_those_of_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    assert tuple(one.revision for one in reversed(list(scripts.walk_revisions()))) == schema.VERSIONS


def test_a_newer_database_is_refused(path: Path, url: str) -> None:
    SqlCatalog.open(url).close()
    with closing(sqlite3.connect(path)) as driver, driver:
        driver.execute("UPDATE alembic_version SET version_num = '9001'")
    before = path.read_bytes()
    with pytest.raises(StorageUnavailable, match=r"newer Kenspeckle \(schema 9001"):
        SqlCatalog.open(url)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused(path: Path, url: str) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as driver, driver:
        driver.execute("CREATE TABLE songs (name TEXT)")
    with pytest.raises(StorageUnavailable, match="another program"):
        SqlCatalog.open(url)


@pytest.mark.parametrize("bad", ["sqlite://", "sqlite:///:memory:", "oracle://localhost/k", "no url", ""])
def test_a_url_that_can_not_be_is_a_setting_error(bad: str) -> None:
    with pytest.raises(SettingError, match="CATALOG_URL"):
        SqlCatalog.open(bad)


def test_a_file_that_is_no_database_is_said_to_be_damaged(path: Path, url: str) -> None:
    path.parent.mkdir()
    path.write_bytes(b"holiday photographs, not a database. " * 1000)
    with pytest.raises(StorageUnavailable, match="damaged"):
        SqlCatalog.open(url)


def test_a_folder_that_can_not_be_made_is_said_to_be_out_of_reach(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailable, match="can't be opened"):
        SqlCatalog.open(f"sqlite:///{tmp_path}/file/data/kenspeckle.db")


def test_damage_is_an_error_with_a_sentence(path: Path, url: str) -> None:
    with closing(SqlCatalog.open(url)) as catalog:
        catalog.create_collection(gallery())
        catalog.add_faces(photo(1), None, [new_face(number) for number in range(1200)], "v1")
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(os.urandom(path.stat().st_size // 2))
    with closing(SqlCatalog.open(url)) as catalog:
        for ask in (
            lambda: held(catalog),
            lambda: catalog.faces("people", 1000, None),
            lambda: catalog.read_stored("people", "face", list(range(1200))),
        ):
            with pytest.raises(StorageUnavailable, match="damaged"):
                ask()


def test_a_full_database_stores_nothing_and_reads_on(url: str) -> None:
    with closing(SqlCatalog.open(url)) as catalog:
        catalog.create_collection(gallery())
        stored_face(catalog, 0)
        room = [0]

        @event.listens_for(catalog.database._writer, "begin")
        def limit(connection: object) -> None:
            connection.exec_driver_sql(f"PRAGMA max_page_count={room[0] or 1 << 30}")  # type: ignore[attr-defined]  # untyped hook

        with catalog.database.read() as connection:
            room[0] = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
        numbers = iter(range(1, 1000))

        def fill() -> None:
            for number in numbers:
                catalog.add_faces(photo(number), None, [new_face(1000 * number + one) for one in range(50)], "v1")

        with pytest.raises(StorageFull, match="full"):
            fill()
        refused = next(numbers) - 1
        stored = 1 + 50 * (refused - 1)
        assert catalog.collection("people").face_count == stored == len(held(catalog))
        assert catalog.find_indexed("people", photo(refused).digest, None) is None
        room[0] = 0
        stored_face(catalog, 5000)
        assert catalog.collection("people").face_count == 1 + stored


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB in memory."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("a small disk is mounted for this, which needs root on Linux")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_stores_nothing_reads_on_and_recovers(small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(600_000))
    url = f"sqlite:///{small_disk}/data/kenspeckle.db"
    stored = 0
    with closing(SqlCatalog.open(url)) as catalog:
        catalog.create_collection(gallery())
        for number in range(5000):
            try:
                stored_face(catalog, number)
            except StorageFull:
                break
            stored += 1
        assert 0 < stored < 5000
        for _ in range(3):
            with pytest.raises(StorageFull):
                stored_face(catalog, stored)
            assert catalog.collection("people").face_count == stored == len(held(catalog))
        filler.unlink()
        stored_face(catalog, stored)
    with closing(SqlCatalog.open(url)) as catalog:
        assert catalog.collection("people").face_count == stored + 1 == len(held(catalog))


def test_a_start_on_a_full_disk_says_so(small_disk: Path) -> None:
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    with pytest.raises(StorageFull):
        SqlCatalog.open(f"sqlite:///{small_disk}/data/kenspeckle.db")
    filler.unlink()
    SqlCatalog.open(f"sqlite:///{small_disk}/data/kenspeckle.db").close()
