"""One valid request of each operation that is offered, about a collection."""

from __future__ import annotations

import base64
from typing import Any

from tests.rekognition.portraits import portrait
from tests.rekognition.served import ACCOUNT, REGION

UNKNOWN_FACE = "00000000-0000-4000-8000-000000000000"


def arn(collection: str) -> str:
    return f"arn:aws:rekognition:{REGION}:{ACCOUNT}:collection/{collection}"


def valid(collection: str) -> dict[str, dict[str, Any]]:
    """JSON bodies by operation; blobs are base64 text, as on the wire."""
    image = {"Bytes": base64.b64encode(portrait(0.5)).decode()}
    video = {"S3Object": {"Bucket": "photos", "Name": "none.mp4"}}
    named = {"CollectionId": collection}
    user = {**named, "UserId": "nobody"}
    faces = {"FaceIds": [UNKNOWN_FACE]}
    return {
        "CreateCollection": named,
        "DescribeCollection": named,
        "ListCollections": {},
        "DeleteCollection": named,
        "TagResource": {"ResourceArn": arn(collection), "Tags": {"a": "b"}},
        "UntagResource": {"ResourceArn": arn(collection), "TagKeys": ["a"]},
        "ListTagsForResource": {"ResourceArn": arn(collection)},
        "IndexFaces": {**named, "Image": image},
        "ListFaces": named,
        "DeleteFaces": {**named, **faces},
        "SearchFaces": {**named, "FaceId": UNKNOWN_FACE},
        "SearchFacesByImage": {**named, "Image": image},
        "DetectFaces": {"Image": image},
        "CompareFaces": {"SourceImage": image, "TargetImage": image},
        "CreateUser": user,
        "DeleteUser": user,
        "ListUsers": named,
        "AssociateFaces": {**user, **faces},
        "DisassociateFaces": {**user, **faces},
        "SearchUsers": {**named, "FaceId": UNKNOWN_FACE},
        "SearchUsersByImage": {**named, "Image": image},
        "StartFaceSearch": {**named, "Video": video},
        "GetFaceSearch": {"JobId": "job-none"},
        "StartFaceDetection": {"Video": video},
        "GetFaceDetection": {"JobId": "job-none"},
    }
