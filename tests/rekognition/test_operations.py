"""What operations do beyond a client's ordinary life: photographs, pages, tokens, attributes, buckets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rekognition.portraits import blank, portrait
from tests.rekognition.requests import UNKNOWN_FACE, arn
from tests.rekognition.served import Served


@pytest.fixture
def client(open_server: Served) -> Any:
    return open_server.client()


def face_of(client: Any, gallery: str, person: float) -> str:
    answer = client.index_faces(CollectionId=gallery, Image={"Bytes": portrait(person)})
    return str(answer["FaceRecords"][0]["Face"]["FaceId"])


def test_max_faces_keeps_the_best_and_names_the_rest(client: Any, gallery: str) -> None:
    crowd = {"Bytes": portrait(0.0, 0.5, 1.0, 1.5)}
    answer = client.index_faces(CollectionId=gallery, Image=crowd, MaxFaces=3, DetectionAttributes=["ALL"])
    sizes = [record["Face"]["BoundingBox"]["Width"] for record in answer["FaceRecords"]]
    assert len(sizes) == 3
    assert sizes == sorted(sizes, reverse=True)
    assert [face["Reasons"] for face in answer["UnindexedFaces"]] == [["EXCEEDS_MAX_FACES"]]
    assert answer["FaceModelVersion"] == client.describe_collection(CollectionId=gallery)["FaceModelVersion"]


def test_max_faces_holds_for_a_photograph_that_is_known(client: Any, gallery: str) -> None:
    crowd = {"Bytes": portrait(0.0, 0.5, 1.0, 1.5)}
    everyone = client.index_faces(CollectionId=gallery, Image=crowd)["FaceRecords"]
    some = client.index_faces(CollectionId=gallery, Image=crowd, MaxFaces=3)
    assert some["FaceRecords"] == everyone[:3]
    assert [face["Reasons"] for face in some["UnindexedFaces"]] == [["EXCEEDS_MAX_FACES"]]
    assert client.index_faces(CollectionId=gallery, Image=crowd)["FaceRecords"] == everyone
    assert client.describe_collection(CollectionId=gallery)["FaceCount"] == 4


def test_without_max_faces_a_crowd_is_indexed_up_to_a_hundred(client: Any, gallery: str) -> None:
    people = [number / 7 for number in range(104)]
    answer = client.index_faces(CollectionId=gallery, Image={"Bytes": portrait(*people)}, QualityFilter="NONE")
    assert (len(answer["FaceRecords"]), len(answer["UnindexedFaces"])) == (100, 4)
    other = {"Bytes": portrait(*people, note="2")}
    most = client.index_faces(CollectionId=gallery, Image=other, QualityFilter="NONE", MaxFaces=2**31 - 1)
    assert len(most["FaceRecords"]) == 100


def test_a_photograph_of_nobody(client: Any, gallery: str) -> None:
    image = {"Bytes": portrait()}
    answer = client.index_faces(CollectionId=gallery, Image=image)
    assert (answer["FaceRecords"], answer["UnindexedFaces"]) == ([], [])
    assert client.detect_faces(Image=image)["FaceDetails"] == []
    assert client.search_users_by_image(CollectionId=gallery, Image=image)["UserMatches"] == []
    with pytest.raises(client.exceptions.InvalidParameterException, match=r"no faces in the image. Should be at least"):
        client.search_faces_by_image(CollectionId=gallery, Image=image)
    with pytest.raises(client.exceptions.InvalidParameterException):
        client.compare_faces(SourceImage=image, TargetImage={"Bytes": portrait(0.5)})


DEFAULT = {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"}


@pytest.mark.parametrize(
    ("asked", "more"),
    [
        ([], set()),
        (["DEFAULT"], set()),
        (["ALL"], {"AgeRange", "Smile"}),
        (["ALL", "DEFAULT"], {"AgeRange", "Smile"}),
        (["DEFAULT", "AGE_RANGE"], {"AgeRange"}),
        (["SMILE", "SMILE"], {"Smile"}),
        (["FACE_OCCLUDED", "EMOTIONS", "GENDER", "BEARD"], set()),
    ],
)
def test_attributes_are_told_as_asked_and_as_far_as_they_are_known(
    client: Any, gallery: str, asked: list[str], more: set[str]
) -> None:
    (detail,) = client.detect_faces(Image={"Bytes": portrait(0.5)}, Attributes=asked)["FaceDetails"]
    assert set(detail) == DEFAULT | more
    assert [one["Type"] for one in detail["Landmarks"]] == ["eyeLeft", "eyeRight", "mouthLeft", "mouthRight", "nose"]
    sent = {"Bytes": portrait(0.5, note=str(asked))}
    for _ in range(2):  # the second time the face is there already
        answer = client.index_faces(CollectionId=gallery, Image=sent, DetectionAttributes=asked)
        assert set(answer["FaceRecords"][0]["FaceDetail"]) == DEFAULT | more
    # A face that was stored without is told about all the same.
    again = client.index_faces(CollectionId=gallery, Image=sent, DetectionAttributes=["AGE_RANGE"])
    assert set(again["FaceRecords"][0]["FaceDetail"]) == DEFAULT | {"AgeRange"}


@pytest.mark.parametrize("asked", [["AGE"], ["all"], ["ALL", "LANDMARKS"], [""]])
def test_an_attribute_that_amazon_does_not_know_is_refused_as_amazon_does(client: Any, asked: list[str]) -> None:
    with pytest.raises(client.exceptions.ClientError) as refused:
        client.detect_faces(Image={"Bytes": portrait(0.5)}, Attributes=asked)
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert "at 'attributes' failed to satisfy constraint: Member must satisfy" in error["Message"]


def test_jpeg_and_png_pass_and_nothing_else(client: Any) -> None:
    for kind in ("PNG", "JPEG"):
        assert client.detect_faces(Image={"Bytes": portrait(0.5, kind=kind)})["FaceDetails"]
    for data in (b"x", b"GIF89a", blank(kind="GIF"), blank(kind="WEBP"), b"\xff\xd8", b"%PDF-1.4"):
        with pytest.raises(client.exceptions.InvalidImageFormatException, match="Request has invalid image format"):
            client.detect_faces(Image={"Bytes": data})


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_photographs_have_at_least_80_pixels_a_side(client: Any, kind: str) -> None:
    client.detect_faces(Image={"Bytes": blank(80, 80, kind)})
    for size in ((79, 200), (200, 79)):
        with pytest.raises(client.exceptions.InvalidParameterException, match=f"{size[0]} x {size[1]} pixels"):
            client.detect_faces(Image={"Bytes": blank(*size, kind)})


def test_five_mebibytes_and_one_byte(client: Any, gallery: str) -> None:
    most = portrait(0.5).ljust(5_242_880, b" ")
    assert client.detect_faces(Image={"Bytes": most})["FaceDetails"]
    for beyond in (1, 2_000_000, 10_000_000):
        with pytest.raises(client.exceptions.ClientError) as refused:
            client.index_faces(CollectionId=gallery, Image={"Bytes": most + b" " * beyond})
        error = refused.value.response["Error"]
        assert error["Code"] == "ValidationException"
        # Programs match Amazon's words, up to the size.
        assert error["Message"].startswith("1 validation error detected: Value ")
        rule = " at 'image.bytes' failed to satisfy constraint: Member must have length less than or equal to 5242880"
        assert error["Message"].endswith(rule)
    assert client.describe_collection(CollectionId=gallery)["FaceCount"] == 0


def test_an_image_needs_exactly_one_source(client: Any) -> None:
    whole = {"Bytes": portrait(0.5), "S3Object": {"Bucket": "photos", "Name": "a"}}
    images: tuple[dict[str, Any], ...] = ({}, whole, {"S3Object": {}})
    for image in images:
        with pytest.raises(client.exceptions.InvalidParameterException, match="needs"):
            client.detect_faces(Image=image)


def test_objects_of_the_operators_buckets(open_server: Served, client: Any, gallery: str) -> None:
    objects = open_server.buckets.objects
    objects["photos", "ada.png", None] = portrait(0.5)
    objects["photos", "ada.png", "v1"] = portrait(1.5)
    objects["photos", "large.png", None] = portrait(0.5).ljust(15 * 1024 * 1024 + 1)
    objects["photos", "note.txt", None] = b"no photograph"
    s3 = {"Bucket": "photos", "Name": "ada.png"}
    newest = client.index_faces(CollectionId=gallery, Image={"S3Object": s3})["FaceRecords"]
    oldest = client.index_faces(CollectionId=gallery, Image={"S3Object": {**s3, "Version": "v1"}})["FaceRecords"]
    assert newest[0]["Face"]["FaceId"] != oldest[0]["Face"]["FaceId"]
    for bucket, name in (("photos", "bob.png"), ("secrets", "ada.png")):
        with pytest.raises(client.exceptions.InvalidS3ObjectException, match="Unable to get object metadata from S3"):
            client.detect_faces(Image={"S3Object": {"Bucket": bucket, "Name": name}})
    with pytest.raises(client.exceptions.ImageTooLargeException):
        client.detect_faces(Image={"S3Object": {"Bucket": "photos", "Name": "large.png"}})
    with pytest.raises(client.exceptions.InvalidImageFormatException):
        client.detect_faces(Image={"S3Object": {"Bucket": "photos", "Name": "note.txt"}})


def test_pages_of_faces_and_users(client: Any, gallery: str) -> None:
    faces = [face_of(client, gallery, number * 3.0) for number in range(5)]
    for number in range(5):
        client.create_user(CollectionId=gallery, UserId=f"user-{number}")
    pages = list(client.get_paginator("list_faces").paginate(CollectionId=gallery, PaginationConfig={"PageSize": 2}))
    assert [len(page["Faces"]) for page in pages] == [2, 2, 1]
    assert [face["FaceId"] for page in pages for face in page["Faces"]] == faces
    users = list(client.get_paginator("list_users").paginate(CollectionId=gallery, PaginationConfig={"PageSize": 2}))
    assert [user["UserId"] for page in users for user in page["Users"]] == [f"user-{number}" for number in range(5)]
    assert len(client.list_faces(CollectionId=gallery, MaxResults=0)["Faces"]) == 5
    wanted = [faces[3], faces[1]]
    assert {face["FaceId"] for face in client.list_faces(CollectionId=gallery, FaceIds=wanted)["Faces"]} == set(wanted)


def test_tokens_of_another_list_are_refused(client: Any, gallery: str) -> None:
    face_of(client, gallery, 0.0)
    face_of(client, gallery, 3.0)
    token = client.list_faces(CollectionId=gallery, MaxResults=1)["NextToken"]
    wrong = client.exceptions.InvalidPaginationTokenException
    with pytest.raises(wrong):
        client.list_faces(CollectionId="kenspeckle", NextToken=token)
    with pytest.raises(wrong):
        client.list_users(CollectionId=gallery, NextToken=token)
    with pytest.raises(wrong):
        client.list_collections(NextToken=token)
    for other in ("x", "ü", token[:-4]):
        with pytest.raises(wrong):
            client.list_faces(CollectionId=gallery, NextToken=other)


def test_request_tokens(client: Any, gallery: str) -> None:
    once = {"CollectionId": gallery, "UserId": "ada", "ClientRequestToken": "once"}
    client.create_user(**once)
    client.create_user(**once)
    with pytest.raises(client.exceptions.IdempotentParameterMismatchException):
        client.create_user(CollectionId=gallery, UserId="eve", ClientRequestToken="once")
    with pytest.raises(client.exceptions.ConflictException):
        client.create_user(CollectionId=gallery, UserId="ada")
    again = {"CollectionId": gallery, "UserId": "ada", "ClientRequestToken": "gone"}
    client.delete_user(**again)
    client.delete_user(**again)


def test_a_face_of_another_user(client: Any, gallery: str) -> None:
    face = face_of(client, gallery, 0.5)
    for user in ("ada", "eve"):
        client.create_user(CollectionId=gallery, UserId=user)
    client.associate_faces(CollectionId=gallery, UserId="ada", FaceIds=[face])
    refused = client.associate_faces(CollectionId=gallery, UserId="eve", FaceIds=[face, UNKNOWN_FACE])
    assert refused["AssociatedFaces"] == []
    reasons = {one["FaceId"]: one["Reasons"] for one in refused["UnsuccessfulFaceAssociations"]}
    assert reasons == {face: ["ASSOCIATED_TO_A_DIFFERENT_USER"], UNKNOWN_FACE: ["FACE_NOT_FOUND"]}
    apart = client.disassociate_faces(CollectionId=gallery, UserId="eve", FaceIds=[face])
    assert apart["UnsuccessfulFaceDisassociations"][0]["UserId"] == "ada"


def test_thresholds_are_the_clients(client: Any, gallery: str) -> None:
    face_of(client, gallery, 0.0)
    image = {"Bytes": portrait(0.65)}
    assert client.search_faces_by_image(CollectionId=gallery, Image=image)["FaceMatches"] == []
    loose = client.search_faces_by_image(CollectionId=gallery, Image=image, FaceMatchThreshold=70)
    assert 70 <= loose["FaceMatches"][0]["Similarity"] < 80
    compared = client.compare_faces(SourceImage={"Bytes": portrait(0.0)}, TargetImage=image, SimilarityThreshold=70)
    assert len(compared["FaceMatches"]) == 1


def test_errors_have_their_own_classes(client: Any, gallery: str) -> None:
    absent, errors = "absent", client.exceptions
    for call in (client.describe_collection, client.delete_collection, client.list_faces, client.list_users):
        with pytest.raises(errors.ResourceNotFoundException, match="The collection id: absent does not exist"):
            call(CollectionId=absent)
    with pytest.raises(errors.ResourceAlreadyExistsException, match=f"{gallery} already exists"):
        client.create_collection(CollectionId=gallery)
    with pytest.raises(errors.InvalidParameterException, match="faceId was not found in the collection"):
        client.search_faces(CollectionId=gallery, FaceId=UNKNOWN_FACE)
    with pytest.raises(errors.InvalidParameterException, match="either a user or a face"):
        client.search_users(CollectionId=gallery)
    with pytest.raises(errors.ResourceNotFoundException, match="The user id: nobody does not exist"):
        client.search_users(CollectionId=gallery, UserId="nobody")
    with pytest.raises(errors.ResourceNotFoundException, match="no collection named 'absent'"):
        client.tag_resource(ResourceArn=arn(absent), Tags={})
    for name in (arn(absent), arn(gallery).replace("us-east-1", "eu-west-1"), arn(""), "x" * 30):
        with pytest.raises(errors.ResourceNotFoundException):
            client.list_tags_for_resource(ResourceArn=name)
    many = {str(number): "" for number in range(200)}
    client.tag_resource(ResourceArn=arn(gallery), Tags=many)
    with pytest.raises(errors.ServiceQuotaExceededException):
        client.tag_resource(ResourceArn=arn(gallery), Tags={"one more": ""})
