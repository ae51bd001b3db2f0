"""The newest row is noted beside the table: a tail that was cut off shows; and a master key that was replaced."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kenspeckle import settings
from kenspeckle.catalog.audit_anchor import FILE, AnchorFile
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.cli.app import app
from kenspeckle.compose.data_folder import open_folder
from kenspeckle.compose.embedded import build
from kenspeckle.domain.audit import PURPOSE, AuditHead
from kenspeckle.domain.audit_anchor import AuditAnchor, is_anchor, make_anchor, read, to_line
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.errors import SettingError
from kenspeckle.usecases.audit import verification
from kenspeckle.usecases.audit.recorder import Recorder
from tests.usecases.audit.test_verification import KEY, OTHER, attack


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kenspeckle.db"


@pytest.fixture
def catalog(path: Path) -> Iterator[SqlCatalog]:
    with closing(SqlCatalog.open(f"sqlite:///{path}")) as catalog:
        yield catalog


@pytest.fixture
def anchors(tmp_path: Path) -> AnchorFile:
    return AnchorFile(tmp_path / FILE)


def ten_rows(catalog: SqlCatalog, anchors: AnchorFile) -> None:
    recorder = Recorder(catalog, KEY, anchors=anchors)
    recorder.begin()
    for number in range(2, 11):
        recorder.record(recorder.entry("SearchFaces", "people", face_ids=[f"face-{number}"]))
    recorder.close()


def cut_back(catalog: SqlCatalog, path: Path, anchors: AnchorFile) -> None:
    """Copy the head, act, and take back head and table, as someone who can write to the database but nothing else."""
    with closing(sqlite3.connect(path)) as driver:
        number, made, seal = driver.execute("SELECT number, hash, seal FROM audit_head").fetchone()
    recorder = Recorder(catalog, KEY, anchors=anchors)
    recorder.record(recorder.entry("EraseCollection", "people"))
    recorder.close()
    attack(
        path,
        f"DELETE FROM audit WHERE number > {number}",
        f"UPDATE audit_head SET number = {number}, hash = x'{made.hex()}', seal = x'{seal.hex()}'",
    )


def found(catalog: SqlCatalog, anchors: AnchorFile) -> list[tuple[int, str]]:
    return [(one.number, one.what) for one in verification.verify(catalog, KEY, kept=anchors.read()).findings]


def test_a_tail_that_was_cut_off_is_found(catalog: SqlCatalog, path: Path, anchors: AnchorFile) -> None:
    ten_rows(catalog, anchors)
    assert found(catalog, anchors) == []
    cut_back(catalog, path, anchors)
    assert verification.verify(catalog, KEY).sound, "from the table alone it can't be seen"
    ((number, what),) = found(catalog, anchors)
    assert (number, "which the anchor file" in what) == (11, True)


def test_the_next_start_notes_it_for_good(catalog: SqlCatalog, path: Path, anchors: AnchorFile) -> None:
    ten_rows(catalog, anchors)
    cut_back(catalog, path, anchors)
    Recorder(catalog, KEY, anchors=anchors).begin()
    assert [row.operation for row in catalog.audit_rows(10)] == ["AuditCutBack"]
    Recorder(catalog, KEY, anchors=anchors).begin()  # and says it once
    assert [one for one, _ in found(catalog, anchors)] == [11]


def test_it_is_noted_too_where_other_rows_have_taken_the_place(
    catalog: SqlCatalog, path: Path, anchors: AnchorFile
) -> None:
    ten_rows(catalog, anchors)
    cut_back(catalog, path, anchors)
    unaware = Recorder(catalog, KEY)
    for _ in range(5):
        unaware.record(unaware.entry("GetFace"))
    assert found(catalog, anchors) == [(11, "not the row that the anchor file beside the database names")]
    command = Recorder(catalog, KEY, anchors=anchors)  # a command, which only records
    command.record(command.entry("GetFace"))
    assert [row.operation for row in catalog.audit_rows(15)] == ["AuditCutBack", "GetFace"]


def test_every_commit_is_noted_by_whichever_process(catalog: SqlCatalog, tmp_path: Path) -> None:
    files = [AnchorFile(tmp_path / FILE) for _ in range(2)]
    recorders = [Recorder(catalog, KEY, anchors=file) for file in files]
    for number in range(1, 8):
        recorders[number % 2].record(recorders[number % 2].entry("GetFace"))
        assert files[0].read()[0].number == catalog.audit_head().number
    assert [one.counter for one in files[0].read()] == [7, 6]
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    (tmp_path / FILE).rename(tmp_path / "aside")  # as a restore does
    recorders[0].record(recorders[0].entry("GetFace"))
    assert len(files[0].read()) == 1


def test_a_write_that_was_cut_off_leaves_the_other_place(catalog: SqlCatalog, anchors: AnchorFile, path: Path) -> None:
    ten_rows(catalog, anchors)
    file = path.with_name(FILE)
    newest = anchors.read()[0]
    data = bytearray(file.read_bytes())
    data[newest.counter % 2 * 512 + 40] ^= 1
    file.write_bytes(data)
    assert found(catalog, anchors) == []
    Recorder(catalog, KEY, anchors=anchors).begin()
    assert found(catalog, anchors) == []


def test_an_anchor_is_sealed() -> None:
    anchor = make_anchor(3, AuditHead(7, b"h" * 32), KEY)
    assert read(to_line(anchor)) == anchor
    assert is_anchor(anchor, KEY)
    assert not is_anchor(anchor, OTHER)
    for changed in (replace(anchor, number=8), replace(anchor, counter=4), replace(anchor, hash=b"i" * 32)):
        assert not is_anchor(changed, KEY)
    for bad in (b"", b"{", b"[]", b"[" * 5000, b'{"format":"kenspeckle-audit-anchor","version":1}', b"\xff"):
        assert read(bad) is None
    assert isinstance(anchor, AuditAnchor)


def test_a_forged_anchor_file_is_named(catalog: SqlCatalog, anchors: AnchorFile) -> None:
    ten_rows(catalog, anchors)
    anchors.keep(lambda _: make_anchor(20, AuditHead(3, b"h" * 32), OTHER))
    anchors.keep(lambda _: make_anchor(21, AuditHead(3, b"h" * 32), OTHER))
    assert found(catalog, anchors) == [(3, "the anchor file beside the database is not sealed under this master key")]


# -- commands, and a master key that is not there ---------------------------------------------------------------------


def run(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a trail, an AWS pair and a master key."""
    monkeypatch.setenv("KENSPECKLE_DATA_DIR", str(tmp_path / "data"))
    assert run("keys", "create", "desk", "--aws").exit_code == 0
    return tmp_path / "data"


def test_an_anchor_that_was_exported_finds_what_the_folder_can_not(folder: Path, tmp_path: Path) -> None:
    assert run("audit", "show").exit_code == 0
    before = {one: (folder / one).read_bytes() for one in ("kenspeckle.db", FILE)}
    assert run("audit", "anchor", tmp_path / "anchor.json").exit_code == 0
    sound = run("audit", "verify", "--anchor", tmp_path / "anchor.json")
    assert (sound.exit_code, "all sound" in sound.output) == (0, True), sound.output
    # Who may write to the folder puts all of it back.
    for name in ("kenspeckle.db-wal", "kenspeckle.db-shm"):
        (folder / name).unlink(missing_ok=True)
    for one, data in before.items():
        (folder / one).write_bytes(data)
    assert run("audit", "verify").exit_code == 0
    cut = run("audit", "verify", "--anchor", tmp_path / "anchor.json")
    assert (cut.exit_code, "the anchor's row is not there" in cut.output) == (1, True), cut.output
    forged = (tmp_path / "anchor.json").read_text().replace('"counter":', '"counter":9')
    (tmp_path / "forged.json").write_text(forged)
    assert "not sealed under this master key" in run("audit", "verify", "--anchor", tmp_path / "forged.json").output
    assert run("audit", "verify", "--anchor", tmp_path / "nothing.json").exit_code == 2


@pytest.mark.parametrize("how", ["missing", "another"])
def test_a_start_without_its_master_key_is_refused(folder: Path, how: str) -> None:
    key = folder / "master.key"
    kept = key.read_bytes()
    key.unlink()
    if how == "another":
        MasterKey(key).derive("anything")
    chosen = settings.load({"data_dir": folder}, environ={})
    with pytest.raises(SettingError, match=r"written under .*kenspeckle audit new-key"):
        build(chosen)
    for command in (("audit", "verify"), ("audit", "show"), ("audit", "anchor")):
        said = run(*command)
        if command[1] != "verify" or how == "missing":
            assert (said.exit_code != 0, "audit new-key" in said.output) == (True, True), command
        else:
            assert "none of the" in said.output
            assert len(said.output.splitlines()) < 6, "one line, not one for each row"
    refused = run("keys", "create", "other")
    assert (refused.exit_code, "audit new-key" in refused.output) == (1, True)
    assert key.exists() == (how == "another"), "none was made"
    assert run("doctor").exit_code == 1

    # One way out: the key comes back.
    key.write_bytes(kept)
    build(chosen).close()
    assert "all sound" in run("audit", "verify").output

    # The other: it is lost, and somebody says so.
    key.unlink()
    assert run("audit", "new-key").exit_code != 0
    assert not key.exists(), "none is made before somebody has said so"
    last = _rows(folder)
    said = run("audit", "new-key", "--yes")
    assert (said.exit_code, "1 AWS pair" in said.output) == (0, True), said.output
    assert "nothing to do" in run("audit", "new-key", "--yes").output
    build(chosen).close()
    verified = run("audit", "verify")
    assert (verified.exit_code, f"Rows up to {last} are sealed under a former" in verified.output) == (0, True)
    # The old rows are still what they were: by the old key,
    (folder / "old.key").write_bytes(kept)
    with open_folder(folder) as instance:
        former = verification.verify(instance.catalog, MasterKey(folder / "old.key").derive(PURPOSE))
        assert min(one.number for one in former.findings) > last
    # and by the chain.
    attack(folder / "kenspeckle.db", "UPDATE audit SET name = 'x' WHERE number = 1")
    assert "row 1: changed" in run("audit", "verify").output


def _rows(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "kenspeckle.db")) as driver:
        return int(driver.execute("SELECT number FROM audit_head").fetchone()[0])
