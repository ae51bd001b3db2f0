"""Thousands of uploads at once: each tenth fails once, all are delivered twice, in any order, to two functions.

Rekognition is our wire endpoint over an engine that sees at once what a photograph was drawn with; everything else is
what it is elsewhere. `KENSPECKLE_SOAK=1` sends 10,000, the everyday test sixty."""

from __future__ import annotations

import copy
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

from kenspeckle.domain import operations as ops
from kenspeckle.errors import Forbidden
from kenspeckle.images.client_buckets import ClientBuckets
from kenspeckle.ports import Photo
from tests.aws.amazon import BUCKET, TABLE, Amazon
from tests.aws.lambdas import shapes
from tests.aws.lambdas.runtime import Function, function
from tests.rekognition.portraits import MARK, PortraitEngine, portrait
from tests.rekognition.served import Served, served

UPLOADS = 10_000 if os.environ.get("KENSPECKLE_SOAK") == "1" else 60
GALLERY = "burst"
BATCH = 5


class _Flaky(PortraitEngine):
    """Refuses every tenth photograph the first time, as Rekognition would a caller whose rights are not there yet:
    an error that nobody repeats by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    def open(self, data: bytes) -> Photo:
        drawn = data.partition(MARK)[2]
        with self._lock:
            self.seen[drawn] += 1
            first = self.seen[drawn] == 1
        if first and b"tenth" in drawn:
            raise Forbidden("not yet")
        return super().open(data)


@pytest.fixture
def engine() -> _Flaky:
    return _Flaky()


@pytest.fixture(autouse=True)
def _transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto copies the whole table, depth and all, before each transaction and puts that back where one fails, with
    what others have written meanwhile undone. Here one comes after the other, and a copy has the rows themselves."""
    turn, write = threading.Lock(), DynamoDBBackend.transact_write_items

    def copied(table: Table, memo: Any) -> Table:
        clone = copy.copy(table)
        clone.items = copy.copy(table.items)
        return clone

    def in_turn(backend: DynamoDBBackend, items: list[dict[str, Any]]) -> None:
        with turn:
            write(backend, items)

    monkeypatch.setattr(Table, "__deepcopy__", copied, raising=False)
    monkeypatch.setattr(DynamoDBBackend, "transact_write_items", in_turn)


@pytest.fixture
def rekognition(aws: Amazon, engine: _Flaky, tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path, engine=engine) as server:
        server.buckets.read = ClientBuckets.parse(f"{BUCKET}=s3://{BUCKET}").read  # type: ignore[method-assign]
        server.recognizer.handle(ops.CreateCollection(collection_id=GALLERY))
        yield server


@pytest.fixture
def functions(
    task: Path, variables: dict[str, str], rekognition: Served, tmp_path: Path
) -> Iterator[tuple[Function, ...]]:
    """Two processes, as AWS starts them when one does not suffice."""
    places = variables | {"AWS_ENDPOINT_URL_REKOGNITION": rekognition.url}
    with ExitStack() as stack:
        made = []
        for number in (1, 2):
            folder = tmp_path / f"function-{number}"
            folder.mkdir()
            made.append(stack.enter_context(function(task, "kenspeckle.lambdas.inbox.handler", places, folder)))
        yield tuple(made)


@pytest.mark.timeout(240 if UPLOADS < 1000 else 3600)
def test_each_photograph_of_a_burst_is_indexed_once_and_none_is_lost(
    aws: Amazon, engine: _Flaky, rekognition: Served, functions: tuple[Function, ...]
) -> None:
    chance = random.Random(20261124)
    names = [f"person-{number}.png" for number in range(UPLOADS)]
    records = list(ThreadPoolExecutor(4).map(lambda name: _put(aws, name), names))
    waiting = [(f"m-{place}", shapes.notification([record])) for place, record in enumerate(records)]
    waiting += [(f"again-{message}", body) for message, body in waiting]
    chance.shuffle(waiting)
    lock, failed = threading.Lock(), Counter[str]()

    def work(one: Function) -> None:
        while True:
            with lock:
                batch = dict(waiting.pop() for _ in range(min(BATCH, len(waiting))))
            if not batch:
                return
            names = {item["itemIdentifier"] for item in one(shapes.sqs(batch))["batchItemFailures"]}
            with lock:
                for name in names:
                    failed[name] += 1
                    waiting.insert(chance.randrange(len(waiting) + 1), (name, batch[name]))

    with ThreadPoolExecutor(len(functions)) as threads:
        list(threads.map(work, functions))
    assert UPLOADS / 10 <= failed.total() <= UPLOADS / 5, "each tenth failed once, or twice where both copies met"
    assert max(failed.values()) <= 2
    faces = _faces(rekognition)
    assert Counter(faces.values()) == Counter(names), "each once, none lost"
    pages = aws.dynamodb.get_paginator("scan").paginate(TableName=TABLE)
    rows = [row for page in pages for row in page["Items"] if row.get("CollectionId", {}).get("S") == GALLERY]
    assert len(rows) == 2 * UPLOADS, "a row for each face and each photograph"
    pages = aws.s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET)
    keys = [one["Key"] for page in pages for one in page.get("Versions", ())]
    assert not [key for key in keys if key.startswith(f"incoming/{GALLERY}/")]
    assert len([key for key in keys if f"in-{GALLERY}/" in key]) == UPLOADS


def _put(aws: Amazon, name: str) -> dict[str, Any]:
    number = int(name.removeprefix("person-").removesuffix(".png"))
    data = portrait(number / 10, note=f"{'tenth ' if number % 10 == 0 else ''}{number}")
    answer = aws.s3.put_object(Bucket=BUCKET, Key=f"incoming/{GALLERY}/{name}", Body=data)
    return shapes.s3_record(BUCKET, f"incoming/{GALLERY}/{name}", answer["VersionId"], size=len(data))


def _faces(server: Served) -> dict[str, str]:
    """Identities by FaceId, of all faces."""
    found: dict[str, str] = {}
    cursor = None
    while True:
        page = server.recognizer.handle(ops.ListFaces(collection_id=GALLERY, limit=4096, cursor=cursor))
        found |= {one.face_id: one.external_image_id or "" for one in page.items}
        cursor = page.cursor
        if cursor is None:
            return found
