"""Hypothesis strategies made from the service model: requests that are valid, at the bounds, or beyond them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from hypothesis import strategies as st

from kenspeckle.rekognition.operations import OPERATIONS
from tests.rekognition.conforming import MODEL
from tests.rekognition.portraits import blank, portrait
from tests.rekognition.requests import UNKNOWN_FACE, arn

COLLECTIONS = ("kenspeckle", "one", "two", "three")
USERS = ("ada", "eve", "bob")
FACES = [UNKNOWN_FACE]
"""Face ids that a test adds to while it runs, so that some requests name faces that are there."""

TOKENS = ["x"]
"""Page tokens, likewise."""


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


PHOTOGRAPHS = tuple(
    _base64(data)
    for data in (
        *(portrait(person) for person in (0.0, 0.1, 1.5)),
        portrait(0.0, 1.5, 3.0, kind="JPEG"),
        portrait(),
        blank(79, 80),
        blank(kind="GIF"),
        portrait(0.5)[:60],
        b"\xff\xd8\xff\xff\xff\xc0\x00",
        b"x",
    )
)
TOO_LARGE = "A" * (4 * 1_747_628)
"""Base64 of 5,242,884 bytes."""

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


VIDEOS = frozenset({"StartFaceDetection", "GetFaceDetection", "StartFaceSearch", "GetFaceSearch"})


def requests(names: Iterable[str] = OPERATIONS) -> st.SearchStrategy[tuple[str, Any]]:
    """(operation, JSON body) of one of the operations; half of them keep all bounds of the model."""
    return st.tuples(st.sampled_from(sorted(names)), st.booleans()).flatmap(
        lambda drawn: st.tuples(st.just(drawn[0]), mostly(structure(MODEL.input(drawn[0]), drawn[1]), drawn[1]))
    )


def mostly(likely: st.SearchStrategy[Any], careful: bool) -> st.SearchStrategy[Any]:
    """Now and then something of another type, unless careful."""
    return likely if careful else st.integers(0, 24).flatmap(lambda dice: likely if dice else anything)


@cache
def structure(name: str, careful: bool) -> st.SearchStrategy[Any]:
    shape = MODEL.shapes[name]
    members = {member: value(one["shape"], careful) for member, one in shape["members"].items()}
    if name == "Image" and careful:
        return st.sampled_from(sorted(members)).flatmap(lambda one: st.fixed_dictionaries({one: members[one]}))
    required = shape.get("required", ())
    return st.fixed_dictionaries(
        {member: one for member, one in members.items() if member in required},
        optional={member: one for member, one in members.items() if member not in required} | {"Strange": anything},
    )


@cache
def value(name: str, careful: bool) -> st.SearchStrategy[Any]:
    shape = MODEL.shapes[name]
    kind = shape["type"]
    if kind == "structure":
        likely = structure(name, careful)
    elif kind == "list":
        likely = st.lists(value(shape["member"]["shape"], careful), min_size=shape.get("min", 0), max_size=4)
        if "max" in shape:
            likely = likely | _long_list(shape, careful)
    elif kind == "map":
        keys = st.from_regex(r"(?!aws)[a-z .:/=+@_-]{1,9}", fullmatch=True) | (st.nothing() if careful else st.text())
        likely = st.dictionaries(keys, value(shape["value"]["shape"], careful), max_size=3) | st.sampled_from(
            [200] if careful else [200, 201]
        ).map(lambda size: {str(number): "x" for number in range(size)})
    elif kind == "blob":
        likely = st.integers(0, 200).flatmap(lambda dice: st.sampled_from(PHOTOGRAPHS) if dice else st.just(TOO_LARGE))
    elif kind == "string":
        likely = _string(name, careful)
    else:
        bounds = [shape.get("min", 0), shape.get("max", 1000), 1, 50]
        beyond = [] if careful else [shape.get("min", 0) - 1, shape.get("max", 2**31) + 1, 99.5]
        likely = st.sampled_from([*bounds, *beyond])
    return mostly(likely, careful)


def _long_list(shape: Mapping[str, Any], careful: bool) -> st.SearchStrategy[Any]:
    member = MODEL.shapes[shape["member"]["shape"]]
    one: Sequence[str] = FACES if "-[0-9a-f]{4}-" in member.get("pattern", "") else ["key"]
    sizes = [shape["max"]] if careful else [shape["max"], shape["max"] + 1]
    return st.sampled_from(sizes).map(lambda size: [one[-1]] * size)


def _string(name: str, careful: bool) -> st.SearchStrategy[Any]:
    shape = MODEL.shapes[name]
    if "enum" in shape:
        return st.sampled_from(shape["enum"] if careful else [*shape["enum"], "OTHER"])
    known = {
        "CollectionId": st.sampled_from(COLLECTIONS),
        "UserId": st.sampled_from(USERS),
        "FaceId": st.deferred(lambda: st.sampled_from(FACES)),
        "PaginationToken": st.deferred(lambda: st.sampled_from(TOKENS)),
        "ResourceArn": st.sampled_from([arn(one) for one in (*COLLECTIONS, "absent", "")]),
        "S3Bucket": st.sampled_from(["photos", "secrets"]),
        "S3ObjectName": st.sampled_from(["ada.png", "eve.png"]),
        "ClientRequestToken": st.uuids().map(str) | st.sampled_from(["once", "twice"]),
    }
    least, most = shape.get("min", 0), shape.get("max", 300)
    at_bounds = st.sampled_from([least, most]).map(lambda size: "a" * size)
    regular = at_bounds
    if "pattern" in shape and r"\p" not in shape["pattern"]:
        drawn = st.from_regex(shape["pattern"], fullmatch=True)
        regular = (at_bounds if name != "FaceId" else st.nothing()) | drawn.filter(
            lambda one: least <= len(one) <= most
        )
    if name in known:
        other = regular
        regular = st.integers(0, 9).flatmap(lambda dice: known[name] if dice else other)
    if careful:
        return regular
    beyond = st.sampled_from([max(0, least - 1), most + 1]).map(lambda size: "a" * size)
    return st.integers(0, 5).flatmap(lambda dice: regular if dice else beyond | st.text(max_size=20))
