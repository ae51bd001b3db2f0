"""The OpenAPI document: kept, complete, true to the answers, and readable without asking anyone else for anything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kenspeckle.api import dump_openapi, queries
from kenspeckle.api.routes import GROUPS, entries
from kenspeckle.serving import problems

DOCS = Path(__file__).resolve().parents[2] / "docs"
TABLE = entries((*GROUPS, *dump_openapi.MORE))
KEPT = json.loads((DOCS / "openapi.json").read_text("utf-8"))
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, methods in KEPT["paths"].items()
    for method, operation in methods.items()
]


def test_the_kept_document_is_the_served_one(http: httpx.Client) -> None:
    made = json.loads(dump_openapi.text())
    for one in (made, KEPT):
        one["info"]["version"] = ""
    assert made == KEPT, (
        "the API changed; if that is meant, run: python -m kenspeckle.api.dump_openapi > docs/openapi.json"
    )
    served = http.get("/openapi.json").json()
    admins = ("/v1/keys", "/v1/audit", "/v1/webhooks")
    own = {path: methods for path, methods in KEPT["paths"].items() if not path.startswith(admins)}
    assert served["paths"] == own


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def test_every_reference_leads_somewhere() -> None:
    for reference in set(_references(KEPT)):
        node = KEPT
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


@pytest.mark.parametrize("name", [name for name, entry in TABLE.items() if entry.answer is not None])
def test_examples_are_what_the_schema_says(name: str) -> None:
    entry = TABLE[name]
    assert entry.answer is not None
    assert entry.example is not None
    entry.answer.model_validate(entry.example())


@pytest.mark.parametrize(("where", "operation"), OPERATIONS, ids=[where for where, _ in OPERATIONS])
def test_every_operation_is_explained(where: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    begin = operation["description"][0]
    assert begin.isupper() or begin == "`", "cut in the middle of a sentence"
    assert operation["tags"]
    for parameter in operation.get("parameters", ()):
        assert parameter["description"], parameter["name"]
    good = [status for status in operation["responses"] if status.startswith("2")]
    assert good
    for status in good:
        for kind, content in operation["responses"][status].get("content", {}).items():
            if kind == "application/json" and where != "GET /openapi.json":
                assert content["example"]
    if operation["security"]:
        assert {"401", "403"} <= set(operation["responses"])


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for _, operation in OPERATIONS]
    assert len(set(ids)) == len(ids)


def test_the_page_loads_nothing_and_shows_every_route(http: httpx.Client) -> None:
    answer = http.get("/docs")
    page = answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert not re.search(r"<(script|link|img|iframe)|src=|@import|url\(", page)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for entry in entries().values():
        assert entry.path.replace(":path", "") in page
    for code in problems.TITLES:
        assert f'id="{code}"' in page
    assert "The operator runs <code>kenspeckle models pull</code>." in page


def test_the_manual_names_every_route_and_parameter() -> None:
    manual = (DOCS / "api.md").read_text("utf-8")
    missing = [entry.path for entry in entries().values() if entry.path.replace(":path", "") not in manual]
    missing += [name for name in queries.RULES if f"`{name}`" not in manual]
    assert missing == []
