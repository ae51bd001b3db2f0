"""Searching finds who is there, most similar first; comparing looks at two photographs and stores nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kenspeckle.domain import FaceMatch, QualityFilter, Reason
from kenspeckle.domain import operations as ops
from kenspeckle.errors import FaceNotFound, InvalidValue, NoFace
from kenspeckle.usecases.recognition.local import LocalRecognizer
from tests.fakes.drawn import drawing, recognizer

HOME = "kenspeckle"
UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def service() -> Iterator[LocalRecognizer]:
    made = recognizer()
    for name, person in {"ada": 0.0, "ada-2": 0.1, "ben": 1.0, "cay": 2.0}.items():
        made.handle(ops.IndexFaces(collection_id=HOME, image=drawing(person), external_image_id=name))
    yield made
    made.close()


def names(matches: tuple[FaceMatch, ...]) -> list[str | None]:
    return [match.face.external_image_id for match in matches]


def test_finds_the_person_most_similar_first(service: LocalRecognizer) -> None:
    (search,) = service.handle(ops.SearchImage(collection_id=HOME, image=drawing(0.02))).searches
    assert names(search.matches) == ["ada", "ada-2"]
    assert search.matches[0].similarity > search.matches[1].similarity >= 80


def test_the_threshold_is_a_similarity(service: LocalRecognizer) -> None:
    (search,) = service.handle(ops.SearchImage(collection_id=HOME, image=drawing(0.0), threshold=99.9)).searches
    assert names(search.matches) == ["ada"]
    (search,) = service.handle(
        ops.SearchImage(collection_id=HOME, image=drawing(0.0), threshold=0, max_faces=100)
    ).searches
    assert names(search.matches) == ["ada", "ada-2", "ben", "cay"]


def test_the_largest_face_is_the_probe_unless_every_face_is_asked_for(service: LocalRecognizer) -> None:
    photograph = drawing(1.0, 2.0)
    assert [
        names(one.matches) for one in service.handle(ops.SearchImage(collection_id=HOME, image=photograph)).searches
    ] == [["ben"]]
    every = service.handle(ops.SearchImage(collection_id=HOME, image=photograph, every_face=True))
    assert [names(one.matches) for one in every.searches] == [["ben"], ["cay"]]


def test_no_face_is_an_error_that_says_so(service: LocalRecognizer) -> None:
    with pytest.raises(NoFace, match="no faces in the image"):
        service.handle(ops.SearchImage(collection_id=HOME, image=drawing()))
    with pytest.raises(NoFace, match="SMALL_BOUNDING_BOX"):
        service.handle(ops.SearchImage(collection_id=HOME, image=drawing(1.0, size=0.001), quality=QualityFilter.HIGH))


def test_a_stored_face_is_not_among_its_own_matches(service: LocalRecognizer) -> None:
    face_id = service.handle(ops.ListFaces(collection_id=HOME, external_image_id="ada")).items[0].face_id
    assert names(service.handle(ops.SearchFaces(collection_id=HOME, face_id=face_id))) == ["ada-2"]
    assert names(service.handle(ops.SearchFaces(collection_id=HOME, face_id=face_id, max_faces=1))) == ["ada-2"]
    with pytest.raises(FaceNotFound):
        service.handle(ops.SearchFaces(collection_id=HOME, face_id=UNKNOWN))


@pytest.mark.parametrize("arguments", [{"threshold": 101}, {"threshold": float("nan")}, {"max_faces": 0}])
def test_bounds(service: LocalRecognizer, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        service.handle(ops.SearchImage(collection_id=HOME, image=drawing(0.0), **arguments))


def test_compares_the_largest_source_face_with_every_target_face(service: LocalRecognizer) -> None:
    comparison = service.handle(ops.CompareFaces(source=drawing(0.0, 2.0), target=drawing(2.0, 0.1, 0.0)))
    assert [round(similarity) for _, similarity in comparison.matches] == [100, 100]
    assert comparison.matches[0][1] == 100
    assert [face.pose.roll for face in comparison.unmatched] == [2.0]
    with pytest.raises(NoFace):
        service.handle(ops.CompareFaces(source=drawing(), target=drawing(0.0)))
    with pytest.raises(NoFace, match="target"):
        service.handle(ops.CompareFaces(source=drawing(0.0), target=drawing()))


def test_a_deleted_face_never_matches(service: LocalRecognizer) -> None:
    gone = (
        service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(0.5), external_image_id="gone"))
        .records[0]
        .face.face_id
    )
    assert names(
        service.handle(ops.SearchImage(collection_id=HOME, image=drawing(0.5), threshold=99)).searches[0].matches
    ) == ["gone"]
    service.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[gone]))
    assert (
        service.handle(ops.SearchImage(collection_id=HOME, image=drawing(0.5), threshold=99)).searches[0].matches == ()
    )


def test_faces_that_are_not_searched_are_named(service: LocalRecognizer) -> None:
    found = service.handle(ops.SearchUsersByImage(collection_id=HOME, image=drawing(1.0, 2.0)))
    assert [face.reasons for face in found.unsearched] == [(Reason.FACE_NOT_LARGEST,)]
    assert service.handle(ops.SearchUsersByImage(collection_id=HOME, image=drawing())).detail is None
