"""The configuration and the service agree: settings, handlers, table, routes, refusals."""

from __future__ import annotations

import importlib
import re
from dataclasses import fields
from http import HTTPStatus
from typing import Any

import pytest

from kenspeckle.api.routes import TABLE
from kenspeckle.aws import rows
from kenspeckle.lambdas import indexer
from kenspeckle.serving import problems
from kenspeckle.settings import PREFIX, Settings
from tests.terraform.configuration import ROOT, literal, modules

API, FUNCTIONS, STORAGE = (modules()[ROOT / "modules" / name] for name in ("api", "functions", "storage"))


def test_the_page_names_every_input() -> None:
    page = (ROOT.parent / "docs" / "aws.md").read_text("utf-8")
    assert [name for name in modules()[ROOT].of("variable") if f"`{name}`" not in page] == []


def test_the_environment_of_functions_is_of_settings() -> None:
    names = set(re.findall(rf"\b{PREFIX}([A-Z_]+)\s+=", FUNCTIONS.text))
    assert {"RECOGNIZER", "DYNAMODB_TABLE", "IMAGES_URL", "COLLECTION"} <= names
    assert names <= {one.name.upper() for one in fields(Settings)}


def test_the_table_is_the_one_that_rows_are_written_for() -> None:
    table = STORAGE.typed("resource")[("aws_dynamodb_table", "faces")].body
    wanted = rows.schema("any")
    assert literal(table["billing_mode"]) == wanted["BillingMode"]
    assert literal(table["hash_key"]) == wanted["KeySchema"][0]["AttributeName"]
    attributes = {literal(one["name"]): literal(one["type"]) for one in table["attribute"]}
    assert attributes == {one["AttributeName"]: one["AttributeType"] for one in wanted["AttributeDefinitions"]}
    assert [
        tuple(literal(one[key]) for key in ("name", "hash_key", "range_key", "projection_type"))
        for one in table["global_secondary_index"]
    ] == [
        (
            one["IndexName"],
            *(key["AttributeName"] for key in one["KeySchema"]),
            one["Projection"]["ProjectionType"],
        )
        for one in wanted["GlobalSecondaryIndexes"]
    ]


def test_every_route_of_v1_reaches_the_function() -> None:
    """The gateway's patterns, matched as it does: what is named exactly wins over what is greedy."""
    parts = {
        name: literal(one.body["path_part"])
        for (kind, name), one in API.typed("resource").items()
        if kind == "aws_api_gateway_resource"
    }
    assert parts == {
        "v1": "v1",
        "index_folder": "index",
        "index": "{filename+}",
        "search": "search",
        "others": "{proxy+}",
    }
    methods: dict[str, set[str]] = {}
    for route in API.locals["routes"].values():
        name = literal(route["resource"]).split(".")[1]
        methods.setdefault(name, set()).add(literal(route["method"]))
    assert methods == {"index": {"PUT"}, "search": {"POST", "PUT"}, "others": {"ANY"}}
    for entry in TABLE.values():
        if entry.path.startswith("/v1/index/"):
            assert set(entry.methods) <= methods["index"]
        elif entry.path == "/v1/search":
            assert set(entry.methods) <= methods["search"]


@pytest.mark.parametrize("kind", API.locals["refusals"])
def test_what_the_gateway_refuses_is_said_as_the_service_does(kind: str) -> None:
    refusal: dict[str, Any] = API.locals["refusals"][kind]
    code = literal(refusal["code"])
    assert problems.TITLES[code] == literal(refusal["title"])
    assert literal(refusal["detail"]).endswith(".")
    if refusal["status"] is None or str(refusal["status"]) == "null":
        assert kind.startswith("DEFAULT_")
        return
    statuses = {one.code: status for one, status in problems.STATUSES.items()} | problems.HTTP_STATUSES
    assert statuses[code] == int(refusal["status"]) == HTTPStatus(int(refusal["status"]))


@pytest.mark.parametrize("function", FUNCTIONS.locals["functions"])
def test_handlers_are_there(function: str) -> None:
    place, _, name = literal(FUNCTIONS.locals["functions"][function]["handler"]).rpartition(".")
    assert callable(getattr(importlib.import_module(place), name))


def test_the_inbox_is_where_the_bucket_tells_of() -> None:
    (queue,) = FUNCTIONS.typed("resource")[("aws_s3_bucket_notification", "photographs")].body["queue"]
    assert literal(queue["filter_prefix"]) == indexer.PREFIX
    assert FUNCTIONS.locals["functions"]["inbox"]["timeout"] > indexer.RESERVE_SECONDS * 2
