"""Attributes of faces over Amazon Rekognition: what is asked of it, and what of its answer goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kenspeckle.domain import Attribute, FaceDetail
from kenspeckle.settings import Settings
from kenspeckle.shapes import load


def to_ask(attributes: frozenset[Attribute], settings: Settings) -> list[str]:
    """Names for Amazon: no more than is wanted. All thirty landmarks come with ALL alone."""
    if Attribute.LANDMARKS in attributes:
        return ["ALL"]
    return ["DEFAULT", *sorted(one for one in attributes if one is not Attribute.GENDER or settings.gender)]


def read_face(shape: Mapping[str, Any], attributes: frozenset[Attribute], settings: Settings) -> FaceDetail:
    """A face of an answer with what was wanted of it: never Emotions, and Gender only where the operator has switched
    it on, also where ALL brought them."""
    found = load.detail(shape, gender=settings.gender)
    return found if found.attributes is None else replace(found, attributes=found.attributes.only(attributes))
