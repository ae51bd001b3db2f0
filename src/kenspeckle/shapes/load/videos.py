"""What a job has found in a video, from JSON."""

from __future__ import annotations

from kenspeckle.domain import (
    Appearance,
    Job,
    JobKind,
    JobState,
    Video,
    VideoFace,
    VideoFacts,
    VideoPage,
    VideoSource,
)
from kenspeckle.shapes.load.faces import Json, detail
from kenspeckle.shapes.load.searches import face_matches


def video_page(shape: Json) -> VideoPage:
    """The answer of /v1/videos/{job_id} or its appearances. The job has its id, state and error alone."""
    states = {"SUCCEEDED": JobState.SUCCEEDED, "FAILED": JobState.FAILED}
    state = states.get(shape["JobStatus"], JobState.RUNNING)
    error = shape.get("StatusMessage", "") if state is JobState.FAILED else ""
    told = shape.get("VideoMetadata")
    facts = told and VideoFacts(
        codec=told["Codec"],
        format=told["Format"],
        duration_ms=told["DurationMillis"],
        frame_rate=told["FrameRate"],
        width=told["FrameWidth"],
        height=told["FrameHeight"],
        full_range=told["ColorRange"] == "FULL",
    )
    job = Job(shape["JobId"], JobKind.VIDEO, None, 0.0, state=state, error=error)
    faces = tuple(
        VideoFace(
            one["Timestamp"],
            detail(one["Person"]["Face"]),
            one["Person"]["Index"],
            face_matches(one.get("FaceMatches", ()), ""),
        )
        for one in shape.get("Persons", ())
    )
    seen = tuple(
        Appearance(one["index"], one["from_ms"], one["to_ms"], one["frames"], face_matches(one["FaceMatches"], ""))
        for one in shape.get("appearances", ())
    )
    video = Video(job, VideoSource(), facts or None, shape.get("JobTag"), True)
    return VideoPage(video, faces, seen, shape.get("NextToken"))
