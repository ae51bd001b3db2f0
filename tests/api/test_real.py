"""The REST API's contract over the real thing: a server process, real weights, public-domain photographs.

The same tests run over both recognizers: the embedded one on SQLite and a folder, and the managed one on DynamoDB and
S3 (moto's server), with a second Kenspeckle in Rekognition's place."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageEnhance, ImageOps

from kenspeckle import settings
from kenspeckle.api import examples, schemas
from kenspeckle.cli.launch import launch
from kenspeckle.domain import QualityFilter
from kenspeckle.usecases.audit import receipts
from tests.aws.amazon import amazon

GRACE, EILEEN = "grace-hopper.jpg", "eileen-collins.png"


def _sample(name: str) -> Path:
    return settings.load(environ={}).models_dir / "samples" / name


def _jpeg(picture: Image.Image, **how: Any) -> bytes:
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=90, **how)
    return file.getvalue()


@pytest.fixture(scope="module")
def grace() -> bytes:
    return _sample("grace_hopper.jpg").read_bytes()


@pytest.fixture(scope="module")
def eileen() -> bytes:
    return _sample("astronaut.png").read_bytes()


STAGES = {"local": ("detect", "embed", "search", "store"), "rekognition": ("place", "index", "search", "store")}
"""What each recognizer measures."""


@pytest.fixture(scope="module", params=list(STAGES))
def recognizer(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def http(
    recognizer: str, tmp_path_factory: pytest.TempPathFactory, grace: bytes, eileen: bytes
) -> Iterator[httpx.Client]:
    """A server that knows the two."""
    variables = {"KENSPECKLE_MAX_IMAGE_PIXELS": "4000000"}
    with ExitStack() as stack:
        if recognizer == "rekognition":
            variables |= stack.enter_context(amazon(tmp_path_factory.mktemp("eyes"))).variables
        server = stack.enter_context(launch(tmp_path_factory.mktemp("real"), settings=variables))
        client = stack.enter_context(httpx.Client(base_url=server.url, timeout=30))
        for name, photograph in ((GRACE, grace), (EILEEN, eileen)):
            answer = client.put(f"/v1/index/{name}", content=photograph, headers={"x-amz-meta-from": "sample"})
            assert answer.status_code == 200, answer.text
            schemas.IndexFaces.model_validate(answer.json())
            assert len(answer.json()["FaceRecords"]) == 1
        yield client


def _names(http: httpx.Client, photograph: bytes, query: str = "") -> list[str]:
    answer = http.put(f"/v1/search{query}", content=photograph)
    assert answer.status_code == 200, answer.text
    schemas.Search.model_validate(answer.json())
    return list(answer.json()["matchedFaces"])


def test_variations_of_a_person_are_found(http: httpx.Client, grace: bytes, eileen: bytes) -> None:
    for photograph, name in ((grace, "Grace hopper"), (eileen, "Eileen collins")):
        picture = Image.open(io.BytesIO(photograph)).convert("RGB")
        for changed in (picture, ImageOps.mirror(picture), ImageEnhance.Brightness(picture).enhance(0.6)):
            assert _names(http, _jpeg(changed)) == [name]


def test_two_people_in_one_photograph(http: httpx.Client, grace: bytes, eileen: bytes) -> None:
    pictures = [Image.open(io.BytesIO(one)).convert("RGB").resize((400, 400)) for one in (grace, eileen)]
    both = Image.new("RGB", (800, 400))
    for place, picture in enumerate(pictures):
        both.paste(picture, (400 * place, 0))
    assert len(_names(http, _jpeg(both))) == 1
    answer = http.put("/v1/search?all_faces=true", content=_jpeg(both)).json()
    schemas.Search.model_validate(answer)
    assert sorted(answer["matchedFaces"]) == ["Eileen collins", "Grace hopper"]
    assert len(answer["searches"]) >= 2


def test_base64_says_the_same_as_the_bytes(http: httpx.Client, grace: bytes) -> None:
    raw = http.put("/v1/search", content=grace).json()
    text = b"data:image/jpeg;base64," + base64.encodebytes(grace)
    assert http.put("/v1/search", content=text, headers={"content-type": "text/plain"}).json() == raw
    assert http.put("/v1/search", content=base64.b64encode(grace)).json() == raw


def test_the_same_again_adds_nothing_and_a_threshold_bites(http: httpx.Client, grace: bytes) -> None:
    before = http.get("/v1/info").json()["counts"]["faces"]
    first = http.put(f"/v1/index/{GRACE}", content=grace).json()
    assert http.put(f"/v1/index/{GRACE}", content=grace).json()["FaceRecords"] == first["FaceRecords"]
    assert http.get("/v1/info").json()["counts"]["faces"] == before
    everyone = http.put("/v1/search?threshold=0&max_faces=100", content=grace).json()["faces"]["FaceMatches"]
    assert len(everyone) == before
    assert everyone[0]["Face"]["ExternalImageId"] == GRACE
    assert everyone[0]["Similarity"] > 99


def test_detect_and_compare(http: httpx.Client, grace: bytes, eileen: bytes) -> None:
    found = http.post("/v1/detect", content=grace).json()
    schemas.DetectFaces.model_validate(found)
    assert len(found["FaceDetails"]) == 1
    small = _jpeg(Image.open(io.BytesIO(grace)).resize((300, 360)))
    same = http.post("/v1/compare", files={"source": grace, "target": small}).json()
    schemas.CompareFaces.model_validate(same)
    assert same["FaceMatches"][0]["Similarity"] > 90
    other = http.post("/v1/compare", files={"source": grace, "target": eileen}).json()
    assert other["FaceMatches"] == []
    assert len(other["UnmatchedFaces"]) == 1


def test_what_is_stored_comes_back(http: httpx.Client, grace: bytes) -> None:
    photograph = http.get(f"/v1/images/{GRACE}")
    assert photograph.content == grace
    assert photograph.headers["x-amz-meta-from"] == "sample"
    faces = http.get("/v1/collections/kenspeckle/faces", params={"external_image_id": GRACE}).json()
    schemas.FaceList.model_validate(faces)
    thumbnail = http.get(f"/v1/faces/{faces['Faces'][0]['FaceId']}/thumbnail")
    assert max(Image.open(io.BytesIO(thumbnail.content)).size) <= 256


def test_faces_go_for_good(http: httpx.Client, grace: bytes, eileen: bytes) -> None:
    place = "/v1/collections/passing"
    assert http.put(place).status_code == 201
    for name in ("one.jpg", "two.jpg"):
        http.put(f"/v1/index/{name}?collection=passing", content=grace)
    face = http.put("/v1/index/e.jpg?collection=passing", content=eileen).json()["FaceRecords"][0]["Face"]["FaceId"]
    assert sorted(_names(http, grace, "?collection=passing")) == ["One", "Two"]
    assert len(http.delete(f"{place}/faces?external_image_id=one.jpg").json()["DeletedFaces"]) == 1
    assert _names(http, grace, "?collection=passing") == ["Two"]
    assert http.delete(f"{place}/faces/{face}").status_code == 200
    assert _names(http, eileen, "?collection=passing") == []
    assert http.delete(place).status_code == 204
    assert http.put("/v1/search?collection=passing", content=grace).json()["code"] == "collection_not_found"


def test_users_over_the_real_catalog(http: httpx.Client, grace: bytes, eileen: bytes) -> None:
    place = "/v1/collections/kenspeckle"
    ids = {
        name: http.get(f"{place}/faces", params={"external_image_id": name}).json()["Faces"][0]["FaceId"]
        for name in (GRACE, EILEEN)
    }
    assert http.put(f"{place}/users/grace").status_code == 201
    assert http.put(f"{place}/users/grace").status_code == 200
    joined = http.post(f"{place}/users/grace/faces", json={"FaceIds": [ids[GRACE]]}).json()
    schemas.AssociateFaces.model_validate(joined)
    refused = http.post(f"{place}/users/grace/faces", json={"FaceIds": [ids[EILEEN]]}).json()
    schemas.AssociateFaces.model_validate(refused)
    assert refused["UnsuccessfulFaceAssociations"][0]["Reasons"] == ["LOW_MATCH_CONFIDENCE"]
    found = http.post(f"{place}/users/search", content=grace).json()
    schemas.SearchUsersByImage.model_validate(found)
    assert [match["User"]["UserId"] for match in found["UserMatches"]] == ["grace"]
    assert http.post(f"{place}/users/search", content=eileen).json()["UserMatches"] == []
    schemas.SearchUsers.model_validate(http.post(f"{place}/users/grace/search").json())
    assert http.delete(f"{place}/faces/{ids[GRACE]}").json()["code"] == "conflict"
    assert http.delete(f"{place}/users/grace/faces/{ids[GRACE]}").status_code == 200
    assert http.delete(f"{place}/users/grace").status_code == 204


def _broken(grace: bytes) -> dict[str, tuple[bytes, int, set[str]]]:
    gif, bomb, tiny = io.BytesIO(), io.BytesIO(), io.BytesIO()
    Image.open(io.BytesIO(grace)).convert("P").save(gif, "GIF")
    Image.new("1", (5000, 5000)).save(bomb, "PNG")
    Image.new("RGB", (8, 8)).save(tiny, "PNG")
    return {
        "truncated": (grace[: len(grace) // 2], 422, {"damaged_image"}),
        "only a head": (grace[:20], 422, {"damaged_image"}),
        "a GIF by another name": (gif.getvalue(), 415, {"unsupported_image"}),
        "too many pixels": (bomb.getvalue(), 413, {"image_too_large"}),
        "too small": (tiny.getvalue(), 422, {"image_too_small"}),
        "text": (b"not an image", 415, {"unsupported_image"}),
        "no face": (_sample("rocket.jpg").read_bytes(), 422, {"no_face"}),
    }


@pytest.mark.parametrize(
    "what", ["truncated", "only a head", "a GIF by another name", "too many pixels", "too small", "text", "no face"]
)
def test_photographs_that_can_not_be_searched(http: httpx.Client, grace: bytes, what: str) -> None:
    body, status, codes = _broken(grace)[what]
    answer = http.put("/v1/search", content=body, headers={"content-type": "image/jpeg"})
    problem = answer.json()
    assert (answer.status_code, problem["code"] in codes) == (status, True), answer.text
    assert problem["field"]
    assert len(problem["detail"]) > 30


def test_a_photograph_without_a_face_is_indexed_to_nothing(http: httpx.Client) -> None:
    before = http.get("/v1/info").json()["counts"]
    answer = http.put("/v1/index/rocket.jpg", content=_sample("rocket.jpg").read_bytes())
    assert (answer.status_code, answer.json()["FaceRecords"]) == (200, [])
    assert http.get("/v1/info").json()["counts"] == before
    assert http.get("/v1/images/rocket.jpg").status_code == 404


@pytest.mark.parametrize("quality", list(QualityFilter))
def test_quality_bars_are_taken(http: httpx.Client, grace: bytes, quality: QualityFilter) -> None:
    assert http.put(f"/v1/search?quality={quality}", content=grace).status_code in (200, 422)


def test_stages_are_measured(http: httpx.Client, recognizer: str, grace: bytes) -> None:
    _names(http, grace)
    numbers = http.get("/metrics").text
    for stage in STAGES[recognizer]:
        assert f'kenspeckle_stage_seconds_count{{stage="{stage}"}}' in numbers
    assert "kenspeckle_faces_indexed_total" in numbers


def test_cursors_of_others_are_refused(http: httpx.Client) -> None:
    for path in ("/v1/collections", "/v1/collections/kenspeckle/faces", "/v1/collections/kenspeckle/users"):
        for cursor in ("x", "\x00", "9" * 400, "eyJyb3ciOjF9"):
            answer = http.get(path, params={"cursor": cursor})
            assert answer.status_code in (200, 422), answer.text
            if answer.status_code == 422:
                assert answer.json()["code"] == "invalid_cursor"


def test_the_documentation_shows_what_is_answered(http: httpx.Client, recognizer: str, grace: bytes) -> None:
    shown = examples.answers()
    if recognizer == "local":  # the recorded one
        answer = http.post("/v1/detect", content=grace).json()["FaceDetails"]
        for real, recorded in zip(answer, shown["detect"]["FaceDetails"], strict=True):
            assert real["Confidence"] == pytest.approx(recorded["Confidence"], abs=1)
            assert [one["Type"] for one in real["Landmarks"]] == [one["Type"] for one in recorded["Landmarks"]]
        told = http.get("/v1/info").json()["pack"]
        assert (told["name"], told["version"]) == (shown["info"]["pack"]["name"], shown["info"]["pack"]["version"])
    receipt = shown["delete_identity"]["Receipt"]
    assert receipts.verify_receipt(receipt, receipt["public_key"])["face_count"] == 2


def test_attributes_come_where_they_are_asked_for_and_stay_with_the_face(
    http: httpx.Client, recognizer: str, eileen: bytes
) -> None:
    """Over both recognizers: age, eyes, mouth and all thirty landmarks; no gender, no emotion."""
    plain = http.post("/v1/detect", content=eileen).json()["FaceDetails"][0]
    full = http.post("/v1/detect?attributes=ALL", content=eileen).json()["FaceDetails"][0]
    schemas.FaceDetail.model_validate(full)
    told = {"AgeRange", "Smile", "EyesOpen", "MouthOpen", "FaceOccluded", "EyeDirection"}
    assert set(full) - set(plain) == told
    assert len({one["Type"] for one in full["Landmarks"]}) == 30
    assert full["Landmarks"][:5] == plain["Landmarks"]
    assert full["Smile"]["Value"] is True
    alone = http.post("/v1/detect?attributes=age_range,EMOTIONS", content=eileen).json()["FaceDetails"][0]
    assert set(alone) - set(plain) == {"AgeRange"}
    assert alone["AgeRange"] == full["AgeRange"]
    refused = http.post("/v1/detect?attributes=AGE", content=eileen)
    assert (refused.status_code, refused.json()["field"]) == (422, "attributes")
    note = eileen + b"attributes"
    indexed = http.put("/v1/index/told.png?attributes=ALL&collection=attributes", content=note)
    assert indexed.status_code in (200, 404), indexed.text
    if indexed.status_code == 404:
        assert http.post("/v1/collections", json={"CollectionId": "attributes"}).status_code in (200, 201)
        indexed = http.put("/v1/index/told.png?attributes=ALL&collection=attributes", content=note)
    (record,) = indexed.json()["FaceRecords"]
    assert record["FaceDetail"]["AgeRange"] == full["AgeRange"]
    kept = http.get(f"/v1/collections/attributes/faces/{record['Face']['FaceId']}").json()
    assert kept["FaceDetail"] == record["FaceDetail"]
    info = http.get("/v1/info").json()
    assert info["gender"] is False
    assert "GENDER" not in info["pack"]["attributes_on_request"]


def test_people_over_both_recognizers(http: httpx.Client, recognizer: str, grace: bytes, eileen: bytes) -> None:
    """Over Amazon Rekognition people are its users; what it has no place for is not offered."""
    at, managed = "/v1/collections/crew/people", recognizer == "rekognition"
    assert http.post("/v1/collections", json={"CollectionId": "crew"}).status_code == 201
    faces, people = {}, {}
    for name, photograph in (("Grace", grace), ("Twin", grace + b"twin"), ("Eileen", eileen)):
        indexed = http.post("/v1/index", params={"collection": "crew"}, content=photograph).json()
        faces[name] = indexed["FaceRecords"][0]["Face"]["FaceId"]
        made = http.post(at, json={"name": name, "face_ids": [faces[name]]})
        assert made.status_code == 200, made.text
        people[name] = made.json()["person"]["person_id"]
    again = http.post(at, json={"name": "Other", "face_ids": [faces["Grace"]]}).json()
    assert (again["person"], again["others"]) == (None, [faces["Grace"]])

    def counts() -> dict[str, int]:
        return {one["name"]: one["face_count"] for one in http.get(at).json()["people"]}

    assert counts() == {"Eileen": 1, "Grace": 1, "Twin": 1}
    assert set(http.get(at, params={"name": "gra"}).json()["people"][0]["name"]) <= set("Grace")
    merged = http.post(f"{at}/{people['Twin']}/merge", json={"into": people["Grace"]})
    assert (merged.status_code, merged.json()["face_count"]) == (200, 2)
    listed = http.get(f"{at}/{people['Grace']}/faces").json()["Faces"]
    assert {one["FaceId"] for one in listed} == {faces["Grace"], faces["Twin"]}
    split = http.post(f"{at}/{people['Grace']}/split", json={"face_ids": [faces["Twin"]], "name": "Again"})
    assert (split.status_code, split.json()["name"]) == (201, "Again")
    moved = http.post(f"{at}/{split.json()['person_id']}/faces", json={"face_ids": [faces["Eileen"]]})
    assert (moved.status_code, moved.json()["face_count"]) == (200, 2)
    for body in ({"into": people["Grace"]}, {"into": "nobody"}):
        refused = http.post(f"{at}/{people['Grace']}/merge", json=body)
        assert refused.json()["code"] in ("conflict", "person_not_found"), refused.text
    assert http.delete(f"{at}/{people['Grace']}").status_code == 200
    assert http.get(f"{at}/{people['Grace']}").json()["code"] == "person_not_found"
    assert counts()["Again"] == 2
    one, mixed = split.json()["person_id"], {"external_image_ids": ["a"]}
    for method, path, json in (
        ("PATCH", f"people/{one}", {"name": "李小龙"}),
        ("PATCH", f"people/{one}", {"hidden": True}),
        ("POST", "people/undo", {}),
        ("POST", f"people/{one}/not", {"face_ids": [faces["Twin"]]}),
        ("POST", "people/mixed", mixed),
        ("GET", "groups", None),
        ("GET", "duplicates", None),
    ):
        answer = http.request(method, f"/v1/collections/crew/{path}", json=json)
        if managed:
            assert (answer.status_code, answer.json()["code"]) == (501, "not_offered"), (path, answer.text)
        elif path != "people/undo":  # the person that was split is erased
            assert answer.status_code == 200, (path, answer.text)
    assert http.delete("/v1/collections/crew").status_code in (200, 204)
