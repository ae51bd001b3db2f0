"""CompreFace's own clients run through their documented lives, changed in nothing but the address."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest
from filelock import FileLock

from tests import npm
from tests.compreface.conftest import Real

LIFE = Path(__file__).with_name("life.py")
JAVASCRIPT = Path(__file__).with_name("js")
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


@pytest.mark.timeout(240)
def test_the_javascript_client(real: Real) -> None:
    address, port = real.url.rsplit(":", 1)
    scripts, node = npm.installed(JAVASCRIPT), npm.node()
    words = [node.program, "life.mjs", address, port, next(real.keys), str(real.folder)]
    done = subprocess.run(
        words, cwd=scripts, env=node.environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["subjects"] == {"subjects": ["Grace Hopper"]}
    assert said["example"]["subject"] == "Grace Hopper"
    assert said["faces"]["total_elements"] == 1
    for way in ("recognized", "base64"):
        (face,) = said[way]["result"]
        assert face["subjects"] == [{"subject": "Grace Hopper", "similarity": 1}]
        assert len(face["embedding"]) >= 128
        assert len(face["landmarks"]) == 5
    assert said["verified"]["result"][0]["similarity"] == 1
    assert said["compared"]["result"][0]["face_matches"][0]["similarity"] < 0.5
    assert len(said["detected"]["result"]) == 1
    assert said["renamed"] == {"updated": True}
    assert said["bySubject"] == {"deleted": 1}
    assert [one["subject"] for one in said["several"]] == ["one"]
    assert said["single"]["subject"] == "two"
    assert said["all"] == {"deleted": 1}
    assert said["subject"] == {"subject": "four"}
    assert said["allSubjects"] == {"deleted": 0}
    assert said["left"]["total_elements"] == 0
    assert said["refused"] == 28
