"""The API function, from the zip, over S3 and DynamoDB of moto and a Rekognition with real weights."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from kenspeckle.api import schemas
from tests.aws.amazon import Amazon
from tests.aws.lambdas import shapes
from tests.aws.lambdas.front import KEY, front
from tests.aws.lambdas.runtime import Function
from tests.postman.newman import Newman, failures


def _json(answer: dict[str, Any], status: int = 200) -> Any:
    assert answer["statusCode"] == status, answer
    return json.loads(answer["body"])


@pytest.mark.parametrize("shape", [shapes.rest, shapes.http])
def test_index_search_and_info_in_both_versions_of_the_payload(
    aws: Amazon, api: Function, grace: bytes, eileen: bytes, shape: Any
) -> None:
    name = aws.collection()
    indexed = _json(api(shape("PUT", f"/v1/index/grace-hopper.jpg?collection={name}", grace)))
    schemas.IndexFaces.model_validate(indexed)
    assert len(indexed["FaceRecords"]) == 1
    found = _json(api(shape("PUT", f"/v1/search?collection={name}", grace)))
    schemas.Search.model_validate(found)
    assert found["matchedFaces"] == ["Grace hopper"]
    text = base64.b64encode(grace)
    again = _json(api(shape("POST", f"/v1/search?collection={name}", text, {"content-type": "text/plain"})))
    assert again == found
    assert _json(api(shape("PUT", f"/v1/search?collection={name}", eileen)))["matchedFaces"] == []
    info = _json(api(shape("GET", "/v1/info")))
    schemas.Info.model_validate(info)
    assert info["recognizer"] == "rekognition"
    kept = api(shape("GET", f"/v1/images/grace-hopper.jpg?collection={name}"))
    assert (kept["isBase64Encoded"], kept["headers"]["content-type"]) == (True, "image/jpeg")
    assert base64.b64decode(kept["body"]) == grace


def test_faces_are_cut_out_of_photographs(aws: Amazon, api: Function, grace: bytes, eileen: bytes, both: bytes) -> None:
    """By Pillow alone: of a JPEG, of a PNG, and of one photograph that shows two people and lies on its side."""
    name = aws.collection()
    for photograph, file, who in ((grace, "grace-hopper.jpg", "Grace hopper"), (eileen, "eileen.png", "Eileen")):
        indexed = _json(api(shapes.rest("PUT", f"/v1/index/{file}?collection={name}", photograph)))
        face = indexed["FaceRecords"][0]["Face"]["FaceId"]
        cut = api(shapes.rest("GET", f"/v1/faces/{face}/thumbnail?collection={name}"))
        assert (cut["statusCode"], cut["headers"]["content-type"]) == (200, "image/jpeg")
        thumbnail = base64.b64decode(cut["body"])
        assert 160 < max(Image.open(io.BytesIO(thumbnail)).size) <= 256
        assert _json(api(shapes.rest("PUT", f"/v1/search?collection={name}", thumbnail)))["matchedFaces"] == [who]
    found = _json(api(shapes.rest("PUT", f"/v1/search?collection={name}&all_faces=true", both)))
    schemas.Search.model_validate(found)
    assert sorted(found["matchedFaces"]) == ["Eileen", "Grace hopper"]


def test_each_access_is_a_line_of_the_log_with_the_id_of_the_key(api: Function, grace: bytes, rocket: bytes) -> None:
    asked = shapes.rest("PUT", "/v1/search", rocket, {"x-api-key": "the secret itself"}, request_id="asked-1")
    assert _json(api(asked), 422)["code"] == "no_face"
    lines = [line for line in api.lines() if line.get("request_id") == "asked-1" or _row(line) == "asked-1"]
    (row,) = [line["audit"] for line in lines if line["logger"] == "kenspeckle.domain.audit"]
    assert (row["operation"], row["outcome"], row["who"]) == ("SearchFacesByImage", "no_face", shapes.KEY_ID)
    assert row["address"] == "198.51.100.7"
    (access,) = [line for line in lines if line["logger"] == "kenspeckle.access"]
    assert (access["route"], access["status"], access["key"]) == ("/v1/search", 422, shapes.KEY_ID)
    assert "the secret itself" not in api.log.read_text("utf-8")


def _row(line: dict[str, Any]) -> Any:
    return line.get("audit", {}).get("request_id")


def test_whoever_api_gateway_has_not_checked_is_nobody(api: Function, grace: bytes) -> None:
    assert _json(api(shapes.rest("PUT", "/v1/index/a.jpg", grace, key_id=None)), 401)["code"] == "unauthenticated"


def test_the_largest_photograph_that_fits_through_lambda_is_indexed(aws: Amazon, api: Function, grace: bytes) -> None:
    name = aws.collection()
    padded = grace + bytes(4_500_000 - len(grace))
    assert len(json.dumps(shapes.rest("PUT", "/", padded))) < 6 * 1024 * 1024
    assert len(_json(api(shapes.rest("PUT", f"/v1/index/large.jpg?collection={name}", padded)))["FaceRecords"]) == 1


def test_a_photograph_that_came_by_the_bucket_may_be_too_large_to_be_sent(
    aws: Amazon, api: Function, inbox: Function, grace: bytes
) -> None:
    name = aws.collection()
    padded = grace + bytes(6_000_000 - len(grace))
    place = aws.s3.put_object(Bucket="photographs", Key=f"incoming/{name}/large.jpg", Body=padded)
    record = shapes.s3_record("photographs", f"incoming/{name}/large.jpg", place["VersionId"])
    assert inbox(shapes.sqs({"m": shapes.notification([record])})) == {"batchItemFailures": []}
    assert len(_json(api(shapes.rest("GET", f"/v1/collections/{name}/faces")))["Faces"]) == 1
    told = _json(api(shapes.rest("GET", f"/v1/images/large.jpg?collection={name}")), 501)
    assert (told["code"], "6 MB" in told["detail"]) == ("not_offered", True)


@pytest.mark.timeout(240)
def test_the_postman_collection_holds_on_aws(api: Function, tmp_path: Path) -> None:
    newman = Newman.installed()
    with front(api) as url:
        status, run = newman.run("aws", tmp_path, baseUrl=url, apiKey=KEY)
    assert failures(run) == []
    assert status == 0
    assert run["stats"]["requests"]["total"] > 30
