"""Requests are checked against the service model, in AWS's words."""

from __future__ import annotations

import base64
import sys
import unicodedata
from typing import Any

import pytest

from kenspeckle.rekognition import validate
from kenspeckle.rekognition.errors import Refusal
from tests.rekognition.conforming import MODEL

ID = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"


def refused(operation: str, body: Any) -> Refusal:
    with pytest.raises(Refusal) as error:
        validate.compile_model(MODEL, operation)(body)
    return error.value


@pytest.mark.parametrize(
    ("operation", "body", "sentence"),
    [
        ("CreateCollection", {}, "Value null at 'collectionId' failed to satisfy constraint: Member must not be null"),
        ("CreateCollection", {"CollectionId": None}, "Value null at 'collectionId'"),
        (
            "CreateCollection",
            {"CollectionId": "a b"},
            "1 validation error detected: Value 'a b' at 'collectionId' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: [a-zA-Z0-9_.\-]+",
        ),
        ("CreateCollection", {"CollectionId": "a\n"}, "regular expression"),
        ("CreateCollection", {"CollectionId": "a" * 256}, "Member must have length less than or equal to 255"),
        ("CreateCollection", {"CollectionId": ""}, "2 validation errors detected"),
        ("CreateCollection", {"CollectionId": "a", "Tags": {"aws:x": ""}}, "at 'tags.key'"),
        ("CreateCollection", {"CollectionId": "a", "Tags": {"x": "y" * 257}}, "at 'tags.x.value'"),
        ("CreateCollection", {"CollectionId": "a", "Tags": {"x": None}}, "at 'tags.value'"),
        ("CreateCollection", {"CollectionId": "a", "Tags": {str(i): "" for i in range(201)}}, "equal to 200"),
        ("ListCollections", {"MaxResults": 4097}, "Member must have value less than or equal to 4096"),
        ("ListCollections", {"MaxResults": -1}, "Member must have value greater than or equal to 0"),
        ("ListCollections", {"NextToken": "x" * 256}, "at 'nextToken'"),
        ("ListUsers", {"CollectionId": "a", "MaxResults": 0}, "greater than or equal to 1"),
        ("SearchFaces", {"CollectionId": "a", "FaceId": ID.upper()}, "at 'faceId'"),
        ("SearchFaces", {"CollectionId": "a", "FaceId": ID, "FaceMatchThreshold": 100.5}, "equal to 100"),
        ("DeleteFaces", {"CollectionId": "a", "FaceIds": []}, "Member must have length greater than or equal to 1"),
        ("DeleteFaces", {"CollectionId": "a", "FaceIds": [ID] * 4097}, "less than or equal to 4096"),
        (
            "DeleteFaces",
            {"CollectionId": "a", "FaceIds": ["x"]},
            "Member must satisfy constraint: [Member must satisfy",
        ),
        ("DeleteFaces", {"CollectionId": "a", "FaceIds": [None]}, "Member must not be null"),
        ("AssociateFaces", {"CollectionId": "a", "UserId": "u", "FaceIds": [ID] * 101}, "less than or equal to 100"),
        ("IndexFaces", {"CollectionId": "a", "Image": {}, "ExternalImageId": "ä"}, "at 'externalImageId'"),
        ("IndexFaces", {"CollectionId": "a", "Image": {}, "QualityFilter": "BEST"}, "enum value set: [NONE, AUTO, LOW"),
        ("IndexFaces", {"CollectionId": "a", "Image": {}, "DetectionAttributes": ["ALL", "HAIR"]}, "enum value set"),
        ("IndexFaces", {"CollectionId": "a", "Image": {"Bytes": ""}}, "at 'image.bytes'"),
        ("IndexFaces", {"CollectionId": "a", "Image": {"S3Object": {"Bucket": "b"}}}, "at 'image.s3Object.bucket'"),
        ("CreateUser", {"CollectionId": "a", "UserId": "u", "ClientRequestToken": "a b"}, "at 'clientRequestToken'"),
    ],
)
def test_broken_constraints(operation: str, body: Any, sentence: str) -> None:
    error = refused(operation, body)
    assert error.code == "ValidationException"
    assert sentence in error.message


@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        None,
        5,
        {"CollectionId": 5},
        {"CollectionId": ["a"]},
        {"CollectionId": "a", "Image": "picture"},
        {"CollectionId": "a", "Image": {"Bytes": 5}},
        {"CollectionId": "a", "Image": {"Bytes": "not base64!"}},
        {"CollectionId": "a", "Image": {"Bytes": "Ā"}},
        {"CollectionId": "a", "Image": {"Bytes": "QUJ"}},
        {"CollectionId": "a", "Image": {"Bytes": "QUäC"}},
        {"CollectionId": "a", "Image": {}, "MaxFaces": "5"},
        {"CollectionId": "a", "Image": {}, "MaxFaces": 5.5},
        {"CollectionId": "a", "Image": {}, "MaxFaces": True},
        {"CollectionId": "a", "Image": {}, "MaxFaces": 2**31},
        {"CollectionId": "a", "Image": {}, "DetectionAttributes": "ALL"},
        {"CollectionId": "a", "Image": {}, "DetectionAttributes": {"0": "ALL"}},
    ],
)
def test_wrong_types(body: Any) -> None:
    assert refused("IndexFaces", body).code == "SerializationException"


def test_what_is_valid_arrives_as_python_has_it() -> None:
    body = {
        "CollectionId": "a",
        "Image": {"Bytes": base64.b64encode(b"\xff\xd8").decode(), "S3Object": None},
        "MaxFaces": 5.0,
        "Unknown": [1, 2],
        "ExternalImageId": None,
    }
    assert validate.compile_model(MODEL, "IndexFaces")(body) == {
        "CollectionId": "a",
        "Image": {"Bytes": b"\xff\xd8"},
        "MaxFaces": 5,
    }


def test_an_image_of_five_mebibytes_passes_and_one_byte_more_does_not() -> None:
    check = validate.compile_model(MODEL, "DetectFaces")
    most = 5_242_880
    body = {"Image": {"Bytes": base64.b64encode(b"\0" * most).decode()}}
    assert len(check(body)["Image"]["Bytes"]) == most
    for beyond in (1, 2, 3):
        text = base64.b64encode(b"\0" * (most + beyond)).decode()
        answer = refused("DetectFaces", {"Image": {"Bytes": text}})
        shown = f"java.nio.HeapByteBuffer[pos=0 lim={most + beyond} cap={most + beyond}]"
        assert (answer.code, answer.message) == (
            "ValidationException",
            f"1 validation error detected: Value '{shown}' at 'image.bytes' "
            "failed to satisfy constraint: Member must have length less than or equal to 5242880",
        )


def test_long_values_are_not_repeated_whole() -> None:
    assert len(refused("CreateCollection", {"CollectionId": "ä" * 100_000}).message) < 1000
    assert len(refused("DeleteFaces", {"CollectionId": "a", "FaceIds": ["ä" * 10_000] * 4096}).message) < 1000


def test_many_tags_are_not_all_told_of() -> None:
    many = {f"!{number}": None for number in range(10_000)}
    assert len(refused("CreateCollection", {"CollectionId": "a", "Tags": many}).message) < 1000


def test_unicode_classes_of_tags_mean_what_the_model_says() -> None:
    pattern = validate._pattern(MODEL.shapes["TagValue"]["pattern"])
    for number in range(sys.maxunicode + 1):
        letter = chr(number)
        allowed = unicodedata.category(letter)[0] in "LNZ" or letter in "_.:/=+-@"
        assert bool(pattern.fullmatch(letter)) == allowed, hex(number)
