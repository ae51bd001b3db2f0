"""Videos of the recognizer without eyes: whoever is asked for a video that exists is told of the same face."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from kenspeckle.domain import (
    Appearance,
    AppearanceSearch,
    Face,
    FaceMatch,
    Job,
    JobKind,
    JobState,
    Video,
    VideoFace,
    VideoFacts,
    VideoPage,
    VideoSource,
)
from kenspeckle.domain import operations as ops
from kenspeckle.usecases.jobs.queue import JobQueue
from tests.api.fake_users import DETAIL, MODEL

FACTS = VideoFacts("h264", "MP4", 60000, 25.0, 1280, 720, False)
MATCH = FaceMatch(
    Face("6d1b1a9f-0a3f-4f9e-9d5e-1d5f3c0a7b11", "6d1b1a9f-0a3f-4f9e-9d5e-1d5f3c0a7b12", "kenspeckle",
         "keanu-reeves.jpg", DETAIL.box, 99.5, MODEL, 1.0, None),
    98.5,
)  # fmt: skip


class FakeVideos:
    """The videos of `ports.Recognizer`, in memory."""

    queue: JobQueue
    appeared: ops.SearchAppearance

    def of_videos(self) -> list[tuple[Any, Any]]:
        return [
            ops.StartVideo.by(self.start_video),
            ops.StartVideoDetection.by(self.start_video_detection),
            ops.GetVideo.by(self.get_video),
            ops.ListAppearances.by(self.list_appearances),
            ops.EraseVideo.by(self.erase_video),
            ops.SearchAppearance.by(self.search_appearance),
        ]

    def start_video(self, operation: ops.StartVideo) -> Job:
        about = {"source": asdict(operation.source), "tag": operation.tag}
        return self.queue.submit(JobKind.VIDEO, operation.collection_id, about)

    def start_video_detection(self, operation: ops.StartVideoDetection) -> Job:
        return self.queue.submit(JobKind.VIDEO, None, {"source": asdict(operation.source)})

    def get_video(self, operation: ops.GetVideo) -> VideoPage:
        video = self._video(operation.job_id, operation.only)
        if video.job.state is not JobState.SUCCEEDED:
            return VideoPage(video)
        return VideoPage(video, faces=(VideoFace(200, DETAIL, 0, (MATCH,)), VideoFace(400, DETAIL, 1)), cursor="more")

    def list_appearances(self, operation: ops.ListAppearances) -> VideoPage:
        video = self._video(operation.job_id, operation.only)
        if video.job.state is not JobState.SUCCEEDED:
            return VideoPage(video)
        return VideoPage(video, appearances=(Appearance(0, 200, 4800, 24, (MATCH,)), Appearance(1, 400, 400, 1)))

    def erase_video(self, operation: ops.EraseVideo) -> None:
        self._video(operation.job_id, operation.only)

    def search_appearance(self, operation: ops.SearchAppearance) -> AppearanceSearch:
        self.appeared = operation
        return AppearanceSearch((MATCH,), len(operation.images), MODEL)

    def _video(self, job_id: str, only: Any) -> Video:
        job = self.queue.get_job(ops.GetJob(job_id=job_id, only=only))
        source = VideoSource(**job.parameters["source"])  # type: ignore[arg-type]
        tag = job.parameters.get("tag")
        return Video(job, source, FACTS, None if tag is None else str(tag), True)
