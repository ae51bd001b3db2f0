"""Writes the Postman collection and its environments: the OpenAPI document in the order of `story.py` (`make docs`).

Converters of OpenAPI documents know no order, no photographs and no tests, and give new ids at each run.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docs.postman.story import STORY, Folder, Step

Json = dict[str, Any]
HERE = Path(__file__).parent
OPENAPI = HERE.parent / "openapi.json"
FORM = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
FORGOTTEN = frozenset({"title", "description", "examples", "example", "default"})
"""Words of a schema that do not decide whether an answer fits it."""

ABOUT = """\
Face recognition: index a photograph, search with another. Made from the OpenAPI document; do not edit, import anew.

Choose an environment, `Kenspeckle, local` or `Kenspeckle on AWS`, and fill in its `apiKey` (none is needed on a local
server without keys). Photographs are looked for in Postman's working directory: put the two samples there
(`kenspeckle models pull --samples` says where they are), or choose files of your own in the body of a request.

Run as a whole, the requests are one life of a collection from its making to its removal, each with tests of status and
shape. `hasOperations` and `hasKeys` say what the server behind an environment offers; what it does not is left out.
They work in the collection that the variable `collection` names, and **the run ends by removing it**.
"""

ENVIRONMENTS: dict[str, Json] = {
    "local": {
        "name": "Kenspeckle, local",
        "values": {
            "baseUrl": "http://127.0.0.1:8080",
            "apiKey": "",
            "collection": "postman",
            "hasOperations": "true",
            "hasKeys": "true",
        },
    },
    "aws": {
        "name": "Kenspeckle on AWS",
        "values": {
            "baseUrl": "https://{{apiId}}.execute-api.{{region}}.amazonaws.com/{{stage}}",
            "apiId": "",
            "region": "us-east-1",
            "stage": "live",
            "apiKey": "",
            "collection": "postman",
            "hasOperations": "false",
            "hasKeys": "false",
        },
    },
}


def files() -> dict[str, str]:
    """Text of each file by its name."""
    made = {"kenspeckle.postman_collection.json": collection(json.loads(OPENAPI.read_text("utf-8")))}
    made |= {f"{name}.postman_environment.json": environment(name) for name in ENVIRONMENTS}
    return {name: json.dumps(content, indent=1, ensure_ascii=False) + "\n" for name, content in made.items()}


def environment(name: str) -> Json:
    """An environment: where the server is, which key, which collection."""
    values = [
        {"key": key, "value": value, "type": "secret" if key == "apiKey" else "default", "enabled": True}
        for key, value in ENVIRONMENTS[name]["values"].items()
    ]
    return {
        "id": _id(f"environment {name}"),
        "name": ENVIRONMENTS[name]["name"],
        "values": values,
        "_postman_variable_scope": "environment",
    }


def collection(document: Json) -> Json:
    """The whole collection. Raises ValueError where story and document do not know the same operations."""
    operations = {one["operationId"]: (method, path, one) for method, path, one in _operations(document)}
    told = {step.operation for folder in STORY for step in folder.steps}
    if told != set(operations):
        raise ValueError(f"story.py and openapi.json differ in: {', '.join(sorted(told ^ set(operations)))}")
    return {
        "info": {"_postman_id": _id("collection"), "name": "Kenspeckle", "description": ABOUT, "schema": FORM},
        "auth": {"type": "apikey", "apikey": _listed({"key": "x-api-key", "value": "{{apiKey}}", "in": "header"})},
        "variable": [{"key": "userId", "value": "grace"}],
        "item": [_folder(document, operations, folder) for folder in STORY],
    }


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _folder(document: Json, operations: Mapping[str, tuple[str, str, Json]], folder: Folder) -> Json:
    made: Json = {"name": folder.name, "description": folder.description}
    if folder.needs:
        made["event"] = [_left_out(folder.needs)]
    made["item"] = [_request(document, *operations[step.operation], step) for step in folder.steps]
    return made


def _request(document: Json, method: str, path: str, operation: Json, step: Step) -> Json:
    request: Json = {
        "method": method,
        "description": operation["description"],
        "url": _url(path, operation.get("parameters", []), step),
        "header": [],
    }
    if not operation["security"]:
        request["auth"] = {"type": "noauth"}
    body = _body(step)
    if body:
        request["body"] = body
        request["header"] = _content_type(step)
    return {
        "name": step.name or re.split("[,:(]", operation["summary"])[0].strip(),
        "event": [_event("test", _tests(document, operation, step))],
        "request": request,
        "response": [_example(status, operation) for status in sorted(operation["responses"]) if status[0] == "2"],
    }


def _url(path: str, parameters: list[Json], step: Step) -> Json:
    """The address in Postman's form. Query parameters that the step does not use are there, switched off."""
    placed = path.replace("{", ":").replace("}", "")
    unknown = set(step.values) - {one["name"] for one in parameters}
    if unknown:
        raise ValueError(f"{step.operation} has no parameter {min(unknown)!r}")
    query = [
        {
            "key": one["name"],
            "value": step.values.get(one["name"], _suggested(one["schema"])),
            "description": one.get("description", ""),
            "disabled": one["name"] not in step.values,
        }
        for one in parameters
        if one["in"] == "query"
    ]
    variable = [
        {"key": one["name"], "value": step.values[one["name"]], "description": one.get("description", "")}
        for one in parameters
        if one["in"] == "path"
    ]
    asked = "&".join(f"{one['key']}={one['value']}" for one in query if not one["disabled"])
    made: Json = {
        "raw": "{{baseUrl}}" + placed + (f"?{asked}" if asked else ""),
        "host": ["{{baseUrl}}"],
        "path": placed.strip("/").split("/"),
    }
    return made | ({"query": query} if query else {}) | ({"variable": variable} if variable else {})


def _suggested(schema: Json) -> str:
    found = schema.get("default", (schema.get("examples") or [""])[0])
    return json.dumps(found).strip('"') if found is not None else ""


def _body(step: Step) -> Json:
    if "" in step.photographs:
        return {"mode": "file", "file": {"src": step.photographs[""]}}
    if step.photographs:
        parts = [{"key": key, "type": "file", "src": source} for key, source in step.photographs.items()]
        return {"mode": "formdata", "formdata": parts}
    if step.body is None:
        return {}
    if isinstance(step.body, str):
        return {"mode": "raw", "raw": step.body}
    return {
        "mode": "raw",
        "raw": json.dumps(step.body, indent=2),
        "options": {"raw": {"language": "json"}},
    }


def _content_type(step: Step) -> list[Json]:
    """A photograph is sent as bytes of no declared kind; the server looks for itself."""
    if "" in step.photographs:
        return [{"key": "content-type", "value": "application/octet-stream"}]
    if isinstance(step.body, str):
        return [{"key": "content-type", "value": "text/plain"}]
    return []


def _tests(document: Json, operation: Json, step: Step) -> list[str]:
    """JavaScript that asserts status, request id, type and shape of an answer, and what the step expects of it."""
    lines = [
        f'pm.test("{step.operation}: status is {" or ".join(map(str, step.status))}", () => {{',
        f"  pm.expect(pm.response.code).to.be.oneOf({json.dumps(step.status)});",
        "});",
        f'pm.test("{step.operation}: the answer has a request id", () => {{',
        '  pm.expect(pm.response.headers.get("x-request-id")).to.match(/^[A-Za-z0-9._-]{1,128}$/);',
        "});",
    ]
    contents = {status: _content(document, operation, status) for status in step.status}
    kinds = {str(status): kind for status, (kind, _) in contents.items() if kind}
    shapes = {str(status): _closed(document, schema) for status, (kind, schema) in contents.items() if "json" in kind}
    if kinds:
        lines += [
            f"const kinds = {json.dumps(kinds)};",
            f'pm.test("{step.operation}: the answer is of the type that is documented", () => {{',
            '  const kind = (kinds[pm.response.code] || "").replace("*", "");',
            '  pm.expect(pm.response.headers.get("content-type") || "").to.satisfy((one) => one.startsWith(kind));',
            "});",
        ]
    if shapes:
        lines += [
            f"const shapes = {json.dumps(shapes)};",
            "if (shapes[pm.response.code]) {",
            f'  pm.test("{step.operation}: the answer has the shape that is documented", () => {{',
            '    pm.response.to.have.jsonSchema(shapes[pm.response.code], { unknownFormats: "ignore" });',
            "  });",
            "}",
        ]
    if step.keep or step.expect:
        lines.append("const answer = pm.response.json();")
    for sentence, proof in step.expect.items():
        lines += [f'pm.test("{step.operation}: {sentence}", () => {{', f"  {proof}", "});"]
    lines += [f'pm.collectionVariables.set("{name}", {value});' for name, value in step.keep.items()]
    return lines


def _content(document: Json, operation: Json, status: int) -> tuple[str, Json]:
    """Media type and schema of the answer with that status; empty where it has no body."""
    if str(status) not in operation["responses"]:
        raise ValueError(f"{operation['operationId']} never answers {status}")
    response = operation["responses"][str(status)]
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    for kind, content in response.get("content", {}).items():
        return kind, content.get("schema", {})
    return "", {}


def _closed(document: Json, schema: Json) -> Json:
    """The schema with all that it refers to inside, without words for people."""
    found: dict[str, Json] = {}

    def copied(node: Any, *, names: bool = False) -> Any:
        if isinstance(node, list):
            return [copied(one) for one in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node and not names:
            name = node["$ref"].rpartition("/")[2]
            if name not in found:
                found[name] = {}
                found[name] = copied(document["components"]["schemas"][name])
            return {"$ref": f"#/definitions/{name}"}
        return {
            key: copied(value, names=key == "properties")
            for key, value in node.items()
            if names or key not in FORGOTTEN
        }

    made: Json = copied(schema)
    return {**made, "definitions": dict(sorted(found.items()))} if found else made


def _example(status: str, operation: Json) -> Json:
    response = operation["responses"][status]
    nothing: tuple[str, Json] = ("", {})
    kind, content = next(iter(response.get("content", {}).items()), nothing)
    body = json.dumps(content["example"], indent=2, ensure_ascii=False) if "example" in content else ""
    return {
        "name": response["description"],
        "code": int(status),
        "header": [{"key": "content-type", "value": kind}] if kind else [],
        "_postman_previewlanguage": "json" if "json" in kind else "text",
        "body": body,
    }


def _event(when: str, lines: list[str]) -> Json:
    return {"listen": when, "script": {"type": "text/javascript", "exec": lines}}


def _left_out(needs: str) -> Json:
    leave = [f'if (pm.variables.get("{needs}") === "false") {{', "  pm.execution.skipRequest();", "}"]
    return _event("prerequest", leave)


def _listed(values: Mapping[str, str]) -> list[Json]:
    return [{"key": key, "value": value, "type": "string"} for key, value in values.items()]


def _id(what: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:kenspeckle:postman:{what}"))


def main(folder: Path) -> None:
    """Write all files into the folder."""
    for name, text in files().items():
        folder.joinpath(name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
