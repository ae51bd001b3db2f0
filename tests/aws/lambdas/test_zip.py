"""The zip: the same bytes each time, small, with what it needs and nothing of the embedded engine."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import pytest

from tests.aws.lambdas import runtime
from tests.aws.lambdas.runtime import Function

ENGINE = ("faiss", "numpy", "onnx", "onnxruntime", "pi_heif", "sqlalchemy", "alembic", "throttled", "typer", "rich")


def test_two_builds_are_the_same_bytes(archive: Path, packages: Path, tmp_path: Path) -> None:
    """The second one of packages that are installed and compiled anew, where there is time for it."""
    found = runtime.here()
    assert found is not None
    again = packages
    if os.environ.get("KENSPECKLE_SOAK") == "1":
        again = tmp_path / "fetched"
        runtime.builder().fetch(again, *found)
    runtime.builder().build(tmp_path / "elsewhere" / "again.zip", *found, again)
    assert (tmp_path / "elsewhere" / "again.zip").read_bytes() == archive.read_bytes()


def test_it_is_described(archive: Path) -> None:
    described = json.loads(archive.with_suffix(".json").read_text("utf-8"))
    python, architecture = runtime.here() or ("", "")
    digest = base64.b64encode(hashlib.sha256(archive.read_bytes()).digest()).decode()
    assert described == {"runtime": f"python{python}", "architecture": architecture, "sha256": digest}


def test_what_is_in_it(archive: Path) -> None:
    assert archive.stat().st_size < 30e6
    with zipfile.ZipFile(archive) as opened:
        entries = opened.infolist()
    names = [entry.filename for entry in entries]
    assert names == sorted(names)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    tops = {name.partition("/")[0] for name in names}
    assert tops.isdisjoint({*ENGINE, "bin"})
    assert {"kenspeckle", "botocore", "fastapi", "mangum"} <= tops
    services = {name.split("/")[2] for name in names if name.startswith("botocore/data/") and name.count("/") > 2}
    assert services == {"dynamodb", "rekognition", "s3"}
    # Licences ask for their text to go along.
    about = {name.partition("/")[0] for name in names if ".dist-info/" in name}
    without = {
        one for one in about if not any(name.startswith(f"{one}/") and "LICEN" in name.upper() for name in names)
    }
    assert not without, without


def test_of_pillow_there_is_no_codec_but_those_of_jpeg_and_png(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
    (core,) = (name for name in names if name.startswith("PIL/") and name.endswith(".so"))
    assert core.startswith("PIL/_imaging.")
    libraries = {name.removeprefix("pillow.libs/").partition("-")[0] for name in names if name.startswith("pillow.lib")}
    assert libraries == set(runtime.builder().LIBRARIES)


def test_a_library_for_a_newer_c_library_is_refused(tmp_path: Path) -> None:
    tmp_path.joinpath("package").mkdir()
    tmp_path.joinpath("package", "_core.so").write_bytes(b"\x7fELF\0GLIBC_2.2.5\0GLIBC_2.28\0")
    runtime.builder()._fits(tmp_path, 28)
    with pytest.raises(SystemExit, match=r"package/_core.so needs glibc 2.28 and this runtime has 2.26"):
        runtime.builder()._fits(tmp_path, 26)


def test_what_cuts_faces_out_is_in_it(task: Path) -> None:
    """Imported with the first face that is cut, so no start shows that a module of it is missing."""
    words = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path[:0] = [{str(task)!r}]; import kenspeckle.vision.cutter",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_runtime_that_ends_soon_is_refused() -> None:
    builder = runtime.builder()
    builder.lasts("3.13", date(2029, 1, 1))
    with pytest.raises(SystemExit, match=r"gives up the runtime python3\.13 on 2029-06-30"):
        builder.lasts("3.13", date(2029, 1, 2))
    assert builder.ENDS.keys() == builder.GLIBC.keys()
    assert builder.NEWEST == "3.14"


def test_an_interpreter_is_one_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names on the path may be shims of versions that are not installed; any Python may build then, uncompiled."""
    builder, version = runtime.builder(), "3.14" if sys.version_info < (3, 14) else "3.13"
    shim = tmp_path / f"python{version}"
    monkeypatch.setenv("PATH", str(tmp_path))
    shim.write_text("#!/bin/sh\nexit 127\n", "utf-8")
    shim.chmod(0o755)
    assert builder.interpreter(version) is None
    tmp_path.joinpath("m.py").write_text("x = 1\n", "utf-8")
    builder._compile(tmp_path, version)
    assert not tmp_path.joinpath("__pycache__").exists()
    shim.write_text(f'#!/bin/sh\necho "({version.replace(".", ", ")}) /opt/python"\n', "utf-8")
    assert builder.interpreter(version) == "/opt/python"
    assert builder.interpreter(f"{sys.version_info.major}.{sys.version_info.minor}") == sys.executable


def test_every_module_is_compiled_for_good(archive: Path, task: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        names = set(opened.namelist())
    tag = sys.implementation.cache_tag
    for name in names:
        if name.endswith(".py"):
            folder, _, file = name.rpartition("/")
            compiled = f"{folder}/__pycache__/{file[:-3]}.{tag}.pyc".lstrip("/")
            assert compiled in names
            # PEP 552: valid whatever the time of the source.
            assert task.joinpath(compiled).read_bytes()[4:8] == b"\x01\0\0\0"


def test_the_functions_start_with_nothing_but_the_zip(api: Function, inbox: Function) -> None:
    for running in (api, inbox):
        modules = set(running.begun["modules"])
        assert "kenspeckle.compose.managed" in modules
        assert modules.isdisjoint({*ENGINE, "PIL"}), "Pillow waits for the first face that is cut out"
    assert "fastapi" not in inbox.begun["modules"], "the inbox needs no edge"


def test_a_function_without_its_settings_says_which(task: Path, tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path[:0] = [{str(task)!r}]; import kenspeckle.lambdas.api",
    ]
    env = {"AWS_LAMBDA_FUNCTION_NAME": "kenspeckle"}
    done = subprocess.run(words, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "set KENSPECKLE_DYNAMODB_TABLE" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--python", "2.7"], "Lambda has no runtime python2.7"),
        (["--architecture", "sparc"], "invalid choice: 'sparc'"),
        (["--python", "3.11"], "AWS gives up the runtime python3.11 on 2026-06-30: build for python3.14"),
        (["--help"], "(default: Lambda's newest, 3.14)"),
    ],
)
def test_the_command_says_what_it_takes(words: list[str], said: str) -> None:
    script = str(Path(__file__).parents[3] / "deploy" / "lambda_zip.py")
    wide = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run([sys.executable, script, *words], env=wide, capture_output=True, text=True, check=False)
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
