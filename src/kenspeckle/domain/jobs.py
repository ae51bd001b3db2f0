"""Jobs (long work): their kinds, states, progress and results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class JobKind(StrEnum):
    """What a job does. COPY and CALIBRATE are names that clients know already; no job of these kinds is made yet."""

    UPGRADE = "upgrade"
    GROUPS = "groups"
    INDEX = "index"
    VIDEO = "video"
    SYNC = "sync"
    PURGE = "purge"
    COPY = "copy"
    CALIBRATE = "calibrate"


class JobState(StrEnum):
    """A job ends as `succeeded`, `failed` or `cancelled`, and stays so."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


WITHIN = frozenset({JobKind.UPGRADE, JobKind.GROUPS, JobKind.INDEX, JobKind.VIDEO, JobKind.SYNC})
"""Kinds of work on what a collection holds, which ends where the collection is deleted."""

SEVERAL = frozenset({JobKind.VIDEO})
"""Kinds of which several of one collection may wait and run at once."""

UNFINISHED = frozenset({JobState.QUEUED, JobState.RUNNING})


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of long work. `collection_id` is None where it concerns the service as a whole.

    `parameters` say what is asked for and `result` what came of it, both JSON-ready. `done` of `total` steps are done;
    a `total` of 0 is not known yet. `cancelling` says that cancellation was requested while it runs. Times are epoch
    seconds. `attempts` counts how often it was started: more than once where a process died while it worked on the job.
    """

    job_id: str
    kind: JobKind
    collection_id: str | None
    created_at: float
    parameters: Mapping[str, object] = field(default_factory=dict)
    state: JobState = JobState.QUEUED
    done: int = 0
    total: int = 0
    error: str = ""
    result: Mapping[str, object] | None = None
    finished_at: float | None = None
    cancelling: bool = False
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A job as the process holds it that works on it. What is stored under a claim raises JobLost once it is gone."""

    job_id: str
    owner: str


class JobLost(Exception):
    """Another process has taken over a job that this process worked on; the other's work counts. No edge sees this
    error."""
