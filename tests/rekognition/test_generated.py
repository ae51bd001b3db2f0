"""Requests drawn from the service model meet no 500 and no answer that botocore can't parse."""

from __future__ import annotations

import http.client
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from hypothesis import HealthCheck, given, settings

from kenspeckle.domain import operations as ops
from kenspeckle.rekognition.operations import OPERATIONS
from tests.rekognition.conforming import check
from tests.rekognition.drawing_requests import COLLECTIONS, FACES, TOKENS, VIDEOS, requests
from tests.rekognition.portraits import portrait
from tests.rekognition.served import Served, served

SOAK = os.environ.get("KENSPECKLE_SOAK", "") not in ("", "0")
EXAMPLES = 20_000 if SOAK else 200


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("generated")) as one:
        one.buckets.objects["photos", "ada.png", None] = portrait(0.5)
        for name in COLLECTIONS[1:]:
            one.recognizer.handle(ops.CreateCollection(collection_id=name))
        yield one


@pytest.fixture(scope="module")
def service() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("rekognition", "service-2"), "rekognition")


@pytest.mark.timeout(3600 if SOAK else 120)
def test_drawn_requests(server: Served, service: ServiceModel) -> None:
    seen = drawn(server, service, set(OPERATIONS) - VIDEOS, EXAMPLES)
    # Were all requests refused for one and the same reason, the test would say nothing.
    assert sum(count for name, count in seen.items() if name in OPERATIONS) > EXAMPLES / 8, seen
    assert len(seen) > 15, seen


@pytest.mark.timeout(3600 if SOAK else 120)
def test_drawn_requests_for_videos_are_refused(server: Served, service: ServiceModel) -> None:
    """This server's recognizer has none."""
    seen = drawn(server, service, VIDEOS, EXAMPLES // 5)
    assert not seen.keys() & OPERATIONS.keys(), seen
    assert len(seen) > 2, seen


def drawn(server: Served, service: ServiceModel, names: Iterable[str], examples: int) -> Counter[str]:
    """Asks for these operations. How often each was answered, and each error given."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30)
    parser = create_parser("json")
    seen: Counter[str] = Counter()

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(request=requests(names))
    def one(request: tuple[str, Any]) -> None:
        name, body = request
        headers = {"X-Amz-Target": f"RekognitionService.{name}", "Content-Type": "application/x-amz-json-1.1"}
        connection.request("POST", "/", encoded(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status < 500, (name, body, content)
        check(name, answer.status, content)
        parsed = parser.parse(
            {"status_code": answer.status, "headers": dict(answer.headers), "body": content},
            service.operation_model(name).output_shape,
        )
        assert ("Error" in parsed) == (answer.status >= 400)
        seen[name if answer.status == 200 else parsed["Error"]["Code"]] += 1
        remember(parsed)
        if name == "DeleteCollection" and answer.status == 200:
            server.recognizer.handle(ops.CreateCollection(collection_id=body["CollectionId"]))

    one()
    connection.close()
    return seen


def encoded(body: Any) -> bytes:
    """JSON as any client writes it; integers beyond 64 bits too."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return json.dumps(body).encode()


def remember(parsed: dict[str, Any]) -> None:
    """Ids and tokens of answers go into later requests."""
    for record in parsed.get("FaceRecords", ())[:2]:
        FACES[:] = [FACES[0], *FACES[-30:], record["Face"]["FaceId"]]
    if "NextToken" in parsed:
        TOKENS[:] = [TOKENS[0], *TOKENS[-10:], parsed["NextToken"]]
