"""Reads a manifest: JSON Lines, each naming a photograph. What is wrong is said with its line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from kenspeckle.domain import ManifestLine, validation
from kenspeckle.errors import BucketNotAllowed, InvalidValue

LONGEST = 64 * 1024
"""Bytes of a line."""

SHOWN = 5
"""Bad lines that a message names; it counts all."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""With which some editors and shells begin a file."""

MEMBERS = frozenset({"url", "file", "identity", "metadata"})

Allow = Callable[[str, str, bool], None]
"""Called with bucket, name, and whether the bucket has to be a folder. Raises BucketNotAllowed."""


def check(lines: Iterable[bytes], allow: Allow) -> int:
    """How many photographs a manifest names. Raises InvalidValue where a line can't be used, naming the first ones."""
    count = bad = 0
    shown: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        count += 1
        try:
            parse(number, line, allow)
        except InvalidValue as error:
            bad += 1
            if len(shown) < SHOWN:
                shown.append(f"line {number}: {error.message}")
    if bad:
        more = f"; and {bad - len(shown):,} more" if bad > len(shown) else ""
        raise InvalidValue(
            f"{bad:,} of {count:,} lines can't be used, so nothing was begun: {'; '.join(shown)}{more}", field="body"
        )
    if not count:
        raise InvalidValue(
            'The manifest names no photograph. A line is JSON such as {"url": "s3://bucket/key", "identity": "Ada"}.',
            field="body",
        )
    return count


def slices(lines: Iterable[bytes], size: int) -> Iterator[list[ManifestLine]]:
    """The lines of a manifest that was checked, so many at a time."""
    some: list[ManifestLine] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            some.append(parse(number, line, lambda *_: None))
            if len(some) == size:
                yield some
                some = []
    if some:
        yield some


def parse(number: int, line: bytes, allow: Allow) -> ManifestLine:
    """One line. Raises InvalidValue."""
    if len(line) > LONGEST:
        raise InvalidValue(f"it is longer than {LONGEST} bytes")
    if number == 1:
        line = line.removeprefix(BYTE_ORDER_MARK)
    try:
        found: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InvalidValue("it is no JSON") from error
    if not isinstance(found, dict):
        raise InvalidValue("it is no JSON object")
    _check_unique(line)
    if unknown := sorted(set(found) - MEMBERS):
        raise InvalidValue(f"it has the member {unknown[0][:64]!r}; known are {', '.join(sorted(MEMBERS))}")
    bucket, name = _place(found, allow)
    identity, metadata = found.get("identity"), found.get("metadata") or {}
    if identity is not None:
        if not isinstance(identity, str):
            raise InvalidValue("its identity is no text")
        validation.external_image_id(identity)
    if not isinstance(metadata, dict) or not all(isinstance(one, str) for one in metadata.values()):
        raise InvalidValue("its metadata is no object of texts")
    return ManifestLine(number, bucket, name, identity, dict(validation.metadata(metadata)))


def _check_unique(line: bytes) -> None:
    """Raises InvalidValue where a member is there twice: of two identities neither is sure to be meant."""
    try:
        _PAIRS.decode(line.decode())
    except RecursionError as error:
        raise InvalidValue("it is nested too deep") from error


def _unique(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidValue(f"it has the member {twice[:64]!r} twice")


_PAIRS = json.JSONDecoder(object_pairs_hook=_unique)


def _place(found: dict[str, Any], allow: Allow) -> tuple[str, str]:
    url, file = found.get("url"), found.get("file")
    if (url is None) == (file is None):
        raise InvalidValue("it needs either url or file")
    if url is not None:
        if not isinstance(url, str) or not url.startswith("s3://"):
            raise InvalidValue("its url is none like s3://bucket/key")
        place = url.removeprefix("s3://")
    elif isinstance(file, str):
        place = file
    else:
        raise InvalidValue("its file is no text")
    bucket, slash, name = place.partition("/")
    if not slash or not name:
        raise InvalidValue("it names a bucket and no object in it")
    if name.startswith("/") or "\0" in name or not {".", ".."}.isdisjoint(name.split("/")):
        raise InvalidValue("its name in the bucket begins with '/', or has NUL or a part '.' or '..'")
    try:
        allow(bucket, name, url is None)
    except BucketNotAllowed as error:
        what = "bucket" if url is not None else "folder"
        raise InvalidValue(
            f"the {what} '{bucket[:64]}' is none that this key may read from; the operator names them in "
            "KENSPECKLE_S3_BUCKETS"
        ) from error
    return bucket, name
