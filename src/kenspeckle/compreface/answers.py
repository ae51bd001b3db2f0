"""The shapes of CompreFace's answers: faces in pixels, similarities of 0..1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kenspeckle.compreface.names import subject_of
from kenspeckle.compreface.parameters import OFFERED, Detection
from kenspeckle.domain import Described, Face, FaceDetail, FaceMatch, Vector

_ORDER = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")


def faces(found: Described, how: Detection, milliseconds: float) -> list[dict[str, Any]]:
    """One entry a face, largest first, with what the plugins add."""
    entries = []
    for detail, template in found.faces:
        entry = _face(detail, template, found, how.plugins)
        if how.status:
            entry["execution_time"] = {"detector": round(milliseconds, 1)}
        entries.append(entry)
    return entries


def versions(how: Detection, model: str) -> dict[str, Any]:
    """`plugins_versions`, where the request asks for it."""
    if not how.status:
        return {}
    return {"plugins_versions": dict.fromkeys(sorted({"detector"} | (how.plugins & OFFERED) - {"gender"}), model)}


def similarity(value: float) -> float:
    """A similarity of 0..100 as CompreFace tells it."""
    return round(value / 100, 5)


def subjects(matches: Iterable[FaceMatch], most: int) -> list[dict[str, Any]]:
    """The most similar subjects, each once; faces without a name are nobody."""
    best: dict[str, float] = {}
    for one in matches:
        if one.face.external_image_id:
            best.setdefault(one.face.external_image_id, one.similarity)
    ranked = sorted(best.items(), key=lambda pair: -pair[1])[:most]
    return [{"subject": subject_of(identity), "similarity": similarity(value)} for identity, value in ranked]


def example(face: Face) -> dict[str, str]:
    return {"image_id": face.face_id, "subject": subject_of(face.external_image_id or "")}


def examples(some: Sequence[Face]) -> list[dict[str, str]]:
    return [example(face) for face in some]


def numbers(template: Vector) -> list[float]:
    return [float(number) for number in template]


def _face(detail: FaceDetail, template: Vector | None, found: Described, plugins: frozenset[str]) -> dict[str, Any]:
    width, height, box = found.width, found.height, detail.box
    entry: dict[str, Any] = {
        "box": {
            "probability": similarity(detail.confidence),
            "x_max": round((box.left + box.width) * width),
            "y_max": round((box.top + box.height) * height),
            "x_min": round(box.left * width),
            "y_min": round(box.top * height),
        }
    }
    if "landmarks" in plugins:
        points = {point.kind: [round(point.x * width), round(point.y * height)] for point in detail.landmarks}
        entry["landmarks"] = [points[kind] for kind in _ORDER if kind in points]
    if "pose" in plugins:
        pose = detail.pose
        entry["pose"] = {"pitch": pose.pitch, "roll": pose.roll, "yaw": pose.yaw}
    more = detail.attributes
    if more is not None and more.age is not None:
        entry["age"] = {"low": more.age.low, "high": more.age.high}
    if more is not None and more.gender is not None:
        entry["gender"] = {
            "probability": similarity(more.gender.confidence),
            "value": more.gender.value.lower(),
        }
    if "calculator" in plugins and template is not None:
        entry["embedding"] = numbers(template)
    return entry
