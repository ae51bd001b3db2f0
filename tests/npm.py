"""Packages from npm for tests of other people's clients: installed once a lock file, into the cache folder."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import platformdirs
import pytest
from filelock import FileLock


def installed(folder: Path) -> Path:
    """A copy of the folder's scripts beside the packages of its lock file. Skips the test where npm can't install."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("node and npm are not on this machine; with them clients written in JavaScript are tested too")
    lock = folder.joinpath("package-lock.json").read_bytes()
    cache = Path(platformdirs.user_cache_dir("kenspeckle", appauthor=False))
    where = cache / f"js-{hashlib.sha256(lock).hexdigest()[:12]}"
    where.mkdir(parents=True, exist_ok=True)
    with FileLock(where / ".lock", timeout=180):
        for script in (*folder.glob("*.json"), *folder.glob("*.mjs")):
            shutil.copy(script, where)
        if not where.joinpath(".installed").exists():
            words = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            done = subprocess.run(words, cwd=where, capture_output=True, text=True, timeout=180, check=False)
            if done.returncode:
                pytest.skip(f"npm could not install the packages of {folder.name}: {done.stderr.strip()[-200:]}")
            where.joinpath(".installed").touch()
    return where
