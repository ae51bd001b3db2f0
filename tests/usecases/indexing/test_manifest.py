"""Manifests: what a line may say, and what is said of bad ones."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from kenspeckle.domain import ManifestLine
from kenspeckle.errors import BucketNotAllowed, InvalidValue
from kenspeckle.usecases.indexing.manifest import check, parse, slices


def allow(bucket: str, name: str, folder: bool) -> None:
    """`photos` is a bucket, `desk` a folder; others are none."""
    if bucket not in ("photos", "desk") or (folder and bucket != "desk"):
        raise BucketNotAllowed("no")


def line(**members: Any) -> bytes:
    return json.dumps(members).encode() + b"\n"


def test_a_line_names_an_object_or_a_file() -> None:
    full = line(url="s3://photos/2026/ada.jpg", identity="Ada", metadata={"place": "Leith"})
    assert parse(7, full, allow) == ManifestLine(7, "photos", "2026/ada.jpg", "Ada", {"place": "Leith"})
    assert parse(1, line(file="desk/ada.jpg"), allow) == ManifestLine(1, "desk", "ada.jpg")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"no json\n", "no JSON"),
        (b"[1]\n", "no JSON object"),
        (b'{"url": "s3://photos/\xff"}\n', "no JSON"),
        (b'{"file": "desk/a", "identity": "Ada", "identity": "Bob"}\n', "'identity' twice"),
        (b'{"file": "desk/a", "identity": "Ada", "\\u0069dentity": "Bob"}\n', "'identity' twice"),
        (b'{"file": "desk/a", "metadata": {"a": "b", "a": "c"}}\n', "'a' twice"),
        (b'{"file": "desk/a", "metadata": ' + b"[" * 5000 + b"]" * 5000 + b"}\n", "no JSON"),
        (b'{"file": "desk/a", "metadata": ' + b"[" * 1000 + b"]" * 1000 + b"}\n", ""),
        (b'{"file": "desk/a", "metadata": {"a": ' + b"9" * 5000 + b"}}\n", "no JSON"),
        (b'{"file": "desk/a", "identity": "\\ud800"}\n', "no JSON"),
        (line(file="desk/a").decode().encode("utf-16"), "no JSON"),
        (line(), "either url or file"),
        (line(url="s3://photos/a", file="desk/a"), "either url or file"),
        (line(url="https://example.org/a.jpg"), "s3://bucket/key"),
        (line(url=7), "s3://bucket/key"),
        (line(file=7), "no text"),
        (line(url="s3://photos"), "no object"),
        (line(url="s3://photos/"), "no object"),
        (line(url="s3://other/a.jpg"), "KENSPECKLE_S3_BUCKETS"),
        (line(file="photos/a.jpg"), "folder 'photos'"),
        (line(file="/etc/passwd"), "folder ''"),
        (line(file="desk/../a.jpg"), "'.' or '..'"),
        (line(file="desk/a/./b.jpg"), "'.' or '..'"),
        (line(file="desk//etc/passwd"), "begins with '/'"),
        (line(url="s3://photos/a\0b"), "NUL"),
        (line(url="s3://photos/a", identity="../a"), "external"),
        (line(url="s3://photos/a", identity=7), "identity is no text"),
        (line(url="s3://photos/a", metadata={"a": 1}), "metadata"),
        (line(url="s3://photos/a", metadata=[1]), "metadata"),
        (line(url="s3://photos/a", name="Ada"), "'name'; known are"),
        (line(url="s3://photos/" + "a" * 70_000), "longer than"),
    ],
)
def test_what_is_wrong_is_said_with_the_line(data: bytes, why: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        check([b"\n", line(url="s3://photos/a"), data], allow)
    assert "1 of 2 lines can't be used, so nothing was begun: line 3: " in refused.value.message
    assert why.lower() in refused.value.message.lower()


def test_a_manifest_may_begin_with_a_byte_order_mark() -> None:
    some = [b"\xef\xbb\xbf" + line(file="desk/a.jpg"), line(file="desk/b.jpg")]
    assert check(some, allow) == 2
    assert [one.name for part in slices(some, 3) for one in part] == ["a.jpg", "b.jpg"]
    with pytest.raises(InvalidValue, match="line 2: it is no JSON"):
        check(reversed(some), allow)


def test_lines_may_end_as_windows_ends_them() -> None:
    assert check([b'{"file": "desk/a.jpg"}\r\n', b"\r\n", b'{"file": "desk/b.jpg"}\r\n'], allow) == 2


def test_a_manifest_names_something() -> None:
    for empty in ([], [b"\n", b"  \n"]):
        with pytest.raises(InvalidValue, match="no photograph"):
            check(empty, allow)


def test_many_bad_lines_take_no_memory() -> None:
    def bad(count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield b"no json at all\n"

    tracemalloc.start()
    with pytest.raises(InvalidValue) as refused:
        check(bad(20_000), allow)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000
    assert refused.value.message.startswith("20,000 of 20,000 lines can't be used")
    assert refused.value.message.endswith("line 5: it is no JSON; and 19,995 more")


def test_slices_have_every_line_once() -> None:
    some: Sequence[bytes] = [line(url=f"s3://photos/{number}") for number in range(7)]
    found = list(slices([b"\n", *some], 3))
    assert [[one.name for one in part] for part in found] == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    assert found[0][0].number == 2
