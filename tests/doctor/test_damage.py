"""Whatever is wrong with the database file, the doctor says so, and never breaks off."""

from __future__ import annotations

import math
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from kenspeckle.cli.launch import launch
from kenspeckle.domain import User
from kenspeckle.errors import StorageUnavailable
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.usecases.recognition.users import combine
from tests.doctor.conftest import Doctor
from tests.doctor.test_runner import recorded
from tests.moving.conftest import Command
from tests.moving.folders import PACK, PEOPLE, face_id, opened, photograph, template
from tests.soak import either

PAGE = 8192


def _spoilt(file: Path, dice: random.Random) -> str:
    """Damage the file in one of the ways in which files get damaged."""
    size = file.stat().st_size
    page = PAGE * dice.randrange(size // PAGE)
    match dice.randrange(5):
        case 0:
            what, at, data = "a page of noise", page, dice.randbytes(PAGE)
        case 1:
            what, at, data = "a page of zeros", page, bytes(PAGE)
        case 2:
            what, at, data = "a flipped byte", dice.randrange(100, size), bytes([dice.randrange(256)])
        case 3:
            what, at, data = "noise at the head of a page", page, dice.randbytes(12)
        case _:
            keep = dice.randrange(size)
            with file.open("r+b") as opened:
                opened.truncate(keep)
            return f"cut off at {keep}"
    with file.open("r+b") as opened:
        opened.seek(at)
        opened.write(data)
    return f"{what} at {at}"


@pytest.mark.timeout(3600)
def test_no_damage_makes_it_break_off(doctor: Doctor, data: Path, tmp_path: Path) -> None:
    recorded(data, 50)
    for seed in range(either(12, 1000)):
        spoilt = tmp_path / "spoilt"
        shutil.copytree(data, spoilt)
        what = _spoilt(spoilt / "kenspeckle.db", random.Random(seed))
        report = doctor(spoilt, "--thorough")
        assert not report.findings("not_examined"), (seed, what, report.findings("not_examined"))
        # A byte may lie where nothing is, or be part of a value that nothing is compared with.
        assert not report.json["sound"] or what.startswith("a flipped byte"), (seed, what)
        shutil.rmtree(spoilt)


@pytest.mark.parametrize("content", [b"", b"x", b"holiday photographs, no database. " * 1000, bytes(8192)])
def test_a_file_that_is_no_database(doctor: Doctor, data: Path, content: bytes) -> None:
    (data / "kenspeckle.db").write_bytes(content)
    report = doctor(data)
    assert report.code == 1
    assert report.codes["database"] == {"database_damaged"}
    assert "kenspeckle restore" in report.the("database_damaged")["mend"]


def test_a_folder_instead_of_files(doctor: Doctor, data: Path) -> None:
    (data / "kenspeckle.db").unlink()
    (data / "kenspeckle.db").mkdir()
    assert doctor(data).code == 1
    (data / "master.key").mkdir()
    shutil.rmtree(data / "images")
    (data / "images").write_text("no folder")
    assert doctor(data).code == 1
    shutil.rmtree(data)
    data.write_text("no folder")
    assert "folder_is_no_folder" in doctor(data).codes["folder"]


def test_only_the_damaged_collection_is_unreadable(doctor: Doctor, data: Path, tmp_path: Path) -> None:
    from kenspeckle.domain import Collection

    with opened(data) as folder:
        folder.catalog.create_collection(Collection("others", PACK.name, PACK.contract, 1000.5))
        for number in range(100, 130):
            folder.add(number, "others")
    file = data / "kenspeckle.db"
    content = file.read_bytes()
    page = content.index(template(200).tobytes()) // PAGE * PAGE
    with file.open("r+b") as opened_:
        opened_.seek(page)
        opened_.write(bytes([255]) * PAGE)
    report = doctor(data)
    assert {one["what"].split("'")[1] for one in report.findings("collection_unreadable")} == {"people"}
    assert report.findings("database_damaged")


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("digest", "no digest", "where the digest of a photograph belongs"),
        ("digest", "../../../etc/passwd", "where the digest of a photograph belongs"),
        ("metadata", "no JSON", "row of the photograph"),
    ],
)
def test_a_damaged_row_of_a_photograph_is_said_and_not_more(data: Path, column: str, value: str, says: str) -> None:
    with closing(sqlite3.connect(data / "kenspeckle.db")) as connection, connection:
        connection.execute(f"UPDATE images SET {column} = ? WHERE key = '0.png'", (value,))
    with opened(data) as folder, pytest.raises(StorageUnavailable, match=f"(?s){says}.*kenspeckle doctor"):
        folder.images.get(folder.catalog.image(PEOPLE, "0.png").digest)
    with opened(data) as folder:
        assert folder.images.get(folder.catalog.image(PEOPLE, "1.png").digest) == photograph(1)


SHORTER, ODD, NONE = template(1).tobytes()[:-8], template(1).tobytes()[:-3], b""


@pytest.mark.parametrize("stored", [SHORTER, ODD, NONE], ids=["shorter", "odd", "empty"])
def test_a_template_that_was_damaged_after_it_was_read_is_said(doctor: Doctor, data: Path, stored: bytes) -> None:
    """Whether it is met among the best of a search, when an index follows, or is read for an export or a user."""
    number = 11
    with opened(data) as folder, closing(FollowingIndex(folder.catalog, lambda _: PACK.dimension)) as index:
        (found, *_) = index.search(PEOPLE, "face", template(number), 3, math.inf)
        assert found[0].face is not None
        folder.catalog.create_user(User("ada", PEOPLE, "CREATED", 1.0))
        folder.catalog.link_faces(PEOPLE, "ada", [face_id(number)], template(number), 100)
        with closing(sqlite3.connect(data / "kenspeckle.db")) as connection, connection:
            connection.execute("UPDATE faces SET template = ? WHERE face_id = ?", (stored, face_id(number)))
        for k in (1, 3):
            with pytest.raises(StorageUnavailable, match="damaged"):
                index.search(PEOPLE, "face", template(number), k, math.inf)
        with pytest.raises(StorageUnavailable, match="damaged"):
            combine([*(vector for _, vector in folder.catalog.user_templates(PEOPLE, "ada")), template(1)])
        folder.add(200)
        row = found[0].row
        with closing(sqlite3.connect(data / "kenspeckle.db")) as connection, connection:
            newest = "kind = 'face' AND row = (SELECT max(row) FROM changes WHERE kind = 'face')"
            connection.execute(f"UPDATE changes SET row = ? WHERE {newest}", (row,))
        with pytest.raises(StorageUnavailable, match="damaged"):
            index.search(PEOPLE, "face", template(number), 1, math.inf)
    report = doctor(data)
    assert not report.findings("not_examined")
    assert "1 face of 'people'" in report.the("template_damaged")["what"]
    assert face_id(number) in report.the("template_damaged")["what"]


def test_a_template_that_is_damaged_under_a_service_is_503(doctor: Doctor, command: Command, data: Path) -> None:
    with opened(data) as folder:
        for number, name in ((11, "ada"), (21, "eve")):
            folder.catalog.create_user(User(name, PEOPLE, "CREATED", 1.0))
            folder.catalog.link_faces(PEOPLE, name, [face_id(number)], template(number), 100)
    with launch(data) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        search = f"/v1/collections/{PEOPLE}/users/ada/search?threshold=0"
        assert [one["User"]["UserId"] for one in client.post(search).json()["UserMatches"]] == ["eve"]
        for stored in (SHORTER, ODD):
            with closing(sqlite3.connect(data / "kenspeckle.db")) as connection, connection:
                connection.execute("UPDATE users SET template = ? WHERE user_id = 'eve'", (stored,))
            answer = client.post(search)
            assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable"), answer.text
            assert "kenspeckle doctor" in answer.json()["detail"]
    found = doctor(data).the("template_damaged")
    assert "1 user of 'people'" in found["what"]
    assert "eve" in found["what"]
    there = ("--collection", PEOPLE, "--data-dir", data)
    assert command("users", "delete", "eve", "--yes", *there).code == 0
    assert command("users", "create", "eve", *there).code == 0
    assert command("users", "associate", "eve", face_id(21), *there).code == 0
    assert not doctor(data).findings("template_damaged")


def test_a_damaged_digest_is_503_and_the_doctor_names_it(doctor: Doctor, data: Path) -> None:
    with launch(data) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        with closing(sqlite3.connect(data / "kenspeckle.db")) as connection, connection:
            connection.execute("UPDATE images SET digest = 'no digest' WHERE key = '0.png'")
        answer = client.get("/v1/images/0.png", params={"collection": PEOPLE})
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
        assert "kenspeckle doctor" in answer.json()["detail"]
        assert client.get("/v1/images/1.png", params={"collection": PEOPLE}).status_code == 200
    assert doctor(data).the("photograph_row_damaged")
