"""Example answers for the OpenAPI document, written by `kenspeckle.shapes` so that their shapes are the real ones."""

from __future__ import annotations

from kenspeckle.domain import (
    Associated,
    Box,
    Collection,
    Comparison,
    Deleted,
    Face,
    FaceDetail,
    FaceMatch,
    FaceRecord,
    FaceSearch,
    Indexed,
    Landmark,
    Pose,
    Quality,
    Reason,
    Receipt,
    UnindexedFace,
    User,
    UserMatch,
    UserSearch,
)
from kenspeckle.shapes import dump
from kenspeckle.shapes.dump import Json

MODEL = "centerface-dlib-1"
FACE_ID = "5cdd8a4b-6e0f-4a4f-9d4e-0d8a3a1d1f6b"
IMAGE_ID = "1f0f7c6e-3f2b-4d36-8a07-6f7f1f0a9d11"


_RECEIPT = Receipt(
    {
        "format": "kenspeckle-receipt",
        "version": 1,
        "at": "2026-01-31T12:00:00.000+00:00",
        "erased": "identity",
        "name": "keanu-reeves.jpg",
        "collection": "visitors",
        "faces": [FACE_ID],
        "face_count": 1,
        "images": ["9f" * 32],
        "image_count": 1,
        "users": [],
        "complete": True,
        "by": {"key": "key-4xk2mwq7c3ta", "name": "front desk"},
        "request_id": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "audit": {"number": 42, "hash": "5a" * 32},
    },
    "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "QmFzZTY0IG9mIGEgc2lnbmF0dXJlIG9mIHNpeHR5LWZvdXIgYnl0ZXMu",
)


_DETAIL = FaceDetail(
    Box(0.32, 0.18, 0.27, 0.41),
    99.87,
    (
        Landmark("eyeLeft", 0.40, 0.33),
        Landmark("eyeRight", 0.52, 0.33),
        Landmark("nose", 0.46, 0.42),
        Landmark("mouthLeft", 0.41, 0.49),
        Landmark("mouthRight", 0.51, 0.49),
    ),
    Pose(1.2, -4.8, 3.5),
    Quality(71.3, 88.0),
)
_SMALL = FaceDetail(Box(0.81, 0.40, 0.03, 0.05), 84.2, _DETAIL.landmarks, Pose(0.0, 61.0, 2.0), Quality(60.1, 12.5))
_UNUSED = UnindexedFace(_SMALL, (Reason.EXTREME_POSE, Reason.SMALL_BOUNDING_BOX))
_FACE = Face(FACE_ID, IMAGE_ID, "kenspeckle", "keanu-reeves.jpg", _DETAIL.box, 99.87, MODEL, 1767225600.0)
_MATCH = FaceMatch(_FACE, 99.94)
_USER = User("keanu", "visitors", "ACTIVE", 1767225600.0, 2)


def index() -> Json:
    return dump.index_faces(Indexed(IMAGE_ID, (FaceRecord(_FACE, _DETAIL),), (_UNUSED,), MODEL, True))


def search() -> Json:
    found = dump.search_faces_by_image(FaceSearch(_DETAIL, (_MATCH,)), MODEL)
    return {"faces": found, "matchedFaces": ["Keanu reeves"]}


def detect() -> Json:
    return dump.detect_faces([_DETAIL])


def compare() -> Json:
    return dump.compare_faces(Comparison(_DETAIL, ((_DETAIL, 99.94),), (_SMALL,)))


def info() -> Json:
    return {
        "name": "kenspeckle",
        "version": "1.0.0",
        "recognizer": "local",
        "pack": {"name": "centerface-dlib", "version": MODEL, "dimension": 128},
        "collection": "kenspeckle",
        "face_match_threshold": 80.0,
        "max_faces": 10,
        "counts": {"collections": 1, "faces": 2, "users": 0, "images": 2},
        "key": {
            "id": "key-4xk2mwq7c3ta",
            "name": "front desk",
            "scopes": ["search", "read"],
            "collections": ["visitors"],
            "expires_at": None,
        },
    }


def alive() -> Json:
    return {"status": "alive"}


def ready() -> Json:
    return {"status": "ready"}


def collection() -> Json:
    one = Collection("visitors", "centerface-dlib", "", 1767225600.0, 3, 2, 1, {"site": "lobby"})
    return dump.collection(one, "arn:aws:rekognition:us-east-1:000000000000:collection/visitors", MODEL)


def collections() -> Json:
    return {"CollectionIds": ["visitors"], "FaceModelVersions": [MODEL], "Collections": [collection()]}


def faces() -> Json:
    return dump.list_faces([_FACE], "eyJyb3ciOjF9", MODEL)


def face() -> Json:
    return dump.face_record(FaceRecord(_FACE, _DETAIL))


def face_search() -> Json:
    return dump.search_faces("b8f1a3a0-3f43-4c4e-a2b3-0e4d5f6a7b8c", [_MATCH], MODEL)


def deleted() -> Json:
    return dump.with_receipt(dump.delete_faces(Deleted((FACE_ID,))), _RECEIPT)


def users() -> Json:
    return dump.list_users([_USER], None)


def user() -> Json:
    return dump.user_description(_USER)


def associated() -> Json:
    return dump.associate_faces(Associated((FACE_ID,), (), "ACTIVE"))


def disassociated() -> Json:
    return dump.disassociate_faces(Associated((FACE_ID,), (), "ACTIVE"))


def user_search() -> Json:
    return dump.search_users([UserMatch(_USER, 99.91)], MODEL, user_id="reeves")


def user_image_search() -> Json:
    return dump.search_users_by_image(UserSearch(_DETAIL, (UserMatch(_USER, 99.91),), (_UNUSED,), MODEL))
