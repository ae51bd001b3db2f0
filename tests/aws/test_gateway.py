"""The application behind API Gateway: what it imports, whom it lets in, and that it recognizes."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from dataclasses import replace
from typing import Any

import httpx
import pytest

from kenspeckle.api import gateway_auth
from kenspeckle.aws.log_trail import log as trail_log
from kenspeckle.compose import managed
from kenspeckle.errors import SettingError
from kenspeckle.settings import Settings
from tests.aws.amazon import Amazon

EMBEDDED = ("faiss", "numpy", "onnx", "onnxruntime", "PIL", "pi_heif", "sqlalchemy", "alembic", "throttled", "typer")
_IMPORT = """
import json, sys
from kenspeckle.compose import managed
from kenspeckle.settings import Settings
settings = Settings(dynamodb_table="faces", images_url="s3://photographs", master_key="00" * 32)
assert managed.gateway(settings).app
json.dump(sorted(sys.modules), sys.stdout)
"""


def test_nothing_of_the_embedded_engine_is_imported() -> None:
    done = subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True)
    modules = json.loads(done.stdout)
    assert "fastapi" in modules
    assert [name for name in EMBEDDED if name in modules] == []
    # Nothing is asked of AWS at the start, and its SDK takes a third of a second.
    assert "botocore.session" not in modules


@pytest.mark.parametrize("missing", ["dynamodb_table", "images_url"])
def test_settings_that_are_missing_are_named(missing: str) -> None:
    given = Settings(dynamodb_table="faces", images_url="s3://photographs")
    without = replace(given, dynamodb_table="") if missing == "dynamodb_table" else replace(given, images_url="")
    with pytest.raises(SettingError, match=f"KENSPECKLE_{missing.upper()}"):
        managed.gateway(without)


def _asked(service: managed.Gateway, *requests: tuple[str, str, bytes], by: str | None) -> list[httpx.Response]:
    """Answers of the application, as a handler on Lambda asks it."""

    async def vouched(scope: Any, receive: Any, send: Any) -> None:
        if by is not None:
            scope[gateway_auth.PRINCIPAL] = gateway_auth.principal(by)
        await service.app(scope, receive, send)

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=vouched)
        async with httpx.AsyncClient(transport=transport, base_url="https://api") as client:
            return [await client.request(method, path, content=body) for method, path, body in requests]

    return asyncio.run(ask())


def test_only_what_the_gateway_vouches_for_is_answered(aws: Amazon) -> None:
    service = managed.gateway(aws.settings())
    refused, alive = _asked(service, ("GET", "/v1/info", b""), ("GET", "/healthz", b""), by=None)
    assert (refused.status_code, refused.json()["code"], alive.status_code) == (401, "unauthenticated", 200)
    (info,) = _asked(service, ("GET", "/v1/info", b""), by="key-1")
    assert (info.status_code, info.json()["recognizer"]) == (200, "rekognition")


def test_a_person_is_indexed_searched_and_erased(aws: Amazon, grace: bytes, caplog: pytest.LogCaptureFixture) -> None:
    name = aws.collection()
    service = managed.gateway(aws.settings(collection=name, master_key="11" * 32))
    with caplog.at_level(logging.INFO, trail_log.name):
        indexed, found, erased, gone = _asked(
            service,
            ("PUT", "/v1/index/grace-hopper.jpg", grace),
            ("PUT", "/v1/search", grace),
            ("DELETE", "/v1/images/grace-hopper.jpg", b""),
            ("PUT", "/v1/search", grace),
            by="key-1",
        )
    assert [one.status_code for one in (indexed, found, erased, gone)] == [200, 200, 200, 200]
    assert (found.json()["matchedFaces"], gone.json()["matchedFaces"]) == (["Grace hopper"], [])
    assert erased.json()["Receipt"]["receipt"]["face_count"] == 1
    rows = [record.audit for record in caplog.records if record.name == trail_log.name]  # type: ignore[attr-defined]
    assert [row["operation"] for row in rows] == [
        "IndexFaces",
        "SearchFacesByImage",
        "EraseImage",
        "SearchFacesByImage",
    ]
    assert {row["who"] for row in rows} == {"key-1"}
