"""Backup: one moment of the catalog and every photograph that it refers to, in one file, while the service runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from kenspeckle.errors import ImageNotFound, StorageUnavailable
from kenspeckle.ports import Copies, CopyFacts, Images
from kenspeckle.progress import Progress
from kenspeckle.usecases.archive.archive_format import CATALOG, MASTER_KEY, chunks, photograph
from kenspeckle.usecases.archive.writer import Writer

FORMAT: Final = "kenspeckle-backup"
VERSION: Final = 1
PAUSE_SECONDS: Final = 1.0
"""Seconds to wait for a photograph whose faces are committed and which is not in its place yet; usually
milliseconds."""
NAMED: Final = 100
"""Missing photographs that the manifest names; it counts all."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds. `missing` are photographs that the catalog refers to and that are missing or damaged in the
    store; `erased` those that were deleted while the backup was made; `encrypted` counts collections."""

    counts: dict[str, int]
    photographs: int
    photograph_bytes: int
    missing: tuple[str, ...]
    erased: int
    encrypted: int = 0


@dataclass(slots=True)
class _Tally:
    photographs: int = 0
    size: int = 0
    absent: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Source:
    """What is backed up. `master_key` is the key itself, None to leave it out; `has_key` tells whether there is one."""

    copies: Copies
    images: Images
    software: str
    master_key: bytes | None = None
    has_key: bool = False
    pause: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time


def back_up(source: Source, file: IO[bytes], work: Path, progress: Progress) -> Backup:
    """Write a backup into an empty file. `work` is a path in the same folder for the copy of the database, which is
    removed before the photographs are written. Raises StorageFull, StorageUnavailable."""
    work.unlink(missing_ok=True)
    moment = source.now()
    with closing(Writer(file, int(moment), work.parent)) as writer:
        try:
            facts = source.copies.make(work, lambda done, total: progress("catalog", done, total))
            packed = _pack(source.copies.digests(work))
            with work.open("rb") as copy:
                size = work.stat().st_size
                writer.add(CATALOG, size, chunks(copy, size))
        finally:
            work.unlink(missing_ok=True)
        if source.master_key is not None:
            writer.add(MASTER_KEY, len(source.master_key), (source.master_key,))
        made = _photographs(source, writer, packed, facts, progress)
        writer.finish(_manifest(source, made, facts, moment))
    return made


def _photographs(source: Source, writer: Writer, packed: bytes, facts: CopyFacts, progress: Progress) -> Backup:
    total, tally = len(packed) // 32, _Tally()
    for number, digest in enumerate(_unpack(packed), 1):
        if not _add(source.images, writer, digest, tally):
            tally.absent.append(digest)
        progress("photographs", number, total)
    missing: list[str] = []
    still = _still_needed(source, tally.absent)
    if still:
        # A photograph whose faces were committed a moment ago, or just before a crash, is staged and not yet in its
        # place.
        source.pause(PAUSE_SECONDS)
        source.images.recover(source.copies.find_referenced, source.copies.lock)
        missing = [digest for digest in still if not _add(source.images, writer, digest, tally)]
        missing = _still_needed(source, missing)
    if missing and tally.photographs == 0:
        raise StorageUnavailable(
            f"None of the {total} photographs can be read: check KENSPECKLE_IMAGES_URL and the rights on that place."
        )
    erased = total - tally.photographs - len(missing)
    return Backup(dict(facts.counts), tally.photographs, tally.size, tuple(missing), erased, facts.encrypted)


def _add(images: Images, writer: Writer, digest: str, tally: _Tally) -> bool:
    try:
        data = images.get(digest)
    except (ImageNotFound, StorageUnavailable):
        return False
    writer.add(photograph(digest), len(data), (data,))
    tally.photographs += 1
    tally.size += len(data)
    return True


def _still_needed(source: Source, digests: list[str]) -> list[str]:
    needed = source.copies.find_referenced(digests) if digests else set()
    return [digest for digest in digests if digest in needed]


def _manifest(source: Source, made: Backup, facts: CopyFacts, moment: float) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "software": source.software,
        "created_at": datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds"),
        "schema": facts.schema,
        "packs": dict(facts.packs),
        "counts": made.counts,
        "photographs": made.photographs,
        "photograph_bytes": made.photograph_bytes,
        "missing": len(made.missing),
        "missing_digests": list(made.missing[:NAMED]),
        "erased_meanwhile": made.erased,
        "encrypted": facts.encrypted,
        "master_key": source.master_key is not None,
        "master_key_left_out": source.has_key and source.master_key is None,
    }


def _pack(digests: Iterable[str]) -> bytes:
    """32 bytes each; as strings they would take six times the memory."""
    packed = bytearray()
    source = iter(digests)
    while some := list(islice(source, 1000)):
        packed += bytes.fromhex("".join(some))
    return bytes(packed)


def _unpack(packed: bytes) -> Iterator[str]:
    for at in range(0, len(packed), 32):
        yield packed[at : at + 32].hex()
