"""The zip, built once for all workers from packages that are fetched once a machine, and functions that run from it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest
from filelock import FileLock

from tests.aws.amazon import Amazon
from tests.aws.lambdas import runtime
from tests.aws.lambdas.runtime import Function, function

ROOT = Path(__file__).parents[3]
AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_EC2_METADATA_DISABLED")


def _packages() -> Path:
    """The packages of others for this machine's Python, by what decides which they are."""
    found = runtime.here()
    if found is None:
        pytest.skip("Lambda runs Linux on x86-64 and arm64; the zip is tested where this machine does too")
    decides = b"".join(ROOT.joinpath(name).read_bytes() for name in ("constraints.txt", "deploy/lambda_zip.py"))
    name = f"lambda-{'-'.join(found)}-{hashlib.sha256(decides).hexdigest()[:12]}"
    where = Path(platformdirs.user_cache_dir("kenspeckle", appauthor=False)) / name
    where.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(where.with_suffix(".lock"), timeout=240):
        if not where.is_dir():
            for stale in where.parent.glob("lambda-*-*-*/"):
                shutil.rmtree(stale, ignore_errors=True)
            staged = where.with_suffix(".part")
            shutil.rmtree(staged, ignore_errors=True)
            runtime.builder().fetch(staged, *found)
            staged.rename(where)
    return where


@pytest.fixture(scope="session")
def packages() -> Path:
    return _packages()


@pytest.fixture(scope="session")
def archive(packages: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The zip for this machine."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    output = shared / "kenspeckle-lambda.zip"
    with FileLock(shared / "lambda.lock", timeout=240):
        if not output.exists():
            found = runtime.here()
            assert found is not None
            runtime.builder().build(output, *found, packages)
    return output


@pytest.fixture(scope="session")
def task(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip, unpacked."""
    return runtime.unpacked(archive, tmp_path_factory.mktemp("var") / "task")


@pytest.fixture(scope="module")
def variables(aws: Amazon) -> dict[str, str]:
    """The environment of a function: the endpoints of this machine, credentials, settings."""
    names = [*AWS, *(name for name in os.environ if name.startswith("AWS_ENDPOINT_URL_"))]
    return {name: os.environ[name] for name in names} | aws.variables


@pytest.fixture(scope="module")
def api(task: Path, variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    with function(task, "kenspeckle.lambdas.api.handler", variables, tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest.fixture(scope="module")
def housekeeper(task: Path, variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    place = tmp_path_factory.mktemp("housekeeper")
    with function(task, "kenspeckle.lambdas.housekeeper.handler", variables, place) as running:
        yield running


@pytest.fixture(scope="module")
def inbox(task: Path, variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    with function(task, "kenspeckle.lambdas.inbox.handler", variables, tmp_path_factory.mktemp("inbox")) as running:
        yield running
