"""CompreFace's documented routes over a real server with real weights."""

from __future__ import annotations

import base64
import io
import math

import httpx
import pytest
from PIL import Image, ImageOps

from kenspeckle.compreface.routes import ENTRIES
from kenspeckle.domain import Scope
from tests.compreface.conftest import Add, Real

SUBJECTS, FACES = "/api/v1/recognition/subjects", "/api/v1/recognition/faces"
RECOGNIZE, VERIFY, DETECT = "/api/v1/recognition/recognize", "/api/v1/verification/verify", "/api/v1/detection/detect"
NOBODY = "00000000-0000-0000-0000-000000000000"
NAME = "Grace Hopper, née Murray"


def mirrored(photograph: bytes) -> bytes:
    file = io.BytesIO()
    with Image.open(io.BytesIO(photograph)) as picture:
        ImageOps.mirror(picture.convert("RGB")).save(file, "JPEG", quality=90)
    return file.getvalue()


def both(one: bytes, other: bytes) -> bytes:
    """The two photographs side by side."""
    left, right = (Image.open(io.BytesIO(data)).convert("RGB") for data in (one, other))
    height = min(left.height, right.height)
    left, right = (each.resize((each.width * height // each.height, height)) for each in (left, right))
    picture = Image.new("RGB", (left.width + right.width, height))
    picture.paste(left, (0, 0))
    picture.paste(right, (left.width, 0))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def as_json(**photographs: bytes) -> dict[str, str]:
    return {name: base64.b64encode(data).decode() for name, data in photographs.items()}


def refused(answer: httpx.Response, status: int, code: int) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert set(answer.json()) == {"message", "code"}


def test_a_subject_lives_from_its_first_photograph_to_its_end(http: httpx.Client, add: Add, real: Real) -> None:
    assert http.post(SUBJECTS, json={"subject": NAME}).json() == {"subject": NAME}
    refused(http.post(SUBJECTS, json={"subject": NAME}), 400, 43)
    assert http.get(SUBJECTS + "/").json() == {"subjects": [NAME]}
    first = add(NAME, real.grace)
    other = add("astronaut", real.astronaut)
    assert http.get(SUBJECTS).json()["subjects"] == sorted([NAME, "astronaut"])
    assert http.get(f"{FACES}/{first}/img").content == real.grace

    listed = http.get(FACES, params={"page": 0, "size": 1}).json()
    assert listed == {
        "faces": [{"image_id": first, "subject": NAME}],
        "page_number": 0,
        "page_size": 1,
        "total_pages": 2,
        "total_elements": 2,
    }
    assert http.get(FACES, params={"page": 1, "size": 1}).json()["faces"][0]["image_id"] == other
    assert http.get(FACES, params={"page": 7}).json()["faces"] == []
    assert http.get(FACES, params={"subject": "astronaut"}).json()["total_elements"] == 1

    assert http.delete(f"{FACES}/{first}").json() == {"image_id": first, "subject": NAME}
    refused(http.delete(f"{FACES}/{first}"), 404, 11)
    refused(http.get(f"{FACES}/{first}/img"), 404, 11)
    assert http.delete(f"{SUBJECTS}/{NAME}").json() == {"subject": NAME}
    refused(http.delete(f"{SUBJECTS}/{NAME}"), 404, 42)
    assert http.delete(SUBJECTS).json() == {"deleted": 1}
    assert http.get(FACES).json()["total_elements"] == 0


def test_recognition_tells_the_most_similar_subjects_of_each_face(http: httpx.Client, add: Add, real: Real) -> None:
    add(NAME, real.grace)
    add("astronaut", real.astronaut)
    query = {
        "prediction_count": "2",
        "face_plugins": "landmarks,calculator,pose,age,gender",
        "status": "true",
        "limit": "0",
    }
    answer = http.post(RECOGNIZE, params=query, files={"file": ("b.jpg", both(real.grace, real.astronaut))})
    assert answer.status_code == 200, answer.text
    result = answer.json()["result"]
    assert {one["subjects"][0]["subject"] for one in result} == {NAME, "astronaut"}
    for face in result:
        best, second = face["subjects"]
        assert 0.9 < best["similarity"] <= 1
        assert second["similarity"] < 0.5
        box = face["box"]
        assert 0.9 < box["probability"] <= 1
        assert 0 <= box["x_min"] < box["x_max"]
        assert 0 <= box["y_min"] < box["y_max"]
        assert len(face["landmarks"]) == 5
        assert all(box["x_min"] < x < box["x_max"] and box["y_min"] < y < box["y_max"] for x, y in face["landmarks"])
        assert set(face["pose"]) == {"pitch", "roll", "yaw"}
        assert 0 <= face["age"]["low"] < face["age"]["high"]
        assert "gender" not in face
        assert face["execution_time"]["detector"] > 0
    assert set(answer.json()["plugins_versions"]) == {"detector", "age", "calculator", "landmarks", "pose"}

    embeddings = [face["embedding"] for face in result]
    found = http.post("/api/v1/recognition/embeddings/recognize", json={"embeddings": embeddings}).json()["result"]
    assert [one["similarities"] for one in found] == [one["subjects"][:1] for one in result]
    plain = http.post(RECOGNIZE, params={"limit": 1}, json=as_json(file=real.grace)).json()
    assert len(plain["result"]) == 1
    assert set(plain["result"][0]) == {"box", "subjects"}
    assert set(plain) == {"result"}


def test_verification_of_a_stored_face(http: httpx.Client, add: Add, real: Real) -> None:
    stored = add("grace", real.grace)
    params = {"face_plugins": "calculator"}
    same = http.post(f"{FACES}/{stored}/verify", params=params, files={"file": mirrored(real.grace)}).json()["result"]
    assert same[0]["similarity"] > 0.95
    other = http.post(f"{FACES}/{stored}/verify", params=params, files={"file": real.astronaut}).json()["result"]
    assert other[0]["similarity"] < 0.5
    sent = {"embeddings": [same[0]["embedding"], other[0]["embedding"]]}
    found = http.post(f"/api/v1/recognition/embeddings/faces/{stored}/verify", json=sent).json()["result"]
    assert [one["similarity"] for one in found] == [same[0]["similarity"], other[0]["similarity"]]
    refused(http.post(f"{FACES}/{NOBODY}/verify", files={"file": real.grace}), 404, 11)
    refused(http.post(f"{FACES}/..x/verify", files={"file": real.grace}), 404, 11)


def test_verification_of_two_photographs(http: httpx.Client, real: Real) -> None:
    sent = {"source_image": real.grace, "target_image": both(real.astronaut, mirrored(real.grace))}
    answer = http.post(VERIFY, params={"face_plugins": "calculator", "status": "true"}, files=sent).json()
    (compared,) = answer["result"]
    assert [one["similarity"] > 0.9 for one in compared["face_matches"]] == [True, False]
    assert compared["source_image_face"]["box"]["probability"] > 0.9
    assert compared["plugins_versions"]
    assert http.post(VERIFY, json=as_json(**sent)).json()["result"][0]["face_matches"][0]["similarity"] > 0.9

    targets = [one["embedding"] for one in compared["face_matches"]]
    body = {"source": compared["source_image_face"]["embedding"], "targets": targets}
    found = http.post("/api/v1/verification/embeddings/verify", json=body).json()["result"]
    assert [one["similarity"] for one in found] == [one["similarity"] for one in compared["face_matches"]]


def test_detection(http: httpx.Client, real: Real) -> None:
    found = http.post(DETECT, files={"file": both(real.grace, real.astronaut)}).json()["result"]
    assert len(found) == 2
    limited = http.post(DETECT, params={"limit": 1}, files={"file": both(real.grace, real.astronaut)}).json()["result"]
    assert limited == found[:1]
    refused(http.post(DETECT, files={"file": real.rocket}), 400, 28)


def test_a_renamed_subject_keeps_its_photographs_and_merges(http: httpx.Client, add: Add, real: Real) -> None:
    add("wrong", real.grace)
    add("right", mirrored(real.grace))
    assert http.put(f"{SUBJECTS}/wrong", json={"subject": "right"}).json() == {"updated": True}
    assert http.get(SUBJECTS).json() == {"subjects": ["right"]}
    assert http.get(FACES).json()["total_elements"] == 2
    refused(http.put(f"{SUBJECTS}/nobody", json={"subject": "right"}), 404, 42)
    http.post(SUBJECTS, json={"subject": "empty"})
    assert http.put(f"{SUBJECTS}/empty", json={"subject": "still empty"}).json() == {"updated": True}
    assert http.get(SUBJECTS).json() == {"subjects": ["right", "still empty"]}


def test_several_examples_are_deleted_at_once(http: httpx.Client, add: Add, real: Real) -> None:
    first, second = add("grace", real.grace), add("astronaut", real.astronaut)
    gone = http.post(f"{FACES}/delete", json=[first, NOBODY, "no id", second, first]).json()
    assert gone == [{"image_id": first, "subject": "grace"}, {"image_id": second, "subject": "astronaut"}]
    add("grace", real.grace)
    assert http.delete(FACES, params={"subject": "nobody"}).json() == {"deleted": 0}
    assert http.delete(FACES, params={"subject": "grace"}).json() == {"deleted": 1}
    add("grace", real.grace)
    assert http.delete(FACES).json() == {"deleted": 1}


def test_bad_input_stores_nothing(http: httpx.Client, real: Real) -> None:
    one = {"file": real.grace}
    refused(http.post(FACES, files=one), 400, 33)
    refused(http.post(FACES, params={"subject": " "}, files=one), 400, 26)
    refused(http.post(FACES, params={"subject": "x" * 300}, files=one), 400, 26)
    named = {"subject": "grace"}
    refused(http.post(FACES, params=named, files={"photo": real.grace}), 400, 34)
    refused(http.post(FACES, params=named, files={"file": b"no photograph"}), 400, 21)
    refused(http.post(FACES, params=named, files={"file": real.grace[:3000]}), 400, 21)
    refused(http.post(FACES, params=named, files={"file": real.rocket}), 400, 28)
    refused(http.post(FACES, params=named, files={"file": both(real.grace, real.astronaut)}), 400, 31)
    refused(http.post(FACES, params=named, content=real.grace), 400, 36)
    refused(http.post(FACES, params=named, json={"file": "not base64!"}), 400, 26)
    refused(http.post(FACES, params=named, json={}), 400, 5)
    refused(http.post(FACES, params=named, content=b"{", headers={"content-type": "application/json"}), 400, 36)
    for wrong, code in (
        ({"limit": "-1"}, 26),
        ({"limit": "many"}, 36),
        ({"det_prob_threshold": "2"}, 26),
        ({"det_prob_threshold": "nan"}, 26),
        ({"prediction_count": "0"}, 12),
        ({"status": "perhaps"}, 36),
        ({"face_plugins": "shoe_size"}, 26),
        ({"detect_faces": "false"}, 26),
    ):
        refused(http.post(RECOGNIZE, params=wrong, files=one), 400, code)
    for body, code in (
        ({}, 37),
        ({"embeddings": []}, 37),
        ({"embeddings": [["a"]]}, 36),
        ({"embeddings": [[1.0]]}, 26),
    ):
        refused(http.post("/api/v1/recognition/embeddings/recognize", json=body), 400, code)
    refused(http.get(FACES, params={"size": "0"}), 400, 26)
    late = http.get(FACES, params={"page": "99999999999"})
    refused(late, 400, 36)
    assert "9 digits at most" in late.json()["message"]
    refused(http.get("/api/v1/recognition/nothing"), 404, 0)
    refused(http.patch(FACES), 404, 0)
    assert http.get(FACES).json()["total_elements"] == 0
    assert http.get(SUBJECTS).json() == {"subjects": []}


def test_a_photograph_over_the_limit_is_refused_by_its_length(http: httpx.Client) -> None:
    answer = http.post(FACES, params={"subject": "x"}, files={"file": bytes(40 * 1024 * 1024)})
    refused(answer, 413, 0)


def test_who_asks_is_asked_first(real: Real) -> None:
    with real.client(None) as nobody, real.client("kk_wrong") as stranger:
        refused(nobody.get(SUBJECTS), 400, 20)
        refused(stranger.get(SUBJECTS), 404, 10)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda one: f"{one.method} {one.path}")
@pytest.mark.parametrize("scope", ["index", "search", "read", "delete"])
def test_every_route_asks_for_its_scope(real: Real, entry: object, scope: str) -> None:
    assert isinstance(entry, type(ENTRIES[0]))
    path = entry.path.replace(":path", "").format(subject="nobody", image_id=NOBODY)
    with real.client(real.weak[scope]) as client:
        answer = client.request(entry.method, path, content=b"{}", headers={"content-type": "application/json"})
    assert (answer.status_code == 403) is (entry.right.scope is not Scope(scope)), answer.text
    assert answer.status_code < 500


def test_the_default_collection_is_that_of_keys_for_all(real: Real) -> None:
    with real.client(real.admin) as admin:
        answer = admin.post(FACES, params={"subject": "default"}, files={"file": real.grace})
        assert answer.status_code == 201
        faces = admin.get("/v1/collections/kenspeckle/faces").json()["Faces"]
        assert [one["ExternalImageId"] for one in faces] == ["default"]
        assert math.isclose(admin.delete(FACES, params={"subject": "default"}).json()["deleted"], 1)
