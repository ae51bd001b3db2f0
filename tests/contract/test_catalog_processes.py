"""The SQLite catalog among threads, processes and crashes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from kenspeckle.catalog import collections
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.tables import metadata
from kenspeckle.errors import Conflict, StorageUnavailable
from tests import forks
from tests.catalogs import gallery, held, new_face, person, photo, stored_face, template

REPOSITORY = Path(__file__).parents[2]


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Another process that runs the code from the project's root."""
    return forks.Popen(
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


def test_a_crash_in_the_middle_of_deleting_a_collection_is_mended(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(SqlCatalog.open(url)) as catalog:
        for name in ("people", "others"):
            catalog.create_collection(gallery(name, a="b"))
            catalog.add_faces(photo(1, name), None, [new_face(1, b"jpeg"), new_face(2)], "v1")
            catalog.create_user(person("anna", name))
            catalog.link_faces(name, "anna", ["face-1"], template(1), 100)
        stored_face(catalog, 5)
        monkeypatch.setattr(SqlCatalog, "purge", lambda self: None)
        assert catalog.delete_collection("people") == (photo(5).digest,)
        assert catalog.counts() == {"collections": 1, "faces": 2, "users": 1, "images": 1}
        assert [one.collection_id for one in catalog.collections(10, None).items] == ["others"]
        assert catalog.digests([photo(1).digest, photo(5).digest]) == {photo(1).digest}
        catalog.create_collection(gallery())
        stored_face(catalog, 3)
        monkeypatch.undo()
    with closing(SqlCatalog.open(url)) as catalog, catalog.database.read() as connection:
        counted = {one.name: len(connection.execute(one.select()).all()) for one in metadata.sorted_tables}
        wanted = {"service": 1, "collections": 2, "tags": 1, "images": 2, "users": 1, "faces": 3}
        wanted |= {"thumbnails": 1, "changes": 4, "audit_head": 1, "removals": 1}
        wanted |= {"people": 2, "members": 2, "identities": 1}  # who is in what is left: a user, and an identity
        assert {name: count for name, count in counted.items() if count} == wanted
        assert catalog.counts() == {"collections": 2, "faces": 3, "users": 1, "images": 2}


def test_others_write_while_a_large_collection_is_removed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collections, "PAUSE_SECONDS", 0.02)
    with closing(SqlCatalog.open(url)) as catalog:
        catalog.create_collection(gallery())
        catalog.create_collection(gallery("others"))
        catalog.add_faces(photo(1), None, [new_face(number) for number in range(5000)], "v1")
        removal = threading.Thread(target=catalog.delete_collection, args=("people",))
        removal.start()
        written = 0
        while removal.is_alive():
            stored_face(catalog, written, "others")
            written += 1
        removal.join()
        assert written > 3
        assert catalog.counts()["faces"] == written


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
                assert catalog.read_stored("people", "face", [1])
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
            connection.exec_driver_sql("DELETE FROM members")
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


def test_opening_again_is_quick_and_loads_no_alembic(url: str) -> None:
    SqlCatalog.open(url).close()
    code = (
        "import sys, time; from kenspeckle.catalog.sql import SqlCatalog; SqlCatalog.open(sys.argv[1]).close()\n"
        "began = time.perf_counter(); SqlCatalog.open(sys.argv[1]); print(time.perf_counter() - began)\n"
        "assert 'alembic' not in sys.modules"
    )
    assert float(finished(python(code, url))) < 0.1
