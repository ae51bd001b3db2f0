"""Names the tests of what was changed, for `make quick`: src/kenspeckle/x/y.py has tests/x/test_y.py.

    python -m tests.changed [BASE]     # since BASE, or where this branch left main; and what is not committed yet

Prints one file a line. A changed module without tests of its name stands for the tests of its folder; what is only
shared by tests stands for none: `make test` runs everything.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
SOURCES = PurePosixPath("src/kenspeckle")


def mirrored(changed: Iterable[str], root: Path = ROOT) -> list[str]:
    """Tests, as paths below `root`, of files that were changed; each once, those that are there."""
    found = (one for name in changed for one in _tests(PurePosixPath(name), root))
    return sorted({one.as_posix() for one in found if (root / one).exists()})


def _tests(file: PurePosixPath, root: Path) -> Iterator[PurePosixPath]:
    if file.suffix != ".py":
        return
    if file.parts[0] == "tests":
        if file.name.startswith("test_"):
            yield file
        elif file.name == "conftest.py":
            yield file.parent
    elif file.is_relative_to(SOURCES):
        below = file.relative_to(SOURCES)
        mirror = "tests" / below.with_name(f"test_{below.name}")
        # At the root of the package there is no folder to fall back on but that of all tests.
        yield mirror if (root / mirror).exists() or len(below.parts) == 1 else mirror.parent


def changed(base: str, root: Path = ROOT) -> list[str]:
    """Files that differ from where this branch left `base`, those git does not know yet among them."""
    start = _git(root, "merge-base", base, "HEAD")[0]
    return _git(root, "diff", "--name-only", start) + _git(root, "ls-files", "--others", "--exclude-standard")


def _git(root: Path, *words: str) -> list[str]:
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


if __name__ == "__main__":
    for name in mirrored(changed(sys.argv[1] if len(sys.argv) > 1 else "main")):
        sys.stdout.write(name + "\n")
