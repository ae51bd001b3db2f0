"""The DynamoDB table: consistent reads and writes of rows, many in one call."""

from __future__ import annotations

import base64
import binascii
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from kenspeckle.aws.clients import Amazon
from kenspeckle.aws.failures import BUSY_SECONDS, Refused, code_of
from kenspeckle.aws.rows import BY_COLLECTION, BY_NAME, KEY
from kenspeckle.aws.values import Item, pack, unpack
from kenspeckle.domain import Page
from kenspeckle.errors import InvalidCursor, Overloaded

READ_AT_ONCE = 100
WRITTEN_AT_ONCE = 100
"""Limits of BatchGetItem and TransactWriteItems."""

TRIES = 5
COLLISION = "TransactionCanceledException"
CONFLICT = "TransactionConflictException"
"""Error code of a single write while a transaction works on the same row. botocore does not retry it."""
UNMET = "ConditionalCheckFailed"


class Changed(Exception):
    """A condition of a write is not met; nothing was written."""


class Table:
    """The table by its name, which exists. Raises StorageUnavailable and Overloaded from any method."""

    def __init__(self, amazon: Amazon, name: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._amazon = amazon
        self.name = name
        self._pause = pause

    def row(self, key: str) -> dict[str, Any] | None:
        answer = self._amazon.dynamodb("get_item", TableName=self.name, Key=pack({KEY: key}), ConsistentRead=True)
        return unpack(answer["Item"]) if "Item" in answer else None

    def rows(self, keys: Iterable[str], only: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
        """The existing rows, by key; a hundred take one call. `only`: some attributes besides the key."""
        wanted = list(dict.fromkeys(keys))
        found: dict[str, dict[str, Any]] = {}
        names = {f"#{at}": name for at, name in enumerate((KEY, *only))} if only else {}
        projection = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names} if only else {}
        for start in range(0, len(wanted), READ_AT_ONCE):
            some = [pack({KEY: key}) for key in wanted[start : start + READ_AT_ONCE]]
            asked: Any = {self.name: {"Keys": some, "ConsistentRead": True, **projection}}
            for attempt in range(TRIES):
                answer = self._amazon.dynamodb("batch_get_item", RequestItems=asked)
                found |= {row[KEY]: row for row in map(unpack, answer["Responses"].get(self.name, ()))}
                asked = answer.get("UnprocessedKeys")
                if not asked:
                    break
                self._wait(attempt)
            else:
                raise _busy()
        return found

    def in_collection(self, collection_id: str, limit: int, cursor: str | None, order: str) -> Page[str]:
        """Keys of rows of a collection whose order begins with `order`, oldest first."""
        return self._page(BY_COLLECTION, "CollectionId", collection_id, limit, cursor, order)

    def list_named(self, name: str, limit: int, cursor: str | None = None) -> Page[str]:
        """Keys of rows that go by this name, oldest first."""
        return self._page(BY_NAME, "Name", name, limit, cursor, "")

    def until(self, collection_id: str, order: str, bound: str, limit: int) -> tuple[str, ...]:
        """Keys of some rows of a collection whose orders lie from `order` to before `bound`."""
        answer = self._amazon.dynamodb(
            "query",
            TableName=self.name,
            IndexName=BY_COLLECTION,
            KeyConditionExpression="#hash = :hash AND #order BETWEEN :order AND :bound",
            ExpressionAttributeNames={"#hash": "CollectionId", "#order": "Order"},
            ExpressionAttributeValues=pack({":hash": collection_id, ":order": order, ":bound": bound}),
            Limit=limit,
        )
        return tuple(unpack(one)[KEY] for one in answer["Items"])

    def write(self, *changes: Mapping[str, Any]) -> None:
        """All or nothing, at most WRITTEN_AT_ONCE: `put`, `drop` and `update` of this table.

        Raises Changed where a condition is not met."""
        for attempt in range(TRIES):
            try:
                self._amazon.dynamodb("transact_write_items", expected=(COLLISION,), TransactItems=list(changes))
            except Refused as refused:
                reasons = {reason.get("Code") for reason in refused.response.get("CancellationReasons", ())}
                if UNMET in reasons:
                    raise Changed from refused
                # Another transaction works on the same rows, or there is no capacity: nothing was written.
                self._wait(attempt)
            else:
                return
        raise _busy()

    def put(self, item: Item, *, new: bool = False) -> dict[str, Any]:
        """A change for `write`. With `new`, the row must not be there yet."""
        change: dict[str, Any] = {"TableName": self.name, "Item": pack(item)}
        if new:
            change |= {"ConditionExpression": "attribute_not_exists(#key)", "ExpressionAttributeNames": {"#key": KEY}}
        return {"Put": change}

    def drop(self, key: str) -> dict[str, Any]:
        """A change for `write`: remove the row, if it is there."""
        return {"Delete": {"TableName": self.name, "Key": pack({KEY: key})}}

    def drop_having(self, key: str, name: str, value: Any) -> dict[str, Any]:
        """A change for `write`: remove the row, which has this attribute."""
        change = self.drop(key)["Delete"]
        return {"Delete": change | _having(name, value)}

    def remove_from(self, key: str, name: str, gone: frozenset[str], had: frozenset[str]) -> dict[str, Any]:
        """A change for `write`: take members out of a set, which now has these."""
        condition = _having(name, had)
        condition["ExpressionAttributeValues"] |= pack({":gone": gone})
        return {
            "Update": {
                "TableName": self.name,
                "Key": pack({KEY: key}),
                "UpdateExpression": "DELETE #name :gone",
                **condition,
            }
        }

    def save(self, item: Item) -> None:
        """Write a single row."""
        self._alone(
            lambda: self._amazon.dynamodb("put_item", expected=(CONFLICT,), TableName=self.name, Item=pack(item))
        )

    def delete(self, key: str) -> None:
        """Remove a single row, if it is there."""
        self._alone(
            lambda: self._amazon.dynamodb(
                "delete_item", expected=(CONFLICT,), TableName=self.name, Key=pack({KEY: key})
            )
        )

    def mark(self, key: str, name: str, value: Any, *, having: tuple[str, Any] | None = None) -> None:
        """Set or, with None, remove an attribute of a row, which is made where it is not there.

        Raises Changed where the row lacks what it should be `having`."""
        names = {"#set": name}
        values: dict[str, Any] = {}
        parameters: dict[str, Any] = {"UpdateExpression": "REMOVE #set"}
        if value is not None:
            parameters["UpdateExpression"] = "SET #set = :set"
            values = pack({":set": value})
        if having is not None:
            condition = _having(*having)
            parameters["ConditionExpression"] = condition["ConditionExpression"]
            names |= condition["ExpressionAttributeNames"]
            values |= condition["ExpressionAttributeValues"]
        if values:
            parameters["ExpressionAttributeValues"] = values
        try:
            self._alone(
                lambda: self._amazon.dynamodb(
                    "update_item",
                    expected=("ConditionalCheckFailedException", CONFLICT),
                    TableName=self.name,
                    Key=pack({KEY: key}),
                    ExpressionAttributeNames=names,
                    **parameters,
                )
            )
        except Refused as refused:
            raise Changed(code_of(refused.response)) from refused

    def _alone(self, write: Callable[[], Any]) -> None:
        """A write of one row outside of a transaction; retried while a transaction works on the row."""
        for attempt in range(TRIES):
            try:
                write()
            except Refused as refused:
                if refused.code != CONFLICT:
                    raise
                self._wait(attempt)
            else:
                return
        raise _busy()

    def _page(self, index: str, hash_name: str, value: str, limit: int, cursor: str | None, order: str) -> Page[str]:
        begins = " AND begins_with(#order, :order)" if order else ""
        start = {"ExclusiveStartKey": pack(_from_cursor(cursor, hash_name, value))} if cursor is not None else {}
        answer = self._amazon.dynamodb(
            "query",
            TableName=self.name,
            IndexName=index,
            KeyConditionExpression="#hash = :hash" + begins,
            ExpressionAttributeNames={"#hash": hash_name, **({"#order": "Order"} if order else {})},
            ExpressionAttributeValues=pack({":hash": value, **({":order": order} if order else {})}),
            Limit=limit,
            **start,
        )
        last = answer.get("LastEvaluatedKey")
        keys = tuple(unpack(one)[KEY] for one in answer["Items"])
        return Page(keys, None if last is None else _to_cursor(unpack(last)))

    def _wait(self, attempt: int) -> None:
        """Random, up to twice as long each time, so that colliding writers do not collide again."""
        self._pause(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - spreads load, guards nothing


def _having(name: str, value: Any) -> dict[str, Any]:
    return {
        "ConditionExpression": "#name = :value",
        "ExpressionAttributeNames": {"#name": name},
        "ExpressionAttributeValues": pack({":value": value}),
    }


def _to_cursor(place: Mapping[str, Any]) -> str:
    """The end of a page, as a cursor."""
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode()


def _from_cursor(cursor: str, hash_name: str, value: str) -> dict[str, str]:
    """The end of a page, from a cursor. Raises InvalidCursor for one of another list."""
    try:
        place = orjson.loads(base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True))
        if set(place) == {KEY, hash_name, "Order"} and place[hash_name] == value:
            found = {name: str(one) for name, one in place.items()}
            if all(found.values()):
                return found
    except (ValueError, TypeError, binascii.Error):
        pass
    raise InvalidCursor("This cursor was not handed out for this list; begin without one.", field="cursor")


def _busy() -> Overloaded:
    return Overloaded("Amazon DynamoDB is busy with these rows; send the request again.", retry_after=BUSY_SECONDS)
