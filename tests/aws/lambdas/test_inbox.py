"""The inbox function, from the zip, over S3, SQS and DynamoDB of moto and a Rekognition with real weights."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

import pytest

from kenspeckle.domain import operations as ops
from tests.aws.amazon import BUCKET, Amazon
from tests.aws.lambdas import shapes
from tests.aws.lambdas.queue import Queue, queue
from tests.aws.lambdas.runtime import Function, FunctionFailed


@pytest.fixture
def gallery(aws: Amazon) -> str:
    """An empty collection."""
    return aws.collection()


def _put(aws: Amazon, key: str, data: bytes, **metadata: str) -> dict[str, Any]:
    """The record that S3 tells of it with."""
    answer = aws.s3.put_object(Bucket=BUCKET, Key=key, Body=data, Metadata=metadata)
    return shapes.s3_record(BUCKET, key, answer.get("VersionId"), size=len(data))


def _waiting(aws: Amazon, gallery: str) -> set[str]:
    """What lies in the inbox for a collection, in any version."""
    return {key for key in aws.objects() if key.startswith(f"incoming/{gallery}/")}


def _names(aws: Amazon, gallery: str) -> list[str]:
    return sorted(one["ExternalImageId"] for one in aws.rekognition.list_faces(CollectionId=gallery)["Faces"])


def test_what_lands_in_the_bucket_is_indexed_and_taken_out(
    aws: Amazon, inbox: Function, gallery: str, grace: bytes, eileen: bytes
) -> None:
    one = _put(aws, f"incoming/{gallery}/grace.jpg", grace, source="press")
    two = _put(aws, f"incoming/{gallery}/eileen.png", eileen)
    event = shapes.sqs({"m-1": shapes.notification([one, two])})
    assert inbox(event) == {"batchItemFailures": []}
    assert _names(aws, gallery) == ["eileen.png", "grace.jpg"]
    assert _waiting(aws, gallery) == set()
    photograph, data = aws.recognizer.handle(ops.GetImage(collection_id=gallery, key="grace.jpg"))
    assert (data, dict(photograph.metadata)) == (grace, {"source": "press"})
    # Delivered again, in another order: nothing is there any more, and nothing is doubled.
    again = shapes.sqs({"m-3": shapes.notification([two, one])})
    assert inbox(again) == {"batchItemFailures": []}
    assert _names(aws, gallery) == ["eileen.png", "grace.jpg"]
    assert [line["outcome"] for line in inbox.lines() if line["message"] == "photograph"][-2:] == ["taken before"] * 2


def test_without_a_folder_the_default_collection_is_meant(aws: Amazon, inbox: Function, grace: bytes) -> None:
    assert inbox(shapes.sqs({"m": shapes.notification([_put(aws, "incoming/g r%+.jpg", grace)])})) == {
        "batchItemFailures": [{"itemIdentifier": "m"}]
    }
    before = _names(aws, "kenspeckle")  # other tests use it too
    assert inbox(shapes.sqs({"m": shapes.notification([_put(aws, "incoming/no-folder.jpg", grace)])})) == {
        "batchItemFailures": []
    }
    assert _names(aws, "kenspeckle") == sorted([*before, "no-folder.jpg"])


def test_a_photograph_that_was_erased_does_not_come_back(
    aws: Amazon, inbox: Function, gallery: str, grace: bytes
) -> None:
    event = shapes.sqs({"m-1": shapes.notification([_put(aws, f"incoming/{gallery}/grace.jpg", grace)])})
    assert inbox(event) == {"batchItemFailures": []}
    (face,) = aws.rekognition.list_faces(CollectionId=gallery)["Faces"]
    aws.recognizer.handle(ops.DeleteFaces(collection_id=gallery, face_ids=[face["FaceId"]]))
    assert inbox(event) == {"batchItemFailures": []}
    assert _names(aws, gallery) == []
    assert [one for one in aws.objects() if gallery in one] == []


def test_what_fails_is_named_and_keeps_nothing_else_from_being_done(
    aws: Amazon, inbox: Function, gallery: str, grace: bytes, rocket: bytes
) -> None:
    place = f"incoming/{gallery}"
    bodies: dict[str, str | dict[str, Any]] = {
        "good": shapes.notification([_put(aws, f"{place}/grace.jpg", grace)]),
        "no face": shapes.notification([_put(aws, f"{place}/rocket.jpg", rocket)]),
        "no photograph": shapes.notification([_put(aws, f"{place}/text.jpg", b"text")]),
        "half": shapes.notification([_put(aws, f"{place}/x y.jpg", grace), _put(aws, f"{place}/other.jpg", grace)]),
        "too deep": shapes.notification([_put(aws, f"{place}/a/b.jpg", grace)]),
        "no such collection": shapes.notification([_put(aws, "incoming/nowhere-1/a.jpg", grace)]),
        "elsewhere": shapes.notification([_put(aws, "kept/a.jpg", grace)]),
        "no bucket": shapes.notification([shapes.s3_record("not-ours", f"{place}/a.jpg")]),
        "no JSON": "{",
        "nested JSON": '{"Records":' + "[" * 100_000,
        "test": shapes.s3_test(BUCKET),
        "folder": shapes.notification([_put(aws, f"{place}/", b"")]),
        "removed": shapes.notification([shapes.s3_record(BUCKET, f"{place}/a.jpg", name="ObjectRemoved:Delete")]),
    }
    failed = [one["itemIdentifier"] for one in inbox(shapes.sqs(bodies))["batchItemFailures"]]
    assert failed == [one for one in bodies if one not in ("good", "test", "folder", "removed")]
    assert _names(aws, gallery) == ["grace.jpg", "other.jpg"]
    # What failed stays where it was, to be looked at.
    left = _waiting(aws, gallery)
    names = ("rocket.jpg", "text.jpg", "x y.jpg", "a/b.jpg", "")
    assert left == {f"{place}/{name}" for name in names}
    told = {line["message_id"]: line for line in inbox.lines() if "reason" in line}
    assert told["no face"]["outcome"] == "no_face"
    assert told["no photograph"]["outcome"] == "unsupported_image"
    assert told["half"]["reason"].startswith("The object's name breaks the rule of external_image_id")
    assert told["elsewhere"]["reason"].startswith("Only incoming/NAME")
    for line in inbox.lines():
        if line["logger"] == "kenspeckle.inbox":
            assert not re.search("grace|x y|rocket", json.dumps(line)), "a name in the log"
    aws.s3.delete_object(Bucket=BUCKET, Key="kept/a.jpg")


def test_an_event_that_s3_sends_itself_fails_as_a_whole_after_everything_was_tried(
    aws: Amazon, inbox: Function, gallery: str, grace: bytes
) -> None:
    bad, good = _put(aws, f"incoming/{gallery}/bad.jpg", b"text"), _put(aws, f"incoming/{gallery}/good.jpg", grace)
    with pytest.raises(FunctionFailed, match="InboxFailed: Not everything"):
        inbox(shapes.notification([bad, good]))
    assert _names(aws, gallery) == ["good.jpg"]
    assert inbox(shapes.notification([good])) == {"batchItemFailures": []}
    with pytest.raises(FunctionFailed, match="no notification of S3"):
        inbox({"detail-type": "Object Created"})


def test_near_the_end_of_its_time_it_leaves_the_rest_for_the_next_one(
    aws: Amazon, inbox: Function, gallery: str, grace: bytes
) -> None:
    event = shapes.sqs({"m": shapes.notification([_put(aws, f"incoming/{gallery}/grace.jpg", grace)])})
    assert inbox(event, seconds=20) == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert _names(aws, gallery) == []
    assert inbox(event) == {"batchItemFailures": []}


def test_a_newer_photograph_of_the_same_name_is_not_removed_with_the_older(
    aws: Amazon, inbox: Function, gallery: str, grace: bytes, eileen: bytes
) -> None:
    older = _put(aws, f"incoming/{gallery}/who.jpg", grace)
    newer = _put(aws, f"incoming/{gallery}/who.jpg", eileen)
    assert inbox(shapes.sqs({"newer": shapes.notification([newer])})) == {"batchItemFailures": []}
    assert _waiting(aws, gallery) == {f"incoming/{gallery}/who.jpg"}
    assert inbox(shapes.sqs({"older": shapes.notification([older])})) == {"batchItemFailures": []}
    assert _waiting(aws, gallery) == set()
    assert _names(aws, gallery) == ["who.jpg", "who.jpg"]


def test_a_photograph_that_was_deleted_from_the_inbox_is_not_indexed(
    aws: Amazon, inbox: Function, gallery: str, grace: bytes
) -> None:
    """In a bucket with versions it lies there still, under a mark of deletion."""
    record = _put(aws, f"incoming/{gallery}/grace.jpg", grace)
    aws.s3.delete_object(Bucket=BUCKET, Key=f"incoming/{gallery}/grace.jpg")
    assert inbox(shapes.sqs({"late": shapes.notification([record])})) == {"batchItemFailures": []}
    assert _names(aws, gallery) == []


@pytest.fixture
def notified(aws: Amazon) -> Iterator[Queue]:
    with queue(aws.s3, BUCKET, seconds=1, most=3) as made:
        yield made


def test_from_the_bucket_through_the_queue_to_the_index_and_what_can_not_be_to_the_dead_letters(
    aws: Amazon, inbox: Function, notified: Queue, gallery: str, grace: bytes, eileen: bytes
) -> None:
    for name, data in (("grace.jpg", grace), ("eileen.png", eileen), ("text.jpg", b"text")):
        aws.s3.put_object(Bucket=BUCKET, Key=f"incoming/{gallery}/{name}", Body=data)
    notified.work_off(inbox)
    assert _names(aws, gallery) == ["eileen.png", "grace.jpg"]
    (dead,) = notified.dead()
    (record,) = json.loads(dead)["Records"]
    assert unquote_plus(record["s3"]["object"]["key"]) == f"incoming/{gallery}/text.jpg"
