"""Quality bars: which detected faces are good enough to be used, and why the others are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kenspeckle.domain import FaceDetail, QualityFilter, Reason, UnindexedFace, Vector
from kenspeckle.ports import Engine, Photo

LEAST_AREA: Final = 40 * 40 / (1920 * 1080)
"""Least part of the photograph that a face fills: 40 x 40 pixels in 1920 x 1080, and in proportion in others, as at
Amazon Rekognition. In a smaller photograph the face has fewer pixels, which its sharpness shows."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The least that a face must reach; angles are the most that it may be turned. Units as `FaceDetail` has them."""

    confidence: float
    brightness: float
    sharpness: float
    clarity: float
    """By `Engine.clarity`, once a face is embedded."""
    yaw: float
    pitch: float
    small: bool = False
    """Whether faces under LEAST_AREA pass."""


BARS: Final = {
    QualityFilter.LOW: Bar(confidence=85, brightness=4, sharpness=1, clarity=15, yaw=75, pitch=60, small=True),
    QualityFilter.AUTO: Bar(confidence=90, brightness=7, sharpness=3, clarity=34, yaw=65, pitch=45),
    QualityFilter.MEDIUM: Bar(confidence=95, brightness=25, sharpness=22, clarity=54, yaw=45, pitch=30),
    QualityFilter.HIGH: Bar(confidence=98, brightness=40, sharpness=35, clarity=69, yaw=30, pitch=20),
}
"""Measured on ordinary photographs and on degraded ones (docs/accuracy.md): LOW refuses faces that can't be recognized,
AUTO those that rarely are, MEDIUM requires a clear picture, HIGH a nearly frontal and sharp one. Roll has no bar: faces
are turned upright before they are embedded."""


def embed_passing(
    engine: Engine, photo: Photo, details: Sequence[FaceDetail], bar: QualityFilter, max_faces: int
) -> tuple[list[FaceDetail], list[Vector], list[UnindexedFace]]:
    """As `screen`, with the templates of the faces to use; those with too low clarity are refused as well
    (LOW_FACE_QUALITY), and other faces take their places. Raises the errors of `Engine.embed`."""
    unclear: list[FaceDetail] = []
    while True:
        kept, refused = screen([one for one in details if one not in unclear], bar, max_faces)
        templates = engine.embed(photo, kept) if kept else []
        if bar is QualityFilter.NONE or not kept:
            break
        clear = [value >= BARS[bar].clarity for value in engine.clarity(photo, kept)]
        if all(clear):
            break
        unclear += [one for one, enough in zip(kept, clear, strict=True) if not enough]
    refused += [UnindexedFace(one, (Reason.LOW_FACE_QUALITY,)) for one in unclear]
    return kept, templates, sorted(refused, key=lambda one: -one.detail.box.area)


def largest_clear(
    engine: Engine, photo: Photo, kept: Sequence[FaceDetail], bar: QualityFilter
) -> tuple[list[FaceDetail], list[Vector], list[UnindexedFace]]:
    """The first of the faces that passed `screen` with enough clarity, with its template; none where there is none. And
    those before it, refused."""
    refused: list[UnindexedFace] = []
    for one in kept:
        templates = engine.embed(photo, [one])
        if bar is QualityFilter.NONE or engine.clarity(photo, [one])[0] >= BARS[bar].clarity:
            return [one], templates, refused
        refused.append(UnindexedFace(one, (Reason.LOW_FACE_QUALITY,)))
    return [], [], refused


def screen(
    details: Sequence[FaceDetail], bar: QualityFilter, max_faces: int
) -> tuple[list[FaceDetail], list[UnindexedFace]]:
    """The faces to use, largest first, at most `max_faces`; and the others with every reason, largest first.

    Of more faces than `max_faces` those of the lowest quality go first, then the smallest (EXCEEDS_MAX_FACES).
    NONE lets every face through up to `max_faces`; the largest stay.
    """
    ordered = sorted(details, key=lambda detail: -detail.box.area)
    reasons = {at: failings(detail, bar) for at, detail in enumerate(ordered)}
    passed = [at for at in reasons if not reasons[at]]
    if len(passed) > max_faces:
        ranked = passed if bar is QualityFilter.NONE else sorted(passed, key=lambda at: -grade(ordered[at]))
        for at in ranked[max_faces:]:
            reasons[at] = (Reason.EXCEEDS_MAX_FACES,)
    kept = [detail for at, detail in enumerate(ordered) if not reasons[at]]
    return kept, [UnindexedFace(detail, reasons[at]) for at, detail in enumerate(ordered) if reasons[at]]


def failings(detail: FaceDetail, bar: QualityFilter) -> tuple[Reason, ...]:
    """The reasons why a face does not pass the bar; empty where it passes."""
    if bar is QualityFilter.NONE:
        return ()
    least = BARS[bar]
    found = {
        Reason.SMALL_BOUNDING_BOX: not least.small and detail.box.area < LEAST_AREA,
        Reason.LOW_CONFIDENCE: detail.confidence < least.confidence,
        Reason.EXTREME_POSE: abs(detail.pose.yaw) > least.yaw or abs(detail.pose.pitch) > least.pitch,
        Reason.LOW_BRIGHTNESS: detail.quality.brightness < least.brightness,
        Reason.LOW_SHARPNESS: detail.quality.sharpness < least.sharpness,
    }
    return tuple(reason for reason, fails in found.items() if fails)


def grade(detail: FaceDetail) -> int:
    """How many of the bars LOW, AUTO, MEDIUM and HIGH a face passes: 0, worst, to 4."""
    return sum(not failings(detail, bar) for bar in BARS)
