"""What tests of the command line share: the command as a function, sample photographs, a real server."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kenspeckle.cli.app import run
from kenspeckle.cli.failures import DEBUG
from kenspeckle.cli.launch import Launched, launch
from kenspeckle.models import install, registry
from kenspeckle.settings import load
from tests import ports
from tests.vision.conftest import models_dir, pack

__all__ = ["models_dir", "pack"]


@dataclass(frozen=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Said]


@pytest.fixture(scope="session")
def samples() -> registry.Samples:
    return install.samples(load(environ={}).models_dir, lambda *_: None)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """`kenspeckle WORDS...` in this process, in a folder of its own, with a data folder of its own."""
    for name in list(os.environ):
        if name.startswith("KENSPECKLE_") and name != "KENSPECKLE_MODELS_DIR":
            monkeypatch.delenv(name)
    monkeypatch.setenv(DEBUG, "")  # so that --debug of a test is undone
    monkeypatch.setenv("KENSPECKLE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["kenspeckle", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            run()
        code = ended.value.code
        said = capfd.readouterr()
        return Said(code if isinstance(code, int) else 0, said.out, said.err)

    return call


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    with launch(tmp_path_factory.mktemp("server")) as one:
        yield one


@pytest.fixture
def unused_port() -> int:
    """A port on which nobody listens."""
    return ports.unused_port()
