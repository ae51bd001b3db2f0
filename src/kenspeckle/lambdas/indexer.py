"""Indexes photographs that are put into the bucket under `incoming/`, and takes them out of there once they are stored.

S3 tells a queue (SQS), whose messages invoke the function in batches. What could not be indexed is reported message by
message (ReportBatchItemFailures): it comes again after the queue's visibility timeout, and after `maxReceiveCount`
times it goes to the queue's dead-letter queue. So a burst of uploads waits in the queue and does not run into Amazon
Rekognition's limits, which S3 invoking the function by itself would do, with two repetitions and then the end of it.
An event that S3 sends directly is taken too: everything in it is tried, then it fails as a whole and is repeated.

A message that comes twice, or after its photograph was erased, finds no object in the inbox and is acknowledged. Two
that come at the same moment index the same photograph under the same name, which Rekognition stores once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from kenspeckle.aws.clients import Amazon
from kenspeckle.aws.failures import Refused
from kenspeckle.domain import validation
from kenspeckle.domain.operations import IndexFaces
from kenspeckle.errors import ImageTooLarge, InvalidValue, KenspeckleError, NoFace
from kenspeckle.lambdas import events
from kenspeckle.lambdas.events import Arrival, Message
from kenspeckle.ports import Recognizer
from kenspeckle.usecases.audit import actor

log = logging.getLogger("kenspeckle.inbox")

PREFIX = "incoming/"
"""Where photographs are put: `incoming/NAME` for the default collection, `incoming/COLLECTION/NAME` for another one."""
RESERVE_SECONDS = 25.0
"""A photograph is not begun in the last seconds of an invocation: it is left for the next one."""
RIGHTS = frozenset(
    {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"}
)
"""What the inbox needs of IAM beside the role `indexer` of `aws.actions`, on PREFIX and (to list) on the bucket:
without the right to list, S3 answers 403 for an object that does not exist."""
_GONE = ("NoSuchKey", "NoSuchVersion")


class InboxFailed(Exception):
    """Not everything of an event that S3 sent directly could be indexed; raised so that Lambda repeats the event."""


class Inbox:
    """One bucket's `incoming/`, emptied into the recognizer."""

    def __init__(self, recognizer: Recognizer, amazon: Amazon, collection: str, max_image_bytes: int) -> None:
        self._recognizer = recognizer
        self._amazon = amazon
        self._collection = collection
        self._max_image_bytes = max_image_bytes

    def empty(self, event: Any, remaining: Callable[[], float]) -> dict[str, Any]:
        """Index all objects of the event; `remaining` returns the seconds that are left of the invocation.

        Returns the answer that SQS expects, with the messages that have to come again. Raises InboxFailed where S3
        itself has to repeat its event, InvalidValue for an event of neither."""
        told = events.messages(event)
        failed = [message for message in told if not self._process(message, remaining)]
        if any(not message.queued for message in failed):
            raise InboxFailed("Not everything of this event could be indexed; the log says what.")
        return {"batchItemFailures": [{"itemIdentifier": message.message_id} for message in failed]}

    def _process(self, message: Message, remaining: Callable[[], float]) -> bool:
        """Whether all of the message is done. After a failure, other objects and messages are still tried."""
        try:
            arrivals = message.arrivals()
        except InvalidValue as error:
            log.error("a message that can't be read", extra={"message_id": message.message_id, "reason": error.message})
            return False
        except Exception:
            log.exception("a message that can't be read", extra={"message_id": message.message_id})
            return False
        actor.acting(actor.Actor(actor.SERVICE, "inbox", message.message_id))
        done = True
        for place, arrival in enumerate(arrivals):
            # Names of objects are names of people: a log line has the message's id, by which the operator finds them.
            facts: dict[str, Any] = {"message_id": message.message_id, "record": place, "bucket": arrival.bucket}
            if remaining() < RESERVE_SECONDS:
                log.warning("no time left in this invocation", extra=facts)
                return False
            try:
                log.info("photograph", extra={**facts, "outcome": self.take(arrival)})
            except KenspeckleError as error:
                log.warning("not indexed", extra={**facts, "outcome": error.code, "reason": error.message})
                done = False
            except Exception:
                log.exception("unexpected error", extra=facts)
                done = False
        return done

    def take(self, arrival: Arrival) -> str:
        """Index the photograph and remove it from the inbox; says in a word what was done.

        Raises InvalidValue for a name that can't be an identity's, NoFace, ImageTooLarge, and what the recognizer
        raises; the photograph then stays where it is."""
        if arrival.key.endswith("/"):  # An object that S3's console makes for "create folder".
            return "folder"
        collection, name = self._place(arrival.key)
        found = self._read(arrival)
        if found is None:
            return "taken before"
        data, metadata, etag = found
        indexed = self._recognizer.handle(
            IndexFaces(collection_id=collection, image=data, external_image_id=name, key=name, metadata=metadata)
        )
        if not indexed.records:
            reasons = sorted({reason for face in indexed.unindexed for reason in face.reasons})
            raise NoFace(f"No face was stored ({', '.join(reasons) or 'none was found'}).", field="image")
        self._remove(arrival, etag)
        return "indexed" if indexed.created else "known"

    def _place(self, key: str) -> tuple[str, str]:
        """Collection and name that the key means."""
        parts = key.removeprefix(PREFIX).split("/")
        if not key.startswith(PREFIX) or len(parts) > 2:
            # The recognizer's own photographs lie in the same bucket: indexing those would never end.
            raise InvalidValue(f"Only {PREFIX}NAME and {PREFIX}COLLECTION/NAME are indexed.", field="key")
        try:
            collection = validation.collection_id(parts[0]) if len(parts) == 2 else self._collection
            return collection, validation.external_image_id(parts[-1])
        except InvalidValue as error:
            # The rule's own sentence repeats the name, and this one goes to the log.
            raise InvalidValue(f"The object's name breaks the rule of {error.field}; docs/api.md has it.") from None

    def _read(self, arrival: Arrival) -> tuple[bytes, Mapping[str, str], str] | None:
        """Bytes, metadata and ETag of the object; None where it is not there any more, or hidden by a deletion: the
        version that the event names can still be read then, but somebody took it back."""
        try:
            if arrival.version:
                self._amazon.s3("head_object", expected=("404",), Bucket=arrival.bucket, Key=arrival.key)
            answer = self._amazon.s3("get_object", expected=_GONE, **_object_of(arrival))
        except Refused:
            return None
        with answer["Body"] as body:
            if answer["ContentLength"] > self._max_image_bytes:
                raise ImageTooLarge(f"The photograph has more than {self._max_image_bytes} bytes.", field="key")
            return bytes(body.read()), answer.get("Metadata", {}), answer["ETag"]

    def _remove(self, arrival: Arrival, etag: str) -> None:
        """Remove just what was read: its version, or without versions the object as long as it is the same."""
        same = {} if arrival.version else {"IfMatch": etag}
        try:
            self._amazon.s3("delete_object", expected=(*_GONE, "PreconditionFailed"), **_object_of(arrival), **same)
        except Refused:
            log.info("another photograph was put in its place, or someone else removed it")


def _object_of(arrival: Arrival) -> dict[str, str]:
    named = {"Bucket": arrival.bucket, "Key": arrival.key}
    return named | ({"VersionId": arrival.version} if arrival.version else {})
