"""What a job has found in a video, as JSON."""

from __future__ import annotations

from kenspeckle.domain import (
    Appearance,
    JobState,
    VideoPage,
)
from kenspeckle.shapes.dump.faces import Json, bounding_box, face_detail
from kenspeckle.shapes.dump.searches import face_matches

STATUSES = {JobState.SUCCEEDED: "SUCCEEDED", JobState.FAILED: "FAILED", JobState.CANCELLED: "FAILED"}


def _video(page: VideoPage) -> Json:
    """What all answers about a video have: status, metadata, source."""
    video, job = page.video, page.video.job
    answer: Json = {"JobId": job.job_id, "JobStatus": STATUSES.get(job.state, "IN_PROGRESS")}
    said = job.error or ("The job was cancelled." if job.state is JobState.CANCELLED else "")
    said = said or str((job.result or {}).get("remark", ""))
    if said:
        answer["StatusMessage"] = said
    if video.tag is not None:
        answer["JobTag"] = video.tag
    if video.source.bucket:
        named = {"Bucket": video.source.bucket, "Name": video.source.name}
        version = {} if video.source.version is None else {"Version": video.source.version}
        answer["Video"] = {"S3Object": {**named, **version}}
    if video.facts is not None and job.state is JobState.SUCCEEDED:
        facts = video.facts
        answer["VideoMetadata"] = {
            "Codec": facts.codec,
            "DurationMillis": facts.duration_ms,
            "Format": facts.format,
            "FrameRate": facts.frame_rate,
            "FrameHeight": facts.height,
            "FrameWidth": facts.width,
            "ColorRange": "FULL" if facts.full_range else "LIMITED",
        }
    if page.cursor is not None:
        answer["NextToken"] = page.cursor
    return answer


def face_search(page: VideoPage, *, people: bool = False) -> Json:
    """GetFaceSearchResponse. Somebody who is not found in the collection has no FaceMatches. `people` as for
    `face_matches`."""
    return {
        **_video(page),
        "Persons": [
            {
                "Timestamp": one.at,
                "Person": {
                    "Index": one.person,
                    "BoundingBox": bounding_box(one.detail.box),
                    "Face": face_detail(one.detail),
                },
                **({"FaceMatches": face_matches(one.matches, people=people)} if one.matches else {}),
            }
            for one in page.faces
        ],
    }


def face_detection(page: VideoPage) -> Json:
    """GetFaceDetectionResponse."""
    return {**_video(page), "Faces": [{"Timestamp": one.at, "Face": face_detail(one.detail)} for one in page.faces]}


def appearances(page: VideoPage) -> Json:
    """Who was seen from when to when. `name` is that of the best match."""
    return {**_video(page), "appearances": [_appearance(one) for one in page.appearances]}


def _appearance(one: Appearance) -> Json:
    best = one.matches[0] if one.matches else None
    identity = None if best is None else best.face.external_image_id
    return {
        "index": one.person,
        "from_ms": one.first_ms,
        "to_ms": one.last_ms,
        "frames": one.frames,
        "name": (best.name or None) if best is not None else None,
        "external_image_id": identity,
        "similarity": None if best is None else best.similarity,
        "FaceMatches": face_matches(one.matches, people=True),
    }
