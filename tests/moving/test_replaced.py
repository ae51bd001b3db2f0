"""What a restore replaces is kept, also from another disk; one that fails leaves nothing of it behind."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from kenspeckle.errors import InvalidValue, StorageFull
from kenspeckle.images.restore_set import PhotographFolder
from kenspeckle.usecases.archive.archive_format import CATALOG, Member, Progress
from kenspeckle.usecases.archive.reader import Archive, Verified
from kenspeckle.usecases.archive.writer import Writer
from kenspeckle.usecases.backup.restore import check
from tests.moving.conftest import Command
from tests.moving.folders import digest, make, photograph, shown

MEMORY = Path("/dev/shm")


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    if not MEMORY.is_dir() or MEMORY.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


def test_photographs_on_another_disk_are_kept_too(
    command: Command, other_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make(tmp_path / "data", range(3))
    before = shown(data)
    assert command("backup", "one.tar", "--data-dir", data).code == 0
    old = make(tmp_path / "old", range(3, 7))
    was = shown(old)
    (old / "images").rename(tmp_path / "moved")
    os.system(f"cp -r {tmp_path / 'moved'} {other_disk / 'images'}")
    monkeypatch.setenv("KENSPECKLE_IMAGES_URL", (other_disk / "images").as_uri())
    done = command("restore", "one.tar", "--replace", "--data-dir", old, "--json")
    assert done.code == 0, done.err
    aside = Path(done.json["aside"])
    assert shown(aside) == was
    kept = aside / "images" / digest(5)[:2] / digest(5)[2:4] / digest(5)
    assert (kept.read_bytes(), kept.stat().st_mode & 0o777) == (photograph(5), 0o600)
    assert not (other_disk / "images" / digest(5)[:2] / digest(5)[2:4] / digest(5)).exists()
    (old / "images").symlink_to(other_disk / "images")
    assert shown(old) == before


def test_a_restore_that_fails_leaves_no_second_names(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is erased after it would stay in them."""
    data = make(tmp_path / "data", range(3))
    assert command("backup", "one.tar", "--data-dir", data).code == 0
    before = shown(data)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PhotographFolder, "keep", full)
    refused = command("restore", "one.tar", "--replace", "--data-dir", data)
    assert refused.code == 1
    assert "no disk space" in refused.err
    assert not list(data.glob("before-restore-*"))
    assert shown(data) == before


def test_what_an_interrupted_restore_has_left_is_in_no_later_ones_way(command: Command, tmp_path: Path) -> None:
    data = make(tmp_path / "data", range(3))
    assert command("backup", "one.tar", "--data-dir", data).code == 0
    begun = time.time()
    names = [time.strftime("before-restore-%Y%m%dT%H%M%SZ", time.gmtime(begun + more)) for more in range(60)]
    for name in [*names, *(f"{name}_2" for name in names)]:
        (data / name).mkdir()
    done = command("restore", "one.tar", "--replace", "--data-dir", data, "--json")
    assert done.code == 0, done.err
    aside = Path(done.json["aside"])
    assert aside.name in {f"{name}_3" for name in names}
    assert shown(aside) == shown(data)


@pytest.mark.parametrize("what", ["images/", CATALOG])
def test_a_backup_that_reads_otherwise_the_second_time_is_refused(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """As a disk that fails gives it, or who writes to the file meanwhile."""
    data = make(tmp_path / "data", range(3))
    assert command("backup", "one.tar", "--data-dir", data).code == 0
    content, chunks, verify = Archive.content, Archive.chunks, Archive.verify

    def flipped(member: Member, read: bytes) -> bytes:
        return read[:-1] + bytes([read[-1] ^ 1]) if what in member.name else read

    def fail(archive: Archive, progress: Progress) -> Verified:
        verified = verify(archive, progress)
        monkeypatch.setattr(Archive, "content", lambda one, member: flipped(member, content(one, member)))
        monkeypatch.setattr(
            Archive, "chunks", lambda one, member: (flipped(member, part) for part in chunks(one, member))
        )
        return verified

    monkeypatch.setattr(Archive, "verify", fail)
    refused = command("restore", "one.tar", "--data-dir", "new")
    assert refused.code == 1
    assert "does not read as it did" in refused.err
    assert not (tmp_path / "new" / "kenspeckle.db").exists()


def test_a_restore_that_is_done_says_so_where_it_can_not_be_recorded(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make(tmp_path / "data", range(3))
    assert command("backup", "one.tar", "--data-dir", data).code == 0
    before = shown(data)

    def full(*_: object) -> bool:
        raise StorageFull("The disk of the catalog is full: nothing was stored.")

    monkeypatch.setattr("kenspeckle.compose.backups.record_restore", full)
    done = command("restore", "one.tar", "--replace", "--data-dir", data)
    assert done.code == 1
    assert "The backup is restored, but" in done.err
    assert str(next(data.glob("before-restore-*"))) in done.err
    assert shown(data) == before


@pytest.mark.parametrize(
    "facts", [{}, {"counts": 7}, {"counts": {"faces": 1}}, {"missing": "none"}, {"missing": None}], ids=str
)
def test_a_manifest_that_does_not_say_what_is_there_is_refused(tmp_path: Path, facts: dict[str, Any]) -> None:
    manifest = {"format": "kenspeckle-backup", "version": 1, "photographs": 0}
    if facts:
        manifest |= {"counts": {"collections": 0, "faces": 0, "users": 0}, "missing": 0, **facts}
    with (tmp_path / "bad.tar").open("w+b") as file:
        writer = Writer(file, 0, tmp_path)
        writer.add(CATALOG, 1, [b"x"])
        writer.finish(orjson.loads(orjson.dumps(manifest)))
        with pytest.raises(InvalidValue, match="manifest does not say"):
            check(Archive(file), lambda *_: None)
