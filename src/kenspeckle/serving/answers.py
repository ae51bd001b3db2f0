"""Sends one answer: a large one piece by piece, as its client takes it, within the budget for answers."""

from __future__ import annotations

from typing import Final

from starlette.types import Message, Send

from kenspeckle.serving.bodies import ClientDisconnected
from kenspeckle.serving.budget import Share

LARGE: Final = 256 * 1024
"""Bytes from which an answer is counted: smaller ones are bounded by the number of connections."""
PIECE: Final = 64 * 1024


class Answer:
    """The ASGI `send` of one request. Its share of the budget is given back by whoever made it."""

    def __init__(self, send: Send, share: Share, *, without_body: bool) -> None:
        self._send = send
        self._share = share
        self._without_body = without_body

    async def __call__(self, message: Message) -> None:
        """Raises ClientDisconnected; Overloaded for the head of an answer that has no room, and another may be sent."""
        if message["type"] == "http.response.start":
            size = _declared(message)
            if size > LARGE and not self._without_body:
                self._share.take(size)
            await self._deliver(message)
            return
        body: bytes = b"" if self._without_body else message.get("body", b"")
        if len(body) <= LARGE:
            await self._deliver({**message, "body": body})
            return
        # Each piece waits until the one before has nearly gone: nobody's unread answer lies in memory twice.
        for start in range(0, len(body), PIECE):
            last = start + PIECE >= len(body)
            more = message.get("more_body", False) if last else True
            await self._deliver({**message, "body": body[start : start + PIECE], "more_body": more})

    async def _deliver(self, message: Message) -> None:
        try:
            await self._send(message)
        except (OSError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "closed" not in str(error):
                raise
            # An OSError as ASGI has it, or uvloop's own word for a connection that its client has closed.
            raise ClientDisconnected from error


def _declared(message: Message) -> int:
    for name, value in message.get("headers", ()):
        if name.lower() == b"content-length":
            return int(value)
    return 0
