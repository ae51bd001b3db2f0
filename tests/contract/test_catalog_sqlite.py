"""The SQLite catalog's own duties: files and modes, schema, damage, a full disk, several threads and processes."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event

from kenspeckle.catalog import schema
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.tables import metadata
from kenspeckle.errors import Conflict, SettingError, StorageFull, StorageUnavailable
from tests.catalogs import gallery, held, new_face, person, photo, stored_face, template

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "kenspeckle.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Another process that runs the code from the project's root."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


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


def test_an_empty_database_becomes_what_the_tables_say(url: str) -> None:
    SqlCatalog.open(url).close()
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_versions_that_the_code_knows_are_those_of_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    assert tuple(one.revision for one in reversed(list(scripts.walk_revisions()))) == schema.VERSIONS


def test_opening_again_is_quick_and_loads_no_alembic(url: str) -> None:
    SqlCatalog.open(url).close()
    code = (
        "import sys, time; from kenspeckle.catalog.sql import SqlCatalog; SqlCatalog.open(sys.argv[1]).close()\n"
        "began = time.perf_counter(); SqlCatalog.open(sys.argv[1]); print(time.perf_counter() - began)\n"
        "assert 'alembic' not in sys.modules"
    )
    assert float(finished(python(code, url))) < 0.1


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


@pytest.mark.parametrize("bad", ["sqlite://", "sqlite:///:memory:", "postgresql://localhost/k", "no url", ""])
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
        catalog.add_faces(photo(1), None, [new_face(number) for number in range(300)], "v1")
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(os.urandom(path.stat().st_size // 2))
    with closing(SqlCatalog.open(url)) as catalog:
        for ask in (
            lambda: held(catalog),
            lambda: catalog.faces("people", 1000, None),
            lambda: catalog.stored("people", "face", list(range(300))),
            lambda: catalog.delete_collection("people"),
        ):
            with pytest.raises(StorageUnavailable, match="damaged"):
                ask()


def test_two_processes_may_start_at_once(url: str) -> None:
    code = (
        "import sys; from kenspeckle.catalog.sql import SqlCatalog; from tests.catalogs import gallery\n"
        "SqlCatalog.open(sys.argv[1]).create_collection(gallery(sys.argv[2]))"
    )
    for process in [python(code, url, str(number)) for number in range(2)]:
        finished(process)
    with closing(SqlCatalog.open(url)) as catalog:
        assert catalog.counts()["collections"] == 2


def test_two_processes_write_at_once_and_store_nothing_twice(url: str) -> None:
    code = (
        "import sys; from kenspeckle.catalog.sql import SqlCatalog; from tests.catalogs import new_face, photo\n"
        "from dataclasses import replace\n"
        "catalog, offset = SqlCatalog.open(sys.argv[1]), int(sys.argv[2])\n"
        "made = 0\n"
        "for number in range(25):\n"
        "    faces = [replace(new_face(number), face_id=f'{offset}-{number}')]\n"
        "    made += catalog.add_faces(photo(number), 'same', faces, 'v1')[2]\n"
        "    catalog.add_faces(photo(offset + number), 'own', [new_face(offset + number)], 'v1')\n"
        "print(made)"
    )
    with closing(SqlCatalog.open(url)) as catalog:
        catalog.create_collection(gallery())
        start = catalog.revision("people")
        processes = [python(code, url, str(offset)) for offset in (1000, 2000)]
        seen, last = {}, start
        while any(process.poll() is None for process in processes):
            revision = catalog.revision("people")
            for change in catalog.changes("people", last, 1000) or ():
                assert change.row not in seen
                seen[change.row] = change.revision
                last = max(last, change.revision)
            last = max(last, revision)
            time.sleep(0.005)
        assert sum(int(finished(process)) for process in processes) == 25
        seen.update((change.row, change.revision) for change in catalog.changes("people", last, 1000) or ())
        assert catalog.collection("people").face_count == 75 == len(seen)
        assert catalog.revision("people") == start + 75
        assert {row for _, row in held(catalog)} == set(seen)


def test_many_threads_share_one_catalog(url: str) -> None:
    with closing(SqlCatalog.open(url)) as catalog, ThreadPoolExecutor(12) as pool:
        catalog.create_collection(gallery())
        catalog.create_user(person("anna"))
        stored_face(catalog, 9999)
        clashes = []

        def work(thread: int) -> None:
            for number in range(10):
                stored_face(catalog, 100 * thread + number)
                assert len(catalog.faces("people", 1000, None).items) >= number
                assert catalog.stored("people", "face", [1])
                for _, templates in catalog.snapshot("people", "face")[1]:
                    assert templates.shape[1] == 8
            try:
                catalog.link_faces("people", "anna", ["face-9999"], template(thread), 100, among=[])
            except Conflict:
                clashes.append(thread)

        list(pool.map(work, range(12)))
        assert catalog.collection("people").face_count == 121
        assert len(clashes) == 11


def test_reading_waits_for_no_writer_and_writers_wait_in_line(url: str) -> None:
    with closing(SqlCatalog.open(url)) as catalog:
        catalog.create_collection(gallery())
        stored_face(catalog, 1)
        writes = threading.Thread(target=stored_face, args=(catalog, 2))
        with catalog.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM faces")
            writes.start()
            began = time.monotonic()
            assert catalog.faces("people", 10, None).items
            assert time.monotonic() - began < 1
            assert writes.is_alive()
            connection.rollback()
        writes.join(timeout=10)
        assert catalog.collection("people").face_count == 2


def test_a_lock_held_elsewhere_is_busy_not_a_traceback(path: Path, url: str) -> None:
    with closing(SqlCatalog.open(url + "?timeout=0.1")) as catalog, closing(sqlite3.connect(path)) as other:
        catalog.create_collection(gallery())
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable, match="busy") as caught:
            stored_face(catalog, 1)
        assert caught.value.retry_after == 1
        assert catalog.collection("people").face_count == 0
        other.rollback()
        stored_face(catalog, 1)


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
