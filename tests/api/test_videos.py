"""Videos over REST: uploads that never lie in memory, objects of buckets, answers, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from kenspeckle.api import videos
from kenspeckle.domain import JobState
from kenspeckle.images.videos import FolderVideos
from kenspeckle.settings import Settings
from tests.api.conftest import Server, running

VIDEO = b"no video, but the recognizer has no eyes" * 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data") / "videos"


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with running(replace(Settings(), max_video_bytes=100_000), staged=FolderVideos(folder)) as made:
        yield made


@pytest.fixture
def http(server: Server) -> httpx.Client:
    return server.client


def ended(server: Server, job_id: str) -> None:
    row = server.recognizer.long_work._jobs[job_id]
    row.job = replace(row.job, state=JobState.SUCCEEDED)


def test_an_upload_becomes_a_job_with_a_staged_file(server: Server, http: httpx.Client, folder: Path) -> None:
    answer = http.post("/v1/videos?tag=door&threshold=90", content=VIDEO, headers={"content-type": "video/mp4"})
    assert answer.status_code == 202, answer.text
    assert (answer.json()["kind"], answer.json()["state"]) == ("video", "queued")
    stored = folder / server.recognizer.queue.job(answer.json()["job_id"]).parameters["source"]["upload"]  # type: ignore[index]
    assert stored.stat().st_size == len(VIDEO)
    assert VIDEO[:40] not in stored.read_bytes()


def test_a_body_without_a_declared_length(server: Server, http: httpx.Client, folder: Path) -> None:
    def blocks(count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield b"x" * 20_000

    assert http.post("/v1/videos", content=blocks(3)).status_code == 202
    before = set(folder.iterdir())
    answer = http.post("/v1/videos", content=blocks(6))
    assert (answer.status_code, answer.json()["code"]) == (413, "video_too_large")
    assert set(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"content": b"x" * 100_001}, 413, "video_too_large"),
        ({"content": b""}, 422, "invalid_value"),
        ({"files": {"video": b"x"}}, 422, "invalid_value"),
        ({"content": b"x", "params": {"collection": "nobody"}}, 404, "collection_not_found"),
        ({"content": b"x", "params": {"tag": "a b"}}, 422, "invalid_value"),
        ({"json": {}}, 422, "invalid_value"),
        ({"json": {"Video": {"S3Object": {"Bucket": "photos"}}}}, 422, "invalid_value"),
        ({"json": {"Video": {"S3Object": {"Bucket": "photos", "Name": "a.mp4", "Url": "http://x"}}}}, 422,
         "invalid_value"),
    ],
)  # fmt: skip
def test_what_is_refused_stores_nothing(
    http: httpx.Client, folder: Path, request_: dict[str, Any], status: int, code: str
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.iterdir())
    answer = http.post("/v1/videos", **request_)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(folder.iterdir()) == before


def test_an_object_of_a_bucket(server: Server, http: httpx.Client) -> None:
    named = {"Bucket": "photos", "Name": "door/a.mp4", "Version": "7"}
    answer = http.post("/v1/videos?tag=t", json={"Video": {"S3Object": named}})
    assert answer.status_code == 202
    job_id = answer.json()["job_id"]
    about = http.get(f"/v1/videos/{job_id}").json()
    assert about == {
        "JobId": job_id, "JobStatus": "IN_PROGRESS", "JobTag": "t", "Video": {"S3Object": named}, "Persons": []
    }  # fmt: skip


def test_answers_are_as_the_document_says(server: Server, http: httpx.Client) -> None:
    job_id = http.post("/v1/videos", content=VIDEO).json()["job_id"]
    ended(server, job_id)
    found = videos.FaceSearchAnswer.model_validate(http.get(f"/v1/videos/{job_id}?sort_by=index").json())
    assert [(one.Timestamp, one.Person.Index) for one in found.Persons] == [(200, 0), (400, 1)]
    assert found.NextToken == "more"
    assert found.VideoMetadata is not None
    assert found.VideoMetadata.FrameWidth == 1280
    seen = videos.AppearanceList.model_validate(http.get(f"/v1/videos/{job_id}/appearances").json())
    assert [(one.name, one.from_ms, one.to_ms) for one in seen.appearances] == [
        ("Keanu reeves", 200, 4800), (None, 400, 400)
    ]  # fmt: skip
    assert http.delete(f"/v1/videos/{job_id}").status_code == 204


def test_what_is_not_there(http: httpx.Client) -> None:
    for answer in (
        http.get("/v1/videos/job-1"),
        http.get("/v1/videos/job-1/appearances"),
        http.delete("/v1/videos/job-1"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")


def test_without_a_decoder_nothing_is_taken() -> None:
    with running() as server:
        answer = server.client.post("/v1/videos", content=VIDEO)
        assert (answer.status_code, answer.json()["code"]) == (501, "not_offered")


ONE, TWO = b"\xff\xd8one" * 10, b"\xff\xd8two" * 10
QUERY = {"camera": "hall", "first_at": "1800000000.5", "last_at": "1800000002", "frames": "9"}


def test_an_appearance_is_a_form_of_several_pictures(server: Server, http: httpx.Client) -> None:
    pictures = [("images", ("a.jpg", ONE, "image/jpeg")), ("images", ("b.jpg", TWO, "image/jpeg"))]
    found = http.post("/v1/appearances", params={**QUERY, "ended": "true"}, files=pictures)
    assert found.status_code == 200, found.text
    assert (found.json()["name"], found.json()["pictures"]) == ("Keanu reeves", 2)
    asked = server.recognizer.appeared
    assert (asked.camera, asked.first_at, asked.frames, asked.ended) == ("hall", 1800000000.5, 9, True)
    assert asked.images == [ONE, TWO]


@pytest.mark.parametrize(
    ("query", "files"),
    [
        ({"camera": "a b"}, 1),
        ({"first_at": "soon"}, 1),
        ({"first_at": "inf"}, 1),
        ({"frames": "0"}, 1),
        ({}, 0),
        ({}, 9),
    ],
)
def test_forms_of_appearances_that_are_wrong(http: httpx.Client, query: dict[str, str], files: int) -> None:
    pictures = [("images", (f"{number}.jpg", b"x", "image/jpeg")) for number in range(files)]
    found = http.post("/v1/appearances", params={**QUERY, **query}, files=pictures or {"other": b"x"})
    assert (found.status_code, found.json()["code"]) == (422, "invalid_value"), found.text
