"""The job of kind `video`: looks at sampled frames in steps, stores what it sees, and names people at the end."""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from kenspeckle.domain import (
    Attribute,
    Box,
    Claim,
    FaceDetail,
    Job,
    JobLost,
    PackInfo,
    Sample,
    Vector,
    VideoFacts,
    VideoSource,
    validation,
)
from kenspeckle.errors import InvalidVideo, StorageUnavailable, VideoTooLarge
from kenspeckle.ports import Engine, Photo, SeenFace, StoredVideo, Track, VideoReader
from kenspeckle.usecases.jobs.runner import GivenBack, Progress
from kenspeckle.usecases.recognition.context import Context, VideoParts
from kenspeckle.usecases.recognition.users import combine
from kenspeckle.usecases.videos.naming import people_of
from kenspeckle.usecases.videos.tracking import GAP_MS, Tracker

STEP_MS: Final = 5000
"""Milliseconds of video between two checkpoints."""
STEP_SECONDS: Final = 10.0
"""Longest time between two, where a video takes long."""


class Analysis:
    """Implements the handler of `JobKind.VIDEO`."""

    def __init__(self, context: Context, parts: VideoParts) -> None:
        self._context = context
        self._parts = parts

    def run(self, job: Job, progress: Progress) -> Mapping[str, object]:
        """Also of a job that another process began. Raises InvalidVideo, CollectionNotFound, PackMismatch."""
        claim = Claim(job.job_id, progress.owner)
        try:
            result = self._run(job, claim, progress)
        except (GivenBack, JobLost):
            raise  # another process goes on from the last checkpoint
        except BaseException:
            self._parts.results.drop_results(job.job_id)
            self._remove(job.job_id)
            raise
        self._remove(job.job_id)
        return result

    def _run(self, job: Job, claim: Claim, progress: Progress) -> Mapping[str, object]:
        progress.step(job.done, job.total)
        source = VideoSource(**job.parameters["source"])  # type: ignore[arg-type]  # JSON of its fields
        stored = self._parts.results.video(job.job_id)
        if source.bucket and not stored.upload:
            self._fetch(source, claim, progress)
            stored = self._parts.results.video(job.job_id)
        most = self._context.settings.max_video_bytes
        with _descriptor(self._parts, source, stored, most, progress) as descriptor:
            opened = self._parts.decoder.open(
                descriptor,
                key=stored.upload_key,
                rate=self._context.settings.video_frame_rate,
                after_ms=stored.position,
            )
            with opened as reader:
                frames = _Frames(self._context, self._parts, job, claim, progress, stored, reader)
                frames.all()
        return frames.finish()

    def _fetch(self, source: VideoSource, claim: Claim, progress: Progress) -> None:
        """Copy an object of a bucket, so that what is looked at is one version of it whatever happens there."""
        key = secrets.token_bytes(32)
        most = self._context.settings.max_video_bytes
        incoming = self._parts.staged.begin(key)
        try:
            for data in self._parts.buckets.chunks(source.bucket, source.name, source.version, most):
                incoming.write(data)
                progress.step(progress.done, progress.total)
            incoming.close()
            self._parts.results.stage_video(claim, incoming.name, key)
        except BaseException:
            incoming.discard()
            raise

    def _remove(self, job_id: str) -> None:
        """The job has ended, whether the video can be removed now or is swept later."""
        upload = self._parts.results.video(job_id).upload
        if upload:
            with suppress(StorageUnavailable):
                self._parts.staged.remove(upload)


@contextmanager
def _descriptor(
    parts: VideoParts, source: VideoSource, stored: StoredVideo, most: int, progress: Progress
) -> Iterator[int]:
    if source.path:
        try:
            descriptor = os.open(source.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise InvalidVideo(f"{source.path} can't be read: {error.strerror}.", field="video") from error
    else:
        descriptor = parts.staged.open(stored.upload, lambda: progress.step(progress.done, progress.total))
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise InvalidVideo(f"{source.path} is no file.", field="video")
        if not found.st_size:
            raise InvalidVideo("The video is empty.", field="video")
        if found.st_size > most:
            raise too_large(most)
        yield descriptor
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class _Detected:
    """A sample and its faces."""

    sample: Sample
    photo: Photo
    faces: tuple[FaceDetail, ...]


@dataclass(slots=True)
class _Frames:
    """What is seen of a video so far."""

    context: Context
    parts: VideoParts
    job: Job
    claim: Claim
    progress: Progress
    stored: StoredVideo
    reader: VideoReader
    tracker: Tracker | None = None
    seen: list[SeenFace] = field(default_factory=list)
    at: int = -1
    began: float = 0.0

    @property
    def facts(self) -> VideoFacts:
        return self.reader.facts

    @property
    def asked(self) -> frozenset[Attribute]:
        """What is to be inferred of each face."""
        return frozenset(Attribute(one) for one in self.job.parameters.get("attributes", ()))  # type: ignore[attr-defined]  # a list

    def all(self) -> None:
        """Look at every sampled frame, and store what is seen step by step."""
        if self.job.collection_id is not None:
            self.tracker = self._resume(self._engine().pack)
        self.at, self.began = self.stored.position, time.monotonic()
        due = self.at + STEP_MS
        self._tell()
        with closing(self._detect_all()) as samples:
            self._follow(samples, due)
        self._store()

    def _follow(self, samples: Iterator[_Detected | None], due: int) -> None:
        for one in samples:
            if one is not None:
                self._look(one)
                self.at = one.sample.at
            if self.at >= due or time.monotonic() - self.began > STEP_SECONDS:
                self._store()
                due = self.at + STEP_MS
            self._tell()

    def _detect_all(self) -> Generator[_Detected | None, None, None]:
        """Samples with their faces in the order of time, and None as the reader gives it. A second core detects the
        faces of the next sample while those of one are tracked."""
        with ThreadPoolExecutor(1, thread_name_prefix="video") as ahead:
            before: Future[_Detected] | None = None
            for sample in self.reader:
                if sample is None:
                    yield None
                    continue
                following = ahead.submit(self._detect, sample)
                if before is not None:
                    yield before.result()
                before = following
            if before is not None:
                yield before.result()

    def _detect(self, sample: Sample) -> _Detected:
        engine = self._engine()
        with self.context.gate.turn(patient=True):
            photo = engine.frame(sample)
            with self.context.stages.time("detect"):
                faces = engine.detect(photo)
            if self.tracker is None and self.asked:
                with self.context.stages.time("attributes"):
                    faces = tuple(engine.attributes(photo, faces, self.asked))
        return _Detected(sample, photo, faces)

    def finish(self) -> Mapping[str, object]:
        """Name the people; the job's result."""
        counts = {"people": 0, "known": 0}
        if self.job.collection_id is not None:
            pack = self._engine().pack
            tracks = self.parts.results.tracks(self.job.job_id)
            similarity = Similarity(pack)
            people = people_of(tracks, similarity, combine, lambda probe: self._search(pack, probe))
            self.parts.results.name_people(self.claim, people)
            counts = {"people": len(people), "known": sum(bool(one.matches) for one in people)}
        return {
            **counts,
            "milliseconds": max(self.at, 0),
            "complete": not self.reader.cut,
            **({"remark": "The video ends before the end that it declares; it may be cut."} if self.reader.cut else {}),
        }

    def _look(self, one: _Detected) -> None:
        sample, photo, faces = one.sample, one.photo, one.faces
        if self.tracker is None:
            self.seen += [SeenFace(sample.at, -1, face) for face in faces]
            return
        engine = self._engine()
        with self.context.gate.turn(patient=True):

            def describe(some: Sequence[FaceDetail]) -> Sequence[tuple[Vector, float]]:
                with self.context.stages.time("embed"):
                    templates = engine.embed(photo, some)
                return list(zip(templates, engine.clarity(photo, some), strict=True))

            numbers = self.tracker.take(sample, faces, describe)
        self.seen += [SeenFace(sample.at, number, face) for number, face in zip(numbers, faces, strict=True)]

    def _store(self) -> None:
        tracks = self.tracker.take_grown() if self.tracker is not None else []
        self.parts.results.checkpoint(self.claim, self.facts, max(self.at, 0), self.seen, tracks)
        self.seen = []
        self.began = time.monotonic()

    def _tell(self) -> None:
        total = -(-self.facts.duration_ms // 1000)
        done = max(self.at, 0) // 1000
        self.progress.step(done, max(total, done))

    def _engine(self) -> Engine:
        """Asked for anew each time, so that it is not unloaded as idle."""
        if self.job.collection_id is None:
            return self.context.engines.default
        return self.context.engine_of(self.job.collection_id)

    def _resume(self, pack: PackInfo) -> Tracker:
        tracker = Tracker(Similarity(pack), combine)
        if self.stored.position >= 0:
            every = self.parts.results.tracks(self.job.job_id)
            live = [one for one in every if one.last_ms >= self.stored.position - GAP_MS]
            boxes = self._last_boxes(live)
            tracker.resume(live, boxes, max((one.number for one in every), default=-1) + 1)
        return tracker

    def _last_boxes(self, live: Sequence[Track]) -> dict[int, Box]:
        return self.parts.results.last_boxes(self.job.job_id, [one.number for one in live])

    def _search(self, pack: PackInfo, probe: Vector) -> list[tuple[str, Vector, float]]:
        asked = self.job.parameters
        settings, calibration = self.context.settings, pack.calibration
        threshold, most = asked.get("threshold"), asked.get("max_faces")
        least = settings.face_match_threshold if threshold is None else float(str(threshold))
        with self.context.stages.time("search"):
            found = self.context.index.search(
                self.job.collection_id or "",
                "face",
                probe,
                validation.count(settings.max_faces if most is None else int(str(most)), validation.MAX_MATCHES, "max"),
                calibration.distance(least),
                contract=pack.contract,
            )
        return [
            (one.face.face_id, one.template, calibration.similarity(distance)) for one, distance in found if one.face
        ]


class Similarity:
    """Of two templates of a pack."""

    def __init__(self, pack: PackInfo) -> None:
        self._calibration = pack.calibration

    def __call__(self, one: Vector, other: Vector) -> float:
        return self._calibration.similarity(float(np.linalg.norm(one - other)))


def too_large(most: int) -> VideoTooLarge:
    return VideoTooLarge(
        f"The video has more than {most} bytes; send a shorter part, or compress it more. The operator sets the limit "
        "(KENSPECKLE_MAX_VIDEO_BYTES).",
        field="video",
    )
