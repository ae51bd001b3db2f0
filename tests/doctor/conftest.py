"""A data folder with people in it, and the doctor as a function that never may raise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.moving.conftest import Command, command, commands
from tests.moving.folders import make

__all__ = ["command", "commands"]

PEOPLE = 40


@dataclass(frozen=True)
class Report:
    """What the doctor said. `codes` are those of all findings, by check."""

    code: int
    json: dict[str, Any]

    @property
    def codes(self) -> dict[str, set[str]]:
        return {
            one["check"]: {finding["code"] for finding in one["findings"]}
            for one in self.json["checks"]
            if one["findings"]
        }

    @property
    def states(self) -> dict[str, str]:
        return {one["check"]: one["state"] for one in self.json["checks"]}

    def findings(self, code: str) -> list[dict[str, str]]:
        return [one for check in self.json["checks"] for one in check["findings"] if one["code"] == code]

    def the(self, code: str) -> dict[str, str]:
        """The one finding of this code; it says what, why and how to mend."""
        (found,) = self.findings(code)
        assert found["what"]
        assert found["why"]
        return found


Doctor = Callable[..., Report]


@pytest.fixture
def doctor(command: Command) -> Doctor:
    """`kenspeckle doctor --json` on a data folder, in this process."""

    def examine(data_dir: Path, *words: object) -> Report:
        said = command("doctor", "--json", "--data-dir", data_dir, *words)
        assert "Traceback" not in said.err
        assert said.code in (0, 1), said.err
        report = Report(said.code, said.json)
        assert report.code == (0 if report.json["sound"] else 1)
        return report

    return examine


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A sound data folder: a collection of 40 photographs and 79 faces."""
    folder = make(tmp_path / "data", range(PEOPLE))
    folder.chmod(0o700)
    (folder / "kenspeckle.db").chmod(0o600)
    return folder
