"""The wheel: built, installed into an environment of its own, and run there as its users do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from kenspeckle import __version__
from kenspeckle.models.registry import Samples
from kenspeckle.serving import console
from kenspeckle.settings import load
from kenspeckle.usecases.recognition.search import probe
from tests.cli.conftest import samples

__all__ = ["samples"]

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(300)
MOST_BYTES = 1_000_000
OUT_OF_REACH = re.compile(r"No matching distribution|ConnectionError|Temporary failure|timed out|Max retries")
GUESTS = Path(__file__).with_name("guests.py")


def run(*words: object, cwd: Path | None = None, **environment: str) -> str:
    """What a program prints on standard output; its error where it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KENSPECKLE_", "PYTEST"))}
    done = subprocess.run(
        [str(one) for one in words],
        cwd=cwd,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    # Bytecode lies beside the console, and is no file of it.
    bytecode = ROOT / "src" / "kenspeckle" / "console" / "__pycache__" / "of_another_python.pyc"
    bytecode.parent.mkdir(exist_ok=True)
    bytecode.write_bytes(b"\xa7")
    try:
        run(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
    except AssertionError as error:
        if OUT_OF_REACH.search(str(error)):
            pytest.skip(f"pip could not fetch what builds the wheel: {str(error)[-200:]}")
        raise
    finally:
        bytecode.unlink()
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has the wheel itself, and for its dependencies those of this environment: the pinned ones.
    `make installed` installs all of them anew, the newest and the lowest."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel)
    (site,) = folder.glob("lib/python*/site-packages")
    # A line of a .pth file is added to the path, and the files .pth of that folder, which would add our sources, not.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def test_it_is_small_and_has_every_file(wheel: Path) -> None:
    assert wheel.stat().st_size < MOST_BYTES
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if name.startswith("kenspeckle/")}
    listed = subprocess.run(["git", "ls-files", "-z", "src"], cwd=ROOT, capture_output=True, text=True, check=True)
    tracked = {name.removeprefix("src/") for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}
    files_of_console = {f"kenspeckle/console/{name}" for name in console.load()}
    assert tracked - files_of_console <= names
    made = names - tracked - {"kenspeckle/console/files.json"}
    assert [name for name in made if not name.endswith((".py", ".pyi"))] == []


def test_the_console_in_it_is_that_of_the_sources_without_comments(environment: Path, tmp_path: Path) -> None:
    program = (
        "import json; from kenspeckle.serving import console\n"
        "print(json.dumps({path: [one.body.decode(), one.media_type] for path, one in console.load().items()}))"
    )
    installed = json.loads(run(environment / "bin" / "python", "-c", program, cwd=tmp_path))
    ours = console.load()
    assert installed.keys() == ours.keys()
    assert {path: kind for path, (_, kind) in installed.items()} == {path: one.media_type for path, one in ours.items()}
    for path, (text, _) in installed.items():
        left = iter(text.splitlines())
        line = next(left)
        gone = []
        for source in ours[path].body.decode().splitlines():
            if source == line or source.strip() == line:
                line = next(left, "")
            else:
                gone.append(source.strip())
        assert line == "", f"{path}: {line}"
        inside = False
        for one in gone:
            assert inside or not one or one.startswith(("/*", "//") if path.endswith(".js") else "/*"), f"{path}: {one}"
            inside = (inside or one.startswith("/*")) and not one.endswith("*/")


def test_the_docstrings_that_are_shown_are_in_it(environment: Path, tmp_path: Path) -> None:
    """Those of rooms that nobody imports are left out (hatch_build.py)."""
    program = (
        "import inspect, kenspeckle, kenspeckle.api.recognition as api, kenspeckle.cli.index as cli\n"
        "from kenspeckle.domain.operations import SearchTemplates\n"
        "shown = [kenspeckle.Client.search, kenspeckle.Client, api.Recognition.search, cli.index, SearchTemplates]\n"
        "print([bool(inspect.getdoc(one)) for one in shown])\n"
        "from kenspeckle.usecases.recognition.search import Recognition, probe\n"
        "print(probe.__doc__, probe.__code__.co_firstlineno, bool(Recognition.__doc__))\n"
    )
    shown, hidden = run(environment / "bin" / "python", "-c", program, cwd=tmp_path).splitlines()
    assert shown == str([True] * 5)
    assert hidden == f"None {probe.__code__.co_firstlineno} False"


def test_it_describes_its_routes_as_the_sources_do(environment: Path, tmp_path: Path) -> None:
    described = json.loads(run(environment / "bin" / "python", "-m", "kenspeckle.api.dump_openapi", cwd=tmp_path))
    assert described == json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))


def test_its_description_stands_by_itself(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (place,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        described = message_from_string(archive.read(place).decode("utf-8"))
    text = str(described.get_payload())
    assert "# Kenspeckle" in text
    assert [link for link in re.findall(r"\]\(([^)]+)\)", text) if not re.match(r"https?://", link)] == []
    assert described["License-Expression"] == "Apache-2.0"
    assert {"cuda", "lambda"} <= set(described.get_all("Provides-Extra", []))


def test_what_is_installed_recognizes(environment: Path, samples: Samples, tmp_path: Path) -> None:
    command, python = environment / "bin" / "kenspeckle", environment / "bin" / "python"
    assert run(command, "version", cwd=tmp_path) == f"kenspeckle {__version__}\n"
    place = run(python, "-c", "import kenspeckle; print(kenspeckle.__file__)", cwd=tmp_path).strip()
    assert Path(place).is_relative_to(environment)
    settings = {
        "KENSPECKLE_DATA_DIR": str(tmp_path / "data"),
        "KENSPECKLE_MODELS_DIR": str(load(environ={}).models_dir),
    }
    run(command, "index", samples.grace_hopper, cwd=tmp_path, **settings)
    assert "Grace hopper" in run(command, "search", samples.grace_hopper, cwd=tmp_path, **settings)


def test_the_pytest_plugin_comes_with_it(environment: Path, tmp_path: Path) -> None:
    python = environment / "bin" / "python"
    program = (
        "from importlib.metadata import entry_points\n"
        "print({one.value for one in entry_points(group='pytest11') if one.name == 'kenspeckle'})"
    )
    assert run(python, "-c", program, cwd=tmp_path) == "{'kenspeckle.testing.plugin'}\n"
    shutil.copy(GUESTS, tmp_path / "test_guests.py")
    chosen = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "kenspeckle.testing.plugin"}
    assert "1 passed" in run(python, "-m", "pytest", "-q", cwd=tmp_path, **chosen)
