"""Indexing stores what it says, once, and nothing when it fails."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from kenspeckle.domain import (
    AgeRange,
    Attribute,
    Attributes,
    FaceDetail,
    FaceRecord,
    Gender,
    QualityFilter,
    Reason,
    UnsuccessfulFace,
)
from kenspeckle.domain import operations as ops
from kenspeckle.domain.attributes import ALL, NONE, VERSION
from kenspeckle.errors import (
    CollectionNotFound,
    FaceNotFound,
    ImageNotFound,
    InvalidValue,
    PackMismatch,
    StorageFull,
    UnsupportedImage,
)
from kenspeckle.usecases.recognition.local import LocalRecognizer
from tests.fakes.drawn import DrawnEngine, DrawnEngines, drawing, recognizer

HOME = "kenspeckle"


@pytest.fixture
def service() -> Iterator[LocalRecognizer]:
    made = recognizer()
    yield made
    made.close()


def test_every_face_is_stored_largest_first(service: LocalRecognizer) -> None:
    indexed = service.handle(
        ops.IndexFaces(
            collection_id=HOME, image=drawing(0.0, 1.0), external_image_id="pair.jpg", metadata={"place": "Leith"}
        )
    )
    assert indexed.created
    assert [record.face.external_image_id for record in indexed.records] == ["pair.jpg", "pair.jpg"]
    assert indexed.records[0].face.box.area > indexed.records[1].face.box.area
    image, data = service.handle(ops.GetImage(collection_id=HOME, key="pair.jpg"))
    assert data == drawing(0.0, 1.0)
    assert (image.metadata, image.width) == ({"place": "Leith"}, 1000)


def test_a_photograph_without_a_name_is_found_by_its_image_id(service: LocalRecognizer) -> None:
    first, again = (service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(0.0))) for _ in range(2))
    assert (first.created, again.created, again.image_id) == (True, False, first.image_id)
    image, data = service.handle(ops.GetImage(collection_id=HOME, key=first.image_id))
    assert (image.key, data) == (first.image_id, drawing(0.0))
    with pytest.raises(ImageNotFound):
        service.handle(ops.GetImage(collection_id=HOME, key=hashlib.sha256(drawing(0.0)).hexdigest()))


def test_the_same_again_changes_nothing_and_returns_the_same_faces(service: LocalRecognizer) -> None:
    first = service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(0.0), external_image_id="a.jpg"))
    revision = service.handle(ops.DescribeCollection(collection_id=HOME)).revision
    again = service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(0.0), external_image_id="a.jpg"))
    assert not again.created
    assert again.records == first.records
    assert service.handle(ops.DescribeCollection(collection_id=HOME)).revision == revision


def test_another_photograph_under_a_taken_name_adds_to_the_identity(service: LocalRecognizer) -> None:
    service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(0.0), external_image_id="a.jpg"))
    service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(0.01), external_image_id="a.jpg"))
    assert len(service.handle(ops.ListFaces(collection_id=HOME, external_image_id="a.jpg")).items) == 2
    assert service.handle(ops.GetImage(collection_id=HOME, key="a.jpg"))[1] == drawing(0.01)


def test_one_photograph_under_two_names_is_two_faces_and_one_image(service: LocalRecognizer) -> None:
    service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(0.0), external_image_id="a.jpg"))
    second = service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(0.0), external_image_id="b.jpg"))
    assert service.handle(ops.DescribeCollection(collection_id=HOME)).face_count == 2
    service.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[second.records[0].face.face_id]))
    assert service.handle(ops.GetImage(collection_id=HOME, key="a.jpg"))[1] == drawing(0.0)


def test_the_image_goes_with_its_last_face(service: LocalRecognizer) -> None:
    indexed = service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(0.0, 1.0), external_image_id="a.jpg"))
    one, other = (record.face.face_id for record in indexed.records)
    service.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[one]))
    digest = hashlib.sha256(drawing(0.0, 1.0)).hexdigest()
    assert service.context.images.get(digest)
    deleted = service.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[other, one]))
    assert deleted.deleted == (other,)
    assert deleted.unsuccessful == (UnsuccessfulFace(one, ("FACE_NOT_FOUND",)),)
    with pytest.raises(ImageNotFound):
        service.context.images.get(digest)
    with pytest.raises(ImageNotFound):
        service.handle(ops.GetImage(collection_id=HOME, key="a.jpg"))


def test_without_a_face_nothing_is_stored(service: LocalRecognizer) -> None:
    indexed = service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(), external_image_id="empty.jpg"))
    assert (indexed.records, indexed.unindexed) == ((), ())
    with pytest.raises(ImageNotFound):
        service.handle(ops.GetImage(collection_id=HOME, key="empty.jpg"))
    with pytest.raises(ImageNotFound):
        service.context.images.get(hashlib.sha256(drawing()).hexdigest())


def test_faces_beyond_the_limit_are_named(service: LocalRecognizer) -> None:
    indexed = service.handle(
        ops.IndexFaces(
            collection_id=HOME,
            image=drawing(0.0, 1.0, 2.0),
            external_image_id="three.jpg",
            max_faces=1,
            quality=QualityFilter.NONE,
        )
    )
    assert len(indexed.records) == 1
    assert [face.reasons for face in indexed.unindexed] == [(Reason.EXCEEDS_MAX_FACES,)] * 2


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"external_image_id": "../a"}, InvalidValue),
        ({"external_image_id": "x" * 400}, InvalidValue),
        ({"max_faces": 5000}, InvalidValue),
        ({"metadata": {"a": "b" * 3000}}, InvalidValue),
        ({"collection_id": "nobody"}, CollectionNotFound),
        ({"collection_id": "no/body"}, InvalidValue),
        ({"image": b"GIF89a"}, UnsupportedImage),
    ],
)
def test_what_is_refused_leaves_no_trace(
    service: LocalRecognizer, arguments: dict[str, Any], error: type[Exception]
) -> None:
    revision = service.handle(ops.DescribeCollection(collection_id=HOME)).revision
    with pytest.raises(error):
        service.handle(ops.IndexFaces(**{"collection_id": HOME, "image": drawing(0.0), **arguments}))
    assert service.handle(ops.DescribeCollection(collection_id=HOME)).revision == revision
    with pytest.raises(ImageNotFound):
        service.context.images.get(hashlib.sha256(drawing(0.0)).hexdigest())


def test_a_full_disk_stores_neither_face_nor_image(service: LocalRecognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(digest: str, data: bytes) -> None:
        raise StorageFull("The disk is full.")

    monkeypatch.setattr(service.context.images, "stage", full)
    with pytest.raises(StorageFull):
        service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(0.0), external_image_id="a.jpg"))
    assert service.handle(ops.DescribeCollection(collection_id=HOME)).face_count == 0


def test_a_catalog_that_refuses_leaves_no_image(service: LocalRecognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **more: object) -> None:
        raise StorageFull("The disk is full.")

    monkeypatch.setattr(service.context.catalog, "add_faces", full)
    with pytest.raises(StorageFull):
        service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(0.0), external_image_id="a.jpg"))
    with pytest.raises(ImageNotFound):
        service.context.images.get(hashlib.sha256(drawing(0.0)).hexdigest())


def test_originals_that_are_not_kept_leave_a_thumbnail() -> None:
    service = recognizer(keep_images=False)
    face_id = (
        service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(0.0), external_image_id="a.jpg"))
        .records[0]
        .face.face_id
    )
    assert service.handle(ops.GetThumbnail(collection_id=HOME, face_id=face_id)) == b"thumbnail 0.400"
    gone = "00000000-0000-0000-0000-000000000000"
    page = ops.GetThumbnails(collection_id=HOME, face_ids=[gone, face_id])
    assert service.handle(page) == {face_id: b"thumbnail 0.400"}
    with pytest.raises(CollectionNotFound):
        service.handle(ops.GetThumbnails(collection_id="elsewhere", face_ids=[face_id]))
    with pytest.raises(ImageNotFound):
        service.handle(ops.GetImage(collection_id=HOME, key="a.jpg"))
    service.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[face_id]))
    with pytest.raises(FaceNotFound):
        service.handle(ops.GetThumbnail(collection_id=HOME, face_id=face_id))
    service.close()


def test_a_collection_of_another_pack_is_refused(service: LocalRecognizer) -> None:
    object.__setattr__(service.context, "engines", DrawnEngines(DrawnEngine(contract="another")))
    with pytest.raises(PackMismatch):
        service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(0.0), external_image_id="a.jpg"))
    with pytest.raises(PackMismatch):
        service.handle(ops.SearchImage(collection_id=HOME, image=drawing(0.0)))


def test_deleting_a_collection_takes_its_photographs_but_not_anothers(service: LocalRecognizer) -> None:
    service.handle(ops.CreateCollection(collection_id="other"))
    service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(0.0), external_image_id="a.jpg"))
    service.handle(ops.IndexFaces(collection_id="other", image=drawing(0.0), external_image_id="a.jpg"))
    service.handle(ops.IndexFaces(collection_id="other", image=drawing(1.0), external_image_id="b.jpg"))
    service.handle(ops.DeleteCollection(collection_id="other"))
    assert service.handle(ops.GetImage(collection_id=HOME, key="a.jpg"))[1] == drawing(0.0)
    with pytest.raises(ImageNotFound):
        service.context.images.get(hashlib.sha256(drawing(1.0)).hexdigest())


def test_attributes_are_stored_with_the_face_where_they_were_asked_for(service: LocalRecognizer) -> None:
    def index(note: str, asked: frozenset[Attribute] | None) -> FaceRecord:
        operation = ops.IndexFaces(collection_id=HOME, image=drawing(4.2, note=note), attributes=asked)
        told = service.handle(operation).records[0]
        stored = service.handle(ops.GetFace(collection_id=HOME, face_id=told.face.face_id))
        assert stored.detail.attributes == told.detail.attributes
        return told

    assert index("setting", None).detail.attributes is None
    assert index("none", NONE).detail.attributes is None
    found = index("all", ALL).detail.attributes
    assert found is not None
    assert found.age == AgeRange(37, 47)
    assert found.version == VERSION


def test_a_stored_photograph_again_adds_what_is_asked_for_and_was_not_told(service: LocalRecognizer) -> None:
    def index(asked: frozenset[Attribute]) -> FaceRecord:
        again = service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(4.2), attributes=asked))
        return again.records[0]

    def stored() -> Attributes | None:
        found = service.handle(ops.GetFace(collection_id=HOME, face_id=first.face.face_id))
        assert found.face == first.face
        return found.detail.attributes

    first = index(NONE)
    assert index(frozenset({Attribute.SMILE})).detail.attributes == stored()
    kept = stored()
    assert kept is not None
    assert kept.age is None
    assert kept.asked == {Attribute.SMILE}
    told = index(frozenset({Attribute.AGE_RANGE})).detail.attributes
    assert told is not None
    assert (told.age, told.flags) == (AgeRange(37, 47), {})
    kept = stored()
    assert kept is not None
    assert (kept.age, set(kept.flags)) == (AgeRange(37, 47), {Attribute.SMILE})
    revision = service.handle(ops.DescribeCollection(collection_id=HOME)).revision
    assert index(ALL).face.face_id == first.face.face_id
    assert index(ALL).detail.attributes == stored()
    assert service.handle(ops.DescribeCollection(collection_id=HOME)).revision == revision + 1


def test_what_older_networks_told_is_told_anew(service: LocalRecognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ops.IndexFaces(collection_id=HOME, image=drawing(4.2), attributes=ALL)
    before = service.handle(asked).records[0]
    assert before.detail.attributes is not None

    def newer(_: object, __: object, faces: Sequence[FaceDetail], ___: object) -> list[FaceDetail]:
        return [replace(one, attributes=Attributes(VERSION + 1, AgeRange(1, 2))) for one in faces]

    monkeypatch.setattr(DrawnEngine, "attributes", newer)
    assert service.handle(asked).records[0] == before
    monkeypatch.setattr("kenspeckle.domain.attributes.VERSION", VERSION + 1)
    for _ in range(2):
        after = service.handle(asked).records[0]
        assert after.face == before.face
        assert after.detail.attributes == Attributes(VERSION + 1, AgeRange(1, 2))


def test_the_setting_says_what_is_told_where_a_request_says_nothing() -> None:
    made = recognizer(detection_attributes="ALL")
    try:
        quiet = made.handle(ops.IndexFaces(collection_id=HOME, image=drawing(4.2))).records[0]
        assert quiet.detail.attributes is not None
        bare = ops.IndexFaces(collection_id=HOME, image=drawing(4.2, note="2"), attributes=NONE)
        assert made.handle(bare).records[0].detail.attributes is None
        assert made.info()["detection_attributes"] == "ALL"
    finally:
        made.close()


def test_a_guess_at_gender_is_told_and_never_kept(service: LocalRecognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    def guessing(_: object, __: object, faces: Sequence[FaceDetail], ___: object) -> list[FaceDetail]:
        return [replace(one, attributes=Attributes(gender=Gender("Female", 90.0))) for one in faces]

    monkeypatch.setattr(DrawnEngine, "attributes", guessing)
    told = service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(4.2), attributes=ALL)).records[0]
    assert told.detail.attributes == Attributes(gender=Gender("Female", 90.0))
    assert told.detail.kept.attributes == Attributes()
