"""Every operation with a key of every scope, for a collection that is granted and for one that is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kenspeckle.domain import Scope
from kenspeckle.rekognition.operations import OPERATIONS
from kenspeckle.usecases.access.credentials import Created
from tests.rekognition.portraits import portrait
from tests.rekognition.requests import valid
from tests.rekognition.served import Served
from tests.rekognition.signing import request_of, send, sign

NEEDED = {
    Scope.ADMIN: {"CreateCollection", "DeleteCollection", "TagResource", "UntagResource"},
    Scope.READ: {"DescribeCollection", "ListCollections", "ListTagsForResource", "ListFaces", "ListUsers"},
    Scope.INDEX: {"IndexFaces", "CreateUser", "AssociateFaces", "DisassociateFaces"},
    Scope.DELETE: {"DeleteFaces", "DeleteUser"},
    Scope.SEARCH: {
        "SearchFaces",
        "SearchFacesByImage",
        "DetectFaces",
        "CompareFaces",
        "SearchUsers",
        "SearchUsersByImage",
        "StartFaceSearch",
        "GetFaceSearch",
        "StartFaceDetection",
        "GetFaceDetection",
    },
}
"""Written down once more, so that a right that slips is noticed."""

ABOUT_NO_COLLECTION = {"ListCollections", "DetectFaces", "CompareFaces", "StartFaceDetection"} | {
    "GetFaceSearch",  # of a job, whose own collection is looked at
    "GetFaceDetection",
}


def test_the_table_names_every_operation() -> None:
    assert set().union(*NEEDED.values()) == set(OPERATIONS) == set(valid("any"))


@pytest.mark.parametrize("scope", list(Scope))
def test_each_operation_with_this_scope(locked_server: Served, fresh: Callable[[], str], scope: Scope) -> None:
    granted, other = fresh(), fresh()
    key = locked_server.access.create(f"only {scope}", [scope], [granted], aws=True)
    for name in OPERATIONS:
        may = name in NEEDED[scope] or scope is Scope.ADMIN
        assert passes(locked_server, key, name, granted) == may, (name, "granted collection")
        elsewhere = may and name in ABOUT_NO_COLLECTION
        assert passes(locked_server, key, name, other) == elsewhere, (name, "other collection")


def passes(server: Served, key: Created, name: str, collection: str) -> bool:
    answer = send(sign(request_of(server, name, valid(collection)[name]), key))[1]
    # This server's recognizer has no videos; that is said after the right was found.
    return answer.get("__type") != "AccessDeniedException" or answer["Message"] == "Videos are not offered here."


def test_a_list_shows_what_the_key_is_granted(locked_server: Served, admin: Created, fresh: Callable[[], str]) -> None:
    one, other = fresh(), fresh()
    for name in (one, other):
        locked_server.client(admin).create_collection(CollectionId=name)
    key = locked_server.access.create("reader of one", ["read"], [one], aws=True)
    assert locked_server.client(key).list_collections()["CollectionIds"] == [one]


def test_grants_of_collections_bind_buckets(locked_server: Served, admin: Created, fresh: Callable[[], str]) -> None:
    one = fresh()
    locked_server.client(admin).create_collection(CollectionId=one)
    locked_server.buckets.objects["granted", "ada.png", None] = portrait(0.5)
    locked_server.buckets.objects["photos", "ada.png", None] = portrait(0.5)
    locked_server.buckets.granted["granted"] = {one}
    for collections, bucket, reads in (
        ([one], "granted", True),
        ([one], "photos", False),
        (["another"], "granted", False),
        ([], "photos", True),
    ):
        key = locked_server.access.create("reader", ["search"], collections, aws=True)
        client, image = locked_server.client(key), {"S3Object": {"Bucket": bucket, "Name": "ada.png"}}
        if reads:
            assert client.detect_faces(Image=image)["FaceDetails"]
        else:
            with pytest.raises(client.exceptions.InvalidS3ObjectException):
                client.detect_faces(Image=image)


def test_a_refusal_names_the_right_that_is_missing(locked_server: Served) -> None:
    key = locked_server.access.create("reader", ["read"], aws=True)
    client = locked_server.client(key)
    with pytest.raises(client.exceptions.AccessDeniedException, match="no scope 'admin'"):
        client.create_collection(CollectionId="mine")
