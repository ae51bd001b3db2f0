"""Videos: the decoder, staged files, buckets, topics, and results in the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from kenspeckle.domain import (
    Appearance,
    Box,
    CameraAddress,
    Claim,
    FaceDetail,
    Job,
    Notice,
    Page,
    Sample,
    Vector,
    VideoFace,
    VideoFacts,
)
from kenspeckle.ports.catalog import Answered


class VideoReader(Protocol):
    """A video that is being decoded. Iterating gives the sampled frames in the order of time, and None as a sign of
    life where decoding goes on without one. Raises InvalidVideo, also in the middle."""

    @property
    def facts(self) -> VideoFacts: ...
    @property
    def cut(self) -> bool:
        """After the last frame: whether the video ended before the end that it declares."""
        ...

    def __iter__(self) -> Iterator[Sample | None]: ...


class VideoDecoder(Protocol):
    """Decodes videos outside this process."""

    @property
    def available(self) -> bool:
        """Whether the libraries that decode are installed."""
        ...

    def open(
        self, descriptor: int, *, key: bytes | None = None, rate: float, after_ms: int = -1
    ) -> AbstractContextManager[VideoReader]:
        """A video by the descriptor of its file, of whose frames `rate` a second are sampled (0: all), those later than
        `after_ms`. Raises InvalidVideo, NotOffered."""
        ...


class CameraDecoder(Protocol):
    """Decodes streams of cameras outside this process."""

    def open(
        self, camera: CameraAddress, rate: float, stopped: Callable[[], bool]
    ) -> AbstractContextManager[VideoReader]:
        """A stream, of which `rate` pictures a second are sampled, in milliseconds since it was opened. Opening and
        reading raise CameraAway, also once `stopped` is true, and CameraRefused; NotOffered without PyAV."""
        ...


class CameraAway(Exception):
    """A camera sends nothing that can be used, which may pass; the argument says why, without address or password."""


class CameraRefused(Exception):
    """A camera can't be used until a person mends it; the argument as of CameraAway."""


class Incoming(Protocol):
    """A video that is being stored."""

    @property
    def name(self) -> str: ...
    def write(self, data: bytes) -> None:
        """Raises StorageFull, StorageUnavailable."""
        ...

    def close(self) -> None:
        """It is complete, and on disk."""
        ...

    def discard(self) -> None: ...


class StagedVideos(Protocol):
    """Videos that wait for their job or are worked on, where only the owner can read them."""

    def begin(self, key: bytes | None = None) -> Incoming:
        """With a `key` (32 bytes) the bytes are encrypted. Raises StorageFull, StorageUnavailable."""
        ...

    def open(self, name: str, tell: Callable[[], None] = ...) -> int:
        """A descriptor, for the caller to close; `tell` is called now and then where that takes long. Raises
        StorageUnavailable where there is no such video, StorageFull where it has to be copied and finds no space."""
        ...

    def remove(self, name: str) -> None: ...
    def names(self) -> Sequence[str]:
        """Of those that are complete."""
        ...

    def age(self, name: str) -> float:
        """Seconds since it was completed; 0 where it is gone."""
        ...

    def sweep(self) -> None:
        """Remove what interrupted uploads have left."""
        ...


class VideoBuckets(Protocol):
    """Objects of the buckets that clients may name."""

    def check(
        self, bucket: str, name: str, version: str | None, max_bytes: int, only: Sequence[str] | None = None
    ) -> None:
        """Raises BucketNotAllowed where it is not there or may not be read, VideoTooLarge, StorageUnavailable."""
        ...

    def chunks(self, bucket: str, name: str, version: str | None, max_bytes: int) -> Iterator[bytes]:
        """The object's bytes. Raises as `check`."""
        ...


class Topics(Protocol):
    """Publishes messages."""

    def allows(self, topic: str) -> bool:
        """Whether the operator has named the topic."""
        ...

    def publish(self, topic: str, message: str, once: str) -> None:
        """`once` is an id of the message: a topic that delivers each message once tells by it what comes again.

        Raises NotPublished."""
        ...


class NotPublished(Exception):
    """A message was not published; the argument says why."""


@dataclass(frozen=True, slots=True)
class NewVideo:
    """A video as it is stored with its job. `upload` and `upload_key` are those of its staged file. `most` is how many
    unfinished jobs of this kind there may be with it."""

    job: Job
    key_id: str
    most: int
    upload: str = ""
    upload_key: bytes | None = field(default=None, repr=False)
    topic: str | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """The appearance of a face: its number, when it was seen first and last, in how many sampled frames, and the
    templates of its best frames with their weights."""

    number: int
    first_ms: int
    last_ms: int
    frames: int
    templates: tuple[Vector, ...] = field(default=(), repr=False)
    weights: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A face of a sampled frame. `track` is -1 where nobody is searched."""

    at: int
    track: int
    detail: FaceDetail


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """One person of a video: the numbers of its tracks, and the stored faces it was found to be."""

    person: int
    tracks: tuple[int, ...]
    matches: tuple[tuple[str, float], ...]
    """(face id, similarity), most similar first."""


@dataclass(frozen=True, slots=True)
class StoredVideo:
    """What is stored beside the job."""

    facts: VideoFacts | None
    position: int
    """Milliseconds up to which faces are stored; -1: none."""
    key_id: str
    upload: str
    upload_key: bytes | None = field(default=None, repr=False)


class Videos(Protocol):
    """Results of video jobs. What has a `claim` raises JobLost where the job is another process's by now."""

    def add_video(self, video: NewVideo, answered: Answered | None = None) -> None:
        """Queue its job. Raises CollectionNotFound, QuotaExceeded where too many are unfinished."""
        ...

    def video(self, job_id: str) -> StoredVideo:
        """Raises JobNotFound."""
        ...

    def stage_video(self, claim: Claim, upload: str, key: bytes | None) -> None:
        """Note the staged file of a video that was copied from a bucket."""
        ...

    def checkpoint(
        self,
        claim: Claim,
        facts: VideoFacts,
        position: int,
        seen: Sequence[SeenFace],
        tracks: Sequence[Track],
    ) -> None:
        """Store the faces up to `position`, and the tracks that are new or have grown."""
        ...

    def tracks(self, job_id: str, since_ms: int = -1) -> list[Track]:
        """Those that were seen at `since_ms` or later, by number, with their templates."""
        ...

    def last_boxes(self, job_id: str, numbers: Sequence[int]) -> dict[int, Box]:
        """Where the faces of these tracks were seen last."""
        ...

    def name_people(self, claim: Claim, people: Sequence[FoundPerson]) -> None:
        """Store who is who, and remove the templates. Faces that were deleted meanwhile are no matches."""
        ...

    def drop_results(self, job_id: str, claim: Claim | None = None) -> None:
        """Remove what a job has found; its video stays."""
        ...

    def drop_video(self, job_id: str) -> None:
        """Remove a video with all results, and its job where that has ended."""
        ...

    def video_faces(self, job_id: str, by_person: bool, limit: int, cursor: str | None) -> Page[VideoFace]:
        """By time, or by person. Raises InvalidCursor, JobNotFound."""
        ...

    def appearances(self, job_id: str, limit: int, cursor: str | None) -> Page[Appearance]:
        """By time. Raises InvalidCursor, JobNotFound."""
        ...

    def find_aged_videos(self, collection_id: str, before: float, limit: int) -> tuple[str, ...]:
        """Jobs of videos of the collection that were given before that time."""
        ...

    def sweep_videos(self) -> int:
        """Remove videos whose jobs are forgotten; how many."""
        ...

    def find_staged_uploads(self, *, ended: bool = False) -> set[str]:
        """Names of the staged videos that unfinished jobs need, or of those whose jobs have `ended`."""
        ...

    def due_notices(self, now: float, until: float, limit: int) -> list[Notice]:
        """Messages about ended jobs that are due; they are nobody else's up to `until`."""
        ...

    def settle_notice(self, job_id: str, due_at: float | None) -> None:
        """It was published, or is given up (None), or is due again."""
        ...
