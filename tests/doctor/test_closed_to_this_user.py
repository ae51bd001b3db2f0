"""Model packs and data that the user of the process may not read: what is said names the place and the setting."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kenspeckle.settings import load
from tests.moving.folders import make

UNPRIVILEGED = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []
"""Even root has to keep to modes without its capabilities."""


@pytest.fixture
def packs(tmp_path: Path) -> Iterator[Path]:
    """A folder of packs that nobody may enter."""
    folder = tmp_path / "packs"
    folder.mkdir()
    for pack in load().models_dir.iterdir():
        (folder / pack.name).symlink_to(pack)
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)


def run(*words: object, **environment: object) -> subprocess.CompletedProcess[str]:
    command = [*UNPRIVILEGED, sys.executable, "-m", "kenspeckle", *map(str, words)]
    variables = {f"KENSPECKLE_{name}": str(value) for name, value in environment.items()}
    return subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)


def test_closed_packs_are_not_called_broken(packs: Path, tmp_path: Path) -> None:
    folder = make(tmp_path / "data", range(2))
    verified = run("models", "verify", MODELS_DIR=packs)
    assert (verified.returncode, "models pull" in verified.stderr) == (1, False), verified.stderr
    assert f"may not enter {packs}" in verified.stderr
    listed = run("faces", "list", MODELS_DIR=packs, DATA_DIR=folder)
    assert (listed.returncode, listed.stderr) == (0, ""), "no calibration that was never there is missed"
    report = json.loads(run("doctor", "--json", MODELS_DIR=packs, DATA_DIR=folder).stdout)
    findings = [one for check in report["checks"] if check["check"] == "models" for one in check["findings"]]
    assert {one["code"] for one in findings} == {"model_damaged", "attributes_damaged"}
    assert all("KENSPECKLE_MODELS_DIR" in one["mend"] for one in findings)


def test_a_closed_data_folder_is_named_by_every_check(tmp_path: Path) -> None:
    folder = make(tmp_path / "data", range(2))
    folder.chmod(0o000)
    try:
        report = json.loads(run("doctor", "--json", DATA_DIR=folder).stdout)
    finally:
        folder.chmod(0o700)
    found = {one["code"]: one for check in report["checks"] for one in check["findings"]}
    assert "check_failed" not in found, found
    assert found["folder_no_access"]["mend"] == f"chmod 700 {folder}"
