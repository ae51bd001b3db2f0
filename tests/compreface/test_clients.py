"""CompreFace's own client for Python runs through its documented life, changed in nothing but the address."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest
from filelock import FileLock

from tests.compreface.conftest import Real

LIFE = Path(__file__).with_name("life.py")
PACKAGES = ("compreface-sdk==0.6.0", "requests-toolbelt==0.9.1", "requests==2.32.5", "urllib3==1.26.20")
"""The client wants urllib3 below 2, which nothing else here does: it has an environment of its own."""


def client_python() -> Path:
    """The interpreter of that environment, made once into the cache folder. Skips where pip can't install it."""
    name = hashlib.sha256(f"{PACKAGES} {sys.version_info[:2]}".encode()).hexdigest()[:12]
    cache = Path(platformdirs.user_cache_dir("kenspeckle", appauthor=False))
    folder = cache / f"compreface-{name}"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock", timeout=120):
        if not folder.joinpath(".installed").exists():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            words = [*pip, "--target", str(folder), *PACKAGES]
            done = subprocess.run(words, capture_output=True, text=True, timeout=110, check=False)
            if done.returncode:
                pytest.skip(f"pip could not install {PACKAGES[0]}: {done.stderr.strip()[-200:]}")
            folder.joinpath(".installed").touch()
    return folder


def test_the_python_client(real: Real) -> None:
    address, port = real.url.rsplit(":", 1)
    words = [sys.executable, "-S", str(LIFE), str(client_python()), address, port, next(real.keys), str(real.folder)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["subjects"] == {"subjects": ["Grace Hopper"]}
    assert said["recognized"]["result"][0]["subjects"][0]["subject"] == "Grace Hopper"
    assert len(said["recognized"]["result"][0]["embedding"]) >= 128
    assert said["verified"]["result"][0]["similarity"] == 1
    assert said["compared"]["result"][0]["face_matches"][0]["similarity"] < 0.5
    assert len(said["detected"]["result"]) == 1
    assert said["faces"]["total_elements"] == 1
    assert said["renamed"] == {"updated": True}
    assert said["deleted"] == {"deleted": 1}
    assert said["left"] == {"subjects": []}
