"""Videos: the jobs that look at them, and what these have found, stored step by step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, delete, exists, func, insert, select, update

from kenspeckle.catalog import rows
from kenspeckle.catalog.base import Part, chunks, collection_row, one_at_a_time
from kenspeckle.catalog.database import each
from kenspeckle.catalog.jobs import check_claim, insert_job, unfinished
from kenspeckle.catalog.tables import (
    jobs,
    video_faces,
    video_matches,
    video_tracks,
    videos,
)
from kenspeckle.catalog.tokens import keep_answer
from kenspeckle.catalog.video_keys import content_of, seal_detail, seal_key, upload_key
from kenspeckle.domain import (
    Claim,
    JobKind,
    Vector,
    VideoFacts,
)
from kenspeckle.encryption.cipher import Content
from kenspeckle.errors import JobNotFound, QuotaExceeded
from kenspeckle.ports import Answered, NewVideo, SeenFace, StoredVideo, Track

TEMPLATES = "templates of video"
BATCH = 2000
"""Rows of one transaction that removes them."""
NO_COLLECTION = 0
"""In `tokens`: the number of no collection."""

_VIDEO = select(
    videos.c.row,
    videos.c.collection_row,
    videos.c.facts,
    videos.c.position,
    videos.c.key_id,
    videos.c.upload,
    videos.c.upload_key,
).where(videos.c.job_id == bindparam("job_id"))
_TRACKS = (
    select(
        video_tracks.c.track,
        video_tracks.c.first_ms,
        video_tracks.c.last_ms,
        video_tracks.c.frames,
        video_tracks.c.weights,
        video_tracks.c.templates,
    )
    .where(video_tracks.c.video_row == bindparam("video_row"), video_tracks.c.last_ms >= bindparam("since"))
    .order_by(video_tracks.c.track)
)
_FORGET_TRACK = delete(video_tracks).where(
    video_tracks.c.video_row == bindparam("of_video"), video_tracks.c.track == bindparam("of_track")
)
_KNOWN_JOB = exists().where(jobs.c.job_id == videos.c.job_id)


class Videos(Part):
    """Implements `ports.Videos`, with `VideoResults` and `VideoNotices`."""

    def add_video(self, video: NewVideo, answered: Answered | None = None) -> None:
        job = video.job
        with self.database.write() as connection:
            one_at_a_time(connection)
            count = connection.execute(_select_unfinished_count()).scalar_one()
            if count >= video.most:
                raise QuotaExceeded(f"{count} videos are waiting or being worked on; send it again later.")
            row = None if job.collection_id is None else collection_row(connection, job.collection_id)
            keep_answer(connection, NO_COLLECTION if row is None else row, answered)
            insert_job(connection, job)
            values = {
                "job_id": job.job_id,
                "collection_row": row,
                "key_id": video.key_id,
                "created_at": job.created_at,
                "position": -1,
                "upload": video.upload,
                "upload_key": seal_key(self.collection_keys, row, job.job_id, video.upload_key),
                "topic": video.topic,
                "notice_due": None if video.topic is None else 0.0,
                "notice_attempts": 0,
            }
            connection.execute(insert(videos), values)

    def video(self, job_id: str) -> StoredVideo:
        with self.database.read() as connection:
            found = video_row(connection, job_id)
        key = upload_key(self.collection_keys, found.collection_row, job_id, found.upload_key)
        facts = None if found.facts is None else VideoFacts(**orjson.loads(found.facts))
        return StoredVideo(facts, found.position, found.key_id, found.upload, key)

    def stage_video(self, claim: Claim, upload: str, key: bytes | None) -> None:
        with self.database.write() as connection:
            check_claim(connection, claim)
            found = video_row(connection, claim.job_id)
            row, before = found.collection_row, found.upload_key
            stored = seal_key(self.collection_keys, row, claim.job_id, key, before)
            changed = update(videos).where(videos.c.row == found.row).values(upload=upload, upload_key=stored)
            connection.execute(changed)

    def checkpoint(
        self,
        claim: Claim,
        facts: VideoFacts,
        position: int,
        seen: Sequence[SeenFace],
        tracks: Sequence[Track],
    ) -> None:
        with self.database.write() as connection:
            check_claim(connection, claim)
            found = video_row(connection, claim.job_id)
            content = content_of(self.collection_keys, found.collection_row, claim.job_id, found.upload_key)
            of = {"video_row": found.row, "collection_row": found.collection_row}
            made = [{**_face_columns(one, content, claim.job_id), **of} for one in seen]
            if made:
                connection.execute(insert(video_faces), made)
            if tracks:
                each(connection, _FORGET_TRACK, [{"of_video": found.row, "of_track": one.number} for one in tracks])
                added = [self._track_columns(found, claim.job_id, one) for one in tracks]
                connection.execute(insert(video_tracks), added)
            packed = orjson.dumps({name: getattr(facts, name) for name in facts.__slots__}).decode()
            changed = update(videos).where(videos.c.row == found.row).values(position=position, facts=packed)
            connection.execute(changed)

    def tracks(self, job_id: str, since_ms: int = -1) -> list[Track]:
        with self.database.read() as connection:
            video = video_row(connection, job_id)
            found = connection.execute(_TRACKS, {"video_row": video.row, "since": since_ms}).all()
        made = []
        for number, first, last, frames, stored, sealed in found:
            weights = orjson.loads(stored)
            templates: tuple[Vector, ...] = ()
            if sealed is not None and weights:
                content = self.collection_keys.of(video.collection_row)
                packed = rows.vector(content.open(sealed, TEMPLATES, f"{job_id} {number}"), f"the video of {job_id}")
                templates = tuple(packed.reshape(len(weights), -1))
            made.append(Track(number, first, last, frames, templates, tuple(weights)))
        return made

    def drop_results(self, job_id: str, claim: Claim | None = None) -> None:
        more = True
        while more:
            with self.database.write() as connection:
                if claim is not None:
                    check_claim(connection, claim)
                more = _drop_some(connection, video_row(connection, job_id).row)

    def drop_video(self, job_id: str) -> None:
        self.drop_results(job_id)
        with self.database.write() as connection:
            connection.execute(delete(videos).where(videos.c.job_id == job_id))
            # Its row counts who was seen.
            connection.execute(delete(jobs).where(jobs.c.job_id == job_id, ~unfinished))

    def find_aged_videos(self, collection_id: str, before: float, limit: int) -> tuple[str, ...]:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            aged = (
                select(videos.c.job_id)
                .join(jobs, jobs.c.job_id == videos.c.job_id)
                .where(videos.c.collection_row == row, videos.c.created_at < before, ~unfinished)
                .limit(limit)
            )
            return tuple(connection.execute(aged).scalars())

    def sweep_videos(self) -> int:
        with self.database.read() as connection:
            gone = connection.execute(select(videos.c.job_id).where(~_KNOWN_JOB)).scalars().all()
        for job_id in gone:
            self.drop_video(job_id)
        return len(gone)

    def find_staged_uploads(self, *, ended: bool = False) -> set[str]:
        with self.database.read() as connection:
            wanted = (
                select(videos.c.upload)
                .join(jobs, jobs.c.job_id == videos.c.job_id)
                .where(~unfinished if ended else unfinished, videos.c.upload != "")
            )
            return set(connection.execute(wanted).scalars())

    def _track_columns(self, video: Any, job_id: str, track: Track) -> dict[str, object]:
        packed = None
        if track.templates:
            content = self.collection_keys.of(video.collection_row)
            together = b"".join(map(rows.pack_vector, track.templates))
            packed = content.seal(together, TEMPLATES, f"{job_id} {track.number}")
        return {
            "video_row": video.row,
            "collection_row": video.collection_row,
            "track": track.number,
            "first_ms": track.first_ms,
            "last_ms": track.last_ms,
            "frames": track.frames,
            "weights": orjson.dumps(list(track.weights)).decode(),
            "templates": packed,
        }


def forget_templates(connection: Connection, row: int) -> None:
    """In the transaction that begins to encrypt or decrypt a collection: videos that are being worked on begin anew."""
    here = videos.c.collection_row == row
    mine = select(videos.c.row).where(here).join(jobs, jobs.c.job_id == videos.c.job_id).where(unfinished)
    for table in (video_faces, video_tracks):
        connection.execute(delete(table).where(table.c.video_row.in_(mine)))
    ended = {"state": "failed", "error": "The collection was encrypted or decrypted meanwhile; send the video again."}
    of_videos = select(videos.c.job_id).where(here)
    connection.execute(
        update(jobs).where(unfinished, jobs.c.job_id.in_(of_videos)).values(**ended, finished_at=time.time())
    )
    connection.execute(update(videos).where(here).values(upload_key=None))


def video_row(connection: Connection, job_id: str) -> Any:
    found = connection.execute(_VIDEO, {"job_id": job_id}).first()
    if found is None:
        raise JobNotFound.of_id(job_id)
    return found


def _select_unfinished_count() -> Any:
    return select(func.count()).select_from(jobs).where(unfinished, jobs.c.kind == JobKind.VIDEO.value)


def _drop_some(connection: Connection, row: int) -> bool:
    """Remove a batch of results; whether there may be more."""
    connection.execute(delete(video_matches).where(video_matches.c.video_row == row))
    for table in (video_faces, video_tracks):
        some = connection.execute(select(table.c.row).where(table.c.video_row == row).limit(BATCH)).scalars().all()
        for chunk in chunks(some):
            connection.execute(delete(table).where(table.c.row.in_(chunk)))
        if some:
            return True
    return False


def _face_columns(one: SeenFace, content: Content, job_id: str) -> dict[str, object]:
    box = one.detail.box
    return {
        "at_ms": one.at,
        "track": one.track,
        "box_left": box.left,
        "box_top": box.top,
        "box_width": box.width,
        "box_height": box.height,
        "confidence": one.detail.confidence,
        "detail": seal_detail(content, job_id, rows.pack_detail(one.detail, told=True)),
    }
