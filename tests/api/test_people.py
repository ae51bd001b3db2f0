"""People over REST: a real server with two people, whom requests name, merge, split and erase."""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from kenspeckle import settings
from kenspeckle.api import schemas
from kenspeckle.api.groups import DuplicateList, GroupList
from kenspeckle.api.people import NamedFacesAnswer, PeopleList, PersonAnswer, UndoneAnswer
from kenspeckle.cli.launch import launch
from kenspeckle.domain.people import MAX_NAME

AT = "/v1/collections/kenspeckle/people"
NOBODY = "person-0000000000000000"


def sample(name: str) -> bytes:
    return (settings.load(environ={}).models_dir / "samples" / name).read_bytes()


def resized(photograph: bytes, width: int) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(photograph)).convert("RGB").resize((width, 400)).save(file, "JPEG", quality=90)
    return file.getvalue()


@pytest.fixture(scope="module")
def grace() -> bytes:
    return sample("grace_hopper.jpg")


@pytest.fixture(scope="module")
def eileen() -> bytes:
    return sample("astronaut.png")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        launch(tmp_path_factory.mktemp("people")) as server,
        httpx.Client(base_url=server.url, timeout=60) as client,
    ):
        yield client


@pytest.fixture
def http(served: httpx.Client, grace: bytes, eileen: bytes) -> Iterator[httpx.Client]:
    """The server with Grace under two names and Eileen under one."""
    for name, photograph in (
        ("grace.jpg", grace),
        ("hopper.jpg", resized(grace, 350)),
        ("eileen.jpg", eileen),
    ):
        assert served.put(f"/v1/index/{name}", content=photograph).status_code == 200
    yield served
    assert served.delete("/v1/collections/kenspeckle").status_code == 204
    assert served.put("/v1/collections/kenspeckle").status_code == 201


def everybody(http: httpx.Client, query: str = "") -> list[dict[str, Any]]:
    answer = http.get(AT + query)
    assert answer.status_code == 200, answer.text
    PeopleList.model_validate(answer.json())
    return list(answer.json()["people"])


def ids(http: httpx.Client) -> dict[str, str]:
    return {one["name"]: one["person_id"] for one in everybody(http, "?hidden=true")}


def test_people_are_listed_named_and_found_by_name(http: httpx.Client, grace: bytes) -> None:
    found = everybody(http)
    assert [(one["name"], one["external_image_ids"], one["face_count"]) for one in found] == [
        ("Eileen", ["eileen.jpg"], 1),
        ("Grace", ["grace.jpg"], 1),
        ("Hopper", ["hopper.jpg"], 1),
    ]
    one = ids(http)["Grace"]
    changed = http.patch(f"{AT}/{one}", json={"name": "  Grace\u200b  李  Hopper "})
    assert (changed.status_code, changed.json()["name"]) == (200, "Grace 李 Hopper")
    PersonAnswer.model_validate(changed.json())
    assert [each["person_id"] for each in everybody(http, "?name=GRACE")] == [one]
    assert everybody(http, "?name=nobody") == []
    answer = http.post("/v1/search", content=grace).json()
    schemas.Search.model_validate(answer)
    assert "Grace 李 Hopper" in answer["matchedFaces"]
    best = answer["faces"]["FaceMatches"][0]
    assert best["Person"] == {"person_id": one, "name": "Grace 李 Hopper"}
    assert best["Face"]["ExternalImageId"] == "grace.jpg"
    face = http.get(f"/v1/collections/kenspeckle/faces/{best['Face']['FaceId']}").json()
    schemas.StoredFaceRecord.model_validate(face)
    assert face["Person"]["person_id"] == one
    similar = http.post(f"/v1/collections/kenspeckle/faces/{best['Face']['FaceId']}/search").json()
    assert similar["FaceMatches"][0]["Person"]["name"] == "Hopper"
    assert http.patch(f"{AT}/{one}", json={"name": None}).json()["name"] == "Grace"


def test_hidden_people_are_found_and_not_listed(http: httpx.Client, grace: bytes) -> None:
    one = ids(http)["Grace"]
    assert http.patch(f"{AT}/{one}", json={"hidden": True}).json()["hidden"] is True
    assert [each["name"] for each in everybody(http)] == ["Eileen", "Hopper"]
    assert len(everybody(http, "?hidden=true")) == 3
    assert "Grace" in http.post("/v1/search", content=grace).json()["matchedFaces"]


def test_pages_of_people(http: httpx.Client) -> None:
    first = http.get(f"{AT}?limit=2").json()
    second = http.get(AT, params={"limit": 2, "cursor": first["NextToken"]}).json()
    assert [one["name"] for one in first["people"] + second["people"]] == ["Eileen", "Grace", "Hopper"]
    assert "NextToken" not in second
    refused = http.get(AT, params={"cursor": first["NextToken"], "name": "a"})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_cursor")


def test_a_merge_is_one_person_and_can_be_undone(http: httpx.Client, grace: bytes) -> None:
    known = ids(http)
    merged = http.post(f"{AT}/{known['Hopper']}/merge", json={"into": known["Grace"]})
    assert merged.status_code == 200
    PersonAnswer.model_validate(merged.json())
    assert (merged.json()["face_count"], merged.json()["external_image_ids"]) == (2, ["grace.jpg", "hopper.jpg"])
    assert http.post("/v1/search", content=grace).json()["matchedFaces"] == ["Grace"]
    assert http.get(f"{AT}/{known['Hopper']}").json()["code"] == "person_not_found"
    faces = http.get(f"{AT}/{known['Grace']}/faces").json()
    schemas.FaceList.model_validate(faces)
    assert [one["ExternalImageId"] for one in faces["Faces"]] == ["grace.jpg", "hopper.jpg"]
    undone = http.post(f"{AT}/undo", json={"undo_id": merged.json()["undo_id"]})
    assert undone.status_code == 200
    UndoneAnswer.model_validate(undone.json())
    assert ids(http) == known
    assert http.post(f"{AT}/undo").json()["code"] == "conflict"


def test_faces_are_split_off_and_moved(http: httpx.Client) -> None:
    known = ids(http)
    http.post(f"{AT}/{known['Hopper']}/merge", json={"into": known["Grace"]})
    faces = [one["FaceId"] for one in http.get(f"{AT}/{known['Grace']}/faces").json()["Faces"]]
    made = http.post(f"{AT}/{known['Grace']}/split", json={"face_ids": faces[1:], "name": "Admiral"})
    assert (made.status_code, made.json()["face_count"]) == (201, 1)
    moved = http.post(f"{AT}/{known['Eileen']}/faces", json={"face_ids": faces[1:]})
    assert (moved.status_code, moved.json()["face_count"]) == (200, 2)
    assert sorted(ids(http)) == ["Eileen", "Grace"]
    for path, body, code in (
        (f"{known['Grace']}/split", {"face_ids": faces[:1]}, "conflict"),
        (f"{known['Grace']}/faces", {"face_ids": ["00000000-0000-0000-0000-000000000000"]}, "face_not_found"),
        (f"{known['Grace']}/faces", {"face_ids": []}, "invalid_value"),
        (f"{known['Grace']}/merge", {"into": known["Grace"]}, "conflict"),
        (f"{known['Grace']}/merge", {"into": NOBODY}, "person_not_found"),
        (f"{NOBODY}/merge", {"into": known["Grace"]}, "person_not_found"),
        (f"{known['Grace']}/merge", {}, "invalid_value"),
    ):
        assert http.post(f"{AT}/{path}", json=body).json()["code"] == code, path


def test_a_person_is_erased_with_a_receipt(http: httpx.Client, grace: bytes) -> None:
    known = ids(http)
    http.post(f"{AT}/{known['Hopper']}/merge", json={"into": known["Grace"]})
    erased = http.delete(f"{AT}/{known['Grace']}")
    assert erased.status_code == 200
    schemas.DeletedFaces.model_validate(erased.json())
    receipt = erased.json()["Receipt"]["receipt"]
    assert (receipt["erased"], receipt["name"], receipt["face_count"]) == ("person", known["Grace"], 2)
    assert http.post("/v1/search", content=grace).json()["matchedFaces"] == []
    assert http.delete(f"{AT}/{known['Grace']}").status_code == 404
    assert list(ids(http)) == ["Eileen"]


def test_users_are_people(http: httpx.Client) -> None:
    known = ids(http)
    face = http.get(f"{AT}/{known['Grace']}/faces").json()["Faces"][0]["FaceId"]
    for user, faces in (("ada", [face]), ("eve", [])):
        assert http.put(f"/v1/collections/kenspeckle/users/{user}").status_code == 201
        if faces:
            http.post(f"/v1/collections/kenspeckle/users/{user}/faces", json={"FaceIds": faces})
    (ada,) = [one for one in everybody(http) if one["user_id"] == "ada"]
    assert (ada["name"], ada["face_count"]) == ("Ada", 1)
    other = http.get(f"{AT}/{known['Eileen']}/faces").json()["Faces"][0]["FaceId"]
    http.post("/v1/collections/kenspeckle/users/eve/faces", json={"FaceIds": [other]})
    (eve,) = [one for one in everybody(http) if one["user_id"] == "eve"]
    refused = http.post(f"{AT}/{ada['person_id']}/merge", json={"into": eve["person_id"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert http.delete(f"{AT}/{ada['person_id']}").json()["Receipt"]["receipt"]["users"] == ["ada"]
    assert http.get("/v1/collections/kenspeckle/users/ada").status_code == 404


def test_names_that_are_none_are_refused_and_odd_ones_are_kept(http: httpx.Client) -> None:
    at = f"{AT}/{ids(http)['Grace']}"
    for name in ("", "   ", "\u200b\u202e", "\u200d", "a\nb", "a\x00b", "a\x07", "x" * (MAX_NAME + 1), "x" * 10_000):
        refused = http.patch(at, json={"name": name})
        assert (refused.status_code, refused.json()["field"]) == (422, "name"), name
    for name in (
        "<b onload=alert(1)>",
        "../../etc/passwd",
        "a@example.com",
        "محمد علي",
        "नीतू",
        "👩‍👩‍👧",
        "x" * MAX_NAME,
    ):
        assert http.patch(at, json={"name": name}).json()["name"] == name
        assert len(everybody(http, f"?name={httpx.QueryParams({'n': name})['n'][:20]}".replace("#", ""))) >= 0
    assert http.patch(at, json={"name": "abc\u202edef\u2066"}).json()["name"] == "abcdef"
    eileen = ids(http)["Eileen"]
    assert http.patch(f"{AT}/{eileen}", json={"name": "abcdef"}).json()["name"] == "abcdef"
    assert len(everybody(http, "?name=abcdef")) == 2
    for body in ({}, {"name": 5}, {"hidden": "yes"}, {"name": "a", "more": 1}):
        assert http.patch(at, json=body).status_code == 422, body
    assert http.get(f"{AT}?name={'x' * 300}").status_code == 422
    assert http.get(f"{AT}/{'x' * 129}").status_code == 422
    assert http.get(f"{AT}/a%20b").status_code == 422


def test_a_display_name_comes_with_the_photograph(http: httpx.Client, grace: bytes) -> None:
    path = "/v1/index/hopper.jpg"
    assert http.put(path, params={"name": "霍普"}, content=resized(grace, 360)).status_code == 200
    assert "霍普" in ids(http)
    assert http.put(path, params={"name": "Later"}, content=resized(grace, 370)).status_code == 200
    assert "Later" not in ids(http)
    assert http.put(path, params={"name": "a\nb"}, content=grace).json()["field"] == "name"


def test_a_photograph_without_a_name_and_every_one_by_its_id(http: httpx.Client, grace: bytes, eileen: bytes) -> None:
    answer = http.post("/v1/index", content=resized(grace, 340))
    assert answer.status_code == 200
    schemas.IndexFaces.model_validate(answer.json())
    (record,) = answer.json()["FaceRecords"]
    assert "ExternalImageId" not in record["Face"]
    assert len(everybody(http)) == 3
    older = http.get(f"{AT}/{ids(http)['Eileen']}/faces").json()["Faces"][0]["ImageId"]
    http.put("/v1/index/eileen.jpg", content=resized(eileen, 330))
    found = http.get(f"/v1/images/by-id/{older}")
    assert (found.status_code, found.content) == (200, eileen)
    assert http.get(f"/v1/images/by-id/{record['Face']['ImageId']}").content == resized(grace, 340)
    assert http.get("/v1/images/by-id/nothing").json()["code"] == "image_not_found"
    assert http.get("/v1/images/eileen.jpg").content == resized(eileen, 330)


def test_amazons_shapes_have_nothing_more(http: httpx.Client, grace: bytes, tmp_path: Path) -> None:
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "rekognition",
        endpoint_url=str(http.base_url),
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"max_attempts": 1}),
    )
    answer = client.search_faces_by_image(CollectionId="kenspeckle", Image={"Bytes": grace})
    assert answer["FaceMatches"]
    assert set(answer["FaceMatches"][0]) == {"Similarity", "Face"}


def test_groups_and_duplicates_over_rest(http: httpx.Client, grace: bytes, eileen: bytes) -> None:
    for width in (340, 345):
        assert http.post("/v1/index", content=resized(grace, width)).status_code == 200
    assert http.post("/v1/index", content=resized(eileen, 345)).status_code == 200
    answer = http.get("/v1/collections/kenspeckle/groups")
    GroupList.model_validate(answer.json())
    assert [one["face_count"] for one in answer.json()["groups"]] == [2, 1]
    started = http.post("/v1/collections/kenspeckle/groups")
    assert (started.status_code, started.json()["kind"]) == (202, "groups")
    while (job := http.get(f"/v1/jobs/{started.json()['job_id']}").json())["state"] in ("queued", "running"):
        time.sleep(0.05)
    assert (job["state"], job["result"]["groups"]) == ("succeeded", 2)
    group = http.get("/v1/collections/kenspeckle/groups").json()["groups"][0]
    named = http.post(f"/v1/collections/kenspeckle/groups/{group['group_id']}/name", json={"name": "Admiral"})
    assert (named.status_code, named.json()["name"], named.json()["face_count"]) == (200, "Admiral", 2)
    http.post("/v1/index", content=resized(grace, 355))
    admiral = ids(http)["Admiral"]
    faces = http.get(f"{AT}/{admiral}/faces").json()["Faces"]
    assert len(faces) == 3
    kept = http.post(f"{AT}/{admiral}/not", json={"face_ids": [faces[0]["FaceId"]]})
    assert (kept.status_code, kept.json()["face_count"]) == (200, 2)
    found = http.get("/v1/collections/kenspeckle/duplicates").json()
    DuplicateList.model_validate(found)
    pairs = {frozenset(one["name"] for one in pair["people"]): pair for pair in found["pairs"]}
    assert set(pairs) == {
        frozenset(pair) for pair in (("Grace", "Hopper"), ("Grace", "Admiral"), ("Hopper", "Admiral"))
    }
    gone = pairs[frozenset(("Grace", "Hopper"))]["pair_id"]
    assert http.delete(f"/v1/collections/kenspeckle/duplicates/{gone}").status_code == 204
    assert len(http.get("/v1/collections/kenspeckle/duplicates").json()["pairs"]) == 2
    for path, code in (("groups/none/name", "person_not_found"), (f"people/{NOBODY}/not", "person_not_found")):
        body = {"name": "a"} if path.endswith("name") else {"face_ids": [faces[0]["FaceId"]]}
        assert http.post(f"/v1/collections/kenspeckle/{path}", json=body).json()["code"] == code


def test_faces_without_a_name_are_given_one(http: httpx.Client, grace: bytes) -> None:
    face = http.post("/v1/index", content=resized(grace, 352)).json()["FaceRecords"][0]["Face"]["FaceId"]
    made = http.post(AT, json={"name": "Ada King", "face_ids": [face], "external_image_id": "Ada_King"})
    assert (made.status_code, NamedFacesAnswer.model_validate(made.json()).others) == (200, [])
    assert made.json()["person"]["name"] == "Ada King"
    again = http.post(AT, json={"name": "Somebody else", "face_ids": [face]}).json()
    assert (again["person"], again["face_ids"], again["others"]) == (None, [], [face])
    for body, code in (
        ({"name": " ", "face_ids": [face]}, "invalid_value"),
        ({"name": "Ada", "face_ids": []}, "invalid_value"),
        ({"name": "Ada", "face_ids": [str(uuid.UUID(int=4, version=4))]}, "face_not_found"),
        ({"name": "Ada", "face_ids": [face], "external_image_id": "a b"}, "invalid_value"),
    ):
        refused = http.post(AT, json=body)
        assert refused.json()["code"] == code, refused.text
