"""What a request costs in calls, and which calls there are at all: policies are written from that list."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace

import pytest

from kenspeckle.aws import actions
from kenspeckle.aws.recognizer import ManagedRecognizer
from kenspeckle.aws.reconcile import STATE
from kenspeckle.compose import managed
from kenspeckle.domain import operations as ops
from kenspeckle.errors import KenspeckleError
from tests.aws.amazon import TABLE, Amazon
from tests.aws.watched import Watched

INDEX = ["s3.PutObject", "rekognition.IndexFaces", "dynamodb.TransactWriteItems"]


@pytest.fixture
def watched(aws: Amazon) -> Watched:
    return Watched(aws.recognizer)


def test_an_index_is_one_write_each_and_one_call(aws: Amazon, watched: Watched, grace: bytes) -> None:
    name = aws.collection()
    with watched.seen() as calls:
        first = watched.recognizer.handle(
            ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace.jpg")
        )
    assert calls == INDEX
    with watched.seen() as calls:
        again = watched.recognizer.handle(
            ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace.jpg")
        )
    # The photograph is in the bucket: no call of Rekognition is paid for.
    assert calls == ["s3.PutObject", "dynamodb.GetItem", "dynamodb.BatchGetItem"]
    assert (again.created, again.image_id, again.records) == (False, first.image_id, first.records)


def test_a_search_is_one_call_and_one_read(aws: Amazon, watched: Watched, grace: bytes, eileen: bytes) -> None:
    name = aws.collection()
    for identity, photograph in (("grace", grace), ("eileen", eileen)):
        watched.recognizer.handle(ops.IndexFaces(collection_id=name, image=photograph, external_image_id=identity))
    with watched.seen() as calls:
        found = watched.recognizer.handle(ops.SearchImage(collection_id=name, image=grace, threshold=0))
    assert len(found.searches[0].matches) == 2
    assert calls == ["rekognition.SearchFacesByImage", "dynamodb.BatchGetItem"]


def test_a_photograph_that_can_not_be_taken_costs_nothing(aws: Amazon, watched: Watched) -> None:
    with watched.seen() as calls:
        for image in (b"", b"text", b"RIFF....WEBPVP8 ", b"\x89PNG\r\n\x1a\n" + bytes(24), bytes(6_000_000)):
            for verb in (
                lambda one: watched.recognizer.handle(ops.DetectFaces(image=one)),
                lambda one: watched.recognizer.handle(ops.SearchImage(collection_id="x", image=one)),
            ):
                with pytest.raises(KenspeckleError):
                    verb(image)
    assert calls == []


def _every_method(aws: Amazon, watched: Watched, grace: bytes, eileen: bytes) -> None:
    service, name = watched.recognizer, f"{aws.collection()}-own"
    service.handle(ops.CreateCollection(collection_id=name, tags={"site": "lobby"}))
    service.handle(ops.ListCollections())
    service.handle(ops.TagCollection(collection_id=name, tags={"a": "b"}))
    service.handle(ops.ListTags(collection_id=name))
    service.handle(ops.UntagCollection(collection_id=name, keys=["a"]))
    faces = [
        service.handle(ops.IndexFaces(collection_id=name, image=one, external_image_id=who)).records[0].face.face_id
        for one, who in ((grace, "g"), (eileen, "e"))
    ]
    service.handle(ops.GetFace(collection_id=name, face_id=faces[0]))
    service.handle(ops.ListFaces(collection_id=name))
    service.handle(ops.ListFaces(collection_id=name, external_image_id="g"))
    service.handle(ops.SearchFaces(collection_id=name, face_id=faces[0]))
    service.handle(ops.SearchImage(collection_id=name, image=grace))
    service.handle(ops.SearchImage(collection_id=name, image=grace, every_face=True))
    service.handle(ops.DetectFaces(image=grace))
    service.handle(ops.CompareFaces(source=grace, target=eileen))
    service.handle(ops.GetImage(collection_id=name, key="g"))
    service.handle(ops.GetThumbnail(collection_id=name, face_id=faces[0]))
    service.handle(ops.CreateUser(collection_id=name, user_id="grace"))
    service.handle(ops.AssociateFaces(collection_id=name, user_id="grace", face_ids=faces[:1]))
    service.handle(ops.GetUser(collection_id=name, user_id="grace"))
    service.handle(ops.ListUsers(collection_id=name))
    service.handle(ops.SearchUsers(collection_id=name, face_id=faces[0]))
    service.handle(ops.SearchUsersByImage(collection_id=name, image=grace))
    service.handle(ops.DisassociateFaces(collection_id=name, user_id="grace", face_ids=faces[:1]))
    service.handle(ops.DeleteUser(collection_id=name, user_id="grace"))
    service.handle(ops.DeleteFaces(collection_id=name, face_ids=faces[:1]))
    service.handle(ops.RetainCollection(collection_id=name, days=3))
    service.handle(ops.EraseAged(collection_id=name, days=3))
    service.handle(ops.EraseIdentity(collection_id=name, external_image_id="e"))
    service.info()
    service.ready()
    service.reconcile()
    service.handle(ops.DeleteCollection(collection_id=name))


def test_the_list_of_calls_is_that_of_the_code(aws: Amazon, grace: bytes, eileen: bytes) -> None:
    recognizer = aws.recognizer
    watched = Watched(recognizer)
    with watched.seen() as calls:
        _every_method(aws, watched, grace, eileen)
        # What was left half done is looked at a day later.
        name = aws.collection()
        with (
            watched.answering("dynamodb.TransactWriteItems", "AccessDeniedException", "no"),
            pytest.raises(KenspeckleError),
        ):
            recognizer.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="left"))
        aws.reconciled(later=86_400)
    listed = {f"{service}.{one}" for service, operations in actions.CALLS.items() for one in operations}
    assert set(calls) == listed


def test_collections_of_others_are_left_out(aws: Amazon) -> None:
    """A policy for collections of this service only refuses to describe the others."""
    watched = Watched(aws.recognizer)
    with watched.answering("rekognition.DescribeCollection", "AccessDeniedException", "not yours", times=1):
        shown = watched.recognizer.handle(ops.ListCollections()).items
    assert len(shown) == len(watched.recognizer.handle(ops.ListCollections()).items) - 1


def test_an_indexer_does_with_less(aws: Amazon, grace: bytes, rocket: bytes) -> None:
    allowed = {f"{service}.{one}" for service, operations in actions.ROLES["indexer"].items() for one in operations}
    assert actions.rights("indexer") < actions.rights("api")
    watched, name = Watched(aws.recognizer), aws.collection()
    with watched.seen() as calls:
        watched.recognizer.handle(ops.IndexFaces(collection_id=name, image=rocket, external_image_id="nobody"))
        asked = ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace")
        threads = [threading.Thread(target=watched.recognizer.handle, args=(asked,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(calls) <= allowed
    assert Counter(calls)["s3.PutObject"] >= 7
    assert len(recognized := watched.recognizer.handle(ops.ListFaces(collection_id=name)).items) == 1, recognized


def test_a_housekeeper_does_with_less(aws: Amazon, grace: bytes, eileen: bytes) -> None:
    allowed = {f"{service}.{one}" for service, operations in actions.ROLES["housekeeper"].items() for one in operations}
    name, service = aws.collection(), managed.gateway(aws.settings())
    long_ago = aws.changed(now=lambda: time.time() - 3 * 86_400)
    old = [
        long_ago.handle(ops.IndexFaces(collection_id=name, image=one, external_image_id=who)).records[0].face.face_id
        for one, who in ((grace, "g"), (eileen, "e"))
    ]
    service.managed.handle(ops.CreateUser(collection_id=name, user_id="grace"))
    service.managed.handle(ops.AssociateFaces(collection_id=name, user_id="grace", face_ids=old[:1]))
    service.managed.handle(ops.RetainCollection(collection_id=name, days=1))
    watched = Watched(service.managed)
    with watched.seen() as calls:
        service.housekeep()
    assert service.managed.handle(ops.ListFaces(collection_id=name)).items == ()
    with (
        watched.answering("dynamodb.TransactWriteItems", "AccessDeniedException", "no"),
        pytest.raises(KenspeckleError),
    ):
        service.managed.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="left"))
    later = ManagedRecognizer(replace(service.managed.context, now=lambda: time.time() + 86_400))
    aws.dynamodb.delete_item(TableName=TABLE, Key={"FaceId": {"S": STATE}})
    with watched.seen() as more:
        later.reconcile()
    assert "rekognition.IndexFaces" in more
    assert set(calls) | set(more) == allowed
    assert actions.rights("housekeeper") < actions.rights("api")
