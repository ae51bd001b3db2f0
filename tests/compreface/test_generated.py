"""Requests drawn from CompreFace's documented parameters, right and wrong, meet no 5xx and answers of its form."""

from __future__ import annotations

import base64
import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kenspeckle.compreface.routes import ENTRIES
from tests.compreface.conftest import Real
from tests.soak import SOAK, either

EXAMPLES = either(200, 2000)
IMAGE_ID = "00000000-0000-0000-0000-000000000000"

WORDS = st.one_of(
    st.sampled_from(["", "0", "1", "-1", "3", "0.5", "1.0", "2", "true", "False", "nan", "1e9", "99999999999", "abc"]),
    st.text(max_size=20),
)
PARAMETERS = st.dictionaries(
    st.sampled_from(
        [
            "limit",
            "prediction_count",
            "det_prob_threshold",
            "status",
            "face_plugins",
            "detect_faces",
            "page",
            "size",
            "subject",
        ]
    ),
    st.one_of(WORDS, st.sampled_from(["landmarks,calculator", "age,gender,mask", "pose", "Grace Hopper", "100"])),
    max_size=4,
)
SANE = st.sampled_from(
    [
        {"subject": "Grace Hopper"},
        {"subject": "Grace Hopper", "det_prob_threshold": "0.5"},
        {"page": "1", "size": "2"},
        {"limit": "1", "prediction_count": "3", "face_plugins": "calculator,landmarks", "status": "true"},
    ]
)
NUMBERS = st.one_of(st.floats(), st.integers(-(2**70), 2**70), st.text(max_size=3))
EMBEDDING = st.one_of(st.just([0.1] * 128), st.lists(NUMBERS, max_size=5), st.none(), st.just([0.0] * 128))
JSON = st.one_of(
    st.fixed_dictionaries({"embeddings": st.lists(EMBEDDING, max_size=3)}),
    st.fixed_dictionaries({"source": EMBEDDING, "targets": st.lists(EMBEDDING, max_size=3)}),
    st.fixed_dictionaries({"subject": st.one_of(st.text(max_size=30), st.none(), st.integers())}),
    st.lists(st.one_of(st.just(IMAGE_ID), st.text(max_size=5)), max_size=4),
    st.recursive(st.none() | st.booleans() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)),
)
BODIES = st.one_of(
    st.tuples(st.just("form"), st.sampled_from(["face", "nobody", "cut", "text", "empty", "wrong part"])),
    st.tuples(st.just("base64"), st.sampled_from(["face", "nobody", "text"])),
    st.tuples(st.just("json"), JSON),
    st.tuples(st.just("raw"), st.binary(max_size=40)),
)
IDS = st.sampled_from([IMAGE_ID, "x", "..", "%00", "Grace Hopper", "ß", "a/b"])


@pytest.mark.timeout(1800 if SOAK else 120)
def test_drawn_requests(real: Real) -> None:
    statuses: Counter[int] = Counter()
    pictures = {"face": real.grace, "nobody": real.rocket, "cut": real.grace[:2000], "text": b"hello", "empty": b""}
    http = real.client(next(real.keys))

    def body(kind: str, value: Any) -> dict[str, Any]:
        if kind == "form":
            parts = ("other",) if value == "wrong part" else ("file", "source_image", "target_image")
            return {"files": {name: ("a.jpg", pictures.get(value, b"")) for name in parts}}
        if kind == "base64":
            text = base64.b64encode(pictures[value]).decode()
            return {"json": {"file": text, "source_image": text, "target_image": text}}
        return {"content": value} if kind == "raw" else {"json": _finite(value)}

    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(entry=st.sampled_from(ENTRIES), query=st.one_of(SANE, PARAMETERS), sent=BODIES, name=IDS)
    def one(entry: Any, query: dict[str, str], sent: tuple[str, Any], name: str) -> None:
        path = entry.path.replace("{subject:path}", "{image_id}").format(image_id=name)
        query = {key: value.encode("utf-8", "replace").decode() for key, value in query.items()}
        answer = http.request(entry.method, path, params=query, **body(*sent))
        statuses[answer.status_code] += 1
        assert answer.status_code < 500, (entry.path, query, sent, answer.text)
        if answer.status_code >= 400:
            assert set(answer.json()) == {"message", "code"}

    with http:
        one()
    assert statuses[200] > EXAMPLES / 20
    assert statuses[400] > EXAMPLES / 20


def _finite(value: Any) -> Any:
    """As JSON can carry it."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return {key: _finite(one) for key, one in value.items()} if isinstance(value, dict) else value
