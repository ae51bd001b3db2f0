"""Amazon on loopback: moto's server for S3 and DynamoDB, and for Rekognition a Kenspeckle with real weights."""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.session import Session
from moto.dynamodb import models
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

from kenspeckle import settings
from kenspeckle.aws.recognizer import ManagedRecognizer
from kenspeckle.aws.reconcile import STATE
from kenspeckle.aws.rows import schema
from kenspeckle.cli.launch import launch
from kenspeckle.compose import managed
from kenspeckle.settings import Settings
from tests.s3server import served_s3

BUCKET = "photographs"
TABLE = "faces"
_numbers = itertools.count(1)


@dataclass
class Amazon:
    """Clients that see everything, and settings of a managed recognizer over it."""

    s3: Any
    dynamodb: Any
    rekognition: Any
    variables: dict[str, str] = field(default_factory=dict)
    """Settings of Kenspeckle, as environment variables."""

    def settings(self, **changes: Any) -> Settings:
        names = {name.removeprefix("KENSPECKLE_").lower(): value for name, value in self.variables.items()}
        return settings.load(names | changes, environ={})

    @cached_property
    def recognizer(self) -> ManagedRecognizer:
        """One for all tests: it has no state but connections."""
        return managed.recognizer(self.settings())

    def changed(self, **parts: Any) -> ManagedRecognizer:
        """The same with other parts: a clock, settings."""
        return ManagedRecognizer(replace(self.recognizer.context, **parts))

    def reconciled(self, later: float) -> None:
        """What was left half done is looked for, so many seconds from now, and for the first time."""
        self.dynamodb.delete_item(TableName=TABLE, Key={"FaceId": {"S": STATE}})
        self.changed(now=lambda: time.time() + later).reconcile()

    def objects(self) -> set[str]:
        """Keys of all objects, of those that are hidden behind a mark of deletion too."""
        answer = self.s3.list_object_versions(Bucket=BUCKET)
        return {one["Key"] for one in answer.get("Versions", ())}

    def rows(self, collection: str | None = None) -> list[dict[str, Any]]:
        """All rows, or those of a collection: what a test process has left by then takes long to be written out."""
        only: dict[str, Any] = {}
        if collection is not None:
            only["FilterExpression"] = "CollectionId = :collection"
            only["ExpressionAttributeValues"] = {":collection": {"S": collection}}
        rows: list[dict[str, Any]] = self.dynamodb.scan(TableName=TABLE, **only)["Items"]
        return rows

    def collection(self) -> str:
        """A new one."""
        name = f"gallery-{next(_numbers)}"
        self.rekognition.create_collection(CollectionId=name)
        return name


def _copied_once(patch: pytest.MonkeyPatch) -> None:
    """moto copies the whole table for each row of a transaction, to have it back where one fails, and nothing has
    changed between these copies: here it is copied once. With the rows of many tests that took most of their time."""
    real = DynamoDBBackend.transact_write_items
    kept: dict[int, Any] = {}

    def transact(self: Any, *words: Any, **named: Any) -> Any:
        try:
            return real(self, *words, **named)
        finally:
            kept.clear()

    def deepcopy(one: Any) -> Any:
        if not isinstance(one, Table):
            return copy.deepcopy(one)
        if id(one) not in kept:
            kept[id(one)] = copy.deepcopy(one)
        return kept[id(one)]

    patch.setattr(DynamoDBBackend, "transact_write_items", transact)
    patch.setattr(models, "copy", SimpleNamespace(deepcopy=deepcopy))


@contextmanager
def amazon(folder: Path) -> Iterator[Amazon]:
    """Ready: the bucket with versions, the table, the default collection."""
    with served_s3() as s3, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", s3.url)
        _copied_once(patch)
        dynamodb = Session().create_client("dynamodb")
        # All of moto's servers of a process show the same buckets and tables.
        with suppress(s3.client.exceptions.BucketAlreadyOwnedByYou):
            s3.bucket(BUCKET, versions=True)
        with suppress(dynamodb.exceptions.ResourceInUseException):
            dynamodb.create_table(**schema(TABLE))
        eyes = {"KENSPECKLE_S3_BUCKETS": f"{BUCKET}=s3://{BUCKET}", "KENSPECKLE_AWS_REGION": "eu-central-1"}
        with launch(folder, settings=eyes) as server:
            patch.setenv("AWS_ENDPOINT_URL_REKOGNITION", server.url)
            variables = {
                "KENSPECKLE_RECOGNIZER": "rekognition",
                "KENSPECKLE_DYNAMODB_TABLE": TABLE,
                "KENSPECKLE_IMAGES_URL": f"s3://{BUCKET}/kept",
                "KENSPECKLE_AWS_REGION": "eu-central-1",
            }
            yield Amazon(s3.client, dynamodb, Session().create_client("rekognition"), variables)
