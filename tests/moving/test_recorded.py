"""Backups and restores leave a row in the audit trail, or say that they could not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.moving.conftest import Command
from tests.moving.folders import make, shown
from tests.moving.schemas import FIRST, as_it_can_have, as_of_old, version_of


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make(tmp_path / "data", range(4))


def rows(command: Command, data_dir: Path) -> list[dict[str, Any]]:
    """What the trail says of backups and restores, newest first; it is sound."""
    assert command("audit", "verify", "--data-dir", data_dir).code == 0
    shown = command("audit", "show", "--data-dir", data_dir, "--json").json
    return [row for row in shown if row["operation"] in ("BackUp", "Restore")]


def test_a_backup_and_its_restore(command: Command, data: Path, tmp_path: Path) -> None:
    made = command("backup", "one.tar", "--with-master-key", "--data-dir", data)
    assert made.code == 1, "there is no master key yet"
    assert command("audit", "show", "--data-dir", data).code == 0
    made = command("backup", "one.tar", "--with-master-key", "--data-dir", data, "--json")
    assert made.json["recorded"] is True
    (row,) = rows(command, data)
    assert (row["operation"], row["who"], row["outcome"], row["face_count"]) == ("BackUp", "cli", "ok", 7)
    assert row["facts"] == {"file": "one.tar", "photographs": 4, "with_master_key": True}

    anchor = command("audit", "verify", "--data-dir", data, "--json").json["anchor"]
    done = command("restore", "one.tar", "--replace", "--data-dir", data, "--json")
    assert done.json["recorded"] is True
    (row,) = rows(command, data)
    assert (row["operation"], row["face_count"], row["facts"]["file"]) == ("Restore", 7, "one.tar")
    # The trail is older now; its own row says which one it has replaced, and an anchor misses what was there.
    assert row["facts"]["replaced"] == anchor
    assert row["facts"]["made"].startswith("20")
    assert command("audit", "verify", "--anchor", anchor, "--data-dir", data).code == 1


def test_a_restore_without_the_backups_key_forges_nothing(command: Command, data: Path, tmp_path: Path) -> None:
    assert command("audit", "show", "--data-dir", data).code == 0
    key = (data / "master.key").read_bytes()
    assert command("backup", "one.tar", "--data-dir", data).code == 0
    done = command("restore", "one.tar", "--data-dir", "new")
    assert done.code == 0
    assert "Not recorded" in done.err
    new = tmp_path / "new"
    assert not (new / "master.key").exists()
    (new / "master.key").write_bytes(key)
    assert rows(command, new) == []

    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "master.key").write_bytes(os.urandom(32))
    assert command("restore", "one.tar", "--data-dir", "other", "--json").json["recorded"] is False


def test_a_catalog_of_an_older_schema_stays_as_it_is(command: Command, data: Path, tmp_path: Path) -> None:
    expected = as_it_can_have(shown(data))
    old = as_of_old(data, tmp_path / "old")
    made = command("backup", "one.tar", "--data-dir", old)
    assert made.code == 0
    assert "Not recorded" in made.err
    assert version_of(old) == FIRST
    shutil.rmtree(data)
    assert command("restore", "one.tar", "--data-dir", data, "--json").json["recorded"] is True
    assert shown(data) == expected
