"""Photographs without a face to store: remembered by what was asked, forgotten by age and with the collection."""

from __future__ import annotations

import hashlib

import pytest

from kenspeckle.domain import Reason
from kenspeckle.errors import CollectionNotFound
from tests.catalogs import Whole, gallery

ONE, OTHER = (hashlib.sha256(name).hexdigest() for name in (b"one", b"other"))
SMALL = (Reason.SMALL_BOUNDING_BOX, Reason.LOW_SHARPNESS)


def test_the_newest_question_is_remembered(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    catalog.create_collection(gallery("others"))
    assert catalog.faceless("people", [ONE, OTHER]) == {}
    catalog.remember_faceless("people", "a", {ONE: (), OTHER: SMALL}, 10.0)
    assert catalog.faceless("people", [ONE, OTHER, "0" * 64]) == {ONE: ("a", ()), OTHER: ("a", SMALL)}
    catalog.remember_faceless("people", "b", {ONE: SMALL}, 20.0)
    assert catalog.faceless("people", [ONE]) == {ONE: ("b", SMALL)}
    assert catalog.faceless("others", [ONE]) == {}
    revision = catalog.revision("people")
    catalog.remember_faceless("people", "b", {}, 20.0)
    assert catalog.revision("people") == revision


def test_they_are_forgotten(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    catalog.remember_faceless("people", "a", {ONE: ()}, 10.0)
    catalog.remember_faceless("people", "a", {OTHER: ()}, 20.0)
    catalog.forget_faceless("people", 20.0)
    assert list(catalog.faceless("people", [ONE, OTHER])) == [OTHER]
    catalog.delete_collection("people")
    catalog.create_collection(gallery())
    assert catalog.faceless("people", [OTHER]) == {}


def test_of_a_collection_that_is_not_there(catalog: Whole) -> None:
    for call in (
        lambda: catalog.faceless("nobody", [ONE]),
        lambda: catalog.remember_faceless("nobody", "a", {ONE: ()}, 1.0),
        lambda: catalog.forget_faceless("nobody", 1.0),
    ):
        with pytest.raises(CollectionNotFound):
            call()
