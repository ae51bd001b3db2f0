"""Files are there whole or not at all, whoever else writes there: nobody reads them while they grow."""

from __future__ import annotations

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kenspeckle.atomic_file import replace_file, sweep, whole_file
from kenspeckle.errors import AlreadyExists, Conflict, StorageUnavailable


def test_two_that_replace_a_file_at_once_leave_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    contents = [bytes([number]) * 50_000 for number in range(4)]
    replace_file(path, contents[0])
    with ThreadPoolExecutor(4) as several:
        writing = [several.submit(replace_file, path, contents[number % 4]) for number in range(60)]
        while not all(one.done() for one in writing):
            assert path.read_bytes() in contents
        for one in writing:
            one.result()
    assert [one.name for one in tmp_path.iterdir()] == ["keys"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_another_has_finished_meanwhile_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two begin at once: the second has opened what the first is about to give its name."""
    path = tmp_path / "people.jsonl"
    flock = fcntl.flock

    def after_the_first(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        (tmp_path / "people.jsonl.partial").replace(path)  # the first is done
        flock(descriptor, how)

    (tmp_path / "people.jsonl.partial").write_bytes(b"of the first")
    monkeypatch.setattr(fcntl, "flock", after_the_first)
    with pytest.raises((Conflict, AlreadyExists)), whole_file(path) as file:
        file.write(b"of the second")
    assert path.read_bytes() == b"of the first"


def test_what_is_being_written_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    with whole_file(path) as file:
        file.write(b"of the first")
        with pytest.raises(Conflict, match="Another process is writing"), whole_file(path):
            pass
        sweep(tmp_path, "*")
    assert path.read_bytes() == b"of the first"


def test_a_file_that_was_put_there_to_be_read_is_not_written_to(tmp_path: Path) -> None:
    path, planted = tmp_path / "people.jsonl", tmp_path / "people.jsonl.partial"
    planted.write_bytes(b"")
    planted.chmod(0o666)
    with planted.open("rb") as spy, whole_file(path) as file:
        file.write(b"faces")
        file.flush()
        assert (os.fstat(file.fileno()).st_mode & 0o777) == 0o600
        assert spy.read() == b""
    assert path.read_bytes() == b"faces"
    planted.symlink_to(tmp_path / "elsewhere")
    path.unlink()
    with pytest.raises(StorageUnavailable), whole_file(path):
        pass
    assert not (tmp_path / "elsewhere").exists()
