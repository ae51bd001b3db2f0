"""What an import does not take is refused before anything is stored, and what it stores leaves a row at once."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kenspeckle.usecases.transfer.storing import Storer
from tests.moving.conftest import Command
from tests.moving.folders import PEOPLE, make, opened, shown

Lines = list[dict[str, Any]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make(tmp_path / "data", range(4))


@pytest.fixture
def exported(command: Command, data: Path, tmp_path: Path) -> Lines:
    """The lines of an export: a header, seven faces on four photographs, the end."""
    assert command("export", PEOPLE, "people.jsonl", "--data-dir", data).code == 0
    return [json.loads(line) for line in (tmp_path / "people.jsonl").read_text("utf-8").splitlines()]


def written(path: Path, found: Lines) -> Path:
    """The lines with a digest that is right, whatever they say."""
    body = b"".join(json.dumps(line).encode() + b"\n" for line in found[:-1])
    end = {"kind": "end", "lines": len(found) - 1, "sha256": hashlib.sha256(body).hexdigest()}
    path.write_bytes(body + json.dumps(end).encode() + b"\n")
    return path


def _last_face(found: Lines) -> None:
    found[-2]["template"] = "AAAA"


def _a_user(found: Lines) -> None:
    found.insert(-1, {"kind": "user", "user": "a b", "created_at": 1})
    found[0]["users"] = 1


def _scattered(found: Lines) -> None:
    faces = [number for number, line in enumerate(found) if line.get("identity") == "person-2.png"]
    found.insert(1, found.pop(faces[-1]))


def _another_dimension(found: Lines) -> None:
    found[0]["dimension"] = 2
    for line in found[1:-1]:
        line["template"] = [0.5, 0.5]


def _year(when: float) -> Callable[[Lines], None]:
    def change(found: Lines) -> None:
        found[-2]["created_at"] = when

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_last_face, "Line 8: a template has 512 bytes"),
        (_a_user, "Line 9: user_id"),
        (_scattered, "Line 6: the faces of one photograph and identity do not follow each other"),
        (_another_dimension, "its templates have 2 components; those of its pack have 128"),
        (_year(1e12), "Line 8: a time in seconds since 1970"),
        (_year(-1.0), "Line 8: a time in seconds since 1970"),
    ],
)
def test_one_bad_line_stores_nothing(
    command: Command, tmp_path: Path, exported: Lines, change: Callable[[Lines], None], says: str
) -> None:
    change(exported)
    refused = command("import", written(tmp_path / "bad.jsonl", exported), "--data-dir", "new")
    assert refused.code == 1
    assert says in refused.err
    with opened(tmp_path / "new") as folder:
        assert folder.catalog.counts()["collections"] == 0


def test_an_import_that_is_cut_off_has_left_a_row(
    command: Command, data: Path, exported: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Storer, "add_exported", broken)
        assert command("import", "people.jsonl", "--collection", "guests", "--data-dir", data).code != 0
    assert command("import", "people.jsonl", "--collection", "guests", "--data-dir", data).code == 0
    shown = command("audit", "show", "--collection", "guests", "--data-dir", data, "--json").json
    assert [row["operation"] for row in shown] == [
        "ImportCollection",
        "ImportCollectionBegun",
        "ImportCollectionBegun",
    ]
    assert command("audit", "verify", "--data-dir", data).code == 0


def test_how_long_faces_are_kept_moves_too(command: Command, data: Path, tmp_path: Path) -> None:
    with opened(data) as folder:
        folder.catalog.set_retention(PEOPLE, 3650)
    assert command("export", PEOPLE, "people.jsonl", "--data-dir", data).code == 0
    assert command("import", "people.jsonl", "--data-dir", "new").code == 0
    with opened(tmp_path / "new") as folder:
        assert folder.catalog.collection(PEOPLE).retention_days == 3650


def test_what_the_doctor_advises_for_wrong_counters_loses_nothing(command: Command, data: Path, tmp_path: Path) -> None:
    before = shown(data)
    with closing(sqlite3.connect(data / "kenspeckle.db")) as connection, connection:
        connection.execute("UPDATE collections SET face_count = 9, user_count = 1, image_count = 2")
    assert command("doctor", "--data-dir", data).code == 1
    assert command("export", PEOPLE, "people.tar", "--images", "--data-dir", data).code == 0
    assert command("collections", "delete", PEOPLE, "--yes", "--data-dir", data).code == 0
    done = command("import", "people.tar", "--data-dir", data)
    assert done.code == 0, done.err
    assert shown(data) == before
