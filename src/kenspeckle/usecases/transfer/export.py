"""Export: a collection as lines of JSON, or as an archive of those lines and the photographs."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from kenspeckle.errors import ImageNotFound, StorageUnavailable
from kenspeckle.ports import Catalog, Dump, Dumps
from kenspeckle.progress import Progress
from kenspeckle.usecases.archive.archive_format import FACES, photograph
from kenspeckle.usecases.archive.writer import Writer
from kenspeckle.usecases.backup.backup import PAUSE_SECONDS
from kenspeckle.usecases.recognition.originals import Photographs
from kenspeckle.usecases.transfer import export_format


@dataclass(frozen=True, slots=True)
class Source:
    """Where collections are read from. `dimension(pack)` is the length of a pack's templates."""

    dumps: Dumps
    photographs: Photographs
    catalog: Catalog
    dimension: Callable[[str], int]
    software: str
    pause: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time


@dataclass(slots=True)
class Exported:
    """Counts of an export. `missing` are digests of photographs that are missing or damaged in the store; those that
    were erased meanwhile are not among them."""

    faces: int = 0
    users: int = 0
    photographs: int = 0
    missing: list[str] = field(default_factory=list)


def export(
    source: Source, collection_id: str, file: IO[bytes], *, scratch: Path | None = None, progress: Progress
) -> Exported:
    """Write a collection, as it is now, into an empty file; with photographs where `scratch`, a folder for temporary
    files, is given. Raises CollectionNotFound, StorageFull, StorageUnavailable."""
    moment = source.now()
    if scratch is None:
        return _lines(source, collection_id, moment, file.write, progress, with_images=False)[0]
    with closing(Writer(file, int(moment), scratch)) as writer:
        with writer.growing(FACES) as write:
            done, digests = _lines(source, collection_id, moment, write, progress, with_images=True)
        # The read transaction has ended by now: photographs take long, and people who are erased meanwhile would stay
        # in the log. So those deleted after the moment that the lines show may be gone from the store.
        for number, packed in enumerate(sorted(digests), 1):
            _photograph(source.photographs, collection_id, writer, packed.hex(), done)
            progress("photographs", number, len(digests))
        if done.missing:
            _look_again(source, collection_id, writer, done)
        writer.finish(
            {
                "format": export_format.FORMAT,
                "version": export_format.VERSION,
                "software": source.software,
                "collection": collection_id,
                "faces": done.faces,
                "photographs": done.photographs,
                "missing": len(done.missing),
            }
        )
    return done


def _lines(
    source: Source,
    collection_id: str,
    moment: float,
    write: Callable[[bytes], object],
    progress: Progress,
    *,
    with_images: bool,
) -> tuple[Exported, set[bytes]]:
    with source.dumps.dump(collection_id) as dump:
        return _Lines(write, with_images=with_images).all(dump, _header(source, dump, moment, with_images), progress)


def _header(source: Source, dump: Dump, moment: float, with_images: bool) -> export_format.Header:
    collection = dump.collection
    return export_format.Header(
        collection=collection.collection_id,
        pack=collection.pack,
        contract=collection.contract,
        dimension=source.dimension(collection.pack),
        tags=collection.tags,
        faces=collection.face_count,
        images=dump.images,
        users=collection.user_count,
        with_images=with_images,
        software=source.software,
        created_at=moment,
        retention_days=collection.retention_days,
    )


def _photograph(photographs: Photographs, collection_id: str, writer: Writer, digest: str, done: Exported) -> None:
    try:
        data = photographs.get(collection_id, digest)
    except (ImageNotFound, StorageUnavailable):
        done.missing.append(digest)
        return
    writer.add(photograph(digest), len(data), (data,))
    done.photographs += 1


def _look_again(source: Source, collection_id: str, writer: Writer, done: Exported) -> None:
    """A photograph that was stored a moment ago, or just before a crash, is staged and not yet in its place."""
    absent, done.missing = _find_needed(source, collection_id, done.missing), []
    if absent:
        source.pause(PAUSE_SECONDS)
        source.photographs.images.recover(source.catalog.digests, source.catalog.lock)
        for digest in absent:
            _photograph(source.photographs, collection_id, writer, digest, done)
        done.missing = _find_needed(source, collection_id, done.missing)


def _find_needed(source: Source, collection_id: str, digests: Iterable[str]) -> list[str]:
    names = {source.photographs.name(collection_id, digest): digest for digest in digests}
    return sorted(names[name] for name in source.catalog.digests(names))


class _Lines:
    """Writes lines and their digest."""

    def __init__(self, write: Callable[[bytes], object], *, with_images: bool) -> None:
        self._write = write
        self._with_images = with_images
        self._digest = hashlib.sha256()
        self._count = 0

    def all(self, dump: Dump, header: export_format.Header, progress: Progress) -> tuple[Exported, set[bytes]]:
        """Write every line; returns the counts and the digests (32 bytes) of the stored photographs."""
        done, digests = Exported(), set[bytes]()
        self._line(export_format.header_line(header))
        for one in dump.faces:
            self._line(export_format.face_line(one, with_images=self._with_images))
            if one.image.kept:
                digests.add(bytes.fromhex(one.image.digest))
            done.faces += 1
            progress("faces", done.faces, header.faces)
        for user in dump.users:
            self._line(export_format.user_line(user.user_id, user.created_at))
            done.users += 1
        for person in dump.people:
            self._line(export_format.person_line(person))
        self._write(export_format.end_line(self._count, self._digest.hexdigest()))
        return done, digests

    def _line(self, line: bytes) -> None:
        self._write(line)
        self._digest.update(line)
        self._count += 1
