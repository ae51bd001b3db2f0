"""Holds answers to the service model: botocore parses them, and every member is one that the output shape has."""

from __future__ import annotations

import re
from typing import Any

import orjson

from kenspeckle.rekognition.service_model import Model, load

MODEL: Model = load()
COMMON_ERRORS = {
    "AccessDeniedException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "RequestEntityTooLargeException",
    "SerializationException",
    "UnknownOperationException",
    "UnrecognizedClientException",
    "ValidationException",
}
"""Errors that AWS answers for any operation, and that no operation declares."""

LENIENT = {"IndexFacesModelVersion"}
"""Shapes whose pattern is not kept: docs/rekognition.md says why."""


def attach(client: Any) -> None:
    """Check each answer that this client gets."""
    client.meta.events.register("after-call.rekognition.*", _after_call)


def _after_call(http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
    assert http_response.headers["content-type"] == "application/x-amz-json-1.1"
    assert http_response.headers["x-amzn-RequestId"] == parsed["ResponseMetadata"]["RequestId"]
    check(model.name, http_response.status_code, http_response.content)


def check(operation: str, status: int, content: bytes) -> None:
    """Asserts that the answer is one that the operation may give."""
    answer = orjson.loads(content)
    if status == 200:
        conforms(MODEL.operations[operation]["output"]["shape"], answer, operation)
        return
    assert set(answer) == {"__type", "Code", "Logref", "Message"}, answer
    assert answer["Code"] == answer["__type"]
    assert answer["__type"] in MODEL.errors(operation) | COMMON_ERRORS, answer
    assert status == (500 if MODEL.is_fault(answer["__type"]) else 400), (status, answer)
    assert answer["Message"]


def conforms(name: str, value: Any, path: str) -> None:
    """Asserts that a JSON value is one of the shape."""
    shape = MODEL.shapes[name]
    kind = shape["type"]
    if kind == "structure":
        assert isinstance(value, dict), path
        assert not set(value) - set(shape["members"]), f"{path} has members that {name} lacks: {sorted(value)}"
        for member, inner in value.items():
            conforms(shape["members"][member]["shape"], inner, f"{path}.{member}")
    elif kind == "list":
        assert isinstance(value, list), path
        for inner in value:
            conforms(shape["member"]["shape"], inner, f"{path}[]")
    elif kind == "map":
        assert isinstance(value, dict), path
        for key, inner in value.items():
            conforms(shape["key"]["shape"], key, f"{path}.key")
            conforms(shape["value"]["shape"], inner, f"{path}.{key}")
    elif kind == "string":
        assert isinstance(value, str), path
        assert value in shape.get("enum", (value,)), f"{path}: {value}"
        assert len(value) <= shape.get("max", len(value)), f"{path}: {value}"
        if "pattern" in shape and r"\p" not in shape["pattern"] and name not in LENIENT:
            assert re.fullmatch(shape["pattern"], value), f"{path}: {value}"
    elif kind == "boolean":
        assert isinstance(value, bool), path
    else:
        assert not isinstance(value, bool), path
        assert isinstance(value, int if kind in ("integer", "long") else int | float), f"{path}: {value!r}"
        assert shape.get("min", value) <= value <= shape.get("max", value), f"{path}: {value}"
