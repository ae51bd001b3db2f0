"""Many photographs at once: stored as one by one, in one transaction; what is wrong with one concerns no other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from kenspeckle.domain import BulkOutcome, Faceless, Indexed, QualityFilter, Reason
from kenspeckle.domain import operations as ops
from kenspeckle.errors import CollectionNotFound, ImageNotFound, InvalidValue, StorageFull, UnsupportedImage
from kenspeckle.ports import Photo
from kenspeckle.usecases.recognition.local import LocalRecognizer
from tests.fakes.drawn import drawing, recognizer

HOME = "kenspeckle"


@pytest.fixture
def service() -> Iterator[LocalRecognizer]:
    made = recognizer()
    yield made
    made.close()


def one(image: bytes, identity: str | None, **more: Any) -> ops.IndexFaces:
    return ops.IndexFaces(collection_id=HOME, image=image, external_image_id=identity, **more)


def index(service: LocalRecognizer, *some: ops.IndexFaces, again: bool = False) -> Sequence[BulkOutcome]:
    return service.handle(ops.IndexPhotographs(collection_id=HOME, photographs=some, again=again))


def looked_at(service: LocalRecognizer, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Photographs that the engine opens from now on."""
    engine = service.context.engines.default
    opened: list[bytes] = []
    plain = engine.open

    def open_(data: bytes) -> Photo:
        opened.append(data)
        return plain(data)

    monkeypatch.setattr(engine, "open", open_)
    return opened


def test_outcomes_are_in_order(service: LocalRecognizer) -> None:
    service.handle(one(drawing(1.0), "known.jpg"))
    outcomes = index(
        service,
        one(drawing(0.0), "a.jpg", metadata={"place": "Leith"}),
        one(b"no photograph", "b.jpg"),
        one(drawing(), "c.jpg"),
        one(drawing(1.0), "known.jpg"),
        one(drawing(2.0, 3.0), "d.jpg"),
        one(drawing(0.0), "../e.jpg"),
    )
    a, b, c, known, d, e = outcomes
    assert isinstance(a, Indexed)
    assert isinstance(known, Indexed)
    assert isinstance(d, Indexed)
    assert (a.created, known.created, d.created, len(d.records)) == (True, False, True, 2)
    assert isinstance(b, UnsupportedImage)
    assert isinstance(c, Indexed)
    assert c.records == ()
    assert isinstance(e, InvalidValue)
    described = service.handle(ops.DescribeCollection(collection_id=HOME))
    assert described.face_count == 4
    image, data = service.handle(ops.GetImage(collection_id=HOME, key="a.jpg"))
    assert (data, image.metadata) == (drawing(0.0), {"place": "Leith"})
    with pytest.raises(ImageNotFound):
        service.context.images.get(hashlib.sha256(drawing()).hexdigest())


def test_the_same_photograph_many_times_is_looked_at_once(
    service: LocalRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = looked_at(service, monkeypatch)
    outcomes = index(service, *[one(drawing(0.0), "a.jpg")] * 100, one(drawing(0.0), "b.jpg"))
    created = [outcome.created for outcome in outcomes if isinstance(outcome, Indexed)]
    assert created == [True, *[False] * 99, True]
    assert len(opened) == 2
    assert service.handle(ops.DescribeCollection(collection_id=HOME)).face_count == 2


def test_photographs_without_a_face_are_not_looked_at_again(
    service: LocalRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless more is asked for: a lower bar, or to look again."""
    nobody, small = one(drawing(), "nobody.jpg"), one(drawing(0.0, size=0.001), "small.jpg")
    first = index(service, nobody, small)
    assert [outcome.unindexed == () for outcome in first if isinstance(outcome, Indexed)] == [True, False]
    opened = looked_at(service, monkeypatch)
    renamed = one(drawing(), "renamed.jpg", max_faces=3)
    why = [outcome.reasons for outcome in index(service, nobody, small, renamed) if isinstance(outcome, Faceless)]
    assert why == [(), (Reason.SMALL_BOUNDING_BOX,), ()]
    assert opened == []
    assert [isinstance(outcome, Indexed) for outcome in index(service, nobody, again=True)] == [True]
    assert len(opened) == 1
    lower = index(service, one(drawing(0.0, size=0.001), "small.jpg", quality=QualityFilter.NONE))[0]
    assert isinstance(lower, Indexed)
    assert len(lower.records) == 1


def test_what_is_remembered_goes_by_age_and_with_the_collection(
    service: LocalRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(service, one(drawing(), "nobody.jpg"))
    now = service.context.now()
    object.__setattr__(service.context, "now", lambda: now + 2 * 86400)
    service.handle(ops.EraseAged(collection_id=HOME, days=3))
    assert index(service, one(drawing(), "nobody.jpg")) == (Faceless(()),)
    service.handle(ops.EraseAged(collection_id=HOME, days=1))
    opened = looked_at(service, monkeypatch)
    index(service, one(drawing(), "nobody.jpg"))
    assert len(opened) == 1


def test_a_failure_of_all_stores_nothing(service: LocalRecognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StorageFull("The disk is full.")

    monkeypatch.setattr(service.context.catalog, "add_photographs", full)
    with pytest.raises(StorageFull):
        index(service, one(drawing(0.0), "a.jpg"), one(drawing(1.0), "b.jpg"))
    for image in (drawing(0.0), drawing(1.0)):
        with pytest.raises(ImageNotFound):
            service.context.images.get(hashlib.sha256(image).hexdigest())
    assert service.handle(ops.DescribeCollection(collection_id=HOME)).face_count == 0


def test_collections_are_not_mixed(service: LocalRecognizer) -> None:
    with pytest.raises(InvalidValue, match="collection"):
        service.handle(ops.IndexPhotographs(collection_id="other", photographs=[one(drawing(0.0), "a.jpg")]))
    with pytest.raises(CollectionNotFound):
        service.handle(ops.IndexPhotographs(collection_id="other", photographs=[]))


def test_faces_without_a_name_find_their_groups(service: LocalRecognizer) -> None:
    told: list[int] = []
    service.bulk._arrived = lambda pack, collection_id, faces: told.append(len(faces))
    index(service, one(drawing(0.0, 1.0), None), one(drawing(2.0), None), one(drawing(3.0), "named.jpg"))
    assert told == [3]
    assert service.handle(ops.DescribeCollection(collection_id=HOME)).face_count == 4
