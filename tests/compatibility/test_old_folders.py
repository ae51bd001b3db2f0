"""Data folders, backups and exports that an older version made are opened, searched, restored and imported by this one.

`make.py` made the archives, with the version whose schema their names tell. Nothing here is ever made anew: an archive
of today's schema joins them when a migration comes.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from kenspeckle.compose import data_folder
from kenspeckle.domain import Scope
from kenspeckle.images.folder import FolderImages
from kenspeckle.usecases.access.keys import Access
from kenspeckle.usecases.recognition.originals import Photographs
from tests.compatibility.make import PACK
from tests.moving.conftest import Command, command, commands

__all__ = ["command", "commands"]

HERE = Path(__file__).parent
ARCHIVES = sorted(HERE.glob("*.tar.xz"))
SAME = ("CollectionId", "CreationTimestamp", "FaceCount", "UserCount", "Tags", "RetentionDays")


@pytest.fixture(params=ARCHIVES, ids=lambda one: one.name.removesuffix(".tar.xz"))
def old(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> Path:
    """All that an older version left, in a folder of this test's own."""
    monkeypatch.setenv("KENSPECKLE_PACK", PACK)
    with tarfile.open(request.param) as archive:
        archive.extractall(tmp_path / "old", filter="tar")  # with the modes that the files had
    return tmp_path / "old"


def photographs(old: Path) -> dict[str, Path]:
    """Those that were indexed, by identity; they are taken from the export."""
    with tarfile.open(old / "people.tar") as archive:
        archive.extractall(old / "exported", filter="data")
    lines = map(json.loads, (old / "exported/faces.jsonl").read_text("utf-8").splitlines())
    digests = {line["identity"]: line["image"]["sha256"] for line in lines if line["kind"] == "face"}
    return {name: old / "exported/images" / one[:2] / one[2:4] / one for name, one in digests.items()}


def test_archives_are_there_and_small() -> None:
    assert ARCHIVES
    assert sum(one.stat().st_size for one in ARCHIVES) < 300_000


def test_a_folder_is_opened_and_searched(old: Path, command: Command) -> None:
    check_plain(command, old, old / "plain")


def test_an_encrypted_folder_is_opened_and_searched(
    old: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KENSPECKLE_ENCRYPTION", "on")
    check_encrypted(command, old, old / "encrypted")


def test_a_backup_is_restored(old: Path, command: Command, tmp_path: Path) -> None:
    done = command("restore", old / "plain.tar", "--data-dir", tmp_path / "plain", "--json")
    assert done.code == 0, done.err
    assert done.json["recorded"]
    check_plain(command, old, tmp_path / "plain")


def test_an_encrypted_backup_is_restored(
    old: Path, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KENSPECKLE_ENCRYPTION", "on")
    done = command("restore", old / "encrypted.tar", "--data-dir", tmp_path / "encrypted", "--json")
    assert done.code == 0, done.err
    assert not done.json["left_out"]
    check_encrypted(command, old, tmp_path / "encrypted")


def test_an_export_is_imported(old: Path, command: Command, tmp_path: Path) -> None:
    new = tmp_path / "new"
    done = command("import", old / "people.tar", "--data-dir", new, "--json")
    assert done.code == 0, done.err
    assert (done.json["faces"], done.json["users"], done.json["present"]) == (3, 2, 0)
    assert done.json["without_photograph"] == 0
    before = command("faces", "list", "--collection", "people", "--data-dir", old / "plain", "--json").json
    after = command("faces", "list", "--collection", "people", "--data-dir", new, "--json").json
    assert after == before
    # Into the folder that it came from: everything is there already.
    again = command("import", old / "people.tar", "--data-dir", old / "plain", "--json")
    assert (again.json["faces"], again.json["present"]) == (0, 3)


def check_plain(command: Command, old: Path, data: Path) -> None:
    """The folder `plain` has everything that was put into it."""
    facts = json.loads((old / "facts.json").read_text("utf-8"))["plain"]
    collections = command("collections", "list", "--data-dir", data, "--json").json
    for before, now in zip(facts["collections"], collections, strict=True):
        assert {name: now[name] for name in SAME} == {name: before[name] for name in SAME}
    grace, eileen = (photographs(old)[identity] for identity in ("Grace_Hopper.jpg", "Eileen"))
    assert searched(command, data, eileen, "people") == {"Eileen", "Eileen_Collins.jpg"}
    users = command("users", "search", grace, "--collection", "people", "--data-dir", data, "--json").json
    assert [one["User"]["UserId"] for one in users["UserMatches"]] == ["grace"]
    with data_folder.open_folder(data) as instance:
        keys = facts["keys"]
        access = Access(instance.catalog, instance.master)
        api = access.authenticate(keys["api"]["api_key"]).key
        assert api is not None
        assert api.collections == {"people"}
        pair, secret = access.aws_secret(keys["pair"]["access_key_id"]) or (None, "")
        assert pair is not None
        assert pair.scopes == {Scope.ADMIN}
        assert secret == keys["pair"]["secret_access_key"]
        sent = instance.catalog.image("people", "sent/eileen.jpg")
        assert sent.metadata == {"camera": "ä"}
        stored = Photographs(FolderImages(data / "images"), instance.catalog)
        assert stored.get("people", sent.digest) == eileen.read_bytes()
    hooks = command("webhooks", "list", "--data-dir", data, "--json").json
    assert [one["description"] for one in hooks] == ["of an older version"]
    assert warnings(command, data) == set()


def check_encrypted(command: Command, old: Path, data: Path) -> None:
    """The folder `encrypted` has everything that was put into it, encrypted as before."""
    photograph = photographs(old)["Grace_Hopper.jpg"]
    assert searched(command, data, photograph, "kenspeckle") == {"Grace_Hopper.jpg"}
    with data_folder.open_folder(data) as instance:
        assert instance.catalog.encryption().encrypted == ("kenspeckle",)
        stored = Photographs(FolderImages(data / "images"), instance.catalog)
        image = instance.catalog.image("kenspeckle", "Grace_Hopper.jpg")
        assert stored.get("kenspeckle", image.digest) == photograph.read_bytes()
    files = [one.read_bytes() for one in (data / "images").rglob("*") if one.is_file()]
    assert files
    assert photograph.read_bytes() not in files
    assert warnings(command, data) == {"encryption"}  # the master key lies beside it


def searched(command: Command, data: Path, photograph: Path, collection: str) -> set[str]:
    """Identities that a photograph finds, the nearest of them beyond doubt."""
    found = command("search", photograph, "--collection", collection, "--data-dir", data, "--json")
    assert found.code == 0, found.err
    matches = found.json["faces"]["FaceMatches"]
    assert matches[0]["Similarity"] > 99
    return {one["Face"]["ExternalImageId"] for one in matches}


def warnings(command: Command, data: Path) -> set[str]:
    """What the doctor, who reads everything, does not call sound: audit trail, index, photographs, keys and all."""
    checks = command("doctor", "--thorough", "--data-dir", data, "--json").json["checks"]
    assert {"audit", "collections", "index", "photographs"} <= {one["check"] for one in checks}
    assert not [one for one in checks if one["state"] not in ("sound", "note", "warning")]
    return {one["check"] for one in checks if one["state"] == "warning"}
