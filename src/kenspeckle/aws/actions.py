"""The AWS calls of this package and the IAM rights they need; policies are generated from it and tested against it."""

from __future__ import annotations

from collections.abc import Mapping

CALLS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "rekognition": {
        "AssociateFaces": ("rekognition:AssociateFaces",),
        "CompareFaces": ("rekognition:CompareFaces",),
        "CreateCollection": ("rekognition:CreateCollection", "rekognition:TagResource"),
        "CreateUser": ("rekognition:CreateUser",),
        "DeleteCollection": ("rekognition:DeleteCollection",),
        "DeleteFaces": ("rekognition:DeleteFaces",),
        "DeleteUser": ("rekognition:DeleteUser",),
        "DescribeCollection": ("rekognition:DescribeCollection",),
        "DetectFaces": ("rekognition:DetectFaces",),
        "DisassociateFaces": ("rekognition:DisassociateFaces",),
        "IndexFaces": ("rekognition:IndexFaces", "s3:GetObject"),
        "ListCollections": ("rekognition:ListCollections",),
        "ListFaces": ("rekognition:ListFaces",),
        "ListTagsForResource": ("rekognition:ListTagsForResource",),
        "ListUsers": ("rekognition:ListUsers",),
        "SearchFaces": ("rekognition:SearchFaces",),
        "SearchFacesByImage": ("rekognition:SearchFacesByImage",),
        "SearchUsers": ("rekognition:SearchUsers",),
        "SearchUsersByImage": ("rekognition:SearchUsersByImage",),
        "TagResource": ("rekognition:TagResource",),
        "UntagResource": ("rekognition:UntagResource",),
    },
    "dynamodb": {
        "BatchGetItem": ("dynamodb:BatchGetItem",),
        "DeleteItem": ("dynamodb:DeleteItem",),
        "GetItem": ("dynamodb:GetItem",),
        "PutItem": ("dynamodb:PutItem",),
        "Query": ("dynamodb:Query",),
        "TransactWriteItems": ("dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
        "UpdateItem": ("dynamodb:UpdateItem",),
    },
    "s3": {
        "DeleteObjects": ("s3:DeleteObject", "s3:DeleteObjectVersion"),
        "GetObject": ("s3:GetObject", "s3:ListBucket"),
        "HeadObject": ("s3:GetObject", "s3:ListBucket"),
        "ListObjectVersions": ("s3:ListBucketVersions",),
        "PutObject": ("s3:PutObject",),
    },
}
"""IAM rights by service and operation. Rekognition reads a photograph from the bucket with the caller's rights. For an
absent object S3 answers 404 only to callers that may list the bucket, otherwise 403."""

_ENROL: Mapping[str, frozenset[str]] = {
    "rekognition": frozenset({"DeleteFaces", "IndexFaces"}),
    "dynamodb": frozenset({"BatchGetItem", "GetItem", "TransactWriteItems"}),
    "s3": frozenset({"DeleteObjects", "ListObjectVersions", "PutObject"}),
}

_KEEP: Mapping[str, frozenset[str]] = {
    "rekognition": frozenset(
        {
            "DeleteFaces",
            "DescribeCollection",
            "DisassociateFaces",
            "IndexFaces",
            "ListCollections",
            "ListFaces",
            "ListTagsForResource",
        }
    ),
    "dynamodb": frozenset({"BatchGetItem", "GetItem", "Query", "TransactWriteItems", "UpdateItem"}),
    "s3": frozenset({"DeleteObjects", "HeadObject", "ListObjectVersions"}),
}

ROLES: Mapping[str, Mapping[str, frozenset[str]]] = {
    "api": {service: frozenset(operations) for service, operations in CALLS.items()},
    "indexer": _ENROL,
    "housekeeper": _KEEP,
}
"""Operations by role and service: `api` serves every route, `indexer` does nothing but `IndexFaces` (which also undoes
what another has done meanwhile), `housekeeper` nothing but `managed.Gateway.housekeep`."""


def rights(role: str) -> frozenset[str]:
    """Every right of IAM that the role needs, as `service:Action`."""
    return frozenset(
        right
        for service, operations in ROLES[role].items()
        for operation in operations
        for right in CALLS[service][operation]
    )
