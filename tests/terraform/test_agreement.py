"""The configuration and the service agree: settings, handlers, table, routes, refusals."""

from __future__ import annotations

import importlib
import re
from datetime import date
from http import HTTPStatus
from typing import Any

import pytest
from botocore.session import Session

from kenspeckle.api.routes import entries
from kenspeckle.aws import rows
from kenspeckle.lambdas import indexer
from kenspeckle.serving import problems
from kenspeckle.settings import PREFIX, list_settings
from tests.aws.lambdas import runtime
from tests.terraform.configuration import ROOT, literal, modules, plain

API, FUNCTIONS, STORAGE = (modules()[ROOT / "modules" / name] for name in ("api", "functions", "storage"))


def test_the_page_names_every_input() -> None:
    page = (ROOT.parent / "docs" / "aws.md").read_text("utf-8")
    assert [name for name in modules()[ROOT].of("variable") if f"`{name}`" not in page] == []


def test_the_environment_of_functions_is_of_settings() -> None:
    names = set(re.findall(rf"\b{PREFIX}([A-Z_]+)\s+=", FUNCTIONS.text))
    assert {"RECOGNIZER", "DYNAMODB_TABLE", "IMAGES_URL", "COLLECTION"} <= names
    assert names <= {one.name.upper() for one in list_settings()}


def test_the_table_is_the_one_that_rows_are_written_for() -> None:
    table = STORAGE.typed("resource")[("aws_dynamodb_table", "faces")].body
    wanted = rows.schema("any")
    assert literal(table["billing_mode"]) == wanted["BillingMode"]
    assert literal(table["hash_key"]) == wanted["KeySchema"][0]["AttributeName"]
    attributes = {literal(one["name"]): literal(one["type"]) for one in table["attribute"]}
    assert attributes == {one["AttributeName"]: one["AttributeType"] for one in wanted["AttributeDefinitions"]}
    assert [
        {
            "IndexName": literal(one["name"]),
            "KeySchema": [
                {"AttributeName": literal(key["attribute_name"]), "KeyType": literal(key["key_type"])}
                for key in one["key_schema"]
            ],
            "Projection": {"ProjectionType": literal(one["projection_type"])},
        }
        for one in table["global_secondary_index"]
    ] == wanted["GlobalSecondaryIndexes"]
    told = STORAGE.of("output")["table"].body["value"]["indexes"]
    assert [literal(name) for name in told] == [one["IndexName"] for one in wanted["GlobalSecondaryIndexes"]]


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
    methods = _methods("asked")
    assert methods == {"index": {"PUT"}, "search": {"POST", "PUT"}, "others": {"ANY"}}
    assert _methods("preflights") == {name: {"OPTIONS"} for name in methods}
    assert {literal(part).split(".")[1] for part in API.locals["parts"]} == set(parts)
    for entry in entries().values():
        if entry.path.startswith("/v1/index/"):
            assert set(entry.methods) <= methods["index"]
        elif entry.path == "/v1/search":
            assert set(entry.methods) <= methods["search"]


def _methods(routes: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for route in plain(API.locals[routes]).values():
        name = literal(route["resource"]).split(".")[1]
        found.setdefault(name, set()).add(literal(route["method"]))
    return found


def refusals() -> dict[str, Any]:
    return {
        **{kind: one for kind, one in plain(API.locals["refusals"]).items() if isinstance(one, dict)},
        "MISSING_AUTHENTICATION_TOKEN": API.locals["no_route"],
        "MISSING_AUTHENTICATION_TOKEN with IAM": API.locals["unsigned"],
    }


def test_every_refusal_is_looked_at() -> None:
    chosen = [kind for kind, one in plain(API.locals["refusals"]).items() if not isinstance(one, dict)]
    assert chosen == ["MISSING_AUTHENTICATION_TOKEN"]
    assert set(refusals()) > {"THROTTLED", "ACCESS_DENIED", "INVALID_SIGNATURE", "EXPIRED_TOKEN"}


def test_what_the_gateway_refuses_is_said_as_the_service_does() -> None:
    statuses = {one.code: status for one, status in problems.STATUSES.items()} | problems.HTTP_STATUSES
    for kind, refusal in refusals().items():
        code = literal(refusal["code"])
        assert problems.TITLES[code] == literal(refusal["title"]), kind
        detail = literal(refusal["detail"]).replace("${local.too_large}", literal(API.locals["too_large"]))
        assert detail.endswith((".", "local.too_large}")), kind
        if refusal["status"] is None or str(refusal["status"]) == "null":
            assert kind.startswith("DEFAULT_")
        else:
            assert statuses[code] == int(refusal["status"]) == HTTPStatus(int(refusal["status"])), kind


def test_handlers_are_there() -> None:
    functions = FUNCTIONS.locals["functions"]
    assert functions
    for function in functions.values():
        place, _, name = literal(function["handler"]).rpartition(".")
        assert callable(getattr(importlib.import_module(place), name))


def test_runtimes_are_those_that_the_zip_is_built_for() -> None:
    builder = runtime.builder()
    taken = [literal(one).removeprefix("python") for one in FUNCTIONS.locals["runtimes"]]
    assert taken[-1] == builder.NEWEST
    for python in builder.GLIBC:
        if python in taken:
            builder.lasts(python, date(2026, 11, 30))
        else:
            with pytest.raises(SystemExit):
                builder.lasts(python, date(2026, 11, 30))


def test_settings_that_are_wired_are_refused() -> None:
    """Those that functions are given from what was made, whoever adds one."""
    wired = set(re.findall(rf"\b{PREFIX}([A-Z_]+)\s+=", FUNCTIONS.text))
    text = (ROOT / "variables.tf").read_text("utf-8")
    (reserved,) = re.findall(r"setintersection\(keys\(var\.settings\), \[(.*?)\]\)", text, re.DOTALL)
    assert set(re.findall(r'"([A-Z_]+)"', reserved)) == wired


def test_regions_are_those_that_have_rekognition() -> None:
    text = (ROOT / "variables.tf").read_text("utf-8")
    (listed,) = re.findall(r"contains\(\[(.*?)\], var\.aws_region\)", text, re.DOTALL)
    session = Session()
    known = {region for part in ("aws", "aws-us-gov") for region in session.get_available_regions("rekognition", part)}
    assert set(re.findall(r'"([a-z0-9-]+)"', listed)) == known


def test_what_lies_in_the_inbox_goes_before_the_message_that_tells_of_it() -> None:
    """The alarm is on while the message is in the queue: 14 days from when the photograph came, S3's day rounded up."""
    queues = {name: one.body for (kind, name), one in FUNCTIONS.typed("resource").items() if kind == "aws_sqs_queue"}
    days = {str(one["message_retention_seconds"]) for one in queues.values()}
    assert days == {"${14 * 24 * 3600}"}
    text = (ROOT / "variables.tf").read_text("utf-8")
    assert "var.incoming_days <= 13 &&" in text
    rules = STORAGE.typed("resource")[("aws_s3_bucket_lifecycle_configuration", "photographs")].body["rule"]
    (rule,) = (one for one in rules if literal(one["id"]) == "left-in-incoming")
    assert literal(rule["filter"][0]["prefix"]) == indexer.PREFIX
    assert rule["expiration"][0]["days"] == "${var.incoming_days}"


def test_the_inbox_is_where_the_bucket_tells_of() -> None:
    (queue,) = FUNCTIONS.typed("resource")[("aws_s3_bucket_notification", "photographs")].body["queue"]
    assert literal(queue["filter_prefix"]) == indexer.PREFIX
    assert FUNCTIONS.locals["functions"]["inbox"]["timeout"] > indexer.RESERVE_SECONDS * 2
