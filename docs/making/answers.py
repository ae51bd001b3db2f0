"""Records what a real server answers to each route: `python -m docs.making.answers`, which `make pictures` runs.

The OpenAPI document's examples and the answers in docs/api.md are these, so that they show what can be. What differs
from run to run (ids, times, the row of the audit trail) is replaced by one value for good; measured values are rounded.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image, ImageEnhance

from kenspeckle import settings
from kenspeckle.api.examples import FILE
from kenspeckle.cli.launch import launch
from kenspeckle.cli.variations import jpeg, open_upright
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.usecases.audit.receipts import PURPOSE, canonical

MASTER_KEY = "5a" * 32
ADMIN = "admin-of-the-recorded-answers-" + "a" * 10
WHEN, AT = 1767225600.0, "2026-01-01T00:00:00.000+00:00"
KEY_ID = "key-4xk2mwq7c3ta"
REQUEST_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"

_FIXED = {
    "CreationTimestamp": WHEN,
    "created_at": WHEN,
    "at": AT,
    "completed_at": AT,
    "NextToken": base64.urlsafe_b64encode(b"\2" + hashlib.sha512(b"page").digest()[:36]).decode(),
    "person_id": "person-5f1d0c9a7e2b4c68",
    "audit": {"number": 42, "hash": "5a" * 32},
}
"""What differs from run to run, by the member that holds it."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def record() -> dict[str, Any]:
    """One answer for each route that answers JSON, by the route's name."""
    with tempfile.TemporaryDirectory() as folder:
        variables = {"KENSPECKLE_MASTER_KEY": MASTER_KEY, "KENSPECKLE_ADMIN_KEY": ADMIN}
        with (
            launch(Path(folder) / "data", settings=variables) as server,
            httpx.Client(
                base_url=server.url, timeout=60, headers={"x-api-key": ADMIN, "x-request-id": REQUEST_ID}
            ) as http,
        ):
            return _steady(_asked(http))


def photographs() -> tuple[bytes, bytes, bytes, bytes]:
    """Grace Hopper, the same darker, Eileen Collins, and the two side by side."""
    samples = settings.load().models_dir / "samples"
    grace = (samples / "grace_hopper.jpg").read_bytes()
    eileen = (samples / "astronaut.png").read_bytes()
    one, other = open_upright(grace), open_upright(eileen)
    both = Image.new("RGB", (one.width + other.width, max(one.height, other.height)), "gray")
    both.paste(one, (0, 0))
    both.paste(other, (one.width, 0))
    return grace, jpeg(ImageEnhance.Brightness(one).enhance(0.6)), eileen, jpeg(both)


def _asked(http: httpx.Client) -> dict[str, Any]:
    grace, darker, eileen, both = photographs()
    found: dict[str, Any] = {}

    def ask(name: str, method: str, path: str, **how: Any) -> Any:
        answer = http.request(method, path, **how)
        answer.raise_for_status()
        found[name] = answer.json()
        return found[name]

    ask("create_collection", "POST", "/v1/collections", json={"CollectionId": "visitors", "Tags": {"site": "lobby"}})
    ask("ensure_collection", "PUT", "/v1/collections/visitors")
    here = {"collection": "visitors"}
    stored = ask("index", "PUT", "/v1/index/Grace-Hopper.jpg", params=here | {"max_faces": 1}, content=both)
    face = _face(stored)
    more = ("/v1/index/Grace-Hopper.jpg", grace), ("/v1/index/Eileen-Collins.png", eileen)
    second, other = (http.put(path, params=here, content=data).json() for path, data in more)
    _people(http, ask, (face, _face(second), _face(other)), both)
    ask("search", "PUT", "/v1/search", params=here, content=darker)
    ask("detect", "POST", "/v1/detect", content=grace)
    ask("compare", "POST", "/v1/compare", files={"source": darker, "target": both})
    place = "/v1/collections/visitors"
    ask("describe_collection", "GET", place)
    ask("list_collections", "GET", "/v1/collections", params={"limit": 1})
    ask("list_faces", "GET", f"{place}/faces", params={"limit": 1})
    ask("get_face", "GET", f"{place}/faces/{face}")
    ask("search_face", "POST", f"{place}/faces/{face}/search")
    ask("healthz", "GET", "/healthz")
    ask("readyz", "GET", "/readyz")
    desk = {"name": "front desk", "scopes": ["search", "read"], "collections": ["visitors"]}
    key = http.post("/v1/keys", json=desk).json()["api_key"]
    ask("info", "GET", "/v1/info", headers={"x-api-key": key})
    _deleted(http, ask, place, (grace, darker, eileen))
    return found


def _face(indexed: dict[str, Any]) -> str:
    return str(indexed["FaceRecords"][0]["Face"]["FaceId"])


def _people(http: httpx.Client, ask: Callable[..., Any], faces: tuple[str, str, str], photograph: bytes) -> None:
    face, second, other = faces
    place = "/v1/collections/visitors/users"
    ask("ensure_user", "PUT", f"{place}/grace")
    http.put(f"{place}/eileen")
    http.post(f"{place}/eileen/faces", json={"FaceIds": [other]})
    ask("associate_faces", "POST", f"{place}/grace/faces", json={"FaceIds": [face, second]})
    ask("get_user", "GET", f"{place}/grace")
    ask("list_users", "GET", place, params={"limit": 1})
    ask("search_user", "POST", f"{place}/grace/search", params={"threshold": 0})
    ask("search_users_by_image", "POST", f"{place}/search", content=photograph)
    ask("disassociate_face", "DELETE", f"{place}/grace/faces/{second}")
    ask("disassociate_faces", "POST", f"{place}/grace/faces/delete", json={"FaceIds": [face]})


def _deleted(http: httpx.Client, ask: Callable[..., Any], place: str, pictures: tuple[bytes, bytes, bytes]) -> None:
    """Everything that can be erased, each of it stored for that."""

    def stored(number: int, name: str) -> str:
        answer = http.put(f"/v1/index/{name}", params={"collection": "visitors"}, content=pictures[number])
        return _face(answer.json())

    ask("delete_face", "DELETE", f"{place}/faces/{stored(1, 'one.jpg')}")
    ask("delete_faces", "POST", f"{place}/faces/delete", json={"FaceIds": [stored(1, "two.jpg")]})
    stored(1, "three.jpg")
    ask("delete_image", "DELETE", "/v1/images/three.jpg", params={"collection": "visitors"})
    http.post(f"{place}/users/grace/faces", json={"FaceIds": [stored(1, "four.jpg")]})
    ask("delete_user", "DELETE", f"{place}/users/grace", params={"faces": True})
    ask("delete_identity", "DELETE", f"{place}/faces", params={"external_image_id": "Grace-Hopper.jpg"})
    erased = ask("delete_collection", "DELETE", place, params={"receipt": True})
    receipt = f"/v1/receipts/{erased['Receipt']['receipt']['id']}"
    while http.get(receipt).json()["receipt"]["state"] != "complete":
        time.sleep(0.05)
    ask("get_receipt", "GET", receipt)


def _steady(found: dict[str, Any]) -> dict[str, Any]:
    """With the same values for what differs from run to run; receipts are signed anew, and hold."""
    known: dict[str, str] = {REQUEST_ID: REQUEST_ID}

    def same(value: str) -> str:
        if value not in known:
            number = len(known)
            known[value] = f"{0x5CDD8A4B + number:08x}-6e0f-4a4f-9d4e-{number:012x}"
        return known[value]

    def steady(name: str, value: Any) -> Any:
        if name in _FIXED and value is not None:
            return _FIXED[name]
        if isinstance(value, dict):
            return {_UUID.sub(lambda one: same(one[0]), key): steady(key, one) for key, one in value.items()}
        if isinstance(value, list):
            return [steady(name, one) for one in value]
        if isinstance(value, str):
            value = _UUID.sub(lambda one: same(one[0]), value)
            return KEY_ID if re.fullmatch(r"key-[a-z0-9]{12}", value) else value
        return round(value, 4) if isinstance(value, float) else value

    answers: dict[str, Any] = steady("", found)
    for answer in answers.values():
        if "Receipt" in answer:
            _signed(answer["Receipt"])
        if "signature" in answer:
            _signed(answer)
    return answers


def _signed(receipt: dict[str, Any]) -> None:
    seed = MasterKey(Path("none"), MASTER_KEY, create=False).derive(PURPOSE)
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(canonical(receipt["receipt"]))
    receipt["signature"] = base64.b64encode(signature).decode()


if __name__ == "__main__":
    if not FILE.exists():
        FILE.write_bytes(b"{}")  # the server reads it
    FILE.write_bytes(orjson.dumps(record(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    sys.stdout.write(f"{FILE.name}: now run make docs\n")
