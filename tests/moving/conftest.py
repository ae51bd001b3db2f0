"""What tests of backup and moving share: the command as a function."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer.main
from click.testing import CliRunner

from kenspeckle.cli.app import app


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
def commands() -> Any:
    """All commands; building them takes longer than what most of them do here."""
    return typer.main.get_command(app)


@pytest.fixture
def command(commands: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """`kenspeckle WORDS...` in this process; relative paths are below the test's folder."""
    for name in list(os.environ):
        if name.startswith("KENSPECKLE_") and name != "KENSPECKLE_MODELS_DIR":
            monkeypatch.delenv(name)
    monkeypatch.setenv("KENSPECKLE_DATA_DIR", "nowhere/at/all")
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> Said:
        result = CliRunner().invoke(commands, [str(one) for one in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    return call
