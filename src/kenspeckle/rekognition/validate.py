"""Checks of a request against the service model, worded as AWS words them.

A shape becomes a function once, when the edge is built. Types that don't fit are a SerializationException at once;
broken constraints are gathered and become one ValidationException.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeAlias

import pybase64

from kenspeckle.rekognition.errors import Refusal, serialization
from kenspeckle.rekognition.service_model import Model, Shape

Broken: TypeAlias = list[str]
"""Constraints that a request breaks, each a sentence of AWS's."""

Check: TypeAlias = Callable[[Any, str, Broken], Any]
"""(value, path, broken) -> the value as Python has it: members that the model knows, blobs as bytes, no nulls."""

_INT32 = 2**31 - 1
_SHOWN = 120
"""Characters of a refused value that an error repeats."""

_IMAGE = "Image"

_UNICODE_CLASSES = {
    r"\p{L}": r"^\W\d_",
    r"\p{Z}": "\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
}


def compile_model(model: Model, operation: str) -> Callable[[Any], dict[str, Any]]:
    """A function from a parsed JSON body to the operation's input. It raises Refusal.

    Raises ValueError where the model has a pattern that can't be translated."""
    check = _structure(model, model.shapes[model.input(operation)])

    def validate(body: Any) -> dict[str, Any]:
        broken: Broken = []
        value: dict[str, Any] = check(body, "", broken)
        if broken:
            found = f"{len(broken)} validation error{'s' if len(broken) > 1 else ''} detected"
            raise Refusal("ValidationException", f"{found}: {'; '.join(broken)}")
        return value

    return validate


def too_large(model: Model, operation: str) -> Refusal:
    """The error for a body that is too large to be read because of its photograph: the same message, without the
    size."""
    members = model.shapes[model.input(operation)]["members"]
    names = "' or '".join(_join(_join("", name), "Bytes") for name, one in members.items() if one["shape"] == _IMAGE)
    most = model.shapes[model.shapes[_IMAGE]["members"]["Bytes"]["shape"]]["max"]
    rule = f"failed to satisfy constraint: Member must have length less than or equal to {most}"
    return Refusal("ValidationException", f"1 validation error detected: Value at '{names}' {rule}")


def _compile(model: Model, name: str) -> Check:
    shape = model.shapes[name]
    kind = shape["type"]
    if kind == "structure":
        return _structure(model, shape)
    if kind == "list":
        return _list(model, shape)
    if kind == "map":
        return _map(model, shape)
    if kind == "string":
        return _string(shape)
    if kind == "blob":
        return _blob(shape)
    if kind in ("integer", "float"):
        return _number(shape, whole=kind == "integer")
    raise ValueError(f"shape {name}: requests of the type '{kind}' are not known")


def _structure(model: Model, shape: Shape) -> Check:
    members = {name: _compile(model, member["shape"]) for name, member in shape["members"].items()}
    required = tuple(shape.get("required", ()))

    def check(value: Any, path: str, broken: Broken) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _refuse_type(value, path, "a structure")
        for name in required:
            if value.get(name) is None:
                broken.append(
                    f"Value null at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
                )
        return {
            name: member(value[name], _join(path, name), broken)
            for name, member in members.items()
            if value.get(name) is not None
        }

    return check


def _list(model: Model, shape: Shape) -> Check:
    member = _compile(model, shape["member"]["shape"])
    sized = _compile_size(shape)

    def check(value: Any, path: str, broken: Broken) -> list[Any]:
        if not isinstance(value, list):
            raise _refuse_type(value, path, "a list")
        size = len(broken)
        sized(len(value), value, path, broken)
        if len(broken) > size:
            return []
        inner: Broken = []
        checked = [
            member(one, f"{path}.{number}.member", inner) for number, one in enumerate(value, 1) if one is not None
        ]
        if len(checked) < len(value):
            broken.append(_sentence(value, path, "Member must not be null"))
        if inner:
            rules = dict.fromkeys(sentence.split("failed to satisfy constraint: ", 1)[1] for sentence in inner)
            broken.append(_sentence(value, path, f"Member must satisfy constraint: [{', '.join(rules)}]"))
        return checked

    return check


def _map(model: Model, shape: Shape) -> Check:
    key_check = _compile(model, shape["key"]["shape"])
    value_check = _compile(model, shape["value"]["shape"])
    sized = _compile_size(shape)

    def check(value: Any, path: str, broken: Broken) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _refuse_type(value, path, "a map")
        size = len(broken)
        sized(len(value), list(value), path, broken)
        if len(broken) > size:
            return {}
        answer = {}
        for key, one in value.items():
            key_check(key, f"{path}.key", broken)
            if one is None:
                broken.append(_sentence(None, f"{path}.value", "Member must not be null"))
            else:
                answer[key] = value_check(one, f"{path}.{_show(key)}.value", broken)
        return answer

    return check


def _string(shape: Shape) -> Check:
    sized = _compile_size(shape)
    choices = shape.get("enum")
    text = shape.get("pattern")
    pattern = _pattern(text) if text is not None else None

    def check(value: Any, path: str, broken: Broken) -> str:
        if not isinstance(value, str):
            raise _refuse_type(value, path, "a String")
        sized(len(value), value, path, broken)
        if pattern is not None and not pattern.fullmatch(value):
            broken.append(_sentence(value, path, f"Member must satisfy regular expression pattern: {text}"))
        if choices is not None and value not in choices:
            broken.append(_sentence(value, path, f"Member must satisfy enum value set: [{', '.join(choices)}]"))
        return value

    return check


def _blob(shape: Shape) -> Check:
    least, most = shape.get("min", 0), shape.get("max", math.inf)

    def check(value: Any, path: str, broken: Broken) -> bytes:
        if not isinstance(value, str):
            raise _refuse_type(value, path, "a Blob (base64 text)")
        size = len(value) // 4 * 3 - value[-2:].count("=")
        if size > most:  # known without decoding it
            broken.append(_sentence(_buffer(size), path, f"Member must have length less than or equal to {most}"))
            return b""
        try:
            # Python's own decoder takes 50 times as long: half of the time that this edge may add to a request.
            data = pybase64.b64decode(value, validate=True)
        except ValueError:  # binascii.Error, or characters beyond ASCII
            raise serialization(f"'{path}' is not base64 text.") from None
        if len(data) < least:
            broken.append(
                _sentence(_buffer(len(data)), path, f"Member must have length greater than or equal to {least}")
            )
        return data

    return check


def _number(shape: Shape, *, whole: bool) -> Check:
    least, most = shape.get("min", -math.inf), shape.get("max", math.inf)
    kind = "an Integer" if whole else "a Float"

    def check(value: Any, path: str, broken: Broken) -> float:
        # Compared, for `math.isfinite` can't take the long integers that a URL may have.
        if isinstance(value, bool) or not isinstance(value, int | float) or not -math.inf < value < math.inf:
            raise _refuse_type(value, path, kind)
        if whole and (value != int(value) or abs(value) > _INT32):
            raise _refuse_type(value, path, kind)
        if value > most:
            broken.append(_sentence(value, path, f"Member must have value less than or equal to {most}"))
        if value < least:
            broken.append(_sentence(value, path, f"Member must have value greater than or equal to {least}"))
        return int(value) if whole else float(value)

    return check


def _compile_size(shape: Shape) -> Callable[[int, Any, str, Broken], None]:
    least, most = shape.get("min", 0), shape.get("max", math.inf)

    def check(size: int, value: Any, path: str, broken: Broken) -> None:
        if size > most:
            broken.append(_sentence(value, path, f"Member must have length less than or equal to {most}"))
        if size < least:
            broken.append(_sentence(value, path, f"Member must have length greater than or equal to {least}"))

    return check


def _pattern(text: str) -> re.Pattern[str]:
    r"""The model's Java pattern for Python, which knows no Unicode classes: `\p{L}` with `\p{N}` is `\w`."""
    translated = text
    if r"\p{L}" in text and r"\p{N}" in text:
        translated = translated.replace(r"\p{L}", r"\w").replace(r"\p{N}", "")
    translated = translated.replace(r"\p{Z}", _UNICODE_CLASSES[r"\p{Z}"])
    if r"\p" in translated:
        raise ValueError(f"pattern {text} has a Unicode class that is not known")
    return re.compile(translated)


def _join(path: str, name: str) -> str:
    """AWS names members in errors with a small first letter: image.s3Object.bucket."""
    name = name[0].lower() + name[1:]
    return f"{path}.{name}" if path else name


def _sentence(value: Any, path: str, rule: str) -> str:
    shown = "null" if value is None else f"'{_show(value)}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {rule}"


def _show(value: Any) -> str:
    """The value as Java prints it, cut where it is long."""
    text = f"[{', '.join(str(one)[:_SHOWN] for one in value[:20])}]" if isinstance(value, list) else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _buffer(size: int) -> str:
    """Bytes as Amazon's errors show them; programs match the text around it."""
    return f"java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]"


def _refuse_type(value: Any, path: str, wanted: str) -> Refusal:
    names = {bool: "BOOLEAN_VALUE", int: "NUMBER_VALUE", float: "NUMBER_VALUE", str: "STRING_VALUE"}
    found = names.get(type(value), "Start of structure or map" if isinstance(value, dict) else "Start of list")
    if value is None:
        found = "NULL_VALUE"
    return serialization(f"{found} can not be converted to {wanted}{f' at {path!r}' if path else ''}.")
