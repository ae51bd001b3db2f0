"""What is particular to the managed recognizer: the table is the truth, Amazon's limits are named, erasure is whole."""

from __future__ import annotations

import base64
import copy
import time
import uuid
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from kenspeckle import errors
from kenspeckle.aws import rows
from kenspeckle.aws.recognizer import ManagedRecognizer
from kenspeckle.aws.values import pack, unpack
from kenspeckle.cli.app import app
from kenspeckle.cli.launch import launch
from kenspeckle.domain import operations as ops
from kenspeckle.vision.decode import Photograph
from tests.aws.amazon import Amazon
from tests.aws.watched import Watched

DAY = 86_400.0


def _matched(recognizer: ManagedRecognizer, collection: str, photograph: bytes, **how: Any) -> list[str | None]:
    matches = recognizer.handle(ops.SearchImage(collection_id=collection, image=photograph, **how)).searches[0].matches
    return [one.face.external_image_id for one in matches]


def test_faces_that_the_table_does_not_know_are_no_matches_and_take_no_places(
    aws: Amazon, grace: bytes, eileen: bytes
) -> None:
    name, watched = aws.collection(), Watched(aws.recognizer)
    for number in range(3):
        aws.rekognition.index_faces(CollectionId=name, Image={"Bytes": grace}, ExternalImageId=f"strange-{number}")
    watched.recognizer.handle(ops.IndexFaces(collection_id=name, image=eileen, external_image_id="eileen"))
    with watched.seen() as calls:
        assert _matched(watched.recognizer, name, grace, threshold=0, max_faces=1) == ["eileen"]
    assert calls.count("rekognition.SearchFacesByImage") == 3  # for 1, 2 and 4
    # They are somebody else's, who may know why.
    aws.reconciled(later=DAY)
    assert aws.rekognition.describe_collection(CollectionId=name)["FaceCount"] == 4


def test_large_photographs_are_indexed_and_not_searched_with(aws: Amazon, grace: bytes) -> None:
    name, large = aws.collection(), grace + bytes(6_000_000)
    assert (
        len(aws.recognizer.handle(ops.IndexFaces(collection_id=name, image=large, external_image_id="grace")).records)
        == 1
    )
    with pytest.raises(errors.ImageTooLarge, match="5242880 are the most that can be searched"):
        aws.recognizer.handle(ops.SearchImage(collection_id=name, image=large))
    with pytest.raises(errors.ImageTooLarge, match="15728640 are the most that can be indexed"):
        aws.recognizer.handle(
            ops.IndexFaces(collection_id=name, image=grace + bytes(16_000_000), external_image_id="grace")
        )
    with pytest.raises(errors.UnsupportedImage, match="JPEG and PNG"):
        aws.recognizer.handle(ops.SearchImage(collection_id=name, image=b"RIFF\0\0\0\0WEBPVP8 " + bytes(100)))


def test_a_key_is_as_long_as_one_of_s3(aws: Amazon, grace: bytes) -> None:
    name = aws.collection()
    aws.recognizer.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace", key="k" * 1024))
    assert aws.recognizer.handle(ops.GetImage(collection_id=name, key="k" * 1024))[0].key == "k" * 1024
    with pytest.raises(errors.InvalidValue, match="1024 bytes"):
        aws.recognizer.handle(
            ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace", key="k" * 1025)
        )


def test_templates_can_not_be_taken_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KENSPECKLE_RECOGNIZER", "rekognition")
    done = CliRunner().invoke(
        app, ["export", "kenspeckle", str(tmp_path / "people.jsonl"), "--data-dir", str(tmp_path)]
    )
    assert (done.exit_code, "neither gives templates out" in done.output) == (1, True), done.output


def test_originals_that_are_not_kept(aws: Amazon, grace: bytes) -> None:
    name = aws.collection()
    recognizer = aws.changed(settings=aws.settings(keep_images=False))
    face = (
        recognizer.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace"))
        .records[0]
        .face.face_id
    )
    assert not recognizer.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace")).created
    assert [key for key in aws.objects() if f"in-{name}/" in key] == []
    assert _matched(recognizer, name, grace) == ["grace"]
    for verb in (
        lambda: recognizer.handle(ops.GetImage(collection_id=name, key="grace")),
        lambda: recognizer.handle(ops.GetThumbnail(collection_id=name, face_id=face)),
    ):
        with pytest.raises(errors.ImageNotFound):
            verb()
    assert recognizer.handle(ops.GetThumbnails(collection_id=name, face_ids=[face])) == {}
    assert recognizer.handle(ops.EraseImage(collection_id=name, key="grace")).face_ids == (face,)


def test_a_hundred_faces_take_two_transactions(aws: Amazon, grace: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    name, recognizer, watched = aws.collection(), aws.recognizer, Watched(aws.recognizer)
    call = recognizer.context.amazon.rekognition

    def crowded(operation: str, **parameters: Any) -> Any:
        answer = call(operation, **parameters)
        if operation == "index_faces":
            one = answer["FaceRecords"][0]
            answer["FaceRecords"] = [copy.deepcopy(one) for _ in range(100)]
            for record in answer["FaceRecords"][1:]:
                record["Face"]["FaceId"] = str(uuid.uuid4())
        return answer

    monkeypatch.setattr(recognizer.context.amazon, "rekognition", crowded)
    with watched.seen() as calls:
        assert (
            len(
                recognizer.handle(
                    ops.IndexFaces(collection_id=name, image=grace, external_image_id="crowd", max_faces=100)
                ).records
            )
            == 100
        )
    assert calls.count("dynamodb.TransactWriteItems") == 2
    assert len(recognizer.handle(ops.ListFaces(collection_id=name, limit=4096)).items) == 100
    assert recognizer.handle(ops.EraseImage(collection_id=name, key="crowd")).face_count == 100
    assert recognizer.handle(ops.ListFaces(collection_id=name)).items == ()


def test_every_face_of_a_photograph_is_searched(aws: Amazon, grace: bytes, eileen: bytes, both: bytes) -> None:
    """Lying on its side too, as cameras store it."""
    name, watched = aws.collection(), Watched(aws.recognizer)
    for photograph, who in ((grace, "grace"), (eileen, "eileen")):
        watched.recognizer.handle(ops.IndexFaces(collection_id=name, image=photograph, external_image_id=who))
    with watched.seen() as calls:
        found = watched.recognizer.handle(ops.SearchImage(collection_id=name, image=both, every_face=True))
    best = {one.matches[0].face.external_image_id for one in found.searches if one.matches}
    assert best == {"grace", "eileen"}
    assert calls.count("rekognition.DetectFaces") == 1
    assert calls.count("rekognition.SearchFacesByImage") == len(found.searches) + len(found.unsearched)


def test_a_photograph_is_decoded_once_for_all_its_faces(
    aws: Amazon, both: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, opened = aws.collection(), []
    made = Photograph.__init__

    def counted(photo: Photograph, data: bytes, **how: Any) -> None:
        opened.append(len(data))
        made(photo, data, **how)

    monkeypatch.setattr(Photograph, "__init__", counted)
    aws.recognizer.handle(ops.SearchImage(collection_id=name, image=both, every_face=True))
    assert len(opened) == 1


def test_erasure_takes_faces_of_users_and_every_version(aws: Amazon, grace: bytes, eileen: bytes) -> None:
    name, recognizer = aws.collection(), aws.recognizer
    faces = [
        recognizer.handle(ops.IndexFaces(collection_id=name, image=one, external_image_id=who)).records[0].face
        for one, who in ((grace, "g"), (eileen, "e"))
    ]
    for face in faces:
        recognizer.handle(ops.CreateUser(collection_id=name, user_id=f"user-{face.external_image_id}"))
        recognizer.handle(
            ops.AssociateFaces(collection_id=name, user_id=f"user-{face.external_image_id}", face_ids=[face.face_id])
        )
    assert (
        recognizer.handle(ops.DeleteFaces(collection_id=name, face_ids=[faces[0].face_id])).unsuccessful[0].user_id
        == "user-g"
    )
    # Somebody hid the photograph behind a mark of deletion: it is there all the same.
    row = recognizer.context.table.row(faces[0].face_id)
    assert row is not None
    (key,) = (key for key in aws.objects() if key == row["Key"])
    aws.s3.delete_object(Bucket=recognizer.context.bucket.name, Key=key)
    erased = recognizer.handle(ops.EraseIdentity(collection_id=name, external_image_id="g"))
    assert (erased.face_ids, erased.users, erased.image_count) == ((faces[0].face_id,), ("user-g",), 1)
    assert (key in aws.objects(), erased.complete) == (False, True)
    assert recognizer.handle(ops.EraseUser(collection_id=name, user_id="user-e")).face_ids == (faces[1].face_id,)
    with pytest.raises(errors.UserNotFound):
        recognizer.handle(ops.GetUser(collection_id=name, user_id="user-e"))
    assert recognizer.handle(ops.GetUser(collection_id=name, user_id="user-g")).face_count == 0
    with pytest.raises(errors.ImageNotFound):
        recognizer.handle(ops.EraseImage(collection_id=name, key="g"))
    with pytest.raises(errors.IdentityNotFound):
        recognizer.handle(ops.EraseIdentity(collection_id=name, external_image_id="g"))


def test_age_erases_what_is_old(aws: Amazon, grace: bytes, eileen: bytes) -> None:
    name, now = aws.collection(), time.time()
    aws.changed(now=lambda: now - 10 * DAY).handle(
        ops.IndexFaces(collection_id=name, image=grace, external_image_id="old")
    )
    aws.recognizer.handle(ops.IndexFaces(collection_id=name, image=eileen, external_image_id="young"))
    assert aws.recognizer.handle(ops.RetainCollection(collection_id=name, days=9)).retention_days == 9
    assert aws.recognizer.handle(ops.EraseAged(collection_id=name, days=11)).face_count == 0
    assert aws.recognizer.handle(ops.EraseAged(collection_id=name, days=9)).face_count == 1
    assert [one.external_image_id for one in aws.recognizer.handle(ops.ListFaces(collection_id=name)).items] == [
        "young"
    ]
    assert aws.recognizer.handle(ops.RetainCollection(collection_id=name, days=None)).retention_days is None


def test_a_collection_that_comes_back_is_empty(aws: Amazon, grace: bytes) -> None:
    name, recognizer = aws.collection(), aws.recognizer
    recognizer.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace"))
    recognizer.handle(ops.CreateUser(collection_id=name, user_id="grace"))
    aws.rekognition.delete_collection(CollectionId=name)  # by another hand, or a deletion that ended half-way
    recognizer.handle(ops.CreateCollection(collection_id=name))
    assert recognizer.handle(ops.ListFaces(collection_id=name)).items == ()
    assert [key for key in aws.objects() if f"in-{name}/" in key] == []
    with pytest.raises(errors.AlreadyExists):
        recognizer.handle(ops.CreateCollection(collection_id=name))
    with pytest.raises(errors.NotOffered, match="leave the pack out"):
        recognizer.handle(ops.CreateCollection(collection_id=f"{name}-2", pack="sface"))


def test_pages_go_through_all_faces_once(aws: Amazon, grace: bytes) -> None:
    name, recognizer = aws.collection(), aws.recognizer
    for number in range(5):
        recognizer.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id=f"{number}.jpg"))
    found, cursor = [], None
    while True:
        page = recognizer.handle(ops.ListFaces(collection_id=name, limit=2, cursor=cursor))
        found += [one.external_image_id for one in page.items]
        if page.cursor is None:
            break
        cursor = page.cursor
    assert found == [f"{number}.jpg" for number in range(5)]
    ids = sorted(one.face_id for one in recognizer.handle(ops.ListFaces(collection_id=name)).items)
    first = recognizer.handle(ops.ListFaces(collection_id=name, limit=3, face_ids=ids))
    rest = recognizer.handle(ops.ListFaces(collection_id=name, limit=3, cursor=first.cursor, face_ids=ids))
    assert [one.face_id for one in (*first.items, *rest.items)] == ids
    assert rest.cursor is None
    other = aws.collection()
    with pytest.raises(errors.InvalidCursor):
        recognizer.handle(ops.ListFaces(collection_id=other, limit=2, cursor=cursor))
    with pytest.raises(errors.InvalidCursor):
        recognizer.handle(
            ops.ListFaces(collection_id=name, limit=2, cursor=base64.urlsafe_b64encode(b"[" * 3000).decode())
        )


def test_amazons_protocol_over_amazon(aws: Amazon, tmp_path: Path, grace: bytes, eileen: bytes) -> None:
    """An AWS SDK asks a Kenspeckle that asks Rekognition: with keys, plans and an audit trail between the two."""
    name = aws.collection()
    with launch(tmp_path, settings=aws.variables) as server:
        client = boto3.client("rekognition", endpoint_url=server.url, region_name="eu-central-1")
        for photograph, identity in ((grace, "grace"), (eileen, "eileen")):
            record = client.index_faces(CollectionId=name, Image={"Bytes": photograph}, ExternalImageId=identity)
            assert len(record["FaceRecords"]) == 1
        found = client.search_faces_by_image(CollectionId=name, Image={"Bytes": grace})["FaceMatches"]
        assert [one["Face"]["ExternalImageId"] for one in found] == ["grace"]
        assert len(client.list_faces(CollectionId=name)["Faces"]) == 2
        client.delete_faces(CollectionId=name, FaceIds=[found[0]["Face"]["FaceId"]])
        assert client.search_faces_by_image(CollectionId=name, Image={"Bytes": grace})["FaceMatches"] == []
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.describe_collection(CollectionId="absent")


_texts = st.text(max_size=20)
_rows = st.dictionaries(
    _texts,
    st.recursive(
        st.one_of(
            _texts, st.booleans(), st.integers(-(10**12), 10**12), st.floats(-1e9, 1e9), st.sets(_texts, min_size=1)
        ),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_texts, inner, max_size=3)),
        max_leaves=8,
    ),
    max_size=5,
)


@given(_rows)
def test_rows_come_back_as_they_went(row: dict[str, Any]) -> None:
    assert unpack(pack(row)) == row


def test_orders_sort_by_time() -> None:
    times = [0.0, 1.5, 999_999_999.999999, 1_000_000_000.0, time.time(), 4e9]
    orders = [rows.order(rows.FACE_ORDER, at, "x") for at in times]
    assert orders == sorted(orders)
    assert all(rows.before(at) < order for at, order in zip(times, orders, strict=True))
