"""Parses events of S3 and SQS: which objects were put into a bucket, in any order and any number of times.

S3 tells a queue, and the queue invokes the function with up to a batch of messages; S3 may also invoke it itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote_plus

import orjson

from kenspeckle.errors import InvalidValue

Json: TypeAlias = Mapping[str, Any]

_CREATED = "ObjectCreated:"
_TEST = "s3:TestEvent"


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object that was put into a bucket. `version` is None where the bucket keeps no versions."""

    bucket: str
    key: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """The unit that is acknowledged or delivered again: a message of the queue, or an event of S3 (`queued` False)."""

    message_id: str
    body: Any
    queued: bool = True

    def arrivals(self) -> tuple[Arrival, ...]:
        """The objects it reports, in its order. Raises InvalidValue where it is no notification of S3."""
        told = self.body
        if isinstance(told, str):
            try:
                told = orjson.loads(told)  # bounds the depth, where the standard library overruns the stack
            except ValueError as error:
                raise _strange("its body is no JSON") from error
        if not isinstance(told, Mapping):
            raise _strange("its body is no JSON object")
        if told.get("Event") == _TEST:  # S3 sends one when the notification is set up.
            return ()
        records = told.get("Records")
        if not isinstance(records, list):
            raise _strange("it has no list 'Records'")
        return tuple(arrival for record in records for arrival in _arrival(record))


def messages(event: Any) -> tuple[Message, ...]:
    """The messages of an invocation. Raises InvalidValue for what neither SQS nor S3 would send."""
    if not isinstance(event, Mapping):
        raise _strange("it is no JSON object")
    records = event.get("Records")
    if event.get("Event") == _TEST:
        return ()
    if not isinstance(records, list) or not records or not all(isinstance(one, Mapping) for one in records):
        raise _strange("it has no records")
    if records[0].get("eventSource") == "aws:s3":
        return (Message("the event", event, queued=False),)
    if not all(one.get("eventSource") == "aws:sqs" and isinstance(one.get("messageId"), str) for one in records):
        raise _strange("its records are neither of aws:sqs nor of aws:s3")
    return tuple(Message(one["messageId"], one.get("body")) for one in records)


def _arrival(record: Any) -> Iterator[Arrival]:
    """The record's object; nothing where the record reports another kind of event."""
    try:
        name, bucket, told = record["eventName"], record["s3"]["bucket"]["name"], record["s3"]["object"]
        key, version = told["key"], told.get("versionId")
    except (KeyError, TypeError, AttributeError) as error:
        raise _strange("a record lacks eventName, bucket or object") from error
    if not all(isinstance(one, str) and one for one in (name, bucket, key)) or not isinstance(version, str | None):
        raise _strange("a record's eventName, bucket, key or version is no text")
    if name.removeprefix("s3:").startswith(_CREATED):
        try:
            # Keys come as in a form: spaces as '+', everything else that is special by percent signs.
            yield Arrival(bucket, unquote_plus(key, errors="strict"), version or None)
        except UnicodeDecodeError as error:
            raise _strange("a record's key is no UTF-8") from error


def _strange(why: str) -> InvalidValue:
    return InvalidValue(f"This is no notification of S3: {why}.", field="event")
