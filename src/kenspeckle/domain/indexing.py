"""Indexing by a manifest: what a line of it names, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class ManifestLine:
    """A photograph to index: an object of a bucket that the operator configured. `number` is the line's in the
    manifest, from 1."""

    number: int
    bucket: str
    name: str
    identity: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


class LineStatus(StrEnum):
    """What became of a line."""

    INDEXED = "indexed"
    PRESENT = "present"
    NO_FACE = "no_face"
    FAILED = "failed"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of a line: `indexed`, `present` (it was stored before), `no_face` or `failed`; `erased` where its
    faces were erased since. `code` is that of the error, `reason` says why nothing was stored."""

    number: int
    status: LineStatus
    image_id: str | None = None
    identity: str | None = None
    face_ids: Sequence[str] = ()
    code: str | None = None
    reason: str | None = None
