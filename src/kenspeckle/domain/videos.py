"""Videos: their source, what is known of them, and who is in them from when to when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kenspeckle.domain.answers import FaceMatch
from kenspeckle.domain.detection import FaceDetail
from kenspeckle.domain.jobs import Job


@dataclass(frozen=True, slots=True)
class VideoSource:
    """Where a video is: an object of a configured bucket, an `upload` by its name, or a file of this machine, which
    only the command line names."""

    bucket: str = ""
    name: str = ""
    version: str | None = None
    upload: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a video's container says of it; width and height are those of its frames as they are stored."""

    codec: str
    format: str
    duration_ms: int
    frame_rate: float
    width: int
    height: int
    full_range: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame: its time in milliseconds from the start, RGB bytes, row by row, and by how many degrees clockwise the
    picture has to be turned to be upright (0, 90, 180 or 270)."""

    at: int
    pixels: bytes
    width: int
    height: int
    turned: int = 0


@dataclass(frozen=True, slots=True)
class VideoFace:
    """A face in a sampled frame. `person` numbers the people of the video from 0; None where nobody was searched."""

    at: int
    detail: FaceDetail
    person: int | None = None
    matches: tuple[FaceMatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Appearance:
    """A person in sight without a break, from the first to the last frame in milliseconds. `frames` counts the sampled
    frames that show the face. `matches` are the person's, most similar first; empty for somebody unknown."""

    person: int
    first_ms: int
    last_ms: int
    frames: int
    matches: tuple[FaceMatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Video:
    """A video that was given to a job, and what the job knows of it. `key_id` is the key that started it, "" for none;
    `search` says whether faces are searched in the job's collection."""

    job: Job
    source: VideoSource
    facts: VideoFacts | None
    tag: str | None
    search: bool
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class VideoPage:
    """A page of results. Without items while the job is not finished."""

    video: Video
    faces: tuple[VideoFace, ...] = ()
    appearances: tuple[Appearance, ...] = ()
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A message about the end of a job, to be published to a topic."""

    job_id: str
    topic: str
    message: Mapping[str, object]
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class CameraAddress:
    """A camera by RTSP, or a `device` of this machine. `path` begins with a slash and may have a query; it may be a
    secret as the password is, and neither is ever shown."""

    device: str = ""
    host: str = ""
    port: int = 554
    tls: bool = False
    path: str = field(default="/", repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class AppearanceSearch:
    """Who an appearance shows, most similar first. `pictures` counts those in which a face was found."""

    matches: tuple[FaceMatch, ...]
    pictures: int
    model: str
