"""`kenspeckle watch CAMERA`: one event for each appearance of a person."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kenspeckle.cli import output
from kenspeckle.cli.until_signal import until_signal
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.target import Target
from kenspeckle.domain import CameraAddress, QualityFilter, validation
from kenspeckle.errors import InvalidValue
from kenspeckle.intake.watch.actions import INDEXED
from kenspeckle.intake.watch.appearances import Naming, Teller
from kenspeckle.intake.watch.camera import CameraLoop
from kenspeckle.intake.watch.camera_address import credentials_of, name_of, parse
from kenspeckle.intake.watch.worker import FAILED, Backoff

ONCE_PATIENCE = 30.0
"""Seconds that `--once` waits for a camera or a server."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Options that folders and cameras share."""

    index: bool
    threshold: float | None
    max_faces: int | None
    quality: str | None
    once: bool
    json: bool

    @property
    def bar(self) -> QualityFilter | None:
        return QualityFilter(self.quality.upper()) if self.quality else None


def watch_camera(target: Target, where: str, credentials: Path | None, name: str | None, asked: Asked) -> None:
    """Look at the camera until a signal comes, or with `once` until its stream ends. Raises CommandFailed."""
    from kenspeckle.compose import cameras  # late: the networks and the decoder

    if asked.quality and not asked.index:
        raise CommandFailed("--quality is for what is stored.", "Leave it out, or give --index.")
    camera, called = _camera(where, credentials, name)
    stop = threading.Event()

    def remark(text: str) -> None:
        output.remark(f"{called}: {text}", "yellow")

    patience = ONCE_PATIENCE if asked.once else None
    engine = target.engine()
    naming = Naming(target, called, asked.threshold, asked.max_faces, asked.index, asked.bar)
    report = _Reporter(asked.json)
    teller = Teller(naming, Backoff(stop, remark, patience), report.event, remark, stop.set)
    loop = CameraLoop(
        camera=camera,
        decoder=cameras.cameras(),
        rate=target.settings.video_frame_rate,
        live=lambda: cameras.live(engine),
        tell=teller.tell,
        backoff=Backoff(stop, remark, patience, "Trying again."),
        stop=stop,
    )
    output.remark(f"Watching the camera {called}. Ctrl-C ends it.")
    with until_signal(stop.set):
        try:
            loop.run(once=asked.once)
        finally:
            stop.set()
            teller.close()
    output.remark(f"{report.summary()}.", "bold")


def _camera(where: str, credentials: Path | None, name: str | None) -> tuple[CameraAddress, str]:
    camera = parse(where, credentials_of(credentials, lambda text: output.remark(text, "yellow")))
    called = name if name is not None else name_of(camera)
    try:
        return camera, validation.camera_name(called)
    except InvalidValue as error:
        raise CommandFailed(error.message, "Name it otherwise with --name.") from error


class _Reporter:
    """A line for each appearance on standard output."""

    def __init__(self, json: bool) -> None:
        self._json = json
        self._counts: dict[str, int] = {}

    def event(self, event: dict[str, Any]) -> None:
        status = str(event["status"])
        self._counts[status] = self._counts.get(status, 0) + 1
        if self._json:
            output.emit(event, line=True)
        else:
            output.say(_sentence(event), "red" if status == FAILED else "")

    def summary(self) -> str:
        return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in self._counts.items()) or "nobody seen"


def _sentence(event: dict[str, Any]) -> str:
    when = f"{event['from']} to {event['to']}" + ("" if event["ended"] else ", still there")
    if error := event.get("error"):
        who = str(error["message"])
    elif event["FaceMatches"]:
        who = f"{event['name'] or 'someone without a name'} ({event['similarity']:.1f})"
    else:
        who = "unknown, stored without a name" if event["status"] == INDEXED else "unknown"
    return f"{event['camera']}, {when}: {who}"
