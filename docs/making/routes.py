"""routes.md: every route with its parameters, bodies and answers, from the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from docs.making.tables import MADE, table
from kenspeckle.api import dump_openapi
from kenspeckle.api.routes import GROUPS, entries
from kenspeckle.domain import Of
from kenspeckle.serving.problems import MEDIA_TYPE

HEAD = """# Routes

Every route of the REST API as [openapi.json](openapi.json) describes it. What they are for, with examples, is
in [the REST API](api.md); what errors mean, in [error codes](errors.md). Every server shows the same at
`GET /docs`.

"""
METHODS = ("get", "post", "put", "patch", "delete")


def page() -> str:
    """The whole page."""
    document = json.loads(dump_openapi.text())
    described = {one["name"]: one["description"] for one in document["tags"]}
    tags = [*described, *sorted({tag for _, _, one in _operations(document) for tag in one["tags"]} - set(described))]
    parts = [MADE, HEAD]
    for tag in tags:
        parts.append(f"## {tag.capitalize()}\n\n{described.get(tag, '')}\n\n".replace("\n\n\n\n", "\n\n"))
        parts += [_section(document, *one) for one in _operations(document) if tag in one[2]["tags"]]
    return "".join(parts).rstrip() + "\n"


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(methods, path, operation); methods that do the same are told once."""
    for path, methods in document["paths"].items():
        told: dict[str, tuple[list[str], dict[str, Any]]] = {}
        for method in METHODS:
            if method in methods:
                same = json.dumps(methods[method] | {"operationId": ""}, sort_keys=True)
                told.setdefault(same, ([], methods[method]))[0].append(method.upper())
        yield from ((" or ".join(names), path, operation) for names, operation in told.values())


def _section(document: dict[str, Any], methods: str, path: str, operation: dict[str, Any]) -> str:
    parts = [f"### {methods} {path}\n", *_prose(operation)]
    if operation.get("parameters"):
        rows = ((f"`{one['name']}`", one["in"], _meaning(one)) for one in operation["parameters"])
        parts.append(table(("parameter", "in", "meaning"), rows))
    if "requestBody" in operation:
        body = operation["requestBody"]
        parts.append(f"Body: {_kinds(body['content'])}. {body.get('description', '')}".rstrip() + "\n")
    good, bad = _answers(document, operation)
    parts.append(f"Needs {_right(operation)}. Answers {'; '.join(good)}.\n")
    parts.append(f"Errors: {'; '.join(bad)}.\n" if bad else "")
    return "\n".join(parts).rstrip() + "\n\n"


def _prose(operation: dict[str, Any]) -> Iterator[str]:
    """Summary and description, without what would be said twice and what FastAPI made of the function's name."""
    summary, description = operation["summary"], operation.get("description", "")
    made_up = summary.lower().replace(" ", "_") == operation["operationId"]
    if not made_up and not " ".join(description.split()).startswith(summary):
        yield summary + ".\n"
    if description:
        yield description + "\n"


def _right(operation: dict[str, Any]) -> str:
    right = entries((*GROUPS, *dump_openapi.MORE))[operation["operationId"].removesuffix("_put")].right
    if right is None:
        return "no key"
    if right.scope is None:
        return "any key"
    return f"the scope `{right.scope.value}`" + (" for the whole service" if right.of is Of.SERVICE else "")


def _meaning(parameter: dict[str, Any]) -> str:
    schema = parameter["schema"]
    kinds = [schema, *schema.get("anyOf", [])]
    lowest = next((one["minimum"] for one in kinds if "minimum" in one), None)
    highest = next((one["maximum"] for one in kinds if "maximum" in one), None)
    parts = [parameter.get("description") or schema.get("title", "")]
    if lowest is not None and highest is not None and f"({lowest} to {highest})" not in parts[0]:
        parts.append(f"{lowest:,} to {highest:,}.")
    if schema.get("default") is not None:
        parts.append(f"Default: `{json.dumps(schema['default']).strip(chr(34))}`.")
    return " ".join(parts)


def _answers(document: dict[str, Any], operation: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What it answers where all is well, and the codes of its errors."""
    shared = document["components"]["responses"]
    good, bad = [], []
    for status, told in operation["responses"].items():
        response = shared[told["$ref"].rpartition("/")[2]] if "$ref" in told else told
        content = response.get("content", {})
        if int(status) < HTTPStatus.BAD_REQUEST:
            good.append(f"{status} {_kinds(content)}".rstrip())
        else:
            codes = content.get(MEDIA_TYPE, {}).get("examples", {})
            bad.append(f"{status} {', '.join(f'`{code}`' for code in codes)}".rstrip())
    return good, bad


def _kinds(content: dict[str, Any]) -> str:
    return ", ".join(f"`{kind}`" for kind in content)
