"""Manifests of jobs that index: slices of lines, each taken by one process at a time, and what became of them.

Results have no names: identities and faces are read from what the collection still has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy import Connection, and_, delete, exists, func, insert, or_, select, update

from kenspeckle.catalog.base import Part, chunks, collection_row
from kenspeckle.catalog.database import each
from kenspeckle.catalog.jobs import JOB, job_of, unfinished
from kenspeckle.catalog.tables import faces, images, index_slices, jobs
from kenspeckle.domain import Job, JobKind, JobLost, JobState, LineResult, LineStatus, ManifestLine, Page
from kenspeckle.ports import Slice

FORSAKEN_SECONDS = 86400.0
"""Age from which slices without a job were left by a request that died."""

BATCH = 2000
"""Slices of one transaction that removes them."""

_ADD = insert(index_slices)
_RUNS = and_(
    jobs.c.job_id == index_slices.c.job_id,
    jobs.c.kind == JobKind.INDEX.value,
    jobs.c.state == JobState.RUNNING.value,
)
_GOES_ON = and_(_RUNS, jobs.c.cancelling.is_(False))
_OF_JOB = exists().where(jobs.c.job_id == index_slices.c.job_id)
_ENDED = exists().where(jobs.c.job_id == index_slices.c.job_id, jobs.c.finished_at.is_not(None))


class Manifests(Part):
    """Implements `ports.Manifests`."""

    def add_slices(self, job_id: str, collection_id: str, first: int, some: Sequence[Sequence[ManifestLine]]) -> None:
        now = self.database.now()
        with self.database.write() as connection:
            row = collection_row(connection, collection_id)
            values = [
                {
                    "job_id": job_id,
                    "collection_row": row,
                    "number": number,
                    "lines": len(lines),
                    "done": False,
                    "wanted": orjson.dumps([_pack(one) for one in lines]).decode(),
                    "results": None,
                    "owner": "",
                    "lease_until": 0.0,
                    "attempts": 0,
                    "created_at": now,
                }
                for number, lines in enumerate(some, first)
            ]
            each(connection, _ADD, values)

    def drop_slices(self, job_id: str) -> None:
        self._remove_slices(index_slices.c.job_id == job_id)

    def take_slice(self, job_id: str | None, owner: str, seconds: float) -> Slice | None:
        now = self.database.now()
        free = or_(index_slices.c.lease_until <= now, index_slices.c.lease_until > now + 2 * seconds)
        due = (
            select(
                index_slices.c.row,
                index_slices.c.job_id,
                index_slices.c.wanted,
                index_slices.c.attempts,
                index_slices.c.results,
            )
            .join(jobs, _GOES_ON)
            .where(index_slices.c.done.is_(False), index_slices.c.wanted.is_not(None), free)
            .order_by(index_slices.c.job_id, index_slices.c.number)
            .limit(1)
        )
        if job_id is not None:
            due = due.where(index_slices.c.job_id == job_id)
        with self.database.read() as connection:  # mostly there is none, and reading takes no lock
            if connection.execute(due).first() is None:
                return None
        with self.database.write() as connection:
            found = connection.execute(due.with_for_update(skip_locked=True, of=index_slices)).first()
            if found is None:
                return None
            mine = {"owner": owner, "lease_until": now + seconds, "attempts": found.attempts + 1}
            connection.execute(update(index_slices).where(index_slices.c.row == found.row).values(**mine))
        lines = tuple(ManifestLine(*one) for one in orjson.loads(found.wanted))
        taken = Slice(found.row, found.job_id, owner, lines, found.attempts + 1)
        if found.results is None:
            return taken
        noted = orjson.loads(found.results)
        return replace(taken, results=_unpack_results(noted["results"]), at_hand=noted["at_hand"], begun=noted["begun"])

    def hold_slice(self, one: Slice, seconds: float) -> bool:
        runs = exists().where(_RUNS)
        until = self.database.now() + seconds
        with self.database.write() as connection:
            held = update(index_slices).where(_mine(one), runs).values(lease_until=until)
            return bool(connection.execute(held).rowcount)

    def slices_held(self, job_id: str) -> bool:
        of = (index_slices.c.job_id == job_id, index_slices.c.done.is_(False))
        held = select(index_slices.c.row).where(*of, index_slices.c.lease_until > self.database.now()).limit(1)
        with self.database.read() as connection:
            return connection.execute(held).first() is not None

    def note_line(self, one: Slice, results: Sequence[LineResult], at_hand: int, begun: int) -> None:
        noted = {"results": _pack_results(results), "at_hand": at_hand, "begun": begun}
        self._write_mine(one, {"results": orjson.dumps(noted).decode()})

    def finish_slice(self, one: Slice, results: Sequence[LineResult]) -> None:
        packed = orjson.dumps(_pack_results(results)).decode()
        self._write_mine(one, {"done": True, "wanted": None, "results": packed, "lease_until": 0.0})

    def _write_mine(self, one: Slice, values: Mapping[str, object]) -> None:
        with self.database.write() as connection:
            if not connection.execute(update(index_slices).where(_mine(one)).values(**values)).rowcount:
                raise JobLost(f"A slice of job {one.job_id} was taken over by another process.")

    def release_slice(self, one: Slice) -> None:
        given = {"owner": "", "lease_until": 0.0, "attempts": max(0, one.attempts - 1)}
        with self.database.write() as connection:
            connection.execute(update(index_slices).where(_mine(one)).values(**given))

    def slice_counts(self, job_id: str) -> tuple[int, int]:
        counted = (
            select(index_slices.c.done, func.sum(index_slices.c.lines))
            .where(index_slices.c.job_id == job_id)
            .group_by(index_slices.c.done)
        )
        begun = select(index_slices.c.results).where(
            index_slices.c.job_id == job_id, index_slices.c.done.is_(False), index_slices.c.results.is_not(None)
        )
        with self.database.read() as connection:
            found = {bool(done): int(count) for done, count in connection.execute(counted)}
            noted = sum(len(orjson.loads(one)["results"]) for one in connection.execute(begun).scalars())
        return found.get(True, 0) + noted, sum(found.values())

    def has_unfinished_slices(self, job_id: str) -> bool:
        left = select(index_slices.c.row).where(index_slices.c.job_id == job_id, index_slices.c.done.is_(False))
        with self.database.read() as connection:
            return connection.execute(left.limit(1)).first() is not None

    def index_results(self, job_id: str, limit: int, cursor: str | None) -> Page[LineResult]:
        bound = ("index results", job_id)
        after = self.cursors.read(cursor, *bound)
        found = (
            select(index_slices.c.row, index_slices.c.collection_row, index_slices.c.results)
            .where(index_slices.c.job_id == job_id, index_slices.c.row > after, index_slices.c.done.is_(True))
            .order_by(index_slices.c.row)
            .limit(limit + 1)
        )
        with self.database.read() as connection:
            some = connection.execute(found).all()
            stored: dict[str, tuple[str | None, tuple[str, ...]]] = {}
            for one in some[:limit]:
                stored.update(_find_stored(connection, one.collection_row, orjson.loads(one.results)))
        page = self.page(
            some, limit, lambda one: _add_stored(_unpack_results(orjson.loads(one.results)), stored), bound
        )
        return Page(tuple(result for results in page.items for result in results), page.cursor)

    def statuses(self, job_id: str) -> Mapping[LineStatus, int]:
        counts: Counter[str] = Counter()
        after = 0
        while True:
            some = (
                select(index_slices.c.row, index_slices.c.results)
                .where(index_slices.c.job_id == job_id, index_slices.c.row > after, index_slices.c.done.is_(True))
                .order_by(index_slices.c.row)
                .limit(BATCH)
            )
            with self.database.read() as connection:
                found = connection.execute(some).all()
            if not found:
                return {one: counts[one.value] for one in LineStatus if counts[one.value]}
            for row, results in found:
                counts.update(one[1] for one in orjson.loads(results))
                after = row

    def sweep_slices(self) -> None:
        forsaken = index_slices.c.created_at < self.database.now() - FORSAKEN_SECONDS
        self._remove_slices(~_OF_JOB, forsaken)
        with self.database.write() as connection:
            connection.execute(
                update(index_slices).where(index_slices.c.wanted.is_not(None), _ENDED).values(wanted=None)
            )

    def has_index_job(self, collection_id: str) -> Job | None:
        of = (unfinished, jobs.c.kind == JobKind.INDEX.value, jobs.c.collection_id == collection_id)
        with self.database.read() as connection:
            found = connection.execute(JOB.where(*of).limit(1)).first()
        return None if found is None else job_of(found)

    def _remove_slices(self, *which: Any) -> None:
        while True:
            with self.database.write() as connection:
                some = connection.execute(select(index_slices.c.row).where(*which).limit(BATCH)).scalars().all()
                for rows in chunks(some):
                    connection.execute(delete(index_slices).where(index_slices.c.row.in_(rows)))
            if len(some) < BATCH:
                return


def _mine(one: Slice) -> Any:
    return and_(index_slices.c.row == one.row, index_slices.c.owner == one.owner, index_slices.c.done.is_(False))


def _pack(line: ManifestLine) -> list[object]:
    return [line.number, line.bucket, line.name, line.identity, dict(line.metadata)]


def _find_stored(
    connection: Connection, row: int, results: Sequence[Any]
) -> dict[str, tuple[str | None, tuple[str, ...]]]:
    """(identity, face ids) of the photographs that the collection still has."""
    found: dict[str, tuple[str | None, tuple[str, ...]]] = {}
    for some in chunks([one[2] for one in results if one[2]]):
        wanted = (
            select(images.c.image_id, images.c.identity, faces.c.face_id)
            .join(faces, faces.c.image_row == images.c.row)
            .where(images.c.collection_row == row, images.c.image_id.in_(some))
            .order_by(faces.c.row)
        )
        for image_id, identity, face_id in connection.execute(wanted):
            found[image_id] = (identity or None, (*found.get(image_id, (None, ()))[1], face_id))
    return found


def _pack_results(results: Sequence[LineResult]) -> list[list[object]]:
    return [[one.number, one.status.value, one.image_id, one.code, one.reason] for one in results]


def _unpack_results(packed: Sequence[Any]) -> list[LineResult]:
    return [
        LineResult(number, LineStatus(status), image_id, code=code, reason=reason)
        for number, status, image_id, code, reason in packed
    ]


def _add_stored(
    results: Sequence[LineResult], stored: dict[str, tuple[str | None, tuple[str, ...]]]
) -> list[LineResult]:
    """With what the collection still has of them."""
    told = []
    for one in results:
        if one.image_id is None:
            told.append(one)
        elif one.image_id in stored:
            identity, face_ids = stored[one.image_id]
            told.append(replace(one, identity=identity, face_ids=face_ids))
        else:
            told.append(LineResult(one.number, LineStatus.ERASED, one.image_id))
    return told
