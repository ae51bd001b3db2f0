"""A full disk in the middle of a backup, an export or a restore: a clear word, nothing half, and fine once there is
room."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.moving.conftest import Command
from tests.moving.folders import PEOPLE, make, shown

SIZE = 4 * 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB in memory."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("a small disk is mounted for this, which needs root on Linux")
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def leave(disk: Path, room: int) -> Path:
    """A file that takes all but so many bytes."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    facts = os.statvfs(disk)
    filler.write_bytes(bytes(max(0, facts.f_bavail * facts.f_frsize - room)))
    return filler


def test_full_disks(command: Command, disk: Path, tmp_path: Path) -> None:
    data = make(tmp_path / "data", range(40))
    before = shown(data)
    made = command("backup", "all.tar", "--data-dir", data, "--json").json
    whole = made["bytes"]
    assert whole * 3 < SIZE

    # First there is no room for the copy of the catalog, at last there is room for all but the photographs.
    for room in range(0, whole, whole // 8):
        filler = leave(disk, room)
        for words in (("backup", disk / "one.tar"), ("export", PEOPLE, disk / "one.tar", "--images")):
            if room > 100_000 and words[0] == "export":
                continue  # it needs less
            refused = command(*words, "--data-dir", data)
            assert refused.code == 1
            assert "no disk space" in refused.err
            assert [one.name for one in disk.iterdir()] == ["filler"]
        filler.unlink()
    assert command("backup", disk / "one.tar", "--data-dir", data).code == 0

    (disk / "one.tar").unlink()
    make(disk / "old", range(2))
    old = shown(disk / "old")
    refusals = 0
    for room in range(0, 2 * whole, whole // 4):
        filler = leave(disk, room)
        done = command("restore", "all.tar", "--replace", "--data-dir", disk / "old")
        filler.unlink()
        if done.code:
            refusals += 1
            assert "disk space" in done.err
            assert shown(disk / "old") == old
        else:
            break
    assert refusals >= 3
    assert shown(disk / "old") == before
