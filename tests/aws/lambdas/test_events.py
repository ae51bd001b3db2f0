"""Events of S3 and SQS: every record of every documented shape, and nothing of what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenspeckle.errors import InvalidValue
from kenspeckle.lambdas.events import Arrival, messages
from tests.aws.lambdas import shapes

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000])
def test_nested_json_is_its_own_messages_failure(body: str) -> None:
    bad, good = messages(shapes.sqs({"bad": body, "good": shapes.notification([shapes.s3_record("photos", "a")])}))
    with pytest.raises(InvalidValue, match="no JSON"):
        bad.arrivals()
    assert good.arrivals() == (Arrival("photos", "a", None),)


@given(st.lists(st.tuples(KEYS, st.none() | st.text(min_size=1, max_size=8)), min_size=1, max_size=5))
def test_keys_come_out_as_they_were_put(objects: list[tuple[str, str | None]]) -> None:
    records = [shapes.s3_record("photos", key, version) for key, version in objects]
    wanted = tuple(Arrival("photos", key, version) for key, version in objects)
    (direct,) = messages(shapes.notification(records))
    assert direct.arrivals() == wanted
    assert not direct.queued
    (queued,) = messages(shapes.sqs({"m-1": shapes.notification(records)}))
    assert queued.arrivals() == wanted
    assert (queued.message_id, queued.queued) == ("m-1", True)


def test_every_way_to_create_an_object_counts_and_nothing_else() -> None:
    names = ["Put", "Post", "Copy", "CompleteMultipartUpload"]
    records = [shapes.s3_record("b", f"incoming/{name}", name=f"ObjectCreated:{name}") for name in names]
    records += [
        shapes.s3_record("b", "x", name=name) for name in ("ObjectRemoved:Delete", "LifecycleExpiration:Delete")
    ]
    (message,) = messages(shapes.notification(records))
    assert [one.key for one in message.arrivals()] == [f"incoming/{name}" for name in names]


def test_the_event_of_setting_up_is_nothing_to_do() -> None:
    (message,) = messages(shapes.sqs({"m-1": shapes.s3_test("photos")}))
    assert message.arrivals() == ()
    assert messages(shapes.s3_test("photos")) == ()


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "text",
        {},
        {"Records": None},
        {"Records": []},
        {"Records": ["text"]},
        {"Records": [{"eventSource": "aws:sns"}]},
        {"Records": [{"eventSource": "aws:sqs"}]},
        {"Records": [{"eventSource": "aws:sqs", "messageId": 7}]},
        {"Records": [shapes.sqs({"m": "x"})["Records"][0], {"eventSource": "aws:sns"}]},
        shapes.rest("GET", "/v1/info"),
    ],
)
def test_events_of_others_are_refused(event: Any) -> None:
    with pytest.raises(InvalidValue, match="no notification of S3"):
        messages(event)


def _without(path: str) -> Any:
    record = shapes.s3_record("photos", "incoming/a.jpg")
    *outer, last = path.split(".")
    place = record
    for name in outer:
        place = place[name]
    del place[last]
    return {"Records": [record]}


@pytest.mark.parametrize(
    "body",
    [
        "no JSON",
        "[]",
        "null",
        "{}",
        '{"Records": {}}',
        '{"Records": [null]}',
        '{"Records": ["s3"]}',
        json.dumps(_without("eventName")),
        json.dumps(_without("s3")),
        json.dumps(_without("s3.bucket.name")),
        json.dumps(_without("s3.object.key")),
        '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": 7}}}]}',
        '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": "%ff"}}}]}',
        '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": []}}]}',
        '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": '
        '{"key": "a", "versionId": 3}}}]}',
    ],
)
def test_messages_that_are_no_notification_are_refused_by_themselves(body: str) -> None:
    good = shapes.notification([shapes.s3_record("photos", "incoming/a.jpg")])
    bad_one, good_one = messages(shapes.sqs({"bad": body, "good": good}))
    with pytest.raises(InvalidValue):
        bad_one.arrivals()
    assert good_one.arrivals() == (Arrival("photos", "incoming/a.jpg"),)
