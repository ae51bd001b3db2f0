"""`make quick`: the tests of what was changed are found by its name."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.changed import changed, mirrored


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("tests/index/test_follow.py", "tests/index/test_scan.py", "tests/test_cpu.py"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["src/kenspeckle/index/follow.py"], ["tests/index/test_follow.py"]),
        (["src/kenspeckle/cpu.py", "tests/test_cpu.py"], ["tests/test_cpu.py"]),
        (["src/kenspeckle/index/store.py"], ["tests/index"]),
        (["src/kenspeckle/text.py", "src/kenspeckle/nothing/at_all.py", "README.md", "tests/soak.py"], []),
        (["tests/index/conftest.py", "tests/index/test_scan.py"], ["tests/index", "tests/index/test_scan.py"]),
        (["tests/index/test_gone.py"], []),
    ],
)
def test_tests_mirror_sources(names: list[str], found: list[str], tree: Path) -> None:
    assert mirrored(names, tree) == found


def test_what_was_changed_is_what_git_says(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=A", "-c", "user.email=a@example.com")
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True)

    git("init", "-b", "main")
    for name in ("one.py", "two.py", "three.py"):
        (tmp_path / name).write_text("1\n")
    git("add", ".")
    git("commit", "-m", "first")
    git("checkout", "-b", "work")
    (tmp_path / "two.py").write_text("2\n")
    git("commit", "-am", "second")
    (tmp_path / "three.py").write_text("3\n")
    (tmp_path / "four.py").write_text("4\n")
    assert changed("main", tmp_path) == ["three.py", "two.py", "four.py"]
