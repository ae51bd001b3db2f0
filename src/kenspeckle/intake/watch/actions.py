"""What `kenspeckle watch` does with a photograph or a video: index it, or search whom it shows."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.target import Target
from kenspeckle.domain import Appearance, Indexed, JobState, QualityFilter, VideoPage, VideoSource
from kenspeckle.domain.operations import IndexFaces, ListAppearances, SearchImage, StartVideo
from kenspeckle.errors import NoFace, Overloaded, QuotaExceeded
from kenspeckle.intake.files import safe_name
from kenspeckle.intake.pictures import draw_indexed, search_picture
from kenspeckle.intake.watch.worker import FAILED, NO_FACE, Answer
from kenspeckle.shapes import dump
from kenspeckle.shapes.dump import searched

if TYPE_CHECKING:
    from kenspeckle.ports import Engine
    from kenspeckle.usecases.videos.live import SeenPerson

INDEXED, PRESENT, NOT_INDEXED = "indexed", "present", "not_indexed"
MATCHED, UNKNOWN = "matched", "unknown"
PAGE = 1000
"""Appearances that are read at once."""
LONGEST_TAG = 200
INDEXED_PICTURES = 3
"""Of a video that is indexed."""


@dataclass(frozen=True, slots=True)
class Indexing:
    """Every face is stored under the identity that the file, or its folder, names."""

    target: Target
    by: Literal["file", "folder"]
    max_faces: int | None
    quality: QualityFilter | None
    name: str = "index"
    whole: bool = True

    def identity(self, path: Path) -> tuple[str, str]:
        original = path.parent.name if self.by == "folder" else path.name
        return safe_name(original), original

    def do(self, data: bytes, path: Path, identity: str) -> Answer:
        answer = self.target.recognizer.handle(
            IndexFaces(
                collection_id=self.target.collection,
                image=data,
                external_image_id=identity,
                key=identity,
                max_faces=self.max_faces,
                quality=self.quality,
            )
        )
        status = NOT_INDEXED if not answer.records else INDEXED if answer.created else PRESENT
        return Answer(status, dump.index_faces(answer), lambda place: draw_indexed(place, data, answer))


@dataclass(frozen=True, slots=True)
class Searching:
    """Stored faces like the photograph's largest, or like each of them with `every`."""

    target: Target
    threshold: float | None
    max_faces: int | None
    every: bool
    quality: QualityFilter
    name: str = "search"
    whole: bool = True

    def identity(self, path: Path) -> tuple[str, str]:
        return "", ""

    def do(self, data: bytes, path: Path, identity: str) -> Answer:
        answer = self.target.recognizer.handle(
            SearchImage(
                collection_id=self.target.collection,
                image=data,
                threshold=self.threshold,
                max_faces=self.max_faces,
                quality=self.quality,
                every_face=self.every,
            )
        )
        status = MATCHED if any(one.matches for one in answer.searches) else UNKNOWN
        return Answer(status, searched(answer, self.every), lambda place: search_picture(place, data, answer))


@dataclass(frozen=True, slots=True)
class IndexingVideos:
    """The one person that a video shows is stored under the identity that the file, or its folder, names, by the
    clearest pictures of the face. It is looked at on this machine."""

    target: Target
    by: Literal["file", "folder"]
    quality: QualityFilter | None
    name: str = "index"
    whole: bool = False

    def identity(self, path: Path) -> tuple[str, str]:
        original = path.parent.name if self.by == "folder" else path.name
        return safe_name(original), original

    def do(self, data: bytes, path: Path, identity: str) -> Answer:
        # Late: NumPy and the networks, which searching does without.
        from kenspeckle.usecases.recognition.users import combine
        from kenspeckle.usecases.videos.analysis import Similarity
        from kenspeckle.usecases.videos.naming import people_of

        engine = self.target.engine()
        seen = self._look(path, engine)
        if not seen:
            raise NoFace("No face is clear enough for long enough in this video.", field="video")
        people = people_of([one.track for one in seen], Similarity(engine.pack), combine, lambda _: ())
        if len(people) > 1:
            raise CommandFailed(
                f"It shows {len(people)} people, who would become one. Cut it to the one, or search it and name people "
                "in the console."
            )
        seen.sort(key=lambda one: -max(one.track.weights))
        # Of each appearance its clearest, then the next ones of the clearest appearance.
        pictures = [one.pictures[0] for one in seen] + list(seen[0].pictures[1:])
        answers = [self._index(picture, identity) for picture in pictures[:INDEXED_PICTURES]]
        records = [record for one in answers for record in dump.index_faces(one)["FaceRecords"]]
        status = NOT_INDEXED if not records else INDEXED if any(one.created for one in answers) else PRESENT
        return Answer(status, {"pictures": len(answers), "FaceRecords": records})

    def _look(self, path: Path, engine: Engine) -> list[SeenPerson]:
        from kenspeckle.compose import cameras  # late: the decoder

        settings, live = self.target.settings, cameras.live(engine, math.inf)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            with cameras.videos(settings).open(descriptor, rate=settings.video_frame_rate) as reader:
                told = [live.take(sample) for sample in reader if sample is not None]
        finally:
            os.close(descriptor)
        return [one for some in (*told, live.rest()) for one in some]

    def _index(self, picture: bytes, identity: str) -> Indexed:
        return self.target.recognizer.handle(
            IndexFaces(
                collection_id=self.target.collection,
                image=picture,
                external_image_id=identity,
                key=identity,
                max_faces=1,
                quality=self.quality,
            )
        )


@dataclass(frozen=True, slots=True)
class SearchingVideos:
    """Who is in a video, from when to when: a job, whose end is waited for."""

    target: Target
    threshold: float | None
    max_faces: int | None
    name: str = "video"
    whole: bool = False

    def identity(self, path: Path) -> tuple[str, str]:
        return "", ""

    def do(self, data: bytes, path: Path, identity: str) -> Answer:
        asked = StartVideo(
            collection_id=self.target.collection,
            source=VideoSource(path=str(path)),
            threshold=self.threshold,
            max_faces=self.max_faces,
            tag=safe_name(path.name)[-LONGEST_TAG:],
        )
        try:
            started = self.target.recognizer.handle(asked)
        except QuotaExceeded as error:  # others wait before it
            raise Overloaded(error.message) from error
        ended = self.target.finish(started.job_id, lambda job: None)
        if ended.state is not JobState.SUCCEEDED:
            why = ended.error or "The job was cancelled."
            return Answer(FAILED, {"error": {"code": "invalid_video", "message": why}, "job_id": ended.job_id})
        page, seen = self._look(ended.job_id)
        names = dict.fromkeys(one.matches[0].name for one in seen if one.matches and one.matches[0].name)
        status = MATCHED if any(one.matches for one in seen) else UNKNOWN if seen else NO_FACE
        told = dump.appearances(VideoPage(page.video, appearances=tuple(seen)))
        return Answer(status, {"matchedFaces": list(names), **told})

    def _look(self, job_id: str) -> tuple[VideoPage, list[Appearance]]:
        seen: list[Appearance] = []
        cursor = None
        while True:
            asked = ListAppearances(job_id=job_id, limit=PAGE, cursor=cursor)
            page = self.target.recognizer.handle(asked)
            seen += page.appearances
            cursor = page.cursor
            if cursor is None:
                return page, seen
