"""Example answers for the OpenAPI document: what a real server answered (`answers.json`, by docs/making/answers.py)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import orjson

from kenspeckle.shapes.dump import Json

FILE = Path(__file__).with_name("answers.json")
FACE_ID = "5cdd8a4c-6e0f-4a4f-9d4e-000000000001"


@cache
def answers() -> dict[str, Json]:
    """One answer for each route that answers JSON, by the route's name."""
    found: dict[str, Json] = orjson.loads(FILE.read_bytes())
    return found


def index() -> Json:
    return answers()["index"]


def unnamed_index() -> Json:
    """Of a photograph without a name."""
    answer = index()
    records = [
        {**one, "Face": {name: value for name, value in one["Face"].items() if name != "ExternalImageId"}}
        for one in answer["FaceRecords"]
    ]
    return {**answer, "FaceRecords": records}


def search() -> Json:
    return answers()["search"]


def detect() -> Json:
    return answers()["detect"]


def compare() -> Json:
    return answers()["compare"]


def info() -> Json:
    return answers()["info"]


def alive() -> Json:
    return answers()["healthz"]


def ready() -> Json:
    return answers()["readyz"]


def collection() -> Json:
    return answers()["describe_collection"]


def collections() -> Json:
    return answers()["list_collections"]


def faces() -> Json:
    return answers()["list_faces"]


def face() -> Json:
    return answers()["get_face"]


def face_search() -> Json:
    return answers()["search_face"]


def deleted() -> Json:
    return answers()["delete_identity"]


def receipt() -> Json:
    return answers()["get_receipt"]


def users() -> Json:
    return answers()["list_users"]


def user() -> Json:
    return answers()["get_user"]


def associated() -> Json:
    return answers()["associate_faces"]


def disassociated() -> Json:
    return answers()["disassociate_faces"]


def user_search() -> Json:
    return answers()["search_user"]


def user_image_search() -> Json:
    return answers()["search_users_by_image"]
