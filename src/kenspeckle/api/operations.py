"""Handlers for operators: health, readiness, metrics, and the description of the API."""

from __future__ import annotations

import asyncio

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api import docs_page, examples, schemas
from kenspeckle.api.edge import Edge, answer
from kenspeckle.api.route import OPEN, route
from kenspeckle.domain import Of, Right, Scope
from kenspeckle.errors import StorageUnavailable
from kenspeckle.serving import metrics

LOOK_SECONDS = 5.0
NO_ANSWER = f"The catalog or a disk has not answered for {LOOK_SECONDS:.0f} s; it may hang."


class Operations:
    """The description is made once, in a thread, when it is first asked for."""

    def __init__(self, edge: Edge, app: FastAPI) -> None:
        self.edge = edge
        self.app = app
        self._page = b""
        self._json = b""
        self._making = asyncio.Lock()
        self._looking: asyncio.Future[None] | None = None

    @route("GET", "/healthz", tag="operations", right=OPEN, answer=schemas.Status, example=examples.alive)
    async def healthz(self, request: Request) -> Response:
        """Alive: the process answers. Restart it where this fails."""
        return answer({"status": "alive"})

    @route(
        "GET",
        "/readyz",
        tag="operations",
        right=OPEN,
        answer=schemas.Status,
        example=examples.ready,
        codes=("model_missing", "storage_unavailable", "storage_full"),
    )
    async def readyz(self, request: Request) -> Response:
        """Ready: model and templates loaded, catalog answers, disks can be written to, no shutdown under way. Send no
        traffic where this fails."""
        # One look serves all who ask meanwhile: each that waits for a database that hangs would hold a thread.
        looking = self._looking
        if looking is None or looking.done():
            looking = self._looking = asyncio.ensure_future(self._look())
        done, _ = await asyncio.wait({looking}, timeout=LOOK_SECONDS)
        if not done:
            raise StorageUnavailable(NO_ANSWER, retry_after=LOOK_SECONDS)
        looking.result()
        return answer({"status": "ready"})

    async def _look(self) -> None:
        await self.edge.threads.call(self.edge.recognizer.ready)
        if self.edge.writable is not None:
            await self.edge.threads.call(self.edge.writable)

    @route("GET", "/metrics", tag="operations", right=Right(Scope.READ, Of.SERVICE), media="text/plain")
    async def metrics(self, request: Request) -> Response:
        """Metrics for Prometheus."""
        text = await self.edge.threads.call(self.edge.metrics.text)
        return Response(text, headers={"content-type": metrics.MEDIA_TYPE})

    @route("GET", "/openapi.json", tag="operations", right=OPEN, media="application/json")
    async def openapi(self, request: Request) -> Response:
        """This description, as OpenAPI 3.1."""
        # These need no key: many first requests at once wait for one document to be made, which takes a second of a
        # core.
        async with self._making:
            if not self._json:
                made = await self.edge.threads.call(self.app.openapi)
                self._json = orjson.dumps(made)
        return Response(self._json, media_type="application/json")

    @route("GET", "/docs", tag="operations", right=OPEN, media="text/html")
    async def docs(self, request: Request) -> Response:
        """This description, to read. The page loads nothing from anywhere."""
        async with self._making:
            if not self._page:
                made = await self.edge.threads.call(self.app.openapi)
                self._page = (await self.edge.threads.call(docs_page.render, made)).encode()
        return Response(
            self._page,
            media_type="text/html",
            headers={"content-security-policy": docs_page.POLICY, "cache-control": "no-cache"},
        )
