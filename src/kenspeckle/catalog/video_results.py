"""Who was seen in a video, and from when to when: stored once its job is finished, and listed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, insert, select, tuple_, update

from kenspeckle.catalog import rows
from kenspeckle.catalog.base import Part, chunks, find_faces
from kenspeckle.catalog.jobs import check_claim
from kenspeckle.catalog.membership import PERSON
from kenspeckle.catalog.tables import (
    collections,
    faces,
    images,
    members,
    people,
    users,
    video_faces,
    video_matches,
    video_tracks,
)
from kenspeckle.catalog.video_keys import content_of, open_detail
from kenspeckle.catalog.videos import video_row
from kenspeckle.domain import (
    Appearance,
    Box,
    Claim,
    Face,
    FaceMatch,
    Page,
    PersonRef,
    VideoFace,
)
from kenspeckle.encryption.cipher import Content
from kenspeckle.ports import FoundPerson

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
_LAST_FACE = _FACES.where(video_faces.c.track == bindparam("number")).order_by(video_faces.c.row.desc()).limit(1)
_BY_TIME = _FACES.where(video_faces.c.row > bindparam("after")).order_by(video_faces.c.row).limit(bindparam("most"))
_BY_PERSON = (
    _FACES.where(tuple_(video_faces.c.person, video_faces.c.row) > tuple_(bindparam("person"), bindparam("after")))
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


class VideoResults(Part):
    """The part of `ports.Videos` that says who was seen, and when."""

    def last_boxes(self, job_id: str, numbers: Sequence[int]) -> dict[int, Box]:
        found: dict[int, Box] = {}
        with self.database.read() as connection:
            video = video_row(connection, job_id)
            for number in numbers:
                asked = {"video_row": video.row, "number": number}
                for one in connection.execute(_LAST_FACE, asked):
                    found[number] = Box(one.box_left, one.box_top, one.box_width, one.box_height)
        return found

    def video_faces(self, job_id: str, by_person: bool, limit: int, cursor: str | None) -> Page[VideoFace]:
        bound = ("video faces", job_id, by_person)
        at = self.cursors.read(cursor, *bound)
        with self.database.read() as connection:
            video = video_row(connection, job_id)
            asked = {"video_row": video.row, "after": at & _ROWS, "most": limit + 1}
            if by_person:
                asked["person"] = (at >> _ROW_BITS) - 1
            found = connection.execute(_BY_PERSON if by_person else _BY_TIME, asked).all()
            more, found = len(found) > limit, found[:limit]
            matches = self._matches(connection, video, {one.person for one in found})
        content = content_of(self.collection_keys, video.collection_row, job_id, video.upload_key)
        items = tuple(_video_face(job_id, one, content, matches.get(one.person, ())) for one in found)
        if not more:
            return Page(items, None)
        person = found[-1].person + 1 if by_person else 0
        return Page(items, self.cursors.make(person << _ROW_BITS | found[-1].row, *bound))

    def appearances(self, job_id: str, limit: int, cursor: str | None) -> Page[Appearance]:
        bound = ("video appearances", job_id)
        after = self.cursors.read(cursor, *bound)
        with self.database.read() as connection:
            video = video_row(connection, job_id)
            asked = {"video_row": video.row, "after": after, "most": limit + 1}
            found = connection.execute(_APPEARANCES, asked).all()
            more, found = len(found) > limit, found[:limit]
            matches = self._matches(connection, video, {one.person for one in found})
        items = tuple(
            Appearance(one.person, one.first_ms, one.last_ms, one.frames, matches.get(one.person, ())) for one in found
        )
        return Page(items, self.cursors.make(found[-1].track + 1, *bound) if more else None)

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

    def name_people(self, claim: Claim, people: Sequence[FoundPerson]) -> None:
        with self.database.write() as connection:
            check_claim(connection, claim)
            video = video_row(connection, claim.job_id)
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
            known = find_faces(connection, video.collection_row, wanted)
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


def _video_face(job_id: str, one: Any, content: Content, matches: tuple[FaceMatch, ...]) -> VideoFace:
    box = Box(one.box_left, one.box_top, one.box_width, one.box_height)
    seen = Face("", "", "", None, box, one.confidence, "", 0.0, None)
    return VideoFace(one.at_ms, rows.detail(seen, open_detail(content, job_id, one.detail)), one.person, matches)
