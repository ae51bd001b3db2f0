"""Operations on stored videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kenspeckle.domain.access import Of, Right, Scope
from kenspeckle.domain.attributes import NONE, Attribute
from kenspeckle.domain.jobs import Job
from kenspeckle.domain.operations.base import SEARCH, InCollection, Operation
from kenspeckle.domain.videos import AppearanceSearch, VideoPage, VideoSource


@dataclass(frozen=True, slots=True, kw_only=True)
class StartVideo(InCollection[Job]):
    """Start the job that searches the faces of a video. `key_id` is the key that asks, "" for none, `only` its
    collections; `upload_key` is the key that an upload is encrypted under. The end is told to `topic`."""

    right = SEARCH
    source: VideoSource
    threshold: float | None = None
    max_faces: int | None = None
    tag: str | None = None
    token: str | None = None
    topic: str | None = None
    key_id: str = ""
    only: Sequence[str] | None = None
    upload_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartVideoDetection(Operation[Job]):
    """Start the job that detects the faces of a video and searches nobody. Members as for StartVideo; `attributes` are
    inferred of each face."""

    right = Right(Scope.SEARCH, Of.ANYTHING)
    source: VideoSource
    attributes: frozenset[Attribute] = NONE
    tag: str | None = None
    token: str | None = None
    topic: str | None = None
    key_id: str = ""
    only: Sequence[str] | None = None
    upload_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetVideo(Operation[VideoPage]):
    """Faces of a video by time, or `by_person`. `search` says which job is meant: one that searched faces, or one that
    only detected them. Raises JobNotFound also where the job's collection is not in `only`; a job without a collection
    is seen by all keys that are not limited, and by the key that started it, `key_id`."""

    right = Right(Scope.SEARCH, Of.ANYTHING)
    job_id: str
    search: bool = True
    by_person: bool = False
    limit: int = 1000
    cursor: str | None = None
    only: Sequence[str] | None = None
    key_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAppearances(Operation[VideoPage]):
    """Who was seen from when to when, by time. `only` as for GetJob."""

    right = Right(Scope.SEARCH, Of.ANYTHING)
    job_id: str
    limit: int = 100
    cursor: str | None = None
    only: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseVideo(Operation[None]):
    """Erase the results of a job that has ended. `only` as for GetJob."""

    right = Right(Scope.DELETE, Of.ANYTHING)
    job_id: str
    only: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAppearance(InCollection[AppearanceSearch]):
    """Who an appearance before a `camera` shows, by 1 to 8 pictures of the one person. Times are seconds since the
    epoch; `ended` is False for somebody who is still in sight, `frames` counts the sampled frames that show the
    face."""

    right = SEARCH
    images: Sequence[bytes] = field(repr=False)
    camera: str
    first_at: float
    last_at: float
    frames: int
    ended: bool = True
    threshold: float | None = None
    max_faces: int | None = None
