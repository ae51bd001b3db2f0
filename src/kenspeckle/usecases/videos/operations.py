"""Operations on videos: start a job, read its results, erase them."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict

import orjson

from kenspeckle.domain import UNFINISHED, Attribute, Job, JobKind, JobState, Video, VideoPage, VideoSource, validation
from kenspeckle.domain.operations import (
    EraseVideo,
    GetVideo,
    Handlers,
    ListAppearances,
    StartVideo,
    StartVideoDetection,
)
from kenspeckle.errors import (
    BucketNotAllowed,
    Conflict,
    IdempotencyMismatch,
    InvalidValue,
    JobNotFound,
    NotOffered,
    StorageUnavailable,
)
from kenspeckle.ports import Answered, NewVideo
from kenspeckle.usecases.recognition.context import Context, VideoParts

log = logging.getLogger(__name__)

MOST_UNFINISHED = 100
"""Videos that may wait or be worked on at once in a service."""
AGED_BATCH = 100
LEFT_SECONDS = 3600.0
"""Age from which a video without a job waits for none any more. More than clocks of replicas differ by."""

MISSING = "This server does not look at videos: PyAV is not installed (pip install 'kenspeckle[video]')."


class VideoOperations:
    """What a recognizer does with videos."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def handlers(self) -> Handlers:
        return dict(
            [
                StartVideo.by(self.start_video),
                StartVideoDetection.by(self.start_video_detection),
                GetVideo.by(self.get_video),
                ListAppearances.by(self.list_appearances),
                EraseVideo.by(self.erase_video),
            ]
        )

    def start_video(self, operation: StartVideo) -> Job:
        """Raises CollectionNotFound, PackMismatch, InvalidValue, BucketNotAllowed, VideoTooLarge, QuotaExceeded,
        IdempotencyMismatch, NotOffered."""
        collection = self.context.catalog.collection(validation.collection_id(operation.collection_id))
        self.context.engines.pack_of(collection)
        asked: dict[str, object] = {}
        if operation.threshold is not None:
            asked["threshold"] = validation.threshold(operation.threshold)
        if operation.max_faces is not None:
            asked["max_faces"] = validation.count(operation.max_faces, validation.MAX_MATCHES, "max_faces")
        return self._start(operation, collection.collection_id, asked)

    def start_video_detection(self, operation: StartVideoDetection) -> Job:
        """Raises as `start_video`, but for collections."""
        # A guess at gender is never stored, so it is not made.
        wanted = sorted(str(one) for one in operation.attributes if one is not Attribute.GENDER)
        return self._start(operation, None, {"attributes": wanted} if wanted else {})

    def get_video(self, operation: GetVideo) -> VideoPage:
        """Raises JobNotFound, InvalidCursor, InvalidValue."""
        video = self._look_up(operation.job_id, operation.only, operation.key_id)
        if video.search is not operation.search:
            raise JobNotFound.of_id(operation.job_id)
        if video.job.state is not JobState.SUCCEEDED:
            return VideoPage(video)
        most = validation.count(min(operation.limit, validation.MAX_PAGE), validation.MAX_PAGE, "limit")
        by_person = operation.by_person and video.search
        page = self._parts.results.video_faces(operation.job_id, by_person, most, operation.cursor)
        return VideoPage(video, faces=page.items, cursor=page.cursor)

    def list_appearances(self, operation: ListAppearances) -> VideoPage:
        """Raises JobNotFound, InvalidCursor, InvalidValue."""
        video = self._look_up(operation.job_id, operation.only, None)
        if not video.search:
            raise JobNotFound.of_id(operation.job_id)
        if video.job.state is not JobState.SUCCEEDED:
            return VideoPage(video)
        most = validation.count(operation.limit, validation.MAX_PAGE, "limit")
        page = self._parts.results.appearances(operation.job_id, most, operation.cursor)
        return VideoPage(video, appearances=page.items, cursor=page.cursor)

    def erase_video(self, operation: EraseVideo) -> None:
        """Raises JobNotFound, and Conflict where the job has not ended."""
        video = self._look_up(operation.job_id, operation.only, None)
        if video.job.state in UNFINISHED:
            raise Conflict(f"Job {video.job.job_id} has not ended; cancel it first.", field="job_id")
        self._parts.results.drop_video(operation.job_id)
        self.context.scrubber.scrub(self.context.catalog)

    def end(self, job: Job) -> None:
        """For the runner of jobs: a job has ended, also one whose handler was not called."""
        if job.kind is not JobKind.VIDEO or self.context.videos is None:
            return
        self.context.announcer.video_ended(job)
        self.sweep()

    def sweep(self) -> None:
        """Remove videos whose jobs have ended or are forgotten, and what interrupted uploads have left."""
        if self.context.videos is None:
            return
        parts = self.context.videos
        parts.results.sweep_videos()
        ended, needed = parts.results.find_staged_uploads(ended=True), parts.results.find_staged_uploads()
        try:
            for name in parts.staged.names():
                # An upload that was just completed may wait for its job's row.
                if name in ended or (name not in needed and parts.staged.age(name) > LEFT_SECONDS):
                    parts.staged.remove(name)
            parts.staged.sweep()
        except StorageUnavailable as error:
            log.warning("videos that are needed no more could not be removed, it is tried again: %s", error.message)

    def erase_aged(self, collection_id: str, before: float) -> int:
        """Erase results of videos that were given before that time; how many."""
        if self.context.videos is None:
            return 0
        some = self.context.videos.results.find_aged_videos(collection_id, before, AGED_BATCH)
        for job_id in some:
            self.context.videos.results.drop_video(job_id)
        return len(some)

    @property
    def _parts(self) -> VideoParts:
        if self.context.videos is None:
            raise NotOffered("Videos are not offered here.")
        return self.context.videos

    def _start(
        self, operation: StartVideo | StartVideoDetection, collection_id: str | None, asked: dict[str, object]
    ) -> Job:
        parts, source = self._parts, operation.source
        if not parts.decoder.available:
            raise NotOffered(MISSING)
        if operation.topic is not None and not parts.topics.allows(operation.topic):
            raise InvalidValue(
                f"The topic {operation.topic[:256]} is none that the operator has named (KENSPECKLE_SNS_TOPICS).",
                field="topic",
            )
        if source.bucket:
            most = self.context.settings.max_video_bytes
            parts.buckets.check(source.bucket, source.name, source.version, most, operation.only)
        elif not (source.upload or source.path):
            raise BucketNotAllowed("The video has to be an upload, or an object of a bucket.", field="video")
        parameters = {**asked, "source": asdict(source), "tag": operation.tag}

        def add(answered: Callable[[str], Answered | None]) -> str:
            job_id = f"job-{secrets.token_hex(8)}"
            job = Job(job_id, JobKind.VIDEO, collection_id, self.context.now(), parameters)
            new = NewVideo(
                job,
                operation.key_id,
                MOST_UNFINISHED,
                upload=source.upload,
                upload_key=operation.upload_key,
                topic=operation.topic,
            )
            parts.results.add_video(new, answered(job_id))
            return job_id

        name = "StartFaceDetection" if collection_id is None else "StartFaceSearch"
        told = [] if operation.topic is None else [operation.topic]
        job_id = self._once(f"{name} {operation.key_id}", operation.token, [collection_id, parameters, *told], add)
        self.context.jobs.nudge()
        return self.context.jobs.job(job_id)

    def _once(
        self,
        operation: str,
        token: str | None,
        parameters: object,
        add: Callable[[Callable[[str], Answered | None]], str],
    ) -> str:
        """The job's id; of an earlier request with the token, that one's."""
        if token is None:
            return add(lambda _: None)
        fingerprint = hashlib.sha256(orjson.dumps(parameters)).hexdigest()
        with self.context.catalog.lock([hashlib.sha256(f"{operation} {token}".encode()).hexdigest()]):
            now = self.context.now()
            earlier = self.context.catalog.recall(operation, token, now)
            if earlier is None:
                return add(lambda job_id: Answered(operation, token, fingerprint, orjson.dumps(job_id).decode(), now))
            if earlier[0] != fingerprint:
                raise IdempotencyMismatch(
                    "A request with this token was made with other parameters; use a new token.", field="token"
                )
            return str(orjson.loads(earlier[1]))

    def _look_up(self, job_id: str, only: Sequence[str] | None, key_id: str | None) -> Video:
        stored = self._parts.results.video(job_id)
        job = self.context.jobs.job(job_id)
        if only is not None:
            if job.collection_id is None:
                if not key_id or stored.key_id != key_id:
                    raise JobNotFound.of_id(job_id)
            elif job.collection_id not in only:
                raise JobNotFound.of_id(job_id)
        source = VideoSource(**job.parameters["source"])  # type: ignore[arg-type]  # JSON of its fields
        tag = job.parameters.get("tag")
        return Video(
            job, source, stored.facts, None if tag is None else str(tag), job.collection_id is not None, stored.key_id
        )
