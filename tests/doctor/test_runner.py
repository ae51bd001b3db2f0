"""`kenspeckle doctor`: what is wrong is named with its remedy, what is right is left alone, and nothing is changed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import pytest

from kenspeckle.catalog.sqlite.inspect import SqliteInspection
from kenspeckle.compose.data_folder import open_folder as instance
from kenspeckle.doctor import videos
from kenspeckle.domain import Collection
from kenspeckle.models import registry
from kenspeckle.models.attributes import ATTRIBUTES
from kenspeckle.settings import load
from kenspeckle.vision.video import ChildDecoder
from tests.doctor.conftest import PEOPLE, Doctor
from tests.moving.conftest import Command
from tests.moving.folders import digest, face_id, make, opened, photograph


@contextmanager
def sql(data: Path) -> Iterator[sqlite3.Connection]:
    """The database past the program, as an insider or a fault would reach it."""
    with closing(sqlite3.connect(data / "kenspeckle.db")) as connection, connection:
        yield connection


def picture(data: Path, number: int) -> Path:
    name = digest(number)
    return data / "images" / name[:2] / name[2:4] / name


def recorded(data: Path, rows: int) -> None:
    """Begin the audit trail, which makes the master key too."""
    with instance(data) as one:
        for number in range(rows):
            one.recorder.record(one.recorder.entry("ShowAudit", facts={"number": number}))


def contents(folder: Path) -> dict[str, tuple[str, float]]:
    return {
        str(file.relative_to(folder)): (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime)
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.mark.parametrize("words", [(), ("--thorough",)])
def test_a_sound_instance(doctor: Doctor, data: Path, words: tuple[str, ...]) -> None:
    recorded(data, 3)
    before = contents(data)
    report = doctor(data, *words)
    assert report.code == 0
    assert report.codes == {"network": {"open_to_machine"}}
    assert set(report.states.values()) == {"sound", "note"}
    assert len(report.states) == 18
    assert contents(data) == before
    assert "skipped" not in report.states.values()


def test_it_reads_what_a_service_writes(doctor: Doctor, data: Path) -> None:
    with opened(data) as folder:
        folder.add(PEOPLE)
        report = doctor(data, "--thorough")
        assert report.code == 0
        (faces,) = (one["summary"] for one in report.json["checks"] if one["check"] == "collections")
        assert faces == f"1 with {79 + 2} faces"
        folder.add(PEOPLE + 1)


def test_a_service_that_starts_meanwhile_is_noticed(data: Path) -> None:
    with closing(SqliteInspection(data / "kenspeckle.db")) as look:
        assert look.names() == ["people"]
        assert not look.disturbed
        with opened(data) as folder:
            folder.add(PEOPLE)
            assert look.disturbed


def test_nothing_there(doctor: Doctor, tmp_path: Path) -> None:
    report = doctor(tmp_path / "new")
    assert report.code == 0
    assert report.codes["folder"] == {"folder_absent"}
    assert not (tmp_path / "new").exists()


def test_what_people_see(command: Command, data: Path) -> None:
    picture(data, 3).unlink()
    said = command("doctor", "--data-dir", data)
    assert said.code == 1
    assert "FAULT      Photographs" in said.out
    assert "1 photograph (3.png in people) is missing" in said.out
    assert "→ kenspeckle index PHOTOGRAPH" in said.out
    assert said.out.endswith("1 fault, 0 warnings.\n")


def test_photographs(doctor: Doctor, data: Path) -> None:
    picture(data, 1).unlink()
    picture(data, 2).write_bytes(photograph(2)[:-1] + b"x")
    stranger = hashlib.sha256(b"stranger").hexdigest()
    old = data / "images" / stranger[:2] / stranger[2:4] / stranger
    old.parent.mkdir(parents=True, exist_ok=True)
    old.write_bytes(b"stranger")
    left = data / "images" / "staged" / f"{hashlib.sha256(b'left').hexdigest()}.{'0' * 16}"
    left.write_bytes(b"left")
    for file in (old, left):
        os.utime(file, (1e9, 1e9))
    # Stopped between the commit and the move: the next start moves it.
    picture(data, 4).rename(data / "images" / "staged" / f"{digest(4)}.{'1' * 16}")
    report = doctor(data)
    assert report.code == 1
    assert report.codes["photographs"] == {
        "photograph_missing",
        "photograph_damaged",
        "photograph_orphaned",
        "photographs_staged",
        "staged_left_over",
    }
    assert "1.png in people" in report.the("photograph_missing")["what"]
    assert "2.png in people" in report.the("photograph_damaged")["what"]
    assert str(old) in report.the("photograph_orphaned")["mend"]


def test_a_damaged_photograph_among_many_is_found_by_a_thorough_look(
    doctor: Doctor, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kenspeckle.doctor.photographs.SAMPLE", 1)
    for number in range(PEOPLE):
        if number != 7:
            picture(data, number).write_bytes(b"x")
    report = doctor(data, "--thorough")
    assert f"{PEOPLE - 1} photographs" in report.the("photograph_damaged")["what"]


def test_photographs_out_of_reach_are_not_called_damaged(
    doctor: Doctor, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KENSPECKLE_IMAGES_URL", "s3://photographs")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "nothing")
    report = doctor(data)
    assert report.codes["photographs"] == {"images_no_access"}
    assert "'photographs' can't be reached" in report.the("images_no_access")["what"]


def test_photographs_that_are_moved_while_it_looks(doctor: Doctor, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that a folder lists may be gone when it is looked at: a service is at work."""
    staged = data / "images" / "staged" / f"{digest(4)}.{'1' * 16}"
    picture(data, 4).rename(staged)
    scandir = os.scandir

    class Listed:
        """What `scandir` answers: gone through once, and closed."""

        def __init__(self, path: Path) -> None:
            self._entries = iter(list(scandir(path)))

        def __iter__(self) -> Self:
            return self

        def __next__(self) -> os.DirEntry[str]:
            return next(self._entries)

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    def after(path: Path) -> Listed:
        entries = Listed(path)
        if Path(path) == staged.parent and staged.exists():
            staged.rename(picture(data, 4))
        if Path(path) == data and (data / "restoring").exists():
            (data / "restoring").rmdir()
        return entries

    (data / "restoring").mkdir()
    monkeypatch.setattr(os, "scandir", after)
    report = doctor(data)
    assert "images_no_access" not in report.codes.get("photographs", set())
    assert not report.findings("not_examined")


def test_counts_of_one(doctor: Doctor, data: Path, tmp_path: Path) -> None:
    folder = make(tmp_path / "one", [0])
    summaries = {check["check"]: check["summary"] for check in doctor(folder).json["checks"]}
    assert summaries["collections"] == "1 with 1 face"
    assert summaries["index"] == "own templates of 1 face searched"
    assert not re.search(r"\b1 [a-z ]*(faces|files|rows|collections|endpoints|messages|keys)\b", str(summaries))


def test_templates(doctor: Doctor, data: Path) -> None:
    wrong = (np.full(128, np.nan, np.float32), np.zeros(128, np.float32), np.full(128, np.inf, np.float32))
    with sql(data) as connection:
        for number, template in zip((0, 10, 20), wrong, strict=True):
            connection.execute("UPDATE faces SET template=? WHERE face_id=?", (template.tobytes(), face_id(number)))
    report = doctor(data)
    assert report.code == 1
    found = report.the("template_damaged")
    for number in (0, 10, 20):
        assert face_id(number) in found["what"]
    assert "kenspeckle faces delete" in found["mend"]
    with sql(data) as connection:
        connection.execute("UPDATE faces SET template=x'00112233' WHERE face_id=?", (face_id(11),))
    report = doctor(data)
    assert "4 faces" in report.the("template_damaged")["what"]
    assert "index_not_built" in report.codes["index"]


def test_counters_and_the_change_log(doctor: Doctor, data: Path) -> None:
    with sql(data) as connection:
        connection.execute("UPDATE collections SET face_count = face_count + 1, revision = 1")
    report = doctor(data)
    assert report.codes["collections"] == {"counts_wrong", "log_ahead"}
    assert "80 faces counted and 79 there" in report.the("counts_wrong")["what"]


def test_another_pack(doctor: Doctor, data: Path) -> None:
    with sql(data) as connection:
        connection.execute("UPDATE collections SET pack='other', contract='other'")
    report = doctor(data)
    assert report.codes["collections"] == {"pack_mismatch"}
    assert (
        "the pack 'other' (contract other), which this Kenspeckle does not know" in report.the("pack_mismatch")["what"]
    )


def test_versions_of_the_schema(doctor: Doctor, data: Path) -> None:
    for version, code in (("9001", "schema_newer"), ("0002", "schema_older")):
        with sql(data) as connection:
            connection.execute("UPDATE alembic_version SET version_num=?", (version,))
        assert code in doctor(data).codes["database"]
    with sql(data) as connection:
        connection.execute("DROP TABLE alembic_version")
    assert "database_of_another" in doctor(data).codes["database"]


def test_the_trail_and_the_master_key(doctor: Doctor, command: Command, data: Path) -> None:
    recorded(data, 5)
    pair = command("keys", "create", "desk", "--aws", "--json", "--data-dir", data).json
    key = data / "master.key"
    assert doctor(data).code == 0
    key.chmod(0o644)
    assert doctor(data).codes["master_key"] == {"key_open"}
    key.chmod(0o600)
    kept = key.read_bytes()
    for other, codes in (
        (os.urandom(32), {"key_of_another", "pair_lost"}),
        (b"short", {"key_unusable"}),
        (None, {"key_missing"}),
    ):
        if other is None:
            key.unlink()
        else:
            key.write_bytes(other)
        report = doctor(data)
        assert report.code == 1
        assert report.codes["master_key"] == codes
        assert pair["secret_access_key"] not in json.dumps(report.json)
    assert not key.exists()
    key.write_bytes(kept)
    key.chmod(0o600)
    with sql(data) as connection:
        for trigger in ("audit_no_update", "audit_no_delete"):
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("UPDATE audit SET who='nobody' WHERE number=3")
        connection.execute("DELETE FROM audit WHERE number=5")
    report = doctor(data)
    assert {one["what"][:6] for one in report.findings("trail_broken")} == {"Row 3:", "Row 5:"}


def test_rows_of_the_future(doctor: Doctor, data: Path) -> None:
    recorded(data, 1)
    with sql(data) as connection:
        connection.execute("UPDATE images SET created_at = 4102444800.0 WHERE row = 2")
    report = doctor(data)
    assert report.codes["clock"] == {"row_in_future"}
    assert "2100-01-01" in report.the("row_in_future")["what"]


def test_folder_and_files_that_others_may_read(doctor: Doctor, data: Path) -> None:
    data.chmod(0o755)
    (data / "kenspeckle.db").chmod(0o644)
    (data / "restoring").mkdir()
    (data / "before-restore-20260101T000000Z").mkdir()
    report = doctor(data)
    assert report.codes["folder"] == {"folder_open", "restore_left_over", "restore_kept_aside"}
    assert report.codes["database"] == {"database_open"}
    assert report.the("folder_open")["mend"] == f"chmod 700 {data}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_remedy_can_be_pasted_where_names_have_spaces(doctor: Doctor, tmp_path: Path) -> None:
    folder = make(tmp_path / "my data", range(2))
    (folder / "restoring").mkdir()
    folder.chmod(0o755)
    report = doctor(folder)
    assert report.the("restore_left_over")["mend"] == f"rm -r '{folder}/restoring'"
    assert report.the("folder_open")["mend"] == f"chmod 700 '{folder}'"


def test_files_of_another_user(doctor: Doctor, data: Path) -> None:
    os.chown(data / "kenspeckle.db", 65534, 65534)
    assert doctor(data).codes["folder"] == {"files_of_others"}


def test_a_missing_database(doctor: Doctor, data: Path) -> None:
    (data / "kenspeckle.db").unlink()
    report = doctor(data)
    assert report.codes["database"] == {"database_missing"}
    assert report.states["templates"] == "skipped"
    assert report.code == 1


SETTINGS: dict[str, tuple[dict[str, str], str, str]] = {
    "no key of the certificate": ({"TLS_CERT": "/none.pem"}, "setting_unusable", "TLS_KEY"),
    "any origin": ({"CORS_ORIGINS": "*"}, "setting_unusable", "CORS_ORIGINS"),
    "a name as proxy": ({"TRUSTED_PROXIES": "proxy.example.org"}, "setting_unusable", "TRUSTED_PROXIES"),
    "a bucket without a place": ({"S3_BUCKETS": "photos"}, "setting_unusable", "S3_BUCKETS"),
    "photographs nowhere": ({"IMAGES_URL": "ftp://somewhere"}, "setting_unusable", "IMAGES_URL"),
    "a weak admin key": ({"ADMIN_KEY": "secret"}, "admin_key_weak", "ADMIN_KEY"),
    "two master keys": ({"MASTER_KEY": "00" * 32, "MASTER_KEY_FILE": "/k"}, "two_master_keys", "MASTER_KEY_FILE"),
    "rekognition without a table": ({"RECOGNIZER": "rekognition"}, "setting_unusable", "DYNAMODB_TABLE"),
    "a bucket of the service's own files": ({"S3_BUCKETS": "own=file://{data}"}, "bucket_holds_data", "own"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_that_can_not_be_meant(doctor: Doctor, data: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    given, code, named = SETTINGS[case]
    for name, value in given.items():
        monkeypatch.setenv(f"KENSPECKLE_{name}", value.format(data=data))
    report = doctor(data)
    assert report.code == 1
    assert named in report.the(code)["what"]


def test_the_network(doctor: Doctor, command: Command, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENSPECKLE_HOST", "0.0.0.0")
    assert doctor(data).codes["network"] == {"open_to_network", "no_tls"}
    command("keys", "create", "desk", "--expires", "3d", "--data-dir", data)
    assert doctor(data).codes["network"] == {"no_tls", "key_expires"}
    monkeypatch.setenv("KENSPECKLE_TRUSTED_PROXIES", "127.0.0.1")
    assert doctor(data).code == 0


def test_something_else_on_the_port(doctor: Doctor, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setenv("KENSPECKLE_PORT", str(other.getsockname()[1]))
        monkeypatch.setattr("kenspeckle.doctor.network.PATIENCE", 0.2)
        assert "port_taken" in doctor(data).codes["network"]


def test_model_files(doctor: Doctor, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENSPECKLE_MODELS_DIR", str(tmp_path / "models"))
    report = doctor(data)
    assert "kenspeckle models pull" in report.the("model_damaged")["mend"]
    assert report.the("attributes_missing")["severity"] == "note"
    monkeypatch.setenv("KENSPECKLE_DETECTION_ATTRIBUTES", "ALL")
    needed = doctor(data).the("attributes_missing")
    assert (needed["severity"], "models pull attributes" in needed["mend"]) == ("fault", True)
    shutil.copytree(load(environ={}).models_dir / ATTRIBUTES.name, tmp_path / "models" / ATTRIBUTES.name)
    assert not doctor(data).findings("attributes_damaged")
    with (tmp_path / "models" / ATTRIBUTES.name / "age.onnx").open("ab") as file:
        file.write(b"x")
    assert "age.onnx has a wrong size" in doctor(data).the("attributes_damaged")["what"]


def test_the_decoder_of_videos(doctor: Doctor, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def summary() -> str:
        videos._problem.cache_clear()
        return next(str(one["summary"]) for one in doctor(data).json["checks"] if one["check"] == "video")

    assert summary() == "can be decoded"
    with monkeypatch.context() as patch:
        patch.setattr("kenspeckle.vision.video.folders", tuple)
        patch.setattr("kenspeckle.vision.video.CHILD", data / "nothing.py")
        assert summary() == "can't be decoded"
        assert "crashed" in doctor(data).the("video_unusable")["what"]
    with monkeypatch.context() as patch:
        patch.setattr(ChildDecoder, "available", False)
        assert "kenspeckle[video]" in summary()
    videos._problem.cache_clear()


def test_a_folder_of_the_old_pack_is_examined_with_that_pack(
    doctor: Doctor, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, models = registry.CENTERFACE_DLIB, tmp_path / "models"
    models.mkdir()
    for name in (old.name, ATTRIBUTES.name):
        (models / name).symlink_to(load(environ={}).models_dir / name)
    monkeypatch.setenv("KENSPECKLE_MODELS_DIR", str(models))
    assert "sface" in doctor(data).the("model_damaged")["mend"]
    with opened(data) as folder:
        folder.catalog.create_collection(Collection("kenspeckle", old.name, old.contract, 1.0))
    assert doctor(data).states["models"] == "sound"


def test_a_check_that_breaks_off_stops_no_other(doctor: Doctor, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("never seen before")

    monkeypatch.setattr(SqliteInspection, "newest", broken)
    report = doctor(data)
    assert "never seen before" in report.the("not_examined")["what"]
    assert report.states["network"] == "note"


def test_a_read_only_file_system_is_not_to_be_changed(
    doctor: Doctor, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither owner nor modes could be."""
    data.chmod(0o755)
    really = os.statvfs

    def read_only(path: Path) -> object:
        return SimpleNamespace(f_flag=os.ST_RDONLY) if path == data else really(path)

    monkeypatch.setattr("kenspeckle.doctor.folder.os.statvfs", read_only)
    assert doctor(data).codes["folder"] == {"folder_read_only"}


def test_misspelt_settings(doctor: Doctor, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENSPECKLE_MAX_FACE", "3")
    monkeypatch.setenv("KENSPECKLE_SERVICE_HOST", "10.0.0.1")
    report = doctor(data)
    assert "KENSPECKLE_MAX_FACES" in report.the("setting_unknown")["what"]
    assert report.code == 1
