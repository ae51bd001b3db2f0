"""Every route's good answer: its status, its members, and that it is what the OpenAPI document says."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from kenspeckle.api import schemas
from kenspeckle.domain import QualityFilter, display_name
from tests.api.conftest import Server
from tests.api.fake import photograph

FACES = "/v1/collections/kenspeckle/faces"
USERS = "/v1/collections/kenspeckle/users"


def _index(http: httpx.Client, name: str = "keanu-reeves.jpg", who: str = "keanu") -> Any:
    answer = http.put(f"/v1/index/{name}", content=photograph(who))
    assert answer.status_code == 200, answer.text
    return answer.json()


def _face(http: httpx.Client, name: str = "keanu-reeves.jpg", who: str = "keanu") -> str:
    return str(_index(http, name, who)["FaceRecords"][0]["Face"]["FaceId"])


def test_index_answers_as_index_faces(http: httpx.Client) -> None:
    answer = _index(http)
    schemas.IndexFaces.model_validate(answer)
    assert answer["FaceRecords"][0]["Face"]["ExternalImageId"] == "keanu-reeves.jpg"
    assert answer["UnindexedFaces"][0]["Reasons"] == ["LOW_SHARPNESS"]
    assert answer["FaceModelVersion"] == "fake-1"


def test_index_again_changes_nothing_and_counts_nothing(server: Server, http: httpx.Client) -> None:
    before = server.app.state.edge.metrics.faces_indexed._value.get()
    first, again = _index(http), _index(http)
    assert again["FaceRecords"] == first["FaceRecords"]
    assert server.app.state.edge.metrics.faces_indexed._value.get() == before + 1


@pytest.mark.parametrize("name", ["A.b-c_d:e.PNG", "x", "n" * 255, "%61bc.jpg"])
def test_names_that_fit_the_rule_become_the_identity(http: httpx.Client, name: str) -> None:
    answer = _index(http, name)
    assert answer["FaceRecords"][0]["Face"]["ExternalImageId"] == name.replace("%61", "a")


def test_index_passes_parameters_and_metadata_on(server: Server, http: httpx.Client) -> None:
    http.put(
        "/v1/index/a.jpg?max_faces=3&quality=high",
        content=photograph("a"),
        headers={"x-amz-meta-Site": "lobby", "x-amz-meta-by": "door 2"},
    )
    name, arguments = server.recognizer.calls[-1]
    assert name == "index_faces"
    assert arguments == {
        "max_faces": 3,
        "quality": QualityFilter.HIGH,
        "metadata": {"site": "lobby", "by": "door 2"},
    }


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_search_answers_the_faces_and_the_names(http: httpx.Client, method: str) -> None:
    _index(http)
    _index(http, "keanu-reeves.png")
    answer = http.request(method, "/v1/search", content=photograph("keanu")).json()
    schemas.Search.model_validate(answer)
    assert set(answer) == {"faces", "matchedFaces"}
    assert answer["matchedFaces"] == ["Keanu reeves"]
    assert len(answer["faces"]["FaceMatches"]) == 2


def test_search_without_a_match(http: httpx.Client) -> None:
    answer = http.put("/v1/search", content=photograph("stranger")).json()
    assert answer["matchedFaces"] == []
    assert answer["faces"]["FaceMatches"] == []
    assert answer["faces"]["SearchedFaceBoundingBox"] == {"Width": 0.5, "Height": 0.5, "Left": 0.25, "Top": 0.125}


def test_all_faces_searches_each_and_names_all(http: httpx.Client) -> None:
    _index(http)
    _index(http, "carrie-anne_moss.jpg", "carrie")
    answer = http.put("/v1/search?all_faces=true", content=photograph("keanu & carrie")).json()
    schemas.Search.model_validate(answer)
    assert answer["matchedFaces"] == ["Keanu reeves", "Carrie anne moss"]
    assert len(answer["searches"]) == 2
    assert answer["faces"] == answer["searches"][0]
    assert answer["unsearched"] == []


def test_search_passes_parameters_on(server: Server, http: httpx.Client) -> None:
    http.put("/v1/search?threshold=93.5&max_faces=2&all_faces=1&quality=AUTO", content=photograph("x"))
    assert server.recognizer.calls[-1][1] == {
        "threshold": 93.5,
        "max_faces": 2,
        "quality": QualityFilter.AUTO,
        "every_face": True,
    }
    http.put("/v1/search", content=photograph("x"))
    assert server.recognizer.calls[-1][1] == {
        "threshold": None,
        "max_faces": None,
        "quality": QualityFilter.NONE,
        "every_face": False,
    }


def test_search_looks_only_into_the_collection_named(http: httpx.Client) -> None:
    _index(http)
    assert http.put("/v1/collections/other").status_code == 201
    assert http.put("/v1/search?collection=other", content=photograph("keanu")).json()["matchedFaces"] == []
    assert http.put("/v1/index/keanu.jpg?collection=other", content=photograph("keanu")).status_code == 200
    assert http.put("/v1/search?collection=other", content=photograph("keanu")).json()["matchedFaces"] == ["Keanu"]


@pytest.mark.parametrize("content_type", ["text/plain", "text/plain; charset=utf-8", "", "application/octet-stream"])
@pytest.mark.parametrize("head", ["", "data:image/jpeg;base64,"])
def test_base64_is_taken_as_declared_or_recognized(http: httpx.Client, content_type: str, head: str) -> None:
    text = head + base64.encodebytes(photograph("keanu", 500)).decode()
    headers = {"content-type": content_type} if content_type else {}
    answer = http.put("/v1/index/keanu.jpg", content=text.encode(), headers=headers)
    assert answer.status_code == 200, answer.text
    same = http.put("/v1/index/keanu.jpg", content=photograph("keanu", 500)).json()
    assert same["FaceRecords"] == answer.json()["FaceRecords"]


def test_detect(http: httpx.Client) -> None:
    answer = http.post("/v1/detect?attributes=ALL", content=photograph("a & b")).json()
    schemas.DetectFaces.model_validate(answer)
    assert len(answer["FaceDetails"]) == 2
    assert http.post("/v1/detect", content=photograph("")).json() == {"FaceDetails": []}


def test_compare_takes_files_and_text(http: httpx.Client) -> None:
    both = {"source": ("a.jpg", photograph("a")), "target": ("b.jpg", photograph("a & b"))}
    answer = http.post("/v1/compare?threshold=50", files=both).json()
    schemas.CompareFaces.model_validate(answer)
    assert [match["Similarity"] for match in answer["FaceMatches"]] == [98.0]
    assert len(answer["UnmatchedFaces"]) == 1
    text = {
        "source": (None, base64.b64encode(photograph("a"))),
        "target": (None, base64.b64encode(photograph("a & b"))),
    }
    assert http.post("/v1/compare?threshold=50", files=text).json() == answer


def test_info_names_the_version_and_what_the_recognizer_says(http: httpx.Client) -> None:
    answer = http.get("/v1/info").json()
    assert answer["name"] == "kenspeckle"
    assert answer["version"]
    assert answer["recognizer"] == "fake"


def test_image_comes_back_as_it_was_sent(http: httpx.Client) -> None:
    sent = photograph("a", 100)
    http.put("/v1/index/a.jpg", content=sent, headers={"x-amz-meta-site": "lobby"})
    answer = http.get("/v1/images/a.jpg")
    assert answer.content == sent
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-amz-meta-site"] == "lobby"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_thumbnail(http: httpx.Client) -> None:
    answer = http.get(f"/v1/faces/{_face(http)}/thumbnail")
    assert answer.content == b"\xff\xd8thumbnail"
    assert answer.headers["content-type"] == "image/jpeg"


def test_a_page_of_thumbnails(http: httpx.Client) -> None:
    face, gone = _face(http), "00000000-0000-0000-0000-000000000000"
    answer = http.post("/v1/collections/kenspeckle/thumbnails", json={"face_ids": [face, gone]})
    assert answer.json() == {"thumbnails": [{"face_id": face, "jpeg": "/9h0aHVtYm5haWw="}]}
    for ids in ([], ["no id"], [face] * 101):
        answer = http.post("/v1/collections/kenspeckle/thumbnails", json={"face_ids": ids})
        assert answer.status_code == 422, ids


def test_collections_are_created_listed_described_and_deleted(http: httpx.Client) -> None:
    made = http.post("/v1/collections", json={"CollectionId": "visitors", "Tags": {"site": "lobby"}})
    assert made.status_code == 201
    schemas.Collection.model_validate(made.json())
    assert made.json()["CollectionARN"] == "arn:aws:rekognition:us-east-1:000000000000:collection/visitors"
    assert made.json()["Tags"] == {"site": "lobby"}
    assert http.put("/v1/collections/visitors").status_code == 200
    assert http.put("/v1/collections/staff").status_code == 201
    first = http.get("/v1/collections?limit=2").json()
    schemas.CollectionList.model_validate(first)
    assert first["CollectionIds"] == ["kenspeckle", "staff"]
    rest = http.get("/v1/collections", params={"limit": 2, "cursor": first["NextToken"]}).json()
    assert rest["CollectionIds"] == ["visitors"]
    assert "NextToken" not in rest
    assert http.get("/v1/collections/visitors").json() == http.put("/v1/collections/visitors").json()
    gone = http.delete("/v1/collections/visitors")
    assert (gone.status_code, gone.content) == (204, b"")
    assert http.get("/v1/collections/visitors").status_code == 404


def test_faces_are_listed_read_searched_and_deleted(http: httpx.Client) -> None:
    one, two, other = _face(http), _face(http, who="keanu again"), _face(http, "carrie.jpg", "carrie")
    listed = http.get(FACES).json()
    schemas.FaceList.model_validate(listed)
    assert [face["FaceId"] for face in listed["Faces"]] == [one, two, other]
    assert listed["FaceModelVersion"] == "fake"
    page = http.get(f"{FACES}?limit=1&external_image_id=keanu-reeves.jpg").json()
    assert [face["FaceId"] for face in page["Faces"]] == [one]
    page = http.get(FACES, params={"external_image_id": "keanu-reeves.jpg", "cursor": page["NextToken"]}).json()
    assert [face["FaceId"] for face in page["Faces"]] == [two]
    schemas.StoredFaceRecord.model_validate(http.get(f"{FACES}/{one}").json())
    found = http.post(f"{FACES}/{one}/search?threshold=70&max_faces=5").json()
    schemas.SearchFaces.model_validate(found)
    assert [match["Face"]["FaceId"] for match in found["FaceMatches"]] == [two]
    gone = http.delete(f"{FACES}/{one}").json()
    assert gone == {"DeletedFaces": [one], "UnsuccessfulFaceDeletions": []}
    assert http.get(f"{FACES}/{one}").status_code == 404
    assert http.delete(f"{FACES}/{one}").status_code == 404


def test_faces_are_deleted_in_bulk_and_by_identity(http: httpx.Client) -> None:
    one, two, other = _face(http), _face(http, who="keanu again"), _face(http, "carrie.jpg", "carrie")
    nobody = "00000000-0000-0000-0000-000000000000"
    gone = http.post(f"{FACES}/delete", json={"FaceIds": [other, nobody]}).json()
    schemas.DeletedFaces.model_validate(gone)
    assert gone["DeletedFaces"] == [other]
    assert gone["UnsuccessfulFaceDeletions"] == [{"FaceId": nobody, "Reasons": ["FACE_NOT_FOUND"]}]
    gone = http.delete(f"{FACES}?external_image_id=keanu-reeves.jpg").json()
    assert gone["DeletedFaces"] == [one, two]
    assert http.get(FACES).json()["Faces"] == []
    again = http.delete(f"{FACES}?external_image_id=keanu-reeves.jpg")
    assert (again.status_code, again.json()["code"]) == (404, "identity_not_found")


def test_users(http: httpx.Client) -> None:
    face = _face(http)
    assert http.put(f"{USERS}/keanu").status_code == 201
    again = http.put(f"{USERS}/keanu")
    assert again.status_code == 200
    schemas.UserDescription.model_validate(again.json())
    joined = http.post(f"{USERS}/keanu/faces", json={"FaceIds": [face], "UserMatchThreshold": 60}).json()
    schemas.AssociateFaces.model_validate(joined)
    assert joined["AssociatedFaces"] == [{"FaceId": face}]
    assert http.get(f"{USERS}/keanu").json()["FaceCount"] == 1
    assert [one["FaceId"] for one in http.get(f"{FACES}?user_id=keanu").json()["Faces"]] == [face]
    assert http.delete(f"{FACES}/{face}").status_code == 409
    stayed = http.post(f"{FACES}/delete", json={"FaceIds": [face]}).json()["UnsuccessfulFaceDeletions"]
    assert stayed == [{"FaceId": face, "Reasons": ["ASSOCIATED_TO_AN_EXISTING_USER"], "UserId": "keanu"}]
    http.put(f"{USERS}/reeves")
    listed = http.get(f"{USERS}?limit=1").json()
    schemas.UserList.model_validate(listed)
    assert http.get(USERS, params={"cursor": listed["NextToken"]}).json()["Users"][0]["UserId"] == "reeves"
    found = http.post(f"{USERS}/reeves/search").json()
    schemas.SearchUsers.model_validate(found)
    assert found["UserMatches"][0]["User"] == {"UserId": "keanu", "UserStatus": "ACTIVE"}
    found = http.post(f"{USERS}/search?max_users=1", content=photograph("keanu")).json()
    schemas.SearchUsersByImage.model_validate(found)
    assert found["UserMatches"]
    assert "SearchedFace" not in http.post(f"{USERS}/search", content=photograph("")).json()
    taken = http.delete(f"{USERS}/keanu/faces/{face}").json()
    schemas.DisassociateFaces.model_validate(taken)
    assert http.delete(f"{USERS}/keanu/faces/{face}").status_code == 404
    taken = http.post(f"{USERS}/keanu/faces/delete", json={"FaceIds": [face]}).json()
    assert taken["UnsuccessfulFaceDisassociations"][0]["Reasons"] == ["FACE_NOT_FOUND"]
    assert http.delete(f"{USERS}/keanu").status_code == 204
    assert http.get(f"{USERS}/keanu").status_code == 404


def test_alive_and_ready(http: httpx.Client) -> None:
    assert http.get("/healthz").json() == {"status": "alive"}
    assert http.get("/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("keanu-reeves.jpg", "Keanu reeves"),
        ("carrie-anne_moss.JPEG", "Carrie anne moss"),
        ("j.doe", "J.doe"),
        (".jpg", ".jpg"),
        ("---", "---"),
        ("a--b.png", "A b"),
    ],
)
def test_names_to_show(name: str, shown: str) -> None:
    assert display_name(name) == shown
