"""Commands on a catalog in PostgreSQL: what they do on SQLite's they do there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import Calibration
from kenspeckle.images.folder import FolderImages
from kenspeckle.models import registry
from kenspeckle.ports import AuditQuery, SharedKind
from kenspeckle.usecases.recognition.calibrations import format_calibration
from tests.catalogs import gallery, new_face, photo, template
from tests.moving.conftest import Command, command, commands
from tests.postgres import Server

__all__ = ["command", "commands"]
DATA = b"\xff\xd8\xff photograph"
KEY = "ab" * 32


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    with postgres.database() as made:
        yield made


@pytest.fixture
def here(url: str, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance whose catalog lies in PostgreSQL, with a face and its photograph."""
    monkeypatch.setenv("KENSPECKLE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KENSPECKLE_CATALOG_URL", url)
    monkeypatch.setenv("KENSPECKLE_MASTER_KEY", KEY)
    assert command("keys", "create", "desk", "--json").code == 0
    fill(url, tmp_path / "data")
    return tmp_path / "data"


def fill(url: str, folder: Path) -> None:
    import hashlib
    from dataclasses import replace

    digest = hashlib.sha256(DATA).hexdigest()
    with closing(SqlCatalog.open(url)) as catalog:
        catalog.create_collection(gallery())
        catalog.add_faces(replace(photo(1), digest=digest, size=len(DATA)), "ada.jpg", [new_face(1)], "v1")
    FolderImages(folder / "images").stage(digest, DATA).publish()


def test_keys_and_the_audit_trail(here: Path, command: Command) -> None:
    assert [one["name"] for one in command("keys", "list", "--json").json] == ["desk"]
    done = command("audit", "verify", "--json")
    assert done.code == 0, done.err
    assert done.json["rows"] >= 2


def test_a_backup_is_restored_into_sqlite_and_into_an_empty_database(
    here: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: Server
) -> None:
    made = command("backup", tmp_path / "one.backup", "--json")
    assert made.code == 0, made.err
    assert made.json["counts"]["faces"] == 1
    assert made.json["photographs"] == 1
    refused = command("restore", tmp_path / "one.backup")
    assert refused.code == 1
    assert "empty one" in refused.err
    with postgres.empty_database() as empty:
        for place in (empty, f"sqlite:///{tmp_path / 'b' / 'kenspeckle.db'}"):
            monkeypatch.setenv("KENSPECKLE_CATALOG_URL", place)
            monkeypatch.setenv("KENSPECKLE_DATA_DIR", str(tmp_path / place[:8]))
            done = command("restore", tmp_path / "one.backup", "--json")
            assert done.code == 0, done.err
            with closing(SqlCatalog.open(place)) as catalog:
                assert catalog.face("people", "face-1")[0].face.external_image_id == "ada.jpg"
            assert command("audit", "verify").code == 0


def test_the_doctor_looks_at_it(here: Path, command: Command) -> None:
    done = command("doctor", "--json")
    checks = {one["check"]: one for one in done.json["checks"]}
    assert checks["database"]["summary"].startswith("PostgreSQL, no damage is known")
    assert checks["photographs"]["summary"]
    assert not [one for one in checks["audit"]["findings"] if one["severity"] == "fault"]


def test_settings_for_all_services_are_set_and_go_along(
    here: Path, url: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("catalog", "settings", "--json").json == {"settings": {}, "calibrations": {}}
    assert command("catalog", "set", "face_match_threshold", "90").code == 0
    again = command("catalog", "set", "FACE_MATCH_THRESHOLD", "85", "--json")
    assert again.json == {"name": "FACE_MATCH_THRESHOLD", "before": "90.0", "after": "85.0"}
    for words, said in (
        (("MAX_FACES", "0"), "MAX_FACES: 0 is outside 1..4096."),
        (("QUALITY_FILTER", "best"), "QUALITY_FILTER: 'best' can't be used"),
        (("COLLECTION", "a b"), "collection"),
        (("WORKERS", "2"), "WORKERS is each service's own: set KENSPECKLE_WORKERS where"),
        (("THRESHOLD", "80"), "THRESHOLD is no setting. The catalog has: KEEP_IMAGES, "),
    ):
        refused = command("catalog", "set", *words)
        assert (refused.code, said in refused.err) == (1, True), refused.err
    with closing(SqlCatalog.open(url)) as catalog:
        text = format_calibration("sface", Calibration((0.0, 1.0), (100.0, 0.0), "measured", "5 people"))
        catalog.set_shared(SharedKind.CALIBRATION, registry.SFACE.contract, text, 1.0)
        rows = catalog.find_audit(AuditQuery(operation="SetSetting"), 10)
        assert [orjson.loads(one.facts) for one in rows] == [
            {"setting": "FACE_MATCH_THRESHOLD", "before": "90.0", "after": "85.0"},
            {"setting": "FACE_MATCH_THRESHOLD", "before": None, "after": "90.0"},
        ]
    has = {"settings": {"FACE_MATCH_THRESHOLD": "85.0"}, "calibrations": {"sface": "5 people"}}
    assert command("catalog", "settings", "--json").json == has
    assert "calibration of sface" in command("catalog", "settings").out
    copy = f"sqlite:///{tmp_path / 'copy' / 'kenspeckle.db'}"
    assert command("catalog", "copy", "--to", copy).code == 0
    assert command("backup", tmp_path / "one.backup").code == 0
    assert command("catalog", "forget-calibration", "sface").code == 0
    assert "no calibration" in command("catalog", "forget-calibration", "sface").err
    restored = f"sqlite:///{tmp_path / 'restored' / 'kenspeckle.db'}"
    monkeypatch.setenv("KENSPECKLE_CATALOG_URL", restored)
    monkeypatch.setenv("KENSPECKLE_DATA_DIR", str(tmp_path / "restored"))
    assert command("restore", tmp_path / "one.backup").code == 0
    for place in (copy, restored):
        monkeypatch.setenv("KENSPECKLE_CATALOG_URL", place)
        assert command("catalog", "settings", "--json").json == has
    file = command("catalog", "set", "MAX_FACES", "20")
    assert file.code == 1
    assert "set KENSPECKLE_MAX_FACES there" in file.err


def test_copied_there_and_back(here: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    back = f"sqlite:///{tmp_path / 'data' / 'kenspeckle.db'}"
    done = command("catalog", "copy", "--to", back)
    assert done.code == 0, done.err
    assert "1 face of 1 collection copied and compared." in done.out
    monkeypatch.delenv("KENSPECKLE_CATALOG_URL")
    assert [one["name"] for one in command("keys", "list", "--json").json] == ["desk"]
    assert command("audit", "verify").code == 0
    again = command("catalog", "copy", "--to", back)
    assert again.code == 1
    assert "names the catalog itself" in again.err


def test_what_erasure_has_left_is_rewritten(
    here: Path, url: str, command: Command, postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = template(1).tobytes()
    tables = postgres.data / "base"
    with closing(SqlCatalog.open(url)) as catalog:
        catalog.add_faces(photo(2), None, [new_face(2)], "v1")
        catalog.delete_faces("people", ["face-1"])
        assert not catalog.scrub()
    postgres.execute("CHECKPOINT")
    assert wanted in files(tables)
    done = command("scrub", "--json")
    assert done.code == 0, done.err
    assert done.json["complete"]
    assert "write-ahead log" in done.json["left"][0]
    postgres.execute("CHECKPOINT")
    assert wanted not in files(tables)
    assert template(2).tobytes() in files(tables)
    assert wanted in files(postgres.data / "pg_wal")  # as it says
    with postgres.reader(url), closing(SqlCatalog.open(url)) as catalog:
        catalog.delete_faces("people", ["face-2"])
        again = command("scrub")
        assert again.code == 1
        assert "which a transaction that is open may see" in again.err
    monkeypatch.delenv("KENSPECKLE_CATALOG_URL")
    monkeypatch.setenv("KENSPECKLE_DATA_DIR", str(tmp_path / "other"))
    assert command("keys", "create", "desk").code == 0
    assert command("scrub", "--json").json == {"complete": True, "left": [], "receipts": 0}


def test_a_receipt_says_what_is_left_until_scrub_completes_it(here: Path, command: Command, tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    done = command("erase", "--identity", "ada.jpg", "--collection", "people", "--yes", "--receipt", file)
    assert done.code == 0, done.err
    assert "Run `kenspeckle scrub` next" in done.err
    pending = orjson.loads(file.read_bytes())["receipt"]
    assert (pending["state"], pending["complete"]) == ("pending", False)
    assert [one.split(",")[0] for one in pending["remains"]] == [
        "dead rows of PostgreSQL's tables",
        "PostgreSQL's write-ahead log",
    ]
    assert command("receipts", "verify", file).code == 0
    waited = command("receipts", "wait", pending["id"], "--seconds", "0")
    assert waited.code == 1
    assert "dead rows" in waited.out
    assert command("scrub", "--json").json["receipts"] == 1
    later = tmp_path / "later.json"
    shown = command("receipts", "show", pending["id"], "--receipt", later, "--json")
    assert shown.code == 0, shown.err
    complete = orjson.loads(later.read_bytes())["receipt"]
    assert (complete["state"], complete["complete"]) == ("complete", True)
    assert [one.split(",")[0] for one in complete["remains"]] == ["PostgreSQL's write-ahead log"]
    assert {**complete, "state": "pending", "complete": False, "completed_at": None, "remains": 0} == {
        **pending,
        "remains": 0,
    }
    assert shown.json["receipt"] == complete
    assert command("receipts", "verify", later).code == 0
    assert command("scrub", "--json").json["receipts"] == 0


def files(folder: Path) -> bytes:
    return b"".join(one.read_bytes() for one in folder.rglob("*") if one.is_file())
