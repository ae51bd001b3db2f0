"""A file that is replaced by several at once is whole all the time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kenspeckle.usecases.whole_file import replace_file


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
