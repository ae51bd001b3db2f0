"""Videos: what a job has found of them, stored step by step, and who is who once it is finished."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, and_, bindparam, delete, exists, func, insert, or_, select, update

from kenspeckle.catalog import rows
from kenspeckle.catalog.base import Part, chunks, collection_row, found_faces, one_at_a_time
from kenspeckle.catalog.database import each
from kenspeckle.catalog.jobs import check_claim, insert_job, unfinished
from kenspeckle.catalog.membership import PERSON
from kenspeckle.catalog.tables import (
    collections,
    faces,
    images,
    jobs,
    members,
    people,
    users,
    video_faces,
    video_matches,
    video_tracks,
    videos,
)
from kenspeckle.catalog.tokens import keep_answer
from kenspeckle.catalog.video_keys import content_of, opened_detail, sealed_detail, sealed_key, upload_key
from kenspeckle.domain import (
    Appearance,
    Box,
    Claim,
    Face,
    FaceMatch,
    JobKind,
    Notice,
    Page,
    PersonRef,
    Vector,
    VideoFace,
    VideoFacts,
)
from kenspeckle.encryption.cipher import Content
from kenspeckle.errors import JobNotFound, QuotaExceeded
from kenspeckle.ports import Answered, FoundPerson, NewVideo, SeenFace, StoredVideo, Track

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
_FACES = select(
    video_faces.c.row,
    video_faces.c.at_ms,
    video_faces.c.person,
    video_faces.c.box_left,
    video_faces.c.box_top,
    video_faces.c.box_width,
    video_faces.c.box_height,
    video_faces.c.confidence,
    video_faces.c.detail,
).where(video_faces.c.video_row == bindparam("video_row"))
_BY_TIME = _FACES.where(video_faces.c.row > bindparam("after")).order_by(video_faces.c.row).limit(bindparam("most"))
_LAST_FACE = _FACES.where(video_faces.c.track == bindparam("number")).order_by(video_faces.c.row.desc()).limit(1)
_BY_PERSON = (
    _FACES.where(
        or_(
            video_faces.c.person > bindparam("person"),
            and_(video_faces.c.person == bindparam("person"), video_faces.c.row > bindparam("after")),
        )
    )
    .order_by(video_faces.c.person, video_faces.c.row)
    .limit(bindparam("most"))
)
_APPEARANCES = (
    select(
        video_tracks.c.track,
        video_tracks.c.person,
        video_tracks.c.first_ms,
        video_tracks.c.last_ms,
        video_tracks.c.frames,
    )
    .where(
        video_tracks.c.video_row == bindparam("video_row"),
        video_tracks.c.person.is_not(None),
        video_tracks.c.track >= bindparam("after"),
    )
    .order_by(video_tracks.c.track)
    .limit(bindparam("most"))
)
_MATCHES = (
    select(video_matches.c.person, video_matches.c.similarity, *rows.FACE, people.c.person_id, people.c.name)
    .join(faces, faces.c.row == video_matches.c.face_row)
    .join(images, images.c.row == faces.c.image_row)
    .outerjoin(users, users.c.row == faces.c.user_row)
    .outerjoin(members, members.c.face_row == faces.c.row)
    .outerjoin(people, and_(people.c.row == members.c.person_row, people.c.kind == PERSON))
    .where(
        video_matches.c.video_row == bindparam("video_row"),
        video_matches.c.person.in_(bindparam("some", expanding=True)),
    )
    .order_by(video_matches.c.person, video_matches.c.similarity.desc(), faces.c.row)
)
_OF_PERSON = (
    update(video_tracks)
    .where(video_tracks.c.video_row == bindparam("of_video"), video_tracks.c.track == bindparam("of_track"))
    .values(person=bindparam("is_person"), templates=None, weights="[]")
)
_FACES_OF_PEOPLE = (
    update(video_faces)
    .where(video_faces.c.video_row == bindparam("of_video"))
    .values(
        person=select(video_tracks.c.person)
        .where(video_tracks.c.video_row == video_faces.c.video_row, video_tracks.c.track == video_faces.c.track)
        .scalar_subquery()
    )
)
_GONE = select(video_matches.c.video_row, video_matches.c.person).where(
    video_matches.c.face_row.in_(bindparam("some", expanding=True))
)
_UNMATCH = delete(video_matches).where(video_matches.c.face_row.in_(bindparam("some", expanding=True)))
_STILL = select(video_matches.c.face_row).where(
    video_matches.c.video_row == bindparam("video_row"), video_matches.c.person == bindparam("person")
)
_KNOWN_JOB = exists().where(jobs.c.job_id == videos.c.job_id)
_DUE = (
    select(
        videos.c.row,
        videos.c.job_id,
        videos.c.topic,
        videos.c.notice_attempts,
        jobs.c.state,
        jobs.c.parameters,
        jobs.c.collection_id,
        jobs.c.finished_at,
    )
    .join(jobs, jobs.c.job_id == videos.c.job_id)
    .where(videos.c.notice_due <= bindparam("now"), ~unfinished)
    .order_by(videos.c.notice_due)
    .limit(bindparam("most"))
)


class Videos(Part):
    """Implements `ports.Videos`."""

    def add_video(self, video: NewVideo, answered: Answered | None = None) -> None:
        job = video.job
        with self.database.write() as connection:
            one_at_a_time(connection)
            count = connection.execute(_unfinished_count()).scalar_one()
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
                "upload_key": sealed_key(self.collection_keys, row, job.job_id, video.upload_key),
                "topic": video.topic,
                "notice_due": None if video.topic is None else 0.0,
                "notice_attempts": 0,
            }
            connection.execute(insert(videos), values)

    def video(self, job_id: str) -> StoredVideo:
        with self.database.read() as connection:
            found = _one(connection, job_id)
        key = upload_key(self.collection_keys, found.collection_row, job_id, found.upload_key)
        facts = None if found.facts is None else VideoFacts(**orjson.loads(found.facts))
        return StoredVideo(facts, found.position, found.key_id, found.upload, key)

    def stage_video(self, claim: Claim, upload: str, key: bytes | None) -> None:
        with self.database.write() as connection:
            check_claim(connection, claim)
            found = _one(connection, claim.job_id)
            row, before = found.collection_row, found.upload_key
            stored = sealed_key(self.collection_keys, row, claim.job_id, key, before)
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
            found = _one(connection, claim.job_id)
            content = self._content(found, claim.job_id)
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
            video = _one(connection, job_id)
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

    def last_boxes(self, job_id: str, numbers: Sequence[int]) -> dict[int, Box]:
        found: dict[int, Box] = {}
        with self.database.read() as connection:
            video = _one(connection, job_id)
            for number in numbers:
                asked = {"video_row": video.row, "number": number}
                for one in connection.execute(_LAST_FACE, asked):
                    found[number] = Box(one.box_left, one.box_top, one.box_width, one.box_height)
        return found

    def name_people(self, claim: Claim, people: Sequence[FoundPerson]) -> None:
        with self.database.write() as connection:
            check_claim(connection, claim)
            video = _one(connection, claim.job_id)
            where = [
                {"of_video": video.row, "of_track": track, "is_person": one.person}
                for one in people
                for track in one.tracks
            ]
            if where:
                connection.execute(_OF_PERSON, where)
            connection.execute(_FACES_OF_PEOPLE, {"of_video": video.row})
            connection.execute(delete(video_matches).where(video_matches.c.video_row == video.row))
            wanted = list({face_id for one in people for face_id, _ in one.matches})
            known = found_faces(connection, video.collection_row, wanted)
            matches = [
                {
                    "video_row": video.row,
                    "person": one.person,
                    "face_row": known[face_id].row,
                    "similarity": similarity,
                }
                for one in people
                for face_id, similarity in one.matches
                if face_id in known
            ]
            if matches:
                connection.execute(insert(video_matches), matches)

    def drop_results(self, job_id: str, claim: Claim | None = None) -> None:
        more = True
        while more:
            with self.database.write() as connection:
                if claim is not None:
                    check_claim(connection, claim)
                more = _drop_some(connection, _one(connection, job_id).row)

    def drop_video(self, job_id: str) -> None:
        self.drop_results(job_id)
        with self.database.write() as connection:
            connection.execute(delete(videos).where(videos.c.job_id == job_id))
            # Its row counts who was seen.
            connection.execute(delete(jobs).where(jobs.c.job_id == job_id, ~unfinished))

    def video_faces(self, job_id: str, by_person: bool, limit: int, cursor: str | None) -> Page[VideoFace]:
        bound = ("video faces", job_id, by_person)
        at = self.cursors.read(cursor, *bound)
        with self.database.read() as connection:
            video = _one(connection, job_id)
            asked = {"video_row": video.row, "after": at & _ROWS, "most": limit + 1}
            if by_person:
                asked["person"] = (at >> _ROW_BITS) - 1
            found = connection.execute(_BY_PERSON if by_person else _BY_TIME, asked).all()
            more, found = len(found) > limit, found[:limit]
            matches = self._matches(connection, video, {one.person for one in found})
        content = self._content(video, job_id)
        items = tuple(_video_face(job_id, one, content, matches.get(one.person, ())) for one in found)
        if not more:
            return Page(items, None)
        person = found[-1].person + 1 if by_person else 0
        return Page(items, self.cursors.make(person << _ROW_BITS | found[-1].row, *bound))

    def appearances(self, job_id: str, limit: int, cursor: str | None) -> Page[Appearance]:
        bound = ("video appearances", job_id)
        after = self.cursors.read(cursor, *bound)
        with self.database.read() as connection:
            video = _one(connection, job_id)
            asked = {"video_row": video.row, "after": after, "most": limit + 1}
            found = connection.execute(_APPEARANCES, asked).all()
            more, found = len(found) > limit, found[:limit]
            matches = self._matches(connection, video, {one.person for one in found})
        items = tuple(
            Appearance(one.person, one.first_ms, one.last_ms, one.frames, matches.get(one.person, ())) for one in found
        )
        return Page(items, self.cursors.make(found[-1].track + 1, *bound) if more else None)

    def aged_videos(self, collection_id: str, before: float, limit: int) -> tuple[str, ...]:
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

    def staged_uploads(self) -> set[str]:
        with self.database.read() as connection:
            needed = (
                select(videos.c.upload)
                .join(jobs, jobs.c.job_id == videos.c.job_id)
                .where(unfinished, videos.c.upload != "")
            )
            return set(connection.execute(needed).scalars())

    def unfinished_videos(self) -> int:
        with self.database.read() as connection:
            return int(connection.execute(_unfinished_count()).scalar_one())

    def due_notices(self, now: float, until: float, limit: int) -> list[Notice]:
        asked = {"now": now, "most": limit}
        with self.database.read() as connection:  # usually nothing is due, and reading takes no lock
            if connection.execute(_DUE, asked).first() is None:
                return []
        with self.database.write() as connection:
            found = connection.execute(_DUE, asked).all()
            for one in found:
                claimed = {"notice_due": until, "notice_attempts": one.notice_attempts + 1}
                connection.execute(update(videos).where(videos.c.row == one.row).values(**claimed))
        return [Notice(one.job_id, one.topic, _told(one), one.notice_attempts) for one in found]

    def settle_notice(self, job_id: str, due_at: float | None) -> None:
        with self.database.write() as connection:
            connection.execute(update(videos).where(videos.c.job_id == job_id).values(notice_due=due_at))

    def _content(self, video: Any, job_id: str) -> Content:
        return content_of(self.collection_keys, video.collection_row, job_id, video.upload_key)

    def _track_columns(self, video: Any, job_id: str, track: Track) -> dict[str, object]:
        packed = None
        if track.templates:
            content = self.collection_keys.of(video.collection_row)
            together = b"".join(map(rows.packed_vector, track.templates))
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

    def _matches(self, connection: Connection, video: Any, people: set[int | None]) -> dict[int, tuple[FaceMatch, ...]]:
        some = sorted(one for one in people if one is not None)
        if not some:
            return {}
        locked = collections.c.row == video.collection_row
        name = connection.execute(select(collections.c.collection_id).where(locked)).scalar() or ""
        found: dict[int, list[FaceMatch]] = {}
        for chunk in chunks(some):
            for one in connection.execute(_MATCHES, {"video_row": video.row, "some": chunk}):
                person = None if one.person_id is None else PersonRef(one.person_id, one.name)
                found.setdefault(one[0], []).append(FaceMatch(rows.face(name, one[2:]), one[1], person))
        return {person: tuple(matches) for person, matches in found.items()}


_ROW_BITS = 40
_ROWS = (1 << _ROW_BITS) - 1


def forget_faces(connection: Connection, some: Sequence[int]) -> None:
    """In the transaction that deletes faces: they are no matches any more, and whoever has no other match in a video is
    removed from its results."""
    people = {(video, person) for video, person in connection.execute(_GONE, {"some": some})}
    if not people:
        return
    connection.execute(_UNMATCH, {"some": some})
    for video, person in people:
        if connection.execute(_STILL.limit(1), {"video_row": video, "person": person}).first() is None:
            for table in (video_faces, video_tracks):
                connection.execute(delete(table).where(table.c.video_row == video, table.c.person == person))


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


def _one(connection: Connection, job_id: str) -> Any:
    found = connection.execute(_VIDEO, {"job_id": job_id}).first()
    if found is None:
        raise JobNotFound.named(job_id)
    return found


def _unfinished_count() -> Any:
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
        "detail": sealed_detail(content, job_id, rows.packed_detail(one.detail, told=True)),
    }


def _video_face(job_id: str, one: Any, content: Content, matches: tuple[FaceMatch, ...]) -> VideoFace:
    box = Box(one.box_left, one.box_top, one.box_width, one.box_height)
    seen = Face("", "", "", None, box, one.confidence, "", 0.0, None)
    return VideoFace(one.at_ms, rows.detail(seen, opened_detail(content, job_id, one.detail)), one.person, matches)


def _told(one: Any) -> dict[str, object]:
    about = {"state": one.state, "collection_id": one.collection_id, "finished_at": one.finished_at}
    return {**orjson.loads(one.parameters), **about}
