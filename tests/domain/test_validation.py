"""Names and ranges are Rekognition's; what breaks them is refused with the rule."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenspeckle.domain import validation
from kenspeckle.errors import InvalidValue


@pytest.mark.parametrize("name", ["a", "Keanu-reeves.jpg", "x" * 255, "._-"])
def test_collections_are_named_as_at_amazon(name: str) -> None:
    assert validation.collection_id(name) == name


@pytest.mark.parametrize("name", ["", "x" * 256, "a/b", "../a", "a b", "é", "a\n", "a\x00", "a:b"])
def test_other_collection_names_are_refused_with_the_rule(name: str) -> None:
    with pytest.raises(InvalidValue, match="1 to 255 letters") as refused:
        validation.collection_id(name)
    assert refused.value.field == "collection"


def test_a_long_name_is_not_repeated_whole() -> None:
    with pytest.raises(InvalidValue) as refused:
        validation.external_image_id("x" * 5000)
    assert len(refused.value.message) < 300


@pytest.mark.parametrize("value", [-0.1, 100.1, math.nan, math.inf])
def test_thresholds_are_percentages(value: float) -> None:
    with pytest.raises(InvalidValue, match="from 0 to 100"):
        validation.threshold(value)


@given(st.text(max_size=300))
def test_no_name_that_passes_could_be_a_path(name: str) -> None:
    try:
        validation.external_image_id(name)
    except InvalidValue:
        return
    assert "/" not in name
    assert "\\" not in name
    assert "\x00" not in name


def test_face_ids_are_each_named_once() -> None:
    one = "0" * 8 + "-0000-0000-0000-" + "0" * 12
    assert validation.face_ids([one, one]) == (one,)
    with pytest.raises(InvalidValue, match="Between 1 and 4096"):
        validation.face_ids([])
    with pytest.raises(InvalidValue, match="UUID"):
        validation.face_ids(["not-an-id"])


@pytest.mark.parametrize("tags", [{"aws:x": "1"}, {"": "1"}, {"k" * 129: "1"}, {"k": "v" * 257}, {"k": "\x00"}])
def test_tags_that_aws_would_not_take(tags: dict[str, str]) -> None:
    with pytest.raises(InvalidValue):
        validation.tags(tags)


def test_metadata_has_a_limit() -> None:
    assert validation.metadata({"a": "b"}) == {"a": "b"}
    with pytest.raises(InvalidValue, match="2048"):
        validation.metadata({"a": "b" * 3000})


def test_tags_are_as_many_as_at_amazon() -> None:
    most = {f"key-{number}": "" for number in range(validation.MAX_TAGS)}
    assert validation.tags(most) == most
    with pytest.raises(InvalidValue, match="201 were"):
        validation.tags({**most, "one": "more"})
