"""Names of attributes, and their JSON: what is written is read again, and what is strange is refused or left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kenspeckle.aws import attributes as of_amazon
from kenspeckle.domain import AgeRange, Attribute, Attributes, EyeDirection, Flag, Gender, Landmark, Pose
from kenspeckle.domain.attributes import ALL, NONE, list_offered, parse_names
from kenspeckle.errors import InvalidValue
from kenspeckle.settings import Settings
from kenspeckle.shapes import dump, load

WHOLE = Attributes(
    age=AgeRange(30, 40),
    flags={one: Flag(True, 75.5) for one in dump.FLAGS},
    eyes=EyeDirection(1.0, -2.0, 50.0),
    gender=Gender("Male", 60.0),
    landmarks=tuple(Landmark(name, 0.5, 0.25) for name in dump.LANDMARKS[5:]),
    pose=Pose(1.0, 2.0, 3.0),
)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ((), NONE),
        (("DEFAULT",), NONE),
        (("DEFAULT", "DEFAULT"), NONE),
        (("all",), ALL),
        (("DEFAULT", "ALL"), ALL),
        ((" age_range", "AGE_RANGE", "Smile "), {Attribute.AGE_RANGE, Attribute.SMILE}),
        (("EMOTIONS",), NONE),
        (("EMOTIONS", "GENDER"), {Attribute.GENDER}),
    ],
)
def test_what_names_ask_for(names: tuple[str, ...], found: frozenset[Attribute]) -> None:
    assert parse_names(names) == found


@pytest.mark.parametrize("name", ["", "AGE", "ALL,DEFAULT", "\0", "x" * 10_000])
def test_strange_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidValue, match="There is no attribute") as refused:
        parse_names(["SMILE", name])
    assert len(refused.value.message) < 400


def test_gender_is_offered_only_where_it_is_switched_on() -> None:
    assert Attribute.GENDER not in list_offered(gender=False)
    assert Attribute.GENDER in list_offered(gender=True)


def test_what_is_written_is_read_again() -> None:
    assert load.attributes(dump.attributes(WHOLE)) == WHOLE
    assert load.attributes(dump.attributes(Attributes())) == Attributes()


def test_what_was_asked_for_is_remembered() -> None:
    some = frozenset({Attribute.SMILE, Attribute.LANDMARKS})
    found = WHOLE.only(some)
    assert found is not None
    assert load.attributes(dump.attributes(found)) == found
    assert found.covers(frozenset({Attribute.SMILE}))
    assert not found.covers(ALL)
    assert not replace(WHOLE, version=0).covers(NONE)
    assert load.attributes({"Asked": ["SMILE", "HAIR", 7]}).asked == {Attribute.SMILE}


def test_only_what_is_asked_for_is_left() -> None:
    assert WHOLE.only(NONE) is None
    for one in Attribute:
        found = WHOLE.only(frozenset({one}))
        assert found is not None
        assert found != Attributes(pose=WHOLE.pose), one


AMAZONS: dict[str, Any] = {
    "BoundingBox": {"Width": 0.5, "Height": 0.5, "Left": 0.1, "Top": 0.1},
    "AgeRange": {"Low": 20, "High": 28},
    "Smile": {"Value": True, "Confidence": 99.0},
    "Eyeglasses": {"Value": False, "Confidence": 98.0},
    "Gender": {"Value": "Female", "Confidence": 97.0},
    "Emotions": [{"Type": "HAPPY", "Confidence": 96.0}],
    "Landmarks": [{"Type": name, "X": 0.5, "Y": 0.5} for name in dump.LANDMARKS],
    "Pose": {"Roll": 1.0, "Yaw": 2.0, "Pitch": 3.0},
    "Quality": {"Brightness": 80.0, "Sharpness": 70.0},
    "Confidence": 99.9,
}
"""A face as Amazon tells it with ALL."""


@pytest.mark.parametrize("on", [False, True])
def test_amazons_gender_and_emotions_do_not_pass_the_operators_switch(on: bool) -> None:
    settings = Settings(gender=on)
    shown = dump.face_detail(of_amazon.read_face(AMAZONS, ALL, settings))
    assert ("Gender" in shown) == on
    assert "Emotions" not in shown
    assert shown["Eyeglasses"] == AMAZONS["Eyeglasses"]
    assert len(shown["Landmarks"]) == 30
    assert ("GENDER" in of_amazon.to_ask(frozenset({Attribute.GENDER, Attribute.SMILE}), settings)) == on
    kept = dump.face_detail(replace(of_amazon.read_face(AMAZONS, ALL, settings)).kept)
    assert "Gender" not in kept


def test_amazon_is_asked_for_no_more_than_is_wanted() -> None:
    settings = Settings()
    assert of_amazon.to_ask(NONE, settings) == ["DEFAULT"]
    assert of_amazon.to_ask(frozenset({Attribute.GENDER}), settings) == ["DEFAULT"]
    assert of_amazon.to_ask(frozenset({Attribute.SMILE}), settings) == ["DEFAULT", "SMILE"]
    assert of_amazon.to_ask(ALL, settings) == ["ALL"]
    alone = dump.face_detail(of_amazon.read_face(AMAZONS, frozenset({Attribute.SMILE}), settings))
    assert "AgeRange" not in alone
    assert [one["Type"] for one in alone["Landmarks"]] == list(dump.LANDMARKS[:5])
