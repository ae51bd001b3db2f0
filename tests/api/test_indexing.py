"""Indexing by a manifest over REST: bodies, answers, refusals."""

from __future__ import annotations

import httpx

from kenspeckle.domain import Principal, Scope
from tests.api.conftest import Server, key

LINES = b'{"url": "s3://photos/ada.jpg", "identity": "Ada"}\n{"file": "desk/grace.jpg"}\n'
ROUTE = "/v1/collections/kenspeckle/index"


def test_a_manifest_becomes_a_job(http: httpx.Client) -> None:
    answer = http.post(ROUTE, content=LINES)
    assert answer.status_code == 202, answer.text
    assert (answer.json()["kind"], answer.json()["state"]) == ("index", "queued")
    found = http.get(f"/v1/jobs/{answer.json()['job_id']}/results?limit=10").json()
    assert [one["line"] for one in found["results"]] == [1, 2]
    assert found["results"][0]["face_ids"] == ["face-1"]
    assert found["NextToken"] == "more"


def test_a_body_without_a_declared_length(http: httpx.Client) -> None:
    assert http.post(ROUTE, content=iter([LINES[:20], LINES[20:]])).status_code == 202


def test_bad_manifests_are_refused_with_the_reason(http: httpx.Client) -> None:
    empty = http.post(ROUTE)
    assert (empty.status_code, empty.json()["code"]) == (422, "invalid_value")
    assert "JSON Lines" in empty.json()["detail"]
    bad = http.post(ROUTE, content=b"no json\n" * 1000)
    assert (bad.status_code, bad.json()["code"]) == (422, "invalid_value")
    assert "1,000 of 1,000 lines can't be used" in bad.json()["detail"]
    assert len(bad.content) < 1000
    nowhere = http.post("/v1/collections/nowhere/index", content=LINES)
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "collection_not_found")
    assert http.post(f"{ROUTE}?max_faces=0", content=LINES).status_code == 422
    assert http.get("/v1/jobs/job-0/results").status_code == 404


def test_grants_of_collections_bind(server: Server, http: httpx.Client) -> None:
    job = http.post(ROUTE, content=LINES).json()["job_id"]
    server.who[0] = Principal(key(Scope.INDEX, Scope.READ, collections=("others",)))
    assert http.post(ROUTE, content=LINES).status_code == 403
    assert http.get(f"/v1/jobs/{job}/results").status_code == 404
    server.who[0] = Principal(key(Scope.READ, collections=("kenspeckle",)))
    assert http.post(ROUTE, content=LINES).status_code == 403
    assert http.get(f"/v1/jobs/{job}/results").status_code == 200
