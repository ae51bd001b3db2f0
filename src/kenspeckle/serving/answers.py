"""Sends one answer: a large one in pieces, as fast as its client reads, within the budget for answers."""

from __future__ import annotations

from typing import Final

from starlette.types import Message, Send

from kenspeckle.serving.bodies import ClientDisconnected
from kenspeckle.serving.budget import Share

LARGE: Final = 64 * 1024
"""Least size in bytes of answers that are counted; the memory of smaller ones is bounded by the number of
connections."""
PIECE: Final = 32 * 1024


class Answer:
    """The ASGI `send` of one request. The caller that created it returns its share of the budget."""

    def __init__(self, send: Send, share: Share, *, without_body: bool) -> None:
        self._send = send
        self._share = share
        self._without_body = without_body
        self.known = False
        """Whether its client has proved to hold a key."""

    async def __call__(self, message: Message) -> None:
        """Raises ClientDisconnected; Overloaded for the head of an answer that exceeds the budget; another answer may
        be sent instead."""
        if message["type"] == "http.response.start":
            size = _declared_length(message)
            if size > LARGE and not self._without_body:
                self._share.known = self.known
                self._share.take(size)
            await self._deliver(message)
            return
        body: bytes = b"" if self._without_body else message.get("body", b"")
        if len(body) <= LARGE:
            await self._deliver({**message, "body": body})
            return
        # Each piece waits until most of the one before is sent, so that no unread answer is in memory twice.
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
            # OSError by ASGI's specification, or uvloop's error for a connection that its client has closed.
            raise ClientDisconnected from error


def _declared_length(message: Message) -> int:
    for name, value in message.get("headers", ()):
        if name.lower() == b"content-length":
            return int(value)
    return 0
