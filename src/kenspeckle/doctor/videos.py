"""Checks that videos can be decoded, where the extra `video` is installed."""

from __future__ import annotations

from functools import cache

from kenspeckle.doctor.findings import Examined
from kenspeckle.doctor.instance import Instance
from kenspeckle.settings import Settings
from kenspeckle.vision.video import ChildDecoder


def check(instance: Instance, found: Examined) -> None:
    if not ChildDecoder(instance.settings).available:
        found.summary = "not taken: the extra kenspeckle[video] is not installed"
        return
    problem = _problem(instance.settings)
    if problem:
        found.fault(
            "video_unusable",
            f"PyAV is installed, but decodes nothing: {problem}",
            "Every job of a video fails.",
            "pip install --force-reinstall 'kenspeckle[video]'",
        )
    found.summary = "can't be decoded" if problem else "can be decoded"


@cache
def _problem(settings: Settings) -> str:
    """It starts a process, once for each command."""
    return ChildDecoder(settings).problem()
