"""boto3 against `kenspeckle serve`: real weights, real photographs, keys, and a bucket that is a folder."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from PIL import Image, ImageEnhance, ImageOps

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.cli.launch import launch
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.models import install
from kenspeckle.settings import load
from kenspeckle.usecases.access.credentials import Created
from kenspeckle.usecases.access.keys import Access
from tests.rekognition.conforming import attach

HOME = "kenspeckle"


@dataclass(frozen=True)
class Real:
    """A client with all rights, one that may only search, and photographs of two people and of none."""

    client: Any
    searcher: Any
    grace: Image.Image
    astronaut: Image.Image
    rocket: Image.Image
    bucket: Path


def jpeg(picture: Image.Image) -> dict[str, bytes]:
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=90)
    return {"Bytes": file.getvalue()}


def changed(picture: Image.Image) -> dict[str, bytes]:
    """The same person as another camera might have it: mirrored, smaller, brighter."""
    smaller = ImageOps.mirror(picture).resize((picture.width * 3 // 4, picture.height * 3 // 4))
    return jpeg(ImageEnhance.Brightness(smaller).enhance(1.15))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    samples = install.samples(load(environ={}).models_dir, lambda *_: None)
    folder, bucket = tmp_path_factory.mktemp("real"), tmp_path_factory.mktemp("bucket")
    keys = created(folder)
    with launch(folder, settings={"KENSPECKLE_S3_BUCKETS": f"photos={bucket.as_uri()}"}) as server:
        grace, astronaut, rocket = map(Image.open, (samples.grace_hopper, samples.astronaut, samples.rocket))
        clients = [client(server.url, key) for key in keys]
        yield Real(clients[0], clients[1], grace, astronaut, rocket, bucket)


def created(data_dir: Path) -> list[Created]:
    """A pair for everything, and one for searching only, as `kenspeckle keys create` makes them."""
    settings = load({"data_dir": data_dir}, environ={})
    with (
        closing(SqlCatalog.open(settings.catalog)) as catalog,
        closing(Access(catalog, MasterKey.of(settings))) as access,
    ):
        return [access.create("all", ["admin"], aws=True), access.create("only search", ["search"], aws=True)]


def client(url: str, key: Created) -> Any:
    made = boto3.client(
        "rekognition",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}),
    )
    attach(made)
    return made


def test_the_same_photograph_again_adds_the_faces_that_it_lacked(real: Real) -> None:
    client, name = real.client, "completed"
    client.create_collection(CollectionId=name)
    pair = Image.new("RGB", (1400, 800), "grey")
    pair.paste(ImageOps.contain(real.grace, (700, 800)), (0, 0))
    pair.paste(ImageOps.contain(real.astronaut, (700, 800)), (700, 0))
    photograph = jpeg(pair)
    first = client.index_faces(CollectionId=name, Image=photograph, ExternalImageId="pair.jpg", MaxFaces=1)
    assert [one["Reasons"] for one in first["UnindexedFaces"]] == [["EXCEEDS_MAX_FACES"]]
    both = client.index_faces(CollectionId=name, Image=photograph, ExternalImageId="pair.jpg", MaxFaces=2)
    assert both["UnindexedFaces"] == []
    assert len({record["Face"]["FaceId"] for record in both["FaceRecords"]}) == 2
    assert first["FaceRecords"][0]["Face"] in [record["Face"] for record in both["FaceRecords"]]
    assert len({record["Face"]["ImageId"] for record in both["FaceRecords"]}) == 1
    for person in (real.grace, real.astronaut):
        (match,) = client.search_faces_by_image(CollectionId=name, Image=jpeg(person))["FaceMatches"]
        assert match["Face"]["ExternalImageId"] == "pair.jpg"
    client.delete_collection(CollectionId=name)


def test_real_recognition_behind_amazons_protocol(real: Real) -> None:
    client, name = real.client, "visitors"
    version = client.create_collection(CollectionId=name)["FaceModelVersion"]
    assert re.fullmatch(r"[0-9]+\.[0-9]", version)  # within the pattern that the model has for the versions of faces
    assert float(version) >= 6, "programs compare it"
    both = {"grace.jpg": real.grace, "astronaut.jpg": real.astronaut}
    faces = {}
    for external, picture in both.items():
        answer = client.index_faces(CollectionId=name, Image=jpeg(picture), ExternalImageId=external, MaxFaces=1)
        faces[external] = answer["FaceRecords"][0]["Face"]["FaceId"]
    for external, picture in both.items():
        found = client.search_faces_by_image(CollectionId=name, Image=changed(picture))["FaceMatches"]
        assert [match["Face"]["ExternalImageId"] for match in found] == [external]
        assert found[0]["Similarity"] > 95
    assert client.search_faces(CollectionId=name, FaceId=faces["grace.jpg"])["FaceMatches"] == []

    same = client.compare_faces(SourceImage=jpeg(real.grace), TargetImage=changed(real.grace))
    other = client.compare_faces(SourceImage=jpeg(real.grace), TargetImage=jpeg(real.astronaut))
    assert len(same["FaceMatches"]) == len(other["UnmatchedFaces"]) == 1

    client.create_user(CollectionId=name, UserId="grace")
    mirrored = client.index_faces(CollectionId=name, Image=changed(real.grace), MaxFaces=1)
    second = mirrored["FaceRecords"][0]["Face"]["FaceId"]
    associated = client.associate_faces(
        CollectionId=name, UserId="grace", FaceIds=[faces["grace.jpg"], second, faces["astronaut.jpg"]]
    )
    assert [one["FaceId"] for one in associated["AssociatedFaces"]] == [faces["grace.jpg"], second]
    assert associated["UnsuccessfulFaceAssociations"][0]["Reasons"] == ["LOW_MATCH_CONFIDENCE"]
    found = client.search_users_by_image(CollectionId=name, Image=jpeg(real.grace))["UserMatches"]
    assert [match["User"]["UserId"] for match in found] == ["grace"]
    client.delete_collection(CollectionId=name)


def test_a_photograph_of_nobody(real: Real) -> None:
    image = jpeg(real.rocket)
    assert real.client.detect_faces(Image=image)["FaceDetails"] == []
    assert real.client.index_faces(CollectionId=HOME, Image=image)["FaceRecords"] == []
    with pytest.raises(real.client.exceptions.InvalidParameterException, match="no faces in the image"):
        real.client.search_faces_by_image(CollectionId=HOME, Image=image)


def test_an_object_of_a_folder(real: Real) -> None:
    real.bucket.joinpath("grace.jpg").write_bytes(jpeg(real.grace)["Bytes"])
    found = real.client.detect_faces(Image={"S3Object": {"Bucket": "photos", "Name": "grace.jpg"}})
    assert len(found["FaceDetails"]) == 1
    for name in ("../grace.jpg", "absent.jpg", "/etc/hostname"):
        with pytest.raises(real.client.exceptions.InvalidS3ObjectException):
            real.client.detect_faces(Image={"S3Object": {"Bucket": "photos", "Name": name}})


def test_a_damaged_photograph(real: Real) -> None:
    cut = jpeg(real.grace)["Bytes"][:4000]
    with pytest.raises(real.client.exceptions.InvalidImageFormatException):
        real.client.detect_faces(Image={"Bytes": cut})


def test_rights_and_ids_reach_the_whole_server(real: Real) -> None:
    with pytest.raises(real.searcher.exceptions.AccessDeniedException, match="no scope 'index'"):
        real.searcher.index_faces(CollectionId=HOME, Image=jpeg(real.grace))
    answer = real.searcher.detect_faces(Image=jpeg(real.grace))["ResponseMetadata"]
    assert answer["RequestId"] == answer["HTTPHeaders"]["x-request-id"]
    assert answer["HTTPHeaders"]["cache-control"] == "no-store"
