"""Which calls are made, and which rights they need of IAM: what policies are written from, and held against."""

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
"""By service and operation, the rights that a call of it takes. Rekognition reads a photograph from the bucket in the
name of whoever names it. S3 says 404 of an object that is not there only to who may list the bucket, otherwise 403."""

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
