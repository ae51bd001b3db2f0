"""Tells topics of Amazon SNS that a job of a video has ended, in Amazon Rekognition's words."""

from __future__ import annotations

import logging
import threading
from typing import Final

import orjson

from kenspeckle.domain import JobState, Notice
from kenspeckle.errors import KenspeckleError
from kenspeckle.ports import NotPublished
from kenspeckle.usecases.recognition.context import Context, VideoParts

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 2.0
CLAIM_SECONDS: Final = 60.0
PAUSES: Final = (5.0, 30.0, 300.0, 1800.0, 7200.0)
"""Seconds before a message that was not taken is published again; after the last it is given up."""
AT_ONCE: Final = 10


class Notices:
    """A runner beside requests, in a thread, where topics are named."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._context.videos is not None and self._context.settings.sns_topics:
            self._thread = threading.Thread(target=self._run, args=(self._context.videos,), name="notices", daemon=True)
            self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, parts: VideoParts) -> None:
        while not self._closing.is_set():
            try:
                self.round(parts)
            except KenspeckleError as error:
                log.error("topics can't be told of ended videos: %s", error.message)
            except Exception:
                log.exception("topics can't be told of ended videos; it is tried again")
            self._closing.wait(LOOK_SECONDS)

    def round(self, parts: VideoParts) -> None:
        """Publish what is due."""
        now = self._context.now()
        for notice in parts.results.due_notices(now, now + CLAIM_SECONDS, AT_ONCE):
            try:
                parts.topics.publish(notice.topic, message(notice), notice.job_id)
            except NotPublished as error:
                again = PAUSES[notice.attempts] if notice.attempts < len(PAUSES) else None
                told = "it is given up" if again is None else f"it is tried again in {again:.0f} s"
                log.warning("the end of job %s is not told to %s: %s; %s", notice.job_id, notice.topic, error, told)
                parts.results.settle_notice(notice.job_id, None if again is None else now + again)
            else:
                parts.results.settle_notice(notice.job_id, None)


def message(notice: Notice) -> str:
    """What Amazon Rekognition Video publishes."""
    facts = notice.message
    source = facts["source"]
    assert isinstance(source, dict)
    video = {"S3ObjectName": source["name"], "S3Bucket": source["bucket"]}
    if source.get("version"):
        video["S3ObjectVersion"] = source["version"]
    told: dict[str, object] = {
        "JobId": notice.job_id,
        "Status": "SUCCEEDED" if facts["state"] == JobState.SUCCEEDED.value else "FAILED",
        "API": "StartFaceSearch" if facts["collection_id"] else "StartFaceDetection",
        "Timestamp": round(1000 * float(str(facts["finished_at"] or 0))),
        "Video": video,
    }
    if facts.get("tag"):
        told["JobTag"] = facts["tag"]
    return orjson.dumps(told).decode()
