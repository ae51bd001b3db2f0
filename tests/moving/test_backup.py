"""Backup and restore on real data folders: what comes back is what was there, and nothing else is touched."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kenspeckle.catalog.sqlite.copies import SqliteCopies, SqliteReplacer
from kenspeckle.domain import User
from kenspeckle.images.folder import FolderImages
from kenspeckle.usecases.archive.archive_format import MASTER_KEY
from kenspeckle.usecases.archive.reader import Archive
from kenspeckle.usecases.backup.backup import Backup, Source, back_up
from tests import forks
from tests.moving.conftest import Command
from tests.moving.folders import PEOPLE, digest, face_id, make, numbers_of, opened, photograph, shown, template

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder of nine photographs and a user."""
    folder = make(tmp_path / "data", range(9))
    with opened(folder) as one:
        one.catalog.create_user(User("ada", PEOPLE, "CREATED", 3000.25))
        one.catalog.link_faces(PEOPLE, "ada", [face_id(0), face_id(10)], template(5), 100)
    return folder


def _members(path: Path) -> list[str]:
    with path.open("rb") as file:
        return [member.name for member in Archive(file).members()]


def test_what_is_restored_is_what_was_backed_up(command: Command, data: Path, tmp_path: Path) -> None:
    before = shown(data)
    made = command("backup", "one.tar", "--data-dir", data, "--json")
    assert made.code == 0, made.err
    assert made.json["counts"] == {"collections": 1, "faces": 18, "users": 1, "images": 9}
    assert (made.json["photographs"], made.json["missing"]) == (9, [])
    assert (tmp_path / "one.tar").stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["data", "one.tar"]

    done = command("restore", "one.tar", "--data-dir", "new", "--json")
    assert done.code == 0, done.err
    assert done.json["counts"] == made.json["counts"]
    assert shown(tmp_path / "new") == before
    assert shown(data) == before
    names = {one.name for one in (tmp_path / "new").iterdir()} - {
        f"kenspeckle.db-{one}" for one in ("wal", "shm", "locks")
    }
    assert names == {"kenspeckle.db", "audit.anchor", "images", "master.key", "master.key.lock"}


def test_for_people(command: Command, data: Path, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    made = command("backup", "backups", "--data-dir", data)
    (written,) = (tmp_path / "backups").iterdir()
    assert written.name.startswith("kenspeckle-")
    assert f"1 collection, 18 faces, 1 user and 9 photographs are in backups/{written.name}" in made.out
    again = command("backup", f"backups/{written.name}", "--data-dir", data)
    assert again.code == 1
    assert "exists" in again.err
    checked = command("restore", written, "--check")
    assert "18 faces, 1 user and 9 photographs are whole" in checked.out
    assert not (tmp_path / "nowhere").exists()
    assert "There is no folder" in command("backup", "none/one.tar", "--data-dir", data).err
    assert "no catalog" in command("backup", "two.tar", "--data-dir", tmp_path / "empty").err
    assert "does not exist" in command("restore", "none.tar").err
    assert "no regular file" in command("restore", "backups").err
    assert not (tmp_path / "two.tar").exists()


def test_a_catalog_that_is_there_is_replaced_only_on_demand(command: Command, data: Path, tmp_path: Path) -> None:
    make(tmp_path / "other", range(6, 14))
    old = shown(tmp_path / "other")
    assert command("backup", "one.tar", "--data-dir", data).code == 0
    refused = command("restore", "one.tar", "--data-dir", "other")
    assert refused.code == 1
    assert "--replace" in refused.err
    assert shown(tmp_path / "other") == old

    done = command("restore", "one.tar", "--data-dir", "other", "--replace", "--json")
    assert done.code == 0, done.err
    assert shown(tmp_path / "other") == shown(data)
    assert shown(Path(done.json["aside"])) == old, "what was there is a data folder of its own"
    stored = {file.name for file in (tmp_path / "other" / "images").rglob("*") if len(file.name) == 64}
    assert stored == {digest(number) for number in range(9)}, "photographs of the old one are aside only"


def test_a_catalog_in_use_is_not_replaced(command: Command, data: Path) -> None:
    assert command("backup", "one.tar", "--data-dir", data).code == 0
    before = shown(data)
    with opened(data) as folder:
        folder.catalog.counts()
        refused = command("restore", "one.tar", "--data-dir", data, "--replace")
        assert refused.code == 1
        assert "stop the service" in refused.err
    assert shown(data) == before


def test_whoever_waited_for_the_old_catalog_can_not_write_to_it(data: Path, tmp_path: Path) -> None:
    make(tmp_path / "new", range(3))
    with closing(sqlite3.connect(tmp_path / "new" / "kenspeckle.db")) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    path = data / "kenspeckle.db"
    (tmp_path / "aside").mkdir()
    said: list[str] = []

    def late() -> None:
        try:
            with opened(data) as folder:
                folder.add(100)
        except Exception as error:  # whatever it is, it is told
            said.append(type(error).__name__)

    with SqliteReplacer(path).reserve(replace=True) as reserved:
        thread = threading.Thread(target=late)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive(), "it waits for the catalog"
        reserved.keep(tmp_path / "aside")
        reserved.put(tmp_path / "new" / "kenspeckle.db")
    thread.join(20)
    assert said == ["StorageUnavailable"]
    assert not path.with_name("kenspeckle.db-wal").exists()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT sum(face_count) FROM collections").fetchone() == (6,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_catalog_beyond_repair_is_replaced_and_kept(command: Command, data: Path, tmp_path: Path) -> None:
    assert command("backup", "one.tar", "--data-dir", data).code == 0
    before = shown(data)
    (data / "kenspeckle.db").write_bytes(b"no database " * 1000)
    (data / "kenspeckle.db-wal").write_bytes(b"no log")
    done = command("restore", "one.tar", "--data-dir", data, "--replace", "--json")
    assert done.code == 0, done.err
    assert shown(data) == before
    assert (Path(done.json["aside"]) / "kenspeckle.db-wal").read_bytes() == b"no log"


def test_a_damaged_catalog_makes_no_backup(command: Command, data: Path, tmp_path: Path) -> None:
    with (data / "kenspeckle.db").open("r+b") as file:
        file.seek(3 * 8192)
        file.write(b"\xff" * 8192 * 4)
    refused = command("backup", "one.tar", "--data-dir", data)
    assert refused.code == 1
    assert "damaged" in refused.err
    assert sorted(one.name for one in tmp_path.iterdir()) == ["data"]


def test_a_damaged_backup_touches_nothing(command: Command, data: Path, tmp_path: Path) -> None:
    assert command("backup", "one.tar", "--data-dir", data).code == 0
    whole = (tmp_path / "one.tar").read_bytes()
    with (tmp_path / "one.tar").open("rb") as file:
        members = {member.name: member for member in Archive(file).members()}
    for name in (f"images/{digest(4)[:2]}/{digest(4)[2:4]}/{digest(4)}", "catalog.db", "SHA256SUMS", "manifest.json"):
        bad = bytearray(whole)
        bad[members[name].offset + members[name].size // 2] ^= 0x10
        (tmp_path / "bad.tar").write_bytes(bad)
        refused = command("restore", "bad.tar", "--data-dir", "new")
        assert refused.code == 1
        assert name in refused.err
        assert not (tmp_path / "new").exists()
    (tmp_path / "bad.tar").write_bytes(whole[: len(whole) // 2])
    assert "cut off" in command("restore", "bad.tar", "--data-dir", "new").err
    (tmp_path / "bad.tar").write_bytes(b"\x1f\x8b" + whole)
    assert "no archive of Kenspeckle" in command("restore", "bad.tar", "--data-dir", "new").err
    assert not (tmp_path / "new").exists()


def test_a_backup_of_a_newer_program_is_refused(command: Command, data: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(data / "kenspeckle.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert command("backup", "one.tar", "--data-dir", data).code == 0, "an older program can copy it all the same"
    make(tmp_path / "other", range(2))
    old = shown(tmp_path / "other")
    refused = command("restore", "one.tar", "--data-dir", "other", "--replace")
    assert refused.code == 1
    assert "newer Kenspeckle" in refused.err
    assert shown(tmp_path / "other") == old


def test_the_master_key_goes_along_only_on_demand(command: Command, data: Path, tmp_path: Path) -> None:
    pair = command("keys", "create", "desk", "--aws", "--data-dir", data, "--json").json
    key = (data / "master.key").read_bytes()
    plain = command("backup", "plain.tar", "--data-dir", data)
    assert "master key is not in it" in plain.err
    assert key not in (tmp_path / "plain.tar").read_bytes()
    assert command("backup", "full.tar", "--data-dir", data, "--with-master-key").code == 0
    assert MASTER_KEY in _members(tmp_path / "full.tar")

    assert command("restore", "full.tar", "--data-dir", "full").code == 0
    assert (tmp_path / "full" / "master.key").read_bytes() == key
    assert (tmp_path / "full" / "master.key").stat().st_mode & 0o777 == 0o600
    assert command("keys", "list", "--data-dir", "full", "--json").json[0]["id"] == pair["id"]

    without = command("restore", "plain.tar", "--data-dir", "plain")
    assert without.code == 0
    assert "copy of the master key that you kept at plain/master.key" in without.err

    make(tmp_path / "other", range(2))
    (tmp_path / "other" / "master.key").write_bytes(bytes(32))
    refused = command("restore", "full.tar", "--data-dir", "other", "--replace")
    assert refused.code == 1
    assert "another master key" in refused.err
    assert (tmp_path / "other" / "master.key").read_bytes() == bytes(32)
    missing = command("backup", "none.tar", "--data-dir", "other", "--with-master-key")
    assert missing.code == 0, missing.err


def test_missing_and_damaged_photographs_are_named(command: Command, data: Path) -> None:
    root = data / "images"
    next(root.rglob(digest(2))).unlink()
    next(root.rglob(digest(3))).write_bytes(b"rotten")
    made = command("backup", "one.tar", "--data-dir", data, "--json")
    assert made.code == 1
    assert set(made.json["missing"]) == {digest(2), digest(3)}
    assert made.json["photographs"] == 7
    done = command("restore", "one.tar", "--data-dir", "new", "--json")
    assert (done.code, done.json["missing"], done.json["photographs"]) == (0, 2, 7)


class _Deleting(FolderImages):
    """Photographs that a client erases, and others that it has just stored, while they are copied."""

    data: Path
    erased = 0

    def get(self, digest: str) -> bytes:
        if not self.erased:
            self.erased = 4
            with opened(self.data) as folder:
                _, gone = folder.catalog.delete_faces(PEOPLE, [face_id(one) for one in numbers_of(self.erased)])
                folder.images.delete(gone)
        return super().get(digest)


def _backed_up(data: Path, images: FolderImages, path: Path) -> Backup:
    source = Source(SqliteCopies(data / "kenspeckle.db"), images, "test", pause=lambda _: None)
    with path.open("x+b") as file:
        return back_up(source, file, path.with_suffix(".db"), lambda *_: None)


def test_what_is_erased_meanwhile_is_not_called_missing(data: Path, tmp_path: Path) -> None:
    images = _Deleting(data / "images")
    images.data = data
    made = _backed_up(data, images, tmp_path / "one.tar")
    assert (made.photographs, made.missing, made.erased) == (8, (), 1)
    assert made.counts["images"] == 9


def test_a_photograph_that_is_not_yet_in_its_place_comes_along(data: Path, tmp_path: Path) -> None:
    images = FolderImages(data / "images")
    place = next((data / "images").rglob(digest(5)))
    place.unlink()
    images.stage(digest(5), photograph(5))
    made = _backed_up(data, images, tmp_path / "one.tar")
    assert (made.photographs, made.missing) == (9, ())


WRITER = """
import os, sys
from pathlib import Path
from tests.moving.folders import opened
with opened(Path(sys.argv[1])) as folder:
    for number in range(1000, 100_000):
        folder.add(number)
        os.write(1, b"%d\\n" % number)
"""


@pytest.fixture
def writer(data: Path) -> Iterator[list[int]]:
    """Another process that stores photograph after photograph; their numbers, as each is acknowledged."""
    acknowledged: list[int] = []
    with forks.Popen(
        [sys.executable, "-c", WRITER, str(data)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdout is not None
        reader = threading.Thread(target=lambda: acknowledged.extend(int(line) for line in process.stdout or ()))
        reader.start()
        try:
            yield acknowledged
        finally:
            process.kill()
            reader.join()


def test_a_backup_made_under_writes_has_all_that_was_acknowledged(
    command: Command, data: Path, tmp_path: Path, writer: list[int]
) -> None:
    for number in range(3):
        while len(writer) < 20 * (number + 1):
            assert threading.active_count() > 1
            os.sched_yield()
        known = list(writer)
        made = command("backup", f"{number}.tar", "--data-dir", data, "--json")
        assert made.code == 0, made.err
        assert made.json["missing"] == []
        assert command("restore", f"{number}.tar", "--data-dir", f"new{number}").code == 0
        there = shown(tmp_path / f"new{number}")
        assert {face_id(one) for photo in known for one in numbers_of(photo)} <= set(there)
    assert len(writer) > len(known), "it went on writing"


def test_writes_do_not_start_the_copy_over(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kenspeckle.catalog.sqlite.copies.STEP_PAGES", 1)
    steps: list[int] = []
    with opened(data) as folder:

        def write(done: int, total: int) -> None:
            steps.append(done)
            assert done <= total
            if len(steps) < 100:
                folder.add(500 + len(steps))

        facts = SqliteCopies(data / "kenspeckle.db").make(tmp_path / "copy.db", write)
        assert facts.counts["images"] == 9, "the moment when the copy was begun"
        assert folder.catalog.counts()["images"] == 9 + min(len(steps), 99)
    assert len(steps) > 10
    assert steps == sorted(steps)


def test_only_the_newest_dated_backups_are_kept(command: Command, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    old = [folder / f"kenspeckle-2020010{day}T020000Z.tar" for day in (1, 2, 3)]
    other = [folder / name for name in ("kenspeckle-mine.tar", "notes.txt")]
    for file in old + other:
        file.write_bytes(b"x")
    assert command("backup", folder, "--keep", "2", "--data-dir", data).code == 0
    left = set(folder.glob("*.tar"))
    assert old[2] in left
    assert not {old[0], old[1]} & left
    assert len(left - set(other)) == 2
    assert all(file.exists() for file in other)
    assert command("backup", tmp_path / "one.tar", "--keep", "2", "--data-dir", data).code != 0
    assert not (tmp_path / "one.tar").exists()
