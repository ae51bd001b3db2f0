"""Reads a request's body, counted and against a deadline; and past one that is refused, so that the answer arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.types import Receive

from kenspeckle.rekognition.errors import Refusal

GRACE_SECONDS = 10.0
"""Time to send a body, to which each received byte adds 1 / SLOWEST."""

SLOWEST = 16 * 1024
"""Bytes a second below which a client is cut, so that none holds a place in the queue by dripping."""

MOST_DRAINED = 64 * 1024 * 1024
"""Bytes of a refused body that are read and dropped; SDKs send all of it before they look for an answer."""


class ClientGone(Exception):
    """The client closed the connection before its request was complete; there is nobody to answer."""


class Body:
    """The body of one request."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._size = 0
        self._ended = False

    async def read(self, most: int) -> bytes:
        """All of it. Raises Refusal beyond `most` bytes and for a client that is too slow; ClientGone."""
        chunks: list[bytes] = []
        async with _deadline() as arrived:
            while not self._ended:
                chunks.append(await self._next(arrived))
                if self._size > most:
                    chunks.clear()
                    raise Refusal(
                        "RequestEntityTooLargeException", f"The request is larger than {most} bytes; send less.", 413
                    )
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def drain(self) -> None:
        """Drop the rest of it, within bounds of size and time."""
        try:
            async with _deadline() as arrived:
                while not self._ended and self._size <= MOST_DRAINED:
                    await self._next(arrived)
        except Refusal:
            return

    async def _next(self, arrived: Callable[[int], None]) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        self._ended = not message.get("more_body", False)
        self._size += len(chunk)
        arrived(self._size)
        return chunk


@asynccontextmanager
async def _deadline() -> AsyncIterator[Callable[[int], None]]:
    """Within it, bytes have to arrive at a pace of SLOWEST at least, after GRACE_SECONDS; the function that it gives
    is told how many came."""
    begun = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(GRACE_SECONDS) as timeout:
            yield lambda size: timeout.reschedule(begun + GRACE_SECONDS + size / SLOWEST)
    except TimeoutError:
        raise Refusal("RequestTimeoutException", "The request came too slowly; send it again.", 408) from None
