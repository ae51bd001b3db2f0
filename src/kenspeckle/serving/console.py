"""Serves the web console: `GET /` and the files under `/console/`, read once, with tags, compressed where asked for;
and the sample photographs of the demo, where they are installed.

They are public and contain no data; the console gets what it shows from the REST API, with the user's key.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

PACKAGE = "kenspeckle.console"
INDEX = "index.html"
BUNDLE = "files.json"

MEDIA_TYPES: Mapping[str, str] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
}
"""By file ending; a file of another kind is not served."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Content-Security-Policy of the page: its own files, and the visitor's own pictures and videos. No text can become
markup."""

HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
    # Browsers cache the files and revalidate them each time: a new version is used at once, an unchanged one costs a
    # 304.
    "cache-control": "no-cache",
    "vary": "accept-encoding",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent. `etag` is a digest of its bytes, quoted."""

    body: bytes
    compressed: bytes
    media_type: str
    etag: str


def load() -> dict[str, Asset]:
    """Every file of the console by its path in the package. A wheel has all of them in one (`hatch_build.py`)."""
    folder = resources.files(PACKAGE)
    bundle = folder / BUNDLE
    if bundle.is_file():
        files = {path: text.encode() for path, text in json.loads(bundle.read_bytes()).items()}
    else:
        files = dict(_walk(folder, ""))
    return {path: _asset(body, kind) for path, body in files.items() if (kind := _media_type(path)) is not None}


def routes(samples: Mapping[str, Path] | None = None) -> list[Route]:
    """`GET /` and `GET /console/{path}`, for files that are read once, now. `samples` are photographs by the name of
    who is on them; `GET /console/samples` lists those whose file is there."""
    console, offered = Console(load()), Samples(samples or {})
    return [
        Route("/", console, methods=["GET"], name="console"),
        Route("/console/samples", offered.index, methods=["GET"], name="console_samples"),
        Route("/console/samples/{file}", offered.photograph, methods=["GET"], name="console_sample"),
        Route("/console/{path:path}", console, methods=["GET"], name="console_file"),
    ]


class Console:
    """The endpoint. A class, so that logs and metrics have one route for all its files."""

    def __init__(self, assets: Mapping[str, Asset]) -> None:
        self.assets = assets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        asset = self.assets.get(request.path_params.get("path", INDEX))
        if asset is None:
            raise HTTPException(404)
        await _answer(request, asset)(scope, receive, send)


class Samples:
    """Sample photographs, public as the console itself; read when they are asked for."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files

    def index(self, _: Request) -> Response:
        found = [{"name": name, "file": path.name} for name, path in self._files.items() if path.is_file()]
        return JSONResponse({"samples": found}, headers={"cache-control": "no-cache"})

    def photograph(self, request: Request) -> Response:
        wanted = request.path_params["file"]
        path = next((one for one in self._files.values() if one.name == wanted and one.is_file()), None)
        if path is None:
            raise HTTPException(404)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return Response(path.read_bytes(), media_type=kind, headers={"cache-control": "no-cache"})


def _answer(request: Request, asset: Asset) -> Response:
    # The tag is that of the uncompressed file, so it holds for both encodings.
    headers = {**HEADERS, "etag": asset.etag}
    if asset.etag in [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    accepted = [one.split(";")[0].strip() for one in request.headers.get("accept-encoding", "").split(",")]
    if "gzip" in accepted and len(asset.compressed) < len(asset.body):
        headers |= {"content-encoding": "gzip", "etag": "W/" + asset.etag}
        return Response(asset.compressed, media_type=asset.media_type, headers=headers)
    return Response(asset.body, media_type=asset.media_type, headers=headers)


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        path = prefix + entry.name
        if entry.is_dir():
            yield from _walk(entry, path + "/")
        elif _media_type(path) is not None:
            yield path, entry.read_bytes()


def _media_type(path: str) -> str | None:
    return MEDIA_TYPES.get(path.rpartition(".")[2])


def _asset(body: bytes, media_type: str) -> Asset:
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return Asset(body, gzip.compress(body, mtime=0), media_type, tag)
