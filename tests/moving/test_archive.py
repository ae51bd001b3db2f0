"""Archives: written as any tar reads them, and refused where one byte is not as it was written."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from kenspeckle.errors import InvalidValue
from kenspeckle.usecases.archive import archive_format
from kenspeckle.usecases.archive.reader import Archive, Verified
from kenspeckle.usecases.archive.writer import Writer

PHOTOGRAPHS = (b"a photograph", b"")
MOMENT = 1_700_000_000


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _silent(done: int, total: int) -> None:
    assert 0 <= done <= total


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("archive") / "whole.tar"
    with path.open("w+b") as file, closing(Writer(file, MOMENT, path.parent)) as writer:
        writer.add(archive_format.CATALOG, 70, [b"x" * 60, b"y" * 10])
        with writer.growing(archive_format.FACES) as write:
            write(b"one\n")
            write(b"two\n")
        for data in PHOTOGRAPHS:
            writer.add(archive_format.photograph(_digest(data)), len(data), [data])
        writer.finish({"format": "test", "number": 7})
    return path.read_bytes()


def _verified(data: bytes) -> Verified:
    return Archive(io.BytesIO(data)).verify(_silent)


def test_what_was_written_is_read(archive: bytes) -> None:
    found = _verified(archive)
    assert found.manifest["number"] == 7
    assert found.manifest["members"] == 4
    assert found.photographs == 2
    reader = Archive(io.BytesIO(archive))
    assert reader.content(found.plain[archive_format.CATALOG]) == b"x" * 60 + b"y" * 10
    assert reader.content(found.plain[archive_format.FACES]) == b"one\ntwo\n"
    held = {member.digest: reader.content(member) for member in reader.members() if member.digest}
    assert held == {_digest(data): data for data in PHOTOGRAPHS}


def test_other_programs_read_it(archive: bytes, tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as file:
        assert {one.mtime for one in file} == {MOMENT}
        assert {one.mode for one in file} == {0o600}
        file.extractall(tmp_path, filter="data")
    checked = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert checked.stdout.count(": OK") == 4


def test_every_byte_counts(archive: bytes) -> None:
    """Each byte with one bit changed is refused; where the byte lies in a member's content, the member is named."""
    places = [(one.offset, one.offset + one.size, one.name) for one in Archive(io.BytesIO(archive)).members()]
    for at in range(len(archive)):
        damaged = bytearray(archive)
        damaged[at] ^= 1 << (at % 8)
        with pytest.raises(InvalidValue) as refused:
            _verified(bytes(damaged))
        for start, end, name in places:
            if start <= at < end:
                assert name in refused.value.message, f"byte {at}"


def test_no_beginning_of_an_archive_is_one(archive: bytes) -> None:
    for length in range(0, len(archive), 5):
        with pytest.raises(InvalidValue):
            _verified(archive[:length])


@pytest.mark.parametrize("extra", [b"\0", bytes(512), b"more"])
def test_nothing_follows_an_archive(archive: bytes, extra: bytes) -> None:
    with pytest.raises(InvalidValue, match="does not end as it should"):
        _verified(archive + extra)


def _tar(*members: tarfile.TarInfo, form_: int = tarfile.USTAR_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form_) as tar:
        for one in members:
            tar.addfile(one, io.BytesIO(bytes(one.size)))
    return file.getvalue()


def _info(name: str, **facts: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode = 0o600
    for key, value in facts.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize(
    "hostile",
    [
        _info("../../etc/cron.d/evil", size=4),
        _info("/etc/passwd", size=4),
        _info("images/../../evil", size=4),
        _info(f"images/aa/bb/{'c' * 64}", size=4),
        _info(f"images/cc/cc/{'c' * 63}/", size=4),
        _info(archive_format.CATALOG, type=tarfile.SYMTYPE, linkname="/etc/shadow"),
        _info(archive_format.CATALOG, type=tarfile.LNKTYPE, linkname="../other"),
        _info(archive_format.CATALOG, type=tarfile.CHRTYPE),
        _info(archive_format.CATALOG, type=tarfile.FIFOTYPE),
        _info(archive_format.CATALOG, type=tarfile.DIRTYPE),
        _info(archive_format.CATALOG, mode=0o4755),
    ],
    ids=lambda one: f"{one.name[:24]} {one.type.decode()}",
)
def test_members_that_we_never_write_are_refused(hostile: tarfile.TarInfo) -> None:
    with pytest.raises(InvalidValue):
        _verified(_tar(hostile))
    # Nor after members that are fine.
    with pytest.raises(InvalidValue):
        _verified(_tar(_info(archive_format.MASTER_KEY, size=32), hostile))


@pytest.mark.parametrize("size", [1 << 20, 1 << 34, (1 << 63) - 1, (1 << 87) - 1])
def test_a_size_larger_than_the_file_takes_no_memory(size: int) -> None:
    with pytest.raises(InvalidValue, match=r"cut off in its member 'catalog\.db'"):
        _verified(archive_format.header(archive_format.CATALOG, size, MOMENT) + bytes(4096))


def test_a_negative_size_is_refused() -> None:
    head = bytearray(archive_format.header(archive_format.CATALOG, 0, MOMENT))
    head[124:136] = b"-0000001000\0"
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    with pytest.raises(InvalidValue, match="no archive of Kenspeckle"):
        _verified(bytes(head) + bytes(4096))


def test_pax_headers_are_not_even_looked_into() -> None:
    member = _info(archive_format.CATALOG, size=4)
    member.pax_headers = {"comment": "x" * 100_000}
    with pytest.raises(InvalidValue, match="no archive"):
        _verified(_tar(member, form_=tarfile.PAX_FORMAT))


def test_the_same_member_twice_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "twice.tar").open("w+b") as file, closing(Writer(file, MOMENT, tmp_path)) as writer:
        for data in (b"one", b"two"):
            writer.add(archive_format.CATALOG, 3, [data])
        writer.finish({})
        with pytest.raises(InvalidValue, match=r"'catalog\.db' where none may be"):
            Archive(file).verify(_silent)


def test_large_sizes_are_written_as_tar_reads_them() -> None:
    for size in (0, 8**11 - 1, 8**11, 1 << 50):
        block = archive_format.header(archive_format.CATALOG, size, MOMENT)
        assert tarfile.TarInfo.frombuf(block, "ascii", "strict").size == size
        assert archive_format.parse(block, 0, "") == (archive_format.CATALOG, size)
