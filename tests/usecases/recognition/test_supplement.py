"""The same photograph again adds the faces that were left out of it, where more is asked for; and no others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kenspeckle.domain import BulkOutcome, Indexed, QualityFilter, Reason
from kenspeckle.domain import operations as ops
from kenspeckle.usecases.recognition.local import LocalRecognizer
from tests.fakes.drawn import DrawnEngine, drawing, recognizer

HOME = "kenspeckle"
CROWD = drawing(0.0, 1.0, 2.0, 3.0)


@pytest.fixture
def service() -> Iterator[LocalRecognizer]:
    made = recognizer()
    yield made
    made.close()


def index(
    service: LocalRecognizer, most: int, quality: QualityFilter | None = None, identity: str | None = "a.jpg"
) -> Indexed:
    return service.handle(
        ops.IndexFaces(collection_id=HOME, image=CROWD, external_image_id=identity, max_faces=most, quality=quality)
    )


def ids(indexed: Indexed) -> list[str]:
    return [one.face.face_id for one in indexed.records]


def test_a_larger_limit_adds_what_was_left_out(service: LocalRecognizer) -> None:
    first, second = index(service, 1), index(service, 3)
    assert (len(first.records), len(second.records)) == (1, 3)
    assert ids(first)[0] in ids(second)
    assert (second.created, second.image_id) == (True, first.image_id)
    assert [one.reasons for one in second.unindexed] == [(Reason.EXCEEDS_MAX_FACES,)]
    assert len(service.handle(ops.ListFaces(collection_id=HOME, external_image_id="a.jpg")).items) == 3
    last = index(service, 100)
    assert (len(last.records), last.unindexed, last.created) == (4, (), True)
    again = index(service, 100)
    assert (ids(again), again.created) == (ids(last), False)
    assert service.handle(ops.DescribeCollection(collection_id=HOME)).face_count == 4


def test_added_faces_are_found_at_once(service: LocalRecognizer) -> None:
    index(service, 1)
    index(service, 4)
    found = service.handle(ops.SearchImage(collection_id=HOME, image=drawing(3.0)))
    assert [one.face.external_image_id for one in found.searches[0].matches] == ["a.jpg"]


def test_a_lower_bar_adds_what_it_lets_through(service: LocalRecognizer) -> None:
    engine = service.context.engines.default
    assert isinstance(engine, DrawnEngine)
    engine.unclear.update((1.0, 3.0))
    first = index(service, 10)
    assert (len(first.records), {one.reasons for one in first.unindexed}) == (2, {(Reason.LOW_FACE_QUALITY,)})
    assert index(service, 10, QualityFilter.HIGH).created is False
    lowest = index(service, 10, QualityFilter.NONE)
    assert (len(lowest.records), lowest.unindexed, set(ids(first)) < set(ids(lowest))) == (4, (), True)


def test_what_lets_no_more_through_is_answered_without_looking(
    service: LocalRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = index(service, 2)
    monkeypatch.setattr(service.context.engines.default, "detect", None)
    for most in (1, 2):
        assert (ids(index(service, most)), index(service, most).created) == (ids(first), False)


def test_a_deleted_face_does_not_come_back(service: LocalRecognizer) -> None:
    gone = ids(index(service, 2))[0]
    service.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[gone]))
    assert len(index(service, 4).records) == 3
    found = service.handle(ops.SearchImage(collection_id=HOME, image=drawing(0.0), threshold=99))
    assert not found.searches[0].matches


def test_many_photographs_at_once_add_them_too(service: LocalRecognizer) -> None:
    index(service, 1)

    def together(most: int) -> BulkOutcome:
        one = ops.IndexFaces(collection_id=HOME, image=CROWD, external_image_id="a.jpg", max_faces=most)
        (outcome,) = service.handle(ops.IndexPhotographs(collection_id=HOME, photographs=[one]))
        return outcome

    outcome = together(3)
    assert isinstance(outcome, Indexed)
    assert (len(outcome.records), outcome.before, outcome.created) == (3, 1, True)


def test_the_name_that_comes_with_them_is_tidied_as_at_first(
    service: LocalRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(service, 1)
    names: list[str | None] = []
    add = service.context.catalog.add_left_out

    def adding(*words: Any, **named: Any) -> Any:
        names.append(named["person_name"])
        return add(*words, **named)

    monkeypatch.setattr(service.context.catalog, "add_left_out", adding)
    service.handle(
        ops.IndexFaces(
            collection_id=HOME, image=CROWD, external_image_id="a.jpg", max_faces=2, person_name="  Ada   King "
        )
    )
    assert names == ["Ada King"]
