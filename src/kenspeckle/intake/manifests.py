"""Makes the manifest of a bucket's prefix: a line for each photograph, whose identity is made of its name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import orjson

from kenspeckle.intake.files import SUFFIXES, Photograph
from kenspeckle.intake.identities import Identities


def bucket_of(path: Path) -> tuple[str, str] | None:
    """(bucket, prefix) of `s3://bucket/prefix`, of which Path has eaten a slash; None for what is none."""
    parts = path.parts
    return (parts[1], "/".join(parts[2:])) if len(parts) > 1 and parts[0] == "s3:" else None


def is_manifest(path: Path) -> bool:
    """Whether a path is that of a manifest rather than of a photograph."""
    return path.suffix.lower() in (".jsonl", ".ndjson")


def place_of(line: bytes) -> str:
    """Where the photograph of a manifest's line lies; "" for what is no such line."""
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        return ""
    return str(told.get("url") or told.get("file") or "") if isinstance(told, dict) else ""


def write_manifest(
    file: BinaryIO, bucket: str, names: Iterable[str], by: str, identities: Identities | None
) -> tuple[int, list[tuple[str, str]]]:
    """How many photographs were written, and (name, reason) of those whose identity is another one's. `by` is `file` or
    `folder`; without `identities` nobody is named."""
    count, refused = 0, []
    for name in names:
        path = PurePosixPath(name)
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        line: dict[str, object] = {"url": f"s3://{bucket}/{name}"}
        if identities is not None:
            photograph = Photograph(Path(name), path.parent.name if by == "folder" else path.name)
            if why := identities.refusal(photograph):
                refused.append((name, why))
                continue
            line["identity"] = photograph.identity
        file.write(orjson.dumps(line) + b"\n")
        count += 1
    return count, refused
