"""One HTTP connection, as uvicorn speaks it, with the bounds it lacks: time and size of a head, bytes nobody reads."""

from __future__ import annotations

import asyncio
import uuid
from http import HTTPStatus
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kenspeckle.serving import problems

HEAD_SECONDS = 20.0
"""Time for the head of a connection's first request; for later ones uvicorn's keep-alive time holds."""
HEAD_BYTES = 64 * 1024
"""Bytes of a request's line and headers. Metadata takes 2 KiB of it, other clients' cookies the rest."""
UNREAD_BYTES = 64 * 1024 * 1024
"""Bytes of a refused body that are let pass, so that a client which only reads when all is sent gets its answer."""

_BROKEN = (
    "The bytes on this connection are no HTTP request. Either the request's head is malformed, or more bytes came than "
    "Content-Length declared; nothing of them was stored. Send the request again with its true length."
)


class Connection(HttpToolsProtocol):
    """Give this class to uvicorn as `http`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._heads = 0
        self._head_bytes = 0
        self._in_head = True
        self._unread_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        heads, in_head = self._heads, self._in_head
        super().data_received(data)
        # Only a piece that neither began nor ended outside of a head is surely all head.
        self._head_bytes = self._head_bytes + len(data) if in_head and self._in_head and heads == self._heads else 0
        if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self._refuse(431, f"The request's head is larger than {HEAD_BYTES} bytes; send fewer or shorter headers.")

    def on_headers_complete(self) -> None:
        self._heads += 1
        self._in_head = False
        self._unread_bytes = 0
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self.cycle is not None and self.cycle.response_complete:
            self._unread_bytes += len(body)
            if self._unread_bytes > UNREAD_BYTES:
                self.transport.close()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.body and not cycle.more_body:
                # A whole request was taken and is being worked on: it gets its answer, what follows gets none.
                cycle.keep_alive = False
                return
            # Its body was not read yet, so nothing was done: the reader learns that there is no such request.
            cycle.disconnected = True
            cycle.message_event.set()
        self._refuse(400, _BROKEN)

    def _refuse(self, status: int, detail: str) -> None:
        problem = problems.of_http(status, detail)
        body = orjson.dumps(problem.body(str(uuid.uuid4())))
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {problems.MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _head_too_slow(self) -> None:
        if not self.transport.is_closing():
            self._refuse(408, f"No request came within {HEAD_SECONDS:.0f} s; send it again on a new connection.")

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
