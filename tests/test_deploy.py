"""The files of deploy/ name settings, commands and files that exist; the unit keeps the service in."""

from __future__ import annotations

import re
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest
import yaml

from kenspeckle.settings import Settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
FILES = [DEPLOY / name for name in ("Containerfile", "compose.yaml", "kenspeckle.service", "kenspeckle-backup.service")]


@pytest.mark.parametrize("file", FILES, ids=lambda one: one.name)
def test_settings_exist(file: Path) -> None:
    named = set(re.findall(r"KENSPECKLE_([A-Z_]+)", file.read_text()))
    assert named
    assert named <= {name.upper() for name in Settings.__dataclass_fields__}


def test_what_the_image_is_made_of_exists() -> None:
    text = DEPLOY.joinpath("Containerfile").read_text()
    copied = [one for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE) for one in line.split()[:-1]]
    assert {"pyproject.toml", "constraints.txt", "src"} <= set(copied)
    assert all(ROOT.joinpath(one).exists() for one in copied)
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    assert text.rindex("USER ") > text.rindex("RUN ")


def test_the_compose_file_is_one_node_with_a_read_only_root() -> None:
    (service,) = yaml.safe_load(DEPLOY.joinpath("compose.yaml").read_text())["services"].values()
    assert DEPLOY.joinpath(service["build"]["context"], service["build"]["dockerfile"]).exists()
    assert service["read_only"]
    assert service["ports"] == ["127.0.0.1:8080:8080"]
    assert "ADMIN_KEY:?" in service["environment"]["KENSPECKLE_ADMIN_KEY"]


@pytest.mark.parametrize("name", ["kenspeckle.service", "kenspeckle-backup.service"])
def test_units_keep_the_service_in(name: str) -> None:
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOY / name)
    service = parser["Service"]
    assert service["User"] == "kenspeckle"
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "yes"
    assert service["ExecStart"].startswith("/opt/kenspeckle/bin/kenspeckle ")


def test_systemd_finds_little_exposed() -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not on this machine")
    unit = str(DEPLOY / "kenspeckle.service")
    words = [program, "security", "--offline=true", "--threshold=30", unit]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze can't look at files")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
