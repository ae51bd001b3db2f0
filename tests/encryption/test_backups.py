"""Backups of encrypted collections: nothing in them can be read without the keyring, and its loss is their erasure."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kenspeckle.catalog.sqlite.copies import SqliteCopies
from kenspeckle.domain import Collection
from kenspeckle.errors import StorageUnavailable
from kenspeckle.usecases.backup.keyring_file import NAME
from tests.encryption.secrets import PNG, found
from tests.encryption.test_conversion import secrets
from tests.moving.conftest import Command
from tests.moving.folders import PACK, PEOPLE, Folder, make, opened, shown

NUMBERS = range(8)


@pytest.fixture
def data(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with two encrypted collections, with the commands set to it once they are there."""
    made = make(tmp_path / "data", NUMBERS, encryption=True)
    with opened(made, encryption=True) as folder:
        folder.catalog.create_collection(Collection("others", PACK.name, PACK.contract, 1.0))
        folder.add(100, "others")
    monkeypatch.setenv("KENSPECKLE_DATA_DIR", str(made))
    monkeypatch.setenv("KENSPECKLE_ENCRYPTION", "on")
    return made


def moved(data: Path, to: Path) -> Path:
    """Another machine, that has the master key already."""
    to.mkdir()
    (to / "master.key").write_bytes((data / "master.key").read_bytes())
    return to


def test_there_and_back(tmp_path: Path, data: Path, command: Command) -> None:
    before = shown(data), shown(data, "others")
    said = command("backup", "b.tar", "--json").json
    keyring = tmp_path / NAME
    assert (said["keyring"], said["keys_destroyed"], keyring.stat().st_mode & 0o777) == (str(keyring), 0, 0o600)
    archive = (tmp_path / "b.tar").read_bytes()
    assert found(secrets(NUMBERS), archive) == 0
    assert PNG not in archive
    keys = SqliteCopies(data / "kenspeckle.db").keyring().keys
    assert len(keys) == 2
    assert not any(wrapped[:24] in archive or wrapped[-24:] in archive for wrapped in keys.values())
    assert command("restore", "b.tar", "--check", "--json").json["encrypted"] == 2

    new = moved(data, tmp_path / "new")
    assert command("restore", "b.tar", "--data-dir", new).code == 0
    assert (shown(new), shown(new, "others")) == before


def test_old_copies_of_keys_are_in_no_backup(tmp_path: Path, data: Path, command: Command) -> None:
    """Whatever SQLite left of them in unallocated space when it moved their rows."""
    with opened(data, encryption=True) as folder:
        for number in range(300):
            folder.catalog.create_collection(Collection(f"c{number}", PACK.name, PACK.contract, 1.0))
    keys = SqliteCopies(data / "kenspeckle.db").keyring().keys
    assert command("backup", "b.tar").code == 0
    archive = (tmp_path / "b.tar").read_bytes()
    assert not any(wrapped[10:40] in archive for wrapped in keys.values())


def test_deleting_a_collection_reaches_old_backups(tmp_path: Path, data: Path, command: Command) -> None:
    others = shown(data, "others")
    assert command("backup", "old.tar").code == 0
    with opened(data, encryption=True) as folder:
        folder.catalog.delete_collection(PEOPLE)
    said = command("backup", "new.tar")
    assert "1 deleted collection went from that keyring" in said.err
    for name in ("first", "second"):
        moved(data, tmp_path / name)
    said = command("restore", "old.tar", "--data-dir", "first")
    assert said.code == 1
    assert "no key for collections of the backup: 'people'" in said.err.replace("\n", " ")
    assert not (tmp_path / "first" / "kenspeckle.db").exists()

    said = command("restore", "old.tar", "--data-dir", "first", "--skip-unreadable", "--json")
    assert (said.code, said.json["left_out"], said.json["counts"]["collections"]) == (0, [PEOPLE], 1)
    assert said.json["photographs"] == 1
    assert shown(tmp_path / "first", "others") == others
    assert command("restore", "new.tar", "--data-dir", "second").code == 0
    assert shown(tmp_path / "second", "others") == others


def test_without_the_keyring_a_backup_is_noise(tmp_path: Path, data: Path, command: Command) -> None:
    assert command("backup", "b.tar", "--keyring", tmp_path / "apart").code == 0
    assert not (tmp_path / NAME).exists()
    new = moved(data, tmp_path / "new")
    said = command("restore", "b.tar", "--data-dir", new)
    assert said.code == 1
    assert "name that file with --keyring" in said.err.replace("\n", " ")
    # Whoever takes the catalog out of the archive by hand, and has the master key, still has no collection's key.
    Path("unpacked").mkdir()
    with Path("b.tar").open("rb") as file:
        whole = file.read()
    at = whole.index(b"SQLite format 3\0")
    Path("unpacked/kenspeckle.db").write_bytes(whole[at : at + int(whole[at - 512 + 124 : at - 512 + 135], 8)])
    Path("unpacked/master.key").write_bytes((data / "master.key").read_bytes())
    with closing(Folder(Path("unpacked"), encryption=True)) as folder:
        for ask in (
            lambda: folder.catalog.face(PEOPLE, folder.catalog.faces(PEOPLE, 1, None).items[0].face_id),
            lambda: list(folder.catalog.snapshot(PEOPLE, "face")[1]),
            lambda: folder.catalog.image(PEOPLE, "1.png"),
        ):
            with pytest.raises(StorageUnavailable, match="is not here: this is a backup's catalog"):
                ask()
    assert command("restore", "b.tar", "--keyring", tmp_path / "apart", "--data-dir", new).code == 0


def test_a_keyring_of_another_service_is_not_replaced(tmp_path: Path, data: Path, command: Command) -> None:
    assert command("backup", "b.tar").code == 0
    other = tmp_path / "other"
    assert command("keys", "list", "--data-dir", other).code == 0
    keyring = (tmp_path / NAME).read_bytes()
    said = command("backup", "c.tar", "--data-dir", other)
    assert said.code == 1
    assert "keyring of another service" in said.err.replace("\n", " ")
    assert not Path("c.tar").exists()
    assert (tmp_path / NAME).read_bytes() == keyring
    (tmp_path / NAME).write_bytes(keyring.replace(b"A", b"B", 1))
    assert "damaged" in command("restore", "b.tar", "--data-dir", tmp_path / "new").err
    assert command("backup", "d.tar").code == 1


def test_a_deleted_key_is_nowhere_in_the_database(data: Path) -> None:
    keys = SqliteCopies(data / "kenspeckle.db").keyring().keys
    with opened(data, encryption=True) as folder:
        folder.catalog.delete_collection(PEOPLE)
        assert folder.catalog.scrub()
        left = SqliteCopies(data / "kenspeckle.db").keyring().keys
        (gone,) = [wrapped for key_id, wrapped in keys.items() if key_id not in left]
        raw = b"".join(one.read_bytes() for one in data.glob("kenspeckle.db*"))
        assert gone[10:40] not in raw
    with closing(sqlite3.connect(data / "kenspeckle.db")) as connection:
        assert connection.execute("SELECT count(*) FROM collection_keys").fetchone() == (1,)


def test_exports_are_plain_and_go_both_ways(tmp_path: Path, data: Path, command: Command) -> None:
    before = shown(data)
    for name, more in (("lines.jsonl", ()), ("all.tar", ("--images",))):
        assert command("export", PEOPLE, name, *more).code == 0
    assert found(secrets(NUMBERS)[2:], Path("all.tar").read_bytes()) > 0
    assert command("import", "all.tar", "--data-dir", tmp_path / "plain").code == 0
    assert shown(tmp_path / "plain") == before
