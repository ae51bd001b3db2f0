"""Faces and photographs as JSON in Amazon Rekognition's shapes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from kenspeckle.domain import (
    Attribute,
    Attributes,
    Box,
    Comparison,
    Face,
    FaceDetail,
    FaceRecord,
    Indexed,
    Landmark,
    PersonRef,
    Pose,
    UnindexedFace,
)
from kenspeckle.domain.attributes import ALL

Json: TypeAlias = dict[str, Any]

LANDMARKS = (
    *("eyeLeft", "eyeRight", "mouthLeft", "mouthRight", "nose"),
    *(
        "leftEyeBrowLeft",
        "leftEyeBrowRight",
        "leftEyeBrowUp",
        "rightEyeBrowLeft",
        "rightEyeBrowRight",
        "rightEyeBrowUp",
    ),
    *("leftEyeLeft", "leftEyeRight", "leftEyeUp", "leftEyeDown"),
    *("rightEyeLeft", "rightEyeRight", "rightEyeUp", "rightEyeDown"),
    *("noseLeft", "noseRight", "mouthUp", "mouthDown", "leftPupil", "rightPupil"),
    *("upperJawlineLeft", "midJawlineLeft", "chinBottom", "midJawlineRight", "upperJawlineRight"),
)
"""The order in Amazon's answers; some programs access them by position."""

FLAGS = {
    Attribute.SMILE: "Smile",
    Attribute.EYEGLASSES: "Eyeglasses",
    Attribute.SUNGLASSES: "Sunglasses",
    Attribute.BEARD: "Beard",
    Attribute.MUSTACHE: "Mustache",
    Attribute.EYES_OPEN: "EyesOpen",
    Attribute.MOUTH_OPEN: "MouthOpen",
    Attribute.FACE_OCCLUDED: "FaceOccluded",
}
"""Members of FaceDetail that are a yes or no."""


def bounding_box(box: Box) -> Json:
    return {"Width": box.width, "Height": box.height, "Left": box.left, "Top": box.top}


def face_detail(detail: FaceDetail) -> Json:
    """FaceDetail with the DEFAULT attributes, and what else was inferred; also what Rekognition calls ComparedFace."""
    more = detail.attributes
    head = detail.pose if more is None or more.pose is None else more.pose
    places = (*detail.landmarks, *(() if more is None else more.landmarks))
    return {
        "BoundingBox": bounding_box(detail.box),
        "Confidence": detail.confidence,
        "Landmarks": _landmarks(places),
        "Pose": _pose(head),
        "Quality": {"Brightness": detail.quality.brightness, "Sharpness": detail.quality.sharpness},
        **({} if more is None else _inferred(more)),
    }


def attributes(more: Attributes) -> Json:
    """What was inferred, with its version, for storage and exports."""
    shape: Json = {"Version": more.version, **_inferred(more)}
    if more.asked != ALL:
        shape["Asked"] = sorted(more.asked)
    if more.pose is not None:
        shape["Pose"] = _pose(more.pose)
    if more.landmarks:
        shape["Landmarks"] = _landmarks(more.landmarks)
    return shape


def _inferred(more: Attributes) -> Json:
    """The members of FaceDetail beyond DEFAULT."""
    shape: Json = {}
    if more.age is not None:
        shape["AgeRange"] = {"Low": more.age.low, "High": more.age.high}
    if more.gender is not None:
        shape["Gender"] = {"Value": more.gender.value, "Confidence": more.gender.confidence}
    for name, member in FLAGS.items():
        if name in more.flags:
            shape[member] = {"Value": more.flags[name].value, "Confidence": more.flags[name].confidence}
    if more.eyes is not None:
        shape["EyeDirection"] = {
            "Yaw": more.eyes.yaw,
            "Pitch": more.eyes.pitch,
            "Confidence": more.eyes.confidence,
        }
    return shape


def _landmarks(places: Iterable[Landmark]) -> list[Json]:
    return [{"Type": one.kind, "X": one.x, "Y": one.y} for one in sorted(places, key=_place)]


def _pose(head: Pose) -> Json:
    return {"Roll": head.roll, "Yaw": head.yaw, "Pitch": head.pitch}


def _place(one: Landmark) -> int:
    return LANDMARKS.index(one.kind) if one.kind in LANDMARKS else len(LANDMARKS)


def face(one: Face) -> Json:
    answer: Json = {
        "FaceId": one.face_id,
        "BoundingBox": bounding_box(one.box),
        "ImageId": one.image_id,
        "Confidence": one.confidence,
        "IndexFacesModelVersion": one.index_model,
    }
    if one.external_image_id is not None:
        answer["ExternalImageId"] = one.external_image_id
    if one.user_id is not None:
        answer["UserId"] = one.user_id
    return answer


def stored_face(one: Face) -> Json:
    """A face with its time of storing, which the lists of `/v1` have and Amazon's shapes lack."""
    return {**face(one), "CreationTimestamp": one.created_at}


def face_record(record: FaceRecord) -> Json:
    return {"Face": face(record.face), "FaceDetail": face_detail(record.detail)}


def stored_face_record(record: FaceRecord) -> Json:
    """A FaceRecord with the face's time of storing."""
    return {**face_record(record), "Face": stored_face(record.face)}


def unindexed_face(one: UnindexedFace) -> Json:
    return {"Reasons": [str(reason) for reason in one.reasons], "FaceDetail": face_detail(one.detail)}


def unsearched_face(one: UnindexedFace) -> Json:
    """UnsearchedFace; its member is called FaceDetails, in the plural."""
    return {"FaceDetails": face_detail(one.detail), "Reasons": [str(reason) for reason in one.reasons]}


def index_faces(answer: Indexed) -> Json:
    """IndexFacesResponse."""
    return {
        "FaceRecords": [face_record(record) for record in answer.records],
        "UnindexedFaces": [unindexed_face(one) for one in answer.unindexed],
        "FaceModelVersion": answer.model,
    }


def with_person(shape: Json, one: PersonRef | None) -> Json:
    """A face with whose it is, where that is known."""
    return shape if one is None else {**shape, "Person": {"person_id": one.person_id, "name": one.name}}


def detect_faces(details: Iterable[FaceDetail]) -> Json:
    """DetectFacesResponse."""
    return {"FaceDetails": [face_detail(detail) for detail in details]}


def compare_faces(answer: Comparison) -> Json:
    """CompareFacesResponse."""
    return {
        "SourceImageFace": {
            "BoundingBox": bounding_box(answer.source.box),
            "Confidence": answer.source.confidence,
        },
        "FaceMatches": [
            {"Similarity": similarity, "Face": face_detail(detail)} for detail, similarity in answer.matches
        ],
        "UnmatchedFaces": [face_detail(detail) for detail in answer.unmatched],
    }


def list_faces(faces: Iterable[Face], cursor: str | None, model: str) -> Json:
    """ListFacesResponse."""
    answer: Json = {"Faces": [face(one) for one in faces], "FaceModelVersion": model}
    if cursor is not None:
        answer["NextToken"] = cursor
    return answer


def stored_faces(faces: Iterable[Face], cursor: str | None, model: str) -> Json:
    """ListFacesResponse with the time of storing of each face."""
    faces = tuple(faces)
    return {**list_faces(faces, cursor, model), "Faces": [stored_face(one) for one in faces]}


def thumbnails(found: Mapping[str, bytes]) -> Json:
    """Pictures by face id, as base64."""
    return {"thumbnails": [{"face_id": face_id, "jpeg": b64encode(jpeg).decode()} for face_id, jpeg in found.items()]}
