"""The contract of `ports.Catalog`: collections, tags, faces, photographs, page tokens. Fake and SQLite alike."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import astuple, replace
from functools import partial

import numpy as np
import pytest

from kenspeckle.domain import (
    AgeRange,
    Attributes,
    Box,
    Deleted,
    FaceRecord,
    Gender,
    LeftOut,
    QualityFilter,
    UnsuccessfulFace,
    WebhookMessage,
)
from kenspeckle.errors import (
    AlreadyExists,
    CollectionNotFound,
    Conflict,
    FaceNotFound,
    ImageNotFound,
    InvalidCursor,
    PackMismatch,
    QuotaExceeded,
    UserNotFound,
)
from kenspeckle.ports import NewFace
from tests.catalogs import Whole, detail, digest, gallery, new_face, person, photo, stored_face, template


def test_collections_are_made_read_listed_and_deleted(catalog: Whole) -> None:
    catalog.create_collection(gallery("b", team="red"))
    catalog.create_collection(gallery("a"))
    assert catalog.collection("b") == replace(gallery("b"), tags={"team": "red"})
    assert [one.collection_id for one in catalog.collections(10, None).items] == ["b", "a"]
    with pytest.raises(AlreadyExists):
        catalog.create_collection(gallery("a"))
    assert catalog.delete_collection("b") == ()
    assert [one.collection_id for one in catalog.collections(10, None).items] == ["a"]
    for missing in (catalog.collection, catalog.delete_collection, catalog.revision, catalog.tags):
        with pytest.raises(CollectionNotFound, match="'b'"):
            missing("b")


def test_templates_of_another_contract_are_not_stored(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    with pytest.raises(PackMismatch, match="ask again"):
        catalog.add_faces(photo(1), None, [new_face(1)], "v1", contract="another")
    assert (catalog.revision("people"), catalog.counts()["faces"]) == (0, 0)
    catalog.add_faces(photo(1), None, [new_face(1)], "v1", contract="contract")
    assert catalog.counts()["faces"] == 1


def test_every_method_names_a_missing_collection(catalog: Whole) -> None:
    for call in (
        lambda: catalog.set_tags("gone", {"a": "b"}, 50),
        lambda: catalog.remove_tags("gone", ["a"]),
        lambda: catalog.find_indexed("gone", digest(1), None),
        lambda: catalog.add_attributes("gone", {}),
        lambda: catalog.add_faces(photo(1, "gone"), None, [new_face(1)], "v1"),
        lambda: catalog.face("gone", "face-1"),
        lambda: catalog.faces("gone", 10, None),
        lambda: catalog.delete_faces("gone", ["face-1"]),
        lambda: catalog.create_user(person("anna", "gone")),
        lambda: catalog.delete_user("gone", "anna"),
        lambda: catalog.user("gone", "anna"),
        lambda: catalog.users("gone", 10, None),
        lambda: catalog.user_templates("gone", "anna"),
        lambda: catalog.link_faces("gone", "anna", [], None, 100),
        lambda: catalog.unlink_faces("gone", "anna", [], None),
        lambda: catalog.image("gone", "1.jpg"),
        lambda: catalog.image_of("gone", "image-1"),
        lambda: catalog.thumbnail("gone", "face-1"),
        lambda: catalog.changes("gone", 0, 10),
        lambda: catalog.snapshot("gone", "face"),
        lambda: catalog.read_stored("gone", "face", [1]),
    ):
        with pytest.raises(CollectionNotFound):
            call()


def test_tags_are_set_replaced_removed_and_bounded(catalog: Whole) -> None:
    catalog.create_collection(gallery(a="1"))
    catalog.set_tags("people", {"a": "2", "b": "3"}, 2)
    assert catalog.tags("people") == {"a": "2", "b": "3"} == catalog.collection("people").tags
    with pytest.raises(QuotaExceeded):
        catalog.set_tags("people", {"c": "4"}, 2)
    catalog.remove_tags("people", ["a", "absent"])
    assert catalog.tags("people") == {"b": "3"}


def test_a_stored_face_comes_back_as_it_went_in(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    faces = [new_face(1), new_face(2), new_face(3)]
    image, records, created = catalog.add_faces(photo(1), "anna.jpg", faces, "v1")
    assert created
    assert image == photo(1)
    areas = [record.face.box.area for record in records]
    assert areas == sorted(areas, reverse=True)
    for record in records:
        number = int(record.face.face_id.removeprefix("face-"))
        assert record.detail == detail(number)
        assert (record.face.image_id, record.face.external_image_id) == ("image-1", "anna.jpg")
        assert (record.face.index_model, record.face.created_at, record.face.user_id) == ("v1", 2001.125, None)
        again, vector = catalog.face("people", record.face.face_id)
        assert again == record
        assert vector.dtype == np.float32
        assert np.array_equal(vector, template(number))
    assert catalog.collection("people").face_count == 3
    assert catalog.counts() == {"collections": 1, "faces": 3, "users": 0, "images": 1}
    with pytest.raises(FaceNotFound, match="face-9"):
        catalog.face("people", "face-9")


def test_attributes_come_to_a_stored_face_later(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    _, records, _ = catalog.add_faces(photo(1), "anna.jpg", [new_face(1), new_face(2)], "v1")
    told = replace(records[0].detail, attributes=Attributes(age=AgeRange(30, 40), gender=Gender("Male", 60.0)))
    revision = catalog.revision("people")
    catalog.add_attributes("people", {records[0].face.face_id: told, "face-9": told})
    found = catalog.find_indexed("people", digest(1), "anna.jpg")
    assert found is not None
    assert found[1] == (replace(records[0], detail=told.kept), records[1])
    assert catalog.revision("people") == revision + 1


def test_the_same_image_under_the_same_identity_is_stored_once(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    assert catalog.find_indexed("people", digest(1), "anna") is None
    first = catalog.add_faces(photo(1), "anna", [new_face(1), new_face(2)], "v1")
    revision = catalog.revision("people")
    other_ids = replace(photo(1), image_id="image-77", key="other.jpg")
    assert catalog.add_faces(other_ids, "anna", [new_face(3)], "v1") == (*first[:2], False)
    assert catalog.find_indexed("people", digest(1), "anna") == first[:2]
    assert catalog.revision("people") == revision
    assert catalog.add_faces(photo(1), "berta", [new_face(3)], "v1")[2]
    assert catalog.add_faces(photo(1), None, [new_face(4)], "v1")[2]
    assert not catalog.add_faces(photo(1), None, [new_face(5)], "v1")[2]
    assert catalog.collection("people").face_count == 4


def test_faces_that_were_left_out_are_added_once(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    boxes = [Box(*(round(side, 6) for side in astuple(new_face(number).detail.box))) for number in (1, 2, 3)]
    image = replace(photo(1), left_out=LeftOut(1, QualityFilter.AUTO, tuple(boxes[1:])))
    catalog.add_faces(image, "anna", [new_face(1)], "v1")
    found = catalog.find_indexed("people", digest(1), "anna")
    assert found is not None
    assert found[0] == image
    revision = catalog.revision("people")
    told: list[str] = []

    def tell(faces: Sequence[NewFace]) -> Sequence[WebhookMessage]:
        told.extend(one.face_id for one in faces)
        return ()

    add = partial(catalog.add_left_out, image, "anna", max_faces=2, quality=QualityFilter.AUTO)
    # The first is stored already, and comes with another id.
    again = replace(new_face(1), face_id="face-77")
    added = add([again, new_face(2)], tell)
    assert added is not None
    after, records, new = added
    assert after.left_out == LeftOut(2, QualityFilter.AUTO, (boxes[2],))
    assert {one.face.face_id for one in records} == {"face-1", "face-2"}
    assert ([one.face_id for one in new], told) == (["face-2"], ["face-2"])
    assert (catalog.revision("people"), catalog.collection("people").face_count) == (revision + 1, 2)
    twice = add([replace(new_face(2), face_id="face-78")], tell)
    assert twice is not None
    assert (twice[0].left_out, twice[2], told) == (after.left_out, (), ["face-2"])
    last = add([new_face(3)])
    assert last is not None
    assert last[0].left_out is None
    assert catalog.find_indexed("people", digest(1), "anna") == last[:2]
    with pytest.raises(PackMismatch):
        add([new_face(4)], contract="another")
    elsewhere = catalog.add_left_out(image, "berta", [new_face(4)], max_faces=2, quality=QualityFilter.AUTO)
    assert elsewhere is None


def test_an_image_without_faces_gives_way_to_one_with(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    assert catalog.add_faces(photo(1), "anna", [], "v1") == (photo(1), (), True)
    assert catalog.find_indexed("people", digest(1), "anna") is None
    later = replace(photo(1), image_id="image-2")
    assert catalog.add_faces(later, "anna", [new_face(1)], "v1")[2]
    assert catalog.counts()["images"] == 1
    assert catalog.image("people", "1.jpg").image_id == "image-2"


def test_a_face_id_that_is_taken_stores_nothing(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    stored_face(catalog, 1)
    revision = catalog.revision("people")
    with pytest.raises(Conflict):
        catalog.add_faces(photo(2), "b", [new_face(2), new_face(1)], "v1")
    assert catalog.revision("people") == revision
    assert catalog.counts() == {"collections": 1, "faces": 1, "users": 0, "images": 1}
    catalog.create_collection(gallery("others"))
    stored_face(catalog, 1, "others")


def test_faces_are_listed_in_order_and_filtered(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    catalog.create_collection(gallery("others"))
    for number in range(6):
        stored_face(catalog, number)
        stored_face(catalog, number, "others")
    catalog.create_user(person("anna"))
    catalog.link_faces("people", "anna", ["face-2", "face-4"], template(1), 100)

    def ids(**filters: object) -> list[str]:
        return [one.face_id for one in catalog.faces("people", 10, None, **filters).items]  # type: ignore[arg-type]  # as in the port

    assert ids() == [f"face-{number}" for number in range(6)]
    assert ids(user_id="anna") == ["face-2", "face-4"]
    assert ids(external_image_id="3.jpg") == ["face-3"]
    assert ids(face_ids=["face-5", "face-0", "absent", "face-5"]) == ["face-0", "face-5"]
    assert ids(face_ids=["face-5", "face-4"], user_id="anna") == ["face-4"]
    assert ids(external_image_id="absent") == []
    with pytest.raises(UserNotFound):
        ids(user_id="berta")


def test_pages_stay_true_while_others_write(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    for number in range(6):
        stored_face(catalog, number)
    first = catalog.faces("people", 2, None)
    catalog.delete_faces("people", ["face-1", "face-3"])
    stored_face(catalog, 6)
    second = catalog.faces("people", 2, first.cursor)
    third = catalog.faces("people", 2, second.cursor)
    assert [one.face_id for one in (*second.items, *third.items)] == ["face-2", "face-4", "face-5", "face-6"]
    assert third.cursor is None


def test_a_list_of_some_collections_knows_of_no_others(catalog: Whole) -> None:
    for number in range(9):
        catalog.create_collection(gallery(f"g-{number}"))
    stored_face(catalog, 1, "g-2")
    stored_face(catalog, 2, "g-8")
    some = ["g-8", "g-2", "nowhere"]
    first = catalog.collections(1, None, some)
    second = catalog.collections(1, first.cursor, some)
    assert [one.collection_id for one in (*first.items, *second.items)] == ["g-2", "g-8"]
    assert second.cursor is None
    assert catalog.counts(["g-2", "nowhere"]) == {"collections": 1, "faces": 1, "users": 0, "images": 1}
    assert catalog.collections(9, None, []).items == ()


def test_a_page_token_is_good_for_its_list_alone(catalog: Whole) -> None:
    for name in ("people", "others"):
        catalog.create_collection(gallery(name))
        for number in range(3):
            stored_face(catalog, number, name)
            catalog.create_user(person(f"user-{number}", name))
    token = catalog.faces("people", 1, None).cursor
    assert token is not None
    assert len(token) <= 255
    assert [one.face_id for one in catalog.faces("people", 1, token).items] == ["face-1"]
    forged = base64.urlsafe_b64encode(bytes(24)).decode()
    changed = token[:-3] + ("AAA" if token[-3:] != "AAA" else "BBB")
    for call in (
        lambda: catalog.faces("others", 1, token),
        lambda: catalog.faces("people", 1, token, external_image_id="1.jpg"),
        lambda: catalog.faces("people", 1, token, face_ids=["face-1"]),
        lambda: catalog.users("people", 1, token),
        lambda: catalog.collections(1, token),
        lambda: catalog.faces("people", 1, catalog.users("people", 1, None).cursor),
        lambda: catalog.faces("people", 1, forged),
        lambda: catalog.faces("people", 1, changed),
        lambda: catalog.faces("people", 1, "nonsense"),
        lambda: catalog.faces("people", 1, ""),
        lambda: catalog.faces("people", 1, "ä" * 40),
    ):
        with pytest.raises(InvalidCursor):
            call()


def test_users_and_collections_are_paged(catalog: Whole) -> None:
    for number in range(5):
        catalog.create_collection(gallery(f"collection-{number}", n=str(number)))
        catalog.create_user(person(f"user-{number}", "collection-0"))
    names, cursor = [], None
    while True:
        page = catalog.collections(2, cursor)
        names += [(one.collection_id, one.tags["n"]) for one in page.items]
        if (cursor := page.cursor) is None:
            break
    assert names == [(f"collection-{number}", str(number)) for number in range(5)]
    one = catalog.users("collection-0", 3, None)
    two = catalog.users("collection-0", 3, one.cursor)
    assert [user.user_id for user in (*one.items, *two.items)] == [f"user-{number}" for number in range(5)]
    assert two.cursor is None
    assert catalog.users("collection-0", 5, None).cursor is None


def name(catalog: Whole, number: int, collection_id: str = "people") -> str:
    """Where a photograph lies in the image store."""
    return catalog.photograph_name(collection_id, digest(number))


def test_deleting_faces_names_what_stays_and_why(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    for number in range(3):
        stored_face(catalog, number)
    catalog.create_user(person("anna"))
    catalog.link_faces("people", "anna", ["face-1"], template(1), 100)
    deleted, digests = catalog.delete_faces("people", ["face-0", "face-1", "absent", "face-0"])
    refused = (
        UnsuccessfulFace("face-1", ("ASSOCIATED_TO_AN_EXISTING_USER",), "anna"),
        UnsuccessfulFace("absent", ("FACE_NOT_FOUND",)),
    )
    assert deleted == Deleted(("face-0",), refused)
    assert digests == (name(catalog, 0),)
    assert catalog.collection("people").face_count == 2
    revision = catalog.revision("people")
    again = Deleted((), (UnsuccessfulFace("face-0", ("FACE_NOT_FOUND",)),))
    assert catalog.delete_faces("people", ["face-0"]) == (again, ())
    assert catalog.revision("people") == revision


def test_an_image_goes_with_its_last_face_in_any_collection(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    catalog.create_collection(gallery("others"))
    catalog.add_faces(photo(1), "a", [new_face(1), new_face(2)], "v1")
    catalog.add_faces(photo(1), "b", [new_face(3)], "v1")
    catalog.add_faces(photo(1, "others"), "a", [new_face(1)], "v1")
    catalog.add_faces(photo(2, "others"), "a", [new_face(2)], "v1")
    assert catalog.delete_faces("people", ["face-1"])[1] == ()
    assert catalog.image("people", "1.jpg") == photo(1)
    here, others = name(catalog, 1), {name(catalog, number, "others") for number in (1, 2)}
    assert set(catalog.delete_faces("people", ["face-2", "face-3"])[1]) == {here} - others
    with pytest.raises(ImageNotFound):
        catalog.image("people", "1.jpg")
    assert catalog.digests([here, *others, digest(3)]) == others
    assert set(catalog.delete_collection("others")) == others
    assert catalog.digests([here, *others]) == set()
    assert catalog.counts() == {"collections": 1, "faces": 0, "users": 0, "images": 0}


def test_deleting_a_collection_spares_images_of_others(catalog: Whole) -> None:
    for one in ("people", "others"):
        catalog.create_collection(gallery(one, a="b"))
        stored_face(catalog, 1, one)
        catalog.create_user(person("anna", one))
        catalog.link_faces(one, "anna", ["face-1"], template(1), 100)
    stored_face(catalog, 2)
    gone = {name(catalog, 1), name(catalog, 2)} - {name(catalog, 1, "others")}
    assert set(catalog.delete_collection("people")) == gone
    assert catalog.counts() == {"collections": 1, "faces": 1, "users": 1, "images": 1}
    assert catalog.face("others", "face-1")[0].face.user_id == "anna"


def test_a_photograph_that_is_not_kept_refers_to_no_bytes(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    catalog.add_faces(photo(1, kept=False), "a", [new_face(1, b"jpeg")], "v1")
    assert catalog.digests([digest(1)]) == set()
    assert not catalog.image("people", "1.jpg").kept
    assert catalog.thumbnail("people", "face-1") == b"jpeg"
    catalog.delete_faces("people", ["face-1"])
    with pytest.raises(FaceNotFound):
        catalog.thumbnail("people", "face-1")


def test_the_newest_photograph_lies_under_a_key(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    catalog.add_faces(photo(1, key="anna.jpg"), "anna.jpg", [new_face(1)], "v1")
    catalog.add_faces(photo(2, key="anna.jpg"), "anna.jpg", [new_face(2)], "v1")
    assert catalog.image("people", "anna.jpg") == photo(2, key="anna.jpg")
    assert catalog.image_of("people", "image-1") == photo(1, key="anna.jpg")
    assert catalog.thumbnail("people", "face-1") is None
    catalog.delete_faces("people", ["face-2"])
    assert catalog.image("people", "anna.jpg") == photo(1, key="anna.jpg")
    with pytest.raises(ImageNotFound):
        catalog.image("people", "absent")
    with pytest.raises(ImageNotFound):
        catalog.image_of("people", "image-2")


def test_many_ids_at_once(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    catalog.add_faces(photo(1), None, [new_face(number) for number in range(1500)], "v1")
    ids = [f"face-{number}" for number in range(4096)]
    deleted, digests = catalog.delete_faces("people", ids)
    assert (len(deleted.deleted), len(deleted.unsuccessful), digests) == (1500, 2596, (name(catalog, 1),))


def test_records_are_found_again_with_their_user(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    record = stored_face(catalog, 1)
    catalog.create_user(person("anna"))
    catalog.link_faces("people", "anna", ["face-1"], template(5), 100)
    owned = FaceRecord(replace(record.face, user_id="anna"), record.detail)
    assert catalog.find_indexed("people", digest(1), "1.jpg") == (photo(1), (owned,))
    assert catalog.faces("people", 1, None).items == (owned.face,)
