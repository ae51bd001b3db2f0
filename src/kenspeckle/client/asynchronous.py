"""`kenspeckle.AsyncClient`: what `Client` does, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import httpx

from kenspeckle.client import exchange, verbs
from kenspeckle.client.errors import ClientError, UnknownAnswer
from kenspeckle.client.pages import all_of_later
from kenspeckle.client.retries import USUAL, Retries, repeatable
from kenspeckle.client.sync import PAGE
from kenspeckle.client.verbs import Done, Photograph, Quality
from kenspeckle.domain import (
    Collection,
    Comparison,
    Deleted,
    Erased,
    Face,
    FaceDetail,
    FaceRecord,
    ImageSearch,
    Indexed,
    User,
)
from kenspeckle.domain import operations as ops
from kenspeckle.domain.operations import A, Operation
from kenspeckle.errors import KenspeckleError


class AsyncClient:
    """As `kenspeckle.Client`, for asyncio; use it in an `async with` block, in one event loop. Files are read in the
    loop's threads."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8080",
        api_key: str | None = None,
        *,
        collection: str = "",
        timeout: float = 120.0,
        retries: Retries = USUAL,
    ) -> None:
        self._client = httpx.AsyncClient(**exchange.connection(url, api_key, timeout))
        self._url = exchange.hide_password(url)
        self._retries = retries
        self._default: str | None = None
        self.collection = collection

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def handle(self, operation: Operation[A]) -> A:
        """Any operation of `kenspeckle.operations`. Raises as `Client.handle`."""
        request = exchange.request_of(operation)
        default = await self.default_collection() if exchange.needs_default(request, operation) else ""
        try:
            response = await self._ask(repeatable(type(operation)), **exchange.to_httpx(request, operation, default))
            answer: A = exchange.load_answer(request, operation, response)
        except UnknownAnswer as error:
            with suppress(ClientError, KenspeckleError):
                error.hint = exchange.other_version(await self.info()) or error.hint
            raise
        return answer

    async def info(self) -> Mapping[str, object]:
        return exchange.json_of(await self._ask(True, method="GET", url="/v1/info"))

    async def default_collection(self) -> str:
        """The server's, asked for once."""
        if self._default is None:
            self._default = str((await self.info())["collection"])
        return self._default

    async def index(
        self,
        photograph: Photograph,
        name: str | None = None,
        *,
        max_faces: int | None = None,
        quality: Quality = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Indexed:
        """As `Client.index`."""
        how = (name, self.collection, max_faces, quality, metadata)
        return await self.handle(await asyncio.to_thread(verbs.index, photograph, *how))

    async def search(
        self,
        photograph: Photograph,
        *,
        threshold: float | None = None,
        max_faces: int | None = None,
        quality: Quality = None,
        every_face: bool = False,
    ) -> ImageSearch:
        """As `Client.search`."""
        how = (self.collection, threshold, max_faces, quality, every_face)
        return await self.handle(await asyncio.to_thread(verbs.search, photograph, *how))

    def index_many(
        self,
        photographs: Iterable[tuple[str, Photograph]],
        *,
        workers: int = 4,
        progress: Callable[[int, Done], object] = lambda done, one: None,
    ) -> AsyncIterator[Done]:
        """As `Client.index_many`."""

        async def one(pair: tuple[str, Photograph]) -> Done:
            name, photograph = pair
            return await self._one(photograph, name, self.index(photograph, name))

        return _several(one, photographs, workers, progress)

    def search_many(
        self,
        photographs: Iterable[Photograph],
        *,
        workers: int = 4,
        progress: Callable[[int, Done], object] = lambda done, one: None,
        **how: Any,
    ) -> AsyncIterator[Done]:
        """As `Client.search_many`."""

        async def one(photograph: Photograph) -> Done:
            return await self._one(photograph, verbs.name_of(photograph), self.search(photograph, **how))

        return _several(one, photographs, workers, progress)

    async def detect(self, photograph: Photograph) -> tuple[FaceDetail, ...]:
        """As `Client.detect`."""
        return await self.handle(ops.DetectFaces(image=await asyncio.to_thread(verbs.content, photograph)))

    async def compare(self, source: Photograph, target: Photograph, *, threshold: float | None = None) -> Comparison:
        """As `Client.compare`."""
        first, second = [await asyncio.to_thread(verbs.content, one) for one in (source, target)]
        return await self.handle(ops.CompareFaces(source=first, target=second, threshold=threshold))

    def faces(self, *, name: str | None = None, user: str | None = None) -> AsyncIterator[Face]:
        """As `Client.faces`."""
        return all_of_later(lambda cursor: self.handle(verbs.faces(self.collection, name, user, cursor)))

    async def face(self, face_id: str) -> FaceRecord:
        return await self.handle(ops.GetFace(collection_id=self.collection, face_id=face_id))

    async def thumbnail(self, face_id: str) -> bytes:
        """As `Client.thumbnail`."""
        return await self.handle(ops.GetThumbnail(collection_id=self.collection, face_id=face_id))

    async def delete_faces(self, face_ids: Sequence[str]) -> Deleted:
        return await self.handle(ops.DeleteFaces(collection_id=self.collection, face_ids=face_ids))

    async def erase(self, name: str) -> Erased:
        """As `Client.erase`."""
        return await self.handle(ops.EraseIdentity(collection_id=self.collection, external_image_id=name))

    def collections(self) -> AsyncIterator[Collection]:
        return all_of_later(lambda cursor: self.handle(ops.ListCollections(limit=PAGE, cursor=cursor)))

    async def create_collection(self, collection_id: str, *, pack: str | None = None) -> Collection:
        return await self.handle(ops.CreateCollection(collection_id=collection_id, pack=pack))

    async def delete_collection(self, collection_id: str) -> None:
        await self.handle(ops.DeleteCollection(collection_id=collection_id))

    def users(self) -> AsyncIterator[User]:
        return all_of_later(
            lambda cursor: self.handle(ops.ListUsers(collection_id=self.collection, limit=PAGE // 2, cursor=cursor))
        )

    async def _one(self, photograph: Photograph, name: str, asked: Awaitable[Indexed | ImageSearch]) -> Done:
        try:
            return Done(photograph, name, await asked, None)
        except verbs.ONES_OWN as error:
            return Done(photograph, name, None, error)

    async def _ask(self, again: bool, **request: Any) -> httpx.Response:
        """As `Remote._ask`, which waits in a thread."""
        attempt = 0
        while True:
            attempt += 1
            try:
                response = await self._client.request(**request)
            except httpx.HTTPError as error:
                broken = again and not isinstance(error, httpx.ConnectError | httpx.TimeoutException)
                pause = self._retries.after_failure(broken, attempt)
                if pause is None:
                    raise exchange.unreachable(error, self._url) from error
            else:
                pause = self._retries.pause(response, attempt)
                if pause is None:
                    break
            await asyncio.sleep(pause)
        if not response.is_success:
            raise exchange.problem(response, self._url)
        return response


async def _several(
    work: Callable[[Any], Awaitable[Done]],
    items: Iterable[Any],
    workers: int,
    progress: Callable[[int, Done], object],
) -> AsyncIterator[Done]:
    """Outcomes in order of completion, `workers` at once; those under way are cancelled where the caller stops."""
    source = iter(items)
    running: set[asyncio.Future[Done]] = set()
    number = 0
    try:
        while True:
            while len(running) < workers and (item := next(source, None)) is not None:
                running.add(asyncio.ensure_future(work(item)))
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                number += 1
                progress(number, one.result())
                yield one.result()
    finally:
        for one in running:
            one.cancel()
