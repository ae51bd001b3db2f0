"""What all tests of vision share: the installed pack and the sample photographs, fetched once a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from kenspeckle.models import install, registry
from kenspeckle.settings import Settings, load
from kenspeckle.vision.engine import Engine


@pytest.fixture(scope="session")
def models_dir() -> Path:
    return load().models_dir


@pytest.fixture(scope="session")
def pack(models_dir: Path) -> registry.InstalledPack:
    return install.pull(models_dir, registry.DEFAULT, lambda *_: None)


@pytest.fixture(scope="session")
def sface_pack(pack: registry.InstalledPack) -> registry.InstalledPack:
    return pack


@pytest.fixture(scope="session")
def sface(engine: Engine) -> Engine:
    return engine


@pytest.fixture(scope="session")
def dlib_pack(models_dir: Path) -> registry.InstalledPack:
    return install.pull(models_dir, "centerface-dlib", lambda *_: None)


@pytest.fixture(scope="session")
def samples(models_dir: Path) -> registry.Samples:
    return install.samples(models_dir, lambda *_: None)


@pytest.fixture(scope="session")
def engine(pack: registry.InstalledPack) -> Engine:
    return Engine(pack, Settings())
