"""What looks at live pictures and videos on this machine: decoders, an engine, and what cuts faces out."""

from __future__ import annotations

from kenspeckle.ports import CameraDecoder, Engine, VideoDecoder
from kenspeckle.settings import Settings
from kenspeckle.usecases.videos.live import TOLD_MS, Live
from kenspeckle.vision.camera import CameraChild
from kenspeckle.vision.cutter import portrait
from kenspeckle.vision.video import ChildDecoder


def cameras() -> CameraDecoder:
    """Decodes streams of cameras."""
    return CameraChild()


def videos(settings: Settings) -> VideoDecoder:
    """Decodes files of videos."""
    return ChildDecoder(settings)


def live(engine: Engine, told_ms: float = TOLD_MS) -> Live:
    """Follows the faces of one stream."""
    return Live(engine, portrait, told_ms)
