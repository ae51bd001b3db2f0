"""Requests that schemathesis makes from the OpenAPI document, right ones and wrong ones, to the real service.

Open, without a key, and with a key of each scope: no unforeseen error, no answer that the document does not describe,
no route that answers without the right it needs. The seed is fixed; `make soak` sends many more."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.result import Ok

from kenspeckle.api.dump_openapi import MORE
from kenspeckle.api.routes import GROUPS, entries
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.cli.launch import launch
from kenspeckle.domain import Plan, Scope
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.usecases.access.keys import Access
from tests.faults.portraits import Portraits
from tests.soak import SOAK, either

OPEN_EXAMPLES = either(2, 500)
KEY_EXAMPLES = either(1, 50)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
HERE = {"collection_id": "kenspeckle", "user_id": "someone", "filename": "portrait.jpg", "key": "portrait.jpg"}
ABROAD = {
    "x-forwarded-for",
    "forwarded",
    "host",
    "origin",
    "connection",
    "transfer-encoding",
    "content-length",
    "expect",
}
"""Headers by which a request is another's, or none: other tests send those."""

schemathesis.serializer.alias("application/jsonl", "text/plain")


@dataclass(frozen=True)
class Served:
    """A real service, its document's operations by their name, and what lies in it."""

    url: str
    data_dir: Path
    operations: dict[str, Any]
    photograph: bytes
    face_id: str
    strategies: dict[tuple[str, GenerationMode], Any]
    """Those of an operation's requests, for every key: to make one takes longer than a few requests."""

    def requests(self, name: str, mode: GenerationMode) -> Any:
        if (name, mode) not in self.strategies:
            self.strategies[name, mode] = self.operations[name].as_strategy(mode)
        return self.strategies[name, mode]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("generated")
    photograph = Portraits()[0]
    patient = {"KENSPECKLE_LOG_LEVEL": "WARNING", "KENSPECKLE_WAIT_SECONDS": "120"}
    with launch(folder, settings=patient) as server:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            done = client.put("/v1/index/portrait.jpg", content=photograph).raise_for_status()
            client.put("/v1/collections/kenspeckle/users/someone").raise_for_status()
            document = client.get("/openapi.json").json()
        schema = schemathesis.openapi.from_dict(document)
        operations = {}
        for one in schema.get_all_operations():
            assert isinstance(one, Ok), one
            operations[one.ok().definition.raw["operationId"]] = one.ok()
        face_id = done.json()["FaceRecords"][0]["Face"]["FaceId"]
        yield Served(server.url, folder, operations, photograph, face_id, {})
        told = [line for line in server.log if "unexpected error" in line or "Traceback" in line]
        assert not told, "\n".join(told)


def fuzz(served: Served, examples: int, headers: dict[str, str], refused: set[str]) -> None:
    """Send each operation its requests; those in `refused` have to be answered with 401 or 403 whatever they say."""
    for name in sorted(served.operations):
        # What a right refuses is refused before the request is looked at: a few right ones show it.
        for mode in GenerationMode if SOAK or not refused else (GenerationMode.POSITIVE,):
            with suppress(Unsatisfiable):  # there is no wrong request to a route that takes nothing
                sending(served, name, served.requests(name, mode), headers, refused, examples)()


def sending(
    served: Served, name: str, cases: Any, headers: dict[str, str], refused: set[str], examples: int
) -> Callable[[], None]:
    """A test of one operation."""

    @seed(4)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def one(case: Case[Any]) -> None:
        answer = sent(served, case, headers)
        if name in refused:
            assert answer.status_code in (401, 403), f"{case.as_curl_command()}\n{answer.text}"
        elif headers:
            assert answer.status_code != 403, f"{case.as_curl_command()}\n{answer.text}"

    return one


def sent(served: Served, case: Case[Any], headers: dict[str, str]) -> Any:
    """Send the request, often about what is really there, and hold the answer to the document."""
    dice = random.Random(repr((case.path_parameters, case.query, case.body)))  # the same for the same request
    known = HERE | {"face_id": served.face_id}
    if dice.random() < 0.6:
        case.path_parameters = {name: known.get(name, value) for name, value in (case.path_parameters or {}).items()}
    if dice.random() < 0.5 and (case.media_type or "").startswith("image/"):
        case.body = served.photograph
    for header in list(case.headers or ()):
        if header.lower() in ABROAD | {"x-api-key"}:
            del case.headers[header]
    answer = case.call(base_url=served.url, headers=headers, timeout=60)
    case.validate_response(answer, checks=CHECKS)
    return answer


@pytest.fixture(scope="module")
def keys(served: Served, request: pytest.FixtureRequest) -> dict[str, str]:
    """A key of each scope, by scope; with the first one the service is locked."""
    with closing(SqlCatalog.open(f"sqlite:///{served.data_dir / 'kenspeckle.db'}")) as catalog:
        access = Access(catalog, MasterKey(served.data_dir / "master.key"))
        made = {str(scope): access.create(str(scope), [scope], plan=Plan()).api_key for scope in Scope}
        access.close()
    with httpx.Client(base_url=served.url) as client:
        while client.get("/v1/info").status_code != 401:
            pass
    return made


def needed(operation_id: str) -> Scope | str | None:
    """The scope that an operation needs; `open` for those that need no key, None where any key will do."""
    right = entries((*GROUPS, *MORE))[operation_id.removesuffix("_put")].right
    return "open" if right is None else right.scope


def test_open(served: Served) -> None:
    fuzz(served, OPEN_EXAMPLES, {}, set())


@pytest.mark.parametrize("who", [None, *map(str, Scope)])
def test_with_rights(served: Served, keys: dict[str, str], who: str | None) -> None:
    secured = {name for name in served.operations if needed(name) != "open"}
    if who is None:
        fuzz(served, KEY_EXAMPLES, {}, secured)
        return
    refused = {name for name in secured if needed(name) not in (None, who) and who != Scope.ADMIN}
    fuzz(served, KEY_EXAMPLES, {"x-api-key": keys[who]}, refused)
    assert httpx.get(f"{served.url}/v1/info", headers={"x-api-key": keys[who]}).status_code == 200
