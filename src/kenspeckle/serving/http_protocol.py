"""One HTTP/1.1 connection: httptools parses, uvicorn calls the application; the limits that both lack are here."""

from __future__ import annotations

import asyncio
import logging
import socket
import uuid
from enum import Enum
from http import HTTPStatus
from typing import Any

import httptools
import orjson
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from kenspeckle.serving import problems
from kenspeckle.serving.budget import BODIES, Share
from kenspeckle.serving.connections import Connections, Entry
from kenspeckle.serving.flow import Bounds, Flow, Outgoing
from kenspeckle.usecases.access.authorization import PRINCIPAL

log = logging.getLogger(__name__)


class _Part(Enum):
    """Which part of a message comes next."""

    NOTHING = 0
    HEAD = 1
    BODY = 2


class _Wait(Enum):
    """What an idle connection waits for."""

    IDLE = 0
    HEAD = 1
    UNREAD = 2


_BROKEN = (
    "The bytes on this connection are no HTTP request. Either the request's head is malformed, or more bytes came than "
    "Content-Length declared; nothing of them was stored. Send the request again with its true length."
)


_PROOFS = frozenset({b"x-api-key", b"authorization"})
"""Headers that may prove a key."""

_CHUNKS = "The body comes in too many chunks of a few bytes each; send it in larger ones, or with Content-Length."


class _Refused(Exception):
    """Ends the parsing from within a callback."""


class Connection(HttpToolsProtocol):
    """uvicorn's setting `http`. Limits are `Config.bounds`, where the configuration has them."""

    entry: Entry | None = None
    """Its entry among all connections, made with the connection, unless a TlsListener has made it before."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bounds: Bounds = getattr(self.config, "bounds", None) or Bounds()
        self._current: RequestResponseCycle | None = None
        self._part = _Part.NOTHING
        self._asked = self._refused = False
        self._offered = False
        self._deaf = self._goes_on = self._lost = False
        self._most_unread = self._bounds.unread_bytes
        self._progress = False
        self._quiet = self._size = self._fields = self._unread = self._dropped = 0
        self._body = self._pieces = 0
        self._waited = 0.0
        self._refusal = (400, _BROKEN)
        self._wait: _Wait | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None
        self._sent = 0
        self._paused: asyncio.TimerHandle | None = None

    # -- the connection ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        connections: Connections | None = getattr(self.config, "connections", None)
        if self.entry is None and connections is not None:
            peer = transport.get_extra_info("peername")
            self.entry = connections.enter(str(peer[0]) if isinstance(peer, tuple) else "", transport.abort)
            if self.entry is None:
                self._refused = True
                transport.abort()
                return
        super().connection_made(transport)
        self._real = transport
        connected = transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._bounds.send_buffer)
        transport.set_write_buffer_limits(self._bounds.unsent_bytes)
        self._outgoing = Outgoing(transport, self._finish)
        self.transport = self._outgoing
        self.flow = self._flow = Flow(transport)
        if self.entry is not None:
            self.entry.close = transport.abort
        self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._refused:
            self.parser = None  # type: ignore[assignment]  # as uvicorn does
            return
        self._lost = True
        for timer in (self._timer, self._sending, self._paused):
            if timer is not None:
                timer.cancel()
        self._timer = self._sending = self._paused = None
        self._outgoing.forget()
        for cycle in (self._current, *(queued for queued, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        if self.entry is not None:
            self.entry.leave()
        super().connection_lost(exc)
        # What the connection refers to also refers to it. The garbage collector runs too rarely: of a flood of
        # connections it would leave tens of megabytes. So the last one to let go of the connection frees it.
        self._current = self.cycle = None  # type: ignore[assignment]  # uvicorn's type knows no end

    def shutdown(self) -> None:
        if self._is_busy():
            self._last().keep_alive = False
        else:
            self._real.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_sending()
        self._settle()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._settle()

    # -- what comes --------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            self._pass(len(data))
            self._count_dropped()
            return
        self._progress = False
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._broken()
            return
        self._quiet = 0 if self._progress else self._quiet + len(data)
        if self._quiet > self._bounds.head_bytes:
            self._refusal = self._too_large()
            self._broken()
        self._count_dropped()
        self._settle()

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                data = self._without_offer() + data[offer.args[0] :]
            else:
                return

    def _without_offer(self) -> bytes:
        """Parse the head again with a new parser, without its Upgrade header, which may be ignored (RFC 9110, 7.8). The
        first parser would take the body for the other protocol."""
        head = [self.parser.get_method(), b" ", self.url, b" HTTP/", self.parser.get_http_version().encode(), b"\r\n"]
        for name, value in self.headers:
            if name != b"upgrade":
                head += [name, b": ", value, b"\r\n"]
        self.parser = httptools.HttpRequestParser(self)
        self._offered = False
        return b"".join((*head, b"\r\n"))

    def on_message_begin(self) -> None:
        self._part = _Part.HEAD
        self._asked = True
        self._size = self._fields = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url), 0)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4, 1)
        if self._part is _Part.HEAD:  # Trailers are dropped: they must not become headers.
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._progress = True
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                self._refusal = (400, "This is no proxy: the method CONNECT is not taken.")
                raise _Refused
            self._offered = True
            return
        if len(self.pipeline) >= self._bounds.pipelined:
            self._last().keep_alive = False
            self._deaf = self._goes_on = True
            raise _Refused
        self._part = _Part.BODY
        self._size = self._fields = self._unread = self._body = self._pieces = 0
        super().on_headers_complete()
        if self.pipeline:
            self._flow.hold()

    def on_body(self, body: bytes) -> None:
        self._progress = True
        if self.cycle.response_complete:
            self._pass(max(len(body), self._bounds.piece_bytes))
            return
        self._body += len(body)
        self._pieces += 1
        if self._pieces > self._bounds.pieces + self._body // self._bounds.chunk_bytes:
            self._refusal = (400, _CHUNKS)
            raise _Refused
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._offered:
            return
        self._progress = True
        self._part = _Part.NOTHING
        super().on_message_complete()
        if not self.parser.should_keep_alive():
            self._deaf = True
        if self._outgoing.finished:
            self._real.close()

    def _count(self, size: int, fields: int) -> None:
        self._size += size
        self._fields += fields
        if self._size > self._bounds.head_bytes or self._fields > self._bounds.fields:
            self._refusal = self._too_large()
            raise _Refused

    def _pass(self, size: int) -> None:
        """Drop bytes."""
        if self._unread == 0:
            self._narrow()
        self._unread += size
        self._dropped += size
        if self._unread > self._most_unread:
            self._real.abort()

    def _count_dropped(self) -> None:
        """Those of a host without a key count as requests."""
        size, self._dropped = self._dropped, 0
        if size and self.entry is not None and self._is_anonymous():
            self._pause(self.entry.delay(self._bounds.anonymous_rate, size / self._bounds.dropped_bytes))

    def _narrow(self) -> None:
        """Have the system keep little of what is only dropped. It gives a fast sender up to megabytes, and these would
        stay there while reading pauses: of many connections, more than all programs of the machine may have."""
        connected = self._real.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._bounds.receive_buffer)

    # -- requests ----------------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Called for a request that waits for no other one."""
        if (
            self.entry is not None
            and not self.entry.known
            and not _names_a_key(cycle)
            and self._pause(self.entry.delay())
        ):
            self.pipeline.append((cycle, app))
        else:
            self._start(cycle, app)

    def _start(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._current = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self._current is not None:
            self._current.body = bytearray()
        self._watch_sending()
        anonymous = self._is_anonymous()
        if self.entry is not None and not anonymous:
            self.entry.prove()
        if self._outgoing.is_closing():
            return
        seconds = self.entry.delay(self._bounds.anonymous_rate) if anonymous and self.entry is not None else 0.0
        self._waited = self._waited + min(max(seconds, 0.0), self._bounds.longest_pause) if self.pipeline else 0.0
        if self._waited > self._bounds.waiting_seconds:
            # Its client sends them again, on a new connection: this one is not held for requests that wait in turn.
            self.pipeline.clear()
            self._outgoing.close()
        elif not self._pause(seconds):
            self._go_on()
        self._settle()

    def _is_anonymous(self) -> bool:
        """Whether no key was found for the request that was just answered."""
        state: dict[str, Any] = self._current.scope.get("state", {}) if self._current is not None else {}
        share: Share | None = state.get(BODIES)
        return PRINCIPAL not in state and not (share is not None and share.known)

    def _pause(self, seconds: float) -> bool:
        """Stop reading for so many seconds, which slows down a flood from one host. False for zero seconds."""
        if seconds <= 0 or self._lost:
            return False
        self._flow.hold()
        if self._paused is not None:
            self._paused.cancel()
        self._paused = self.loop.call_later(min(seconds, self._bounds.longest_pause), self._go_on)
        return True

    def _go_on(self) -> None:
        """Continue with pipelined requests, or with reading."""
        self._paused = None
        if self.pipeline and not self._outgoing.is_closing():
            self._start(*self.pipeline.pop())
        if not self.pipeline:
            self._flow.release()
        self._settle()

    def _is_busy(self) -> bool:
        cycle = self._current
        return cycle is not None and not cycle.response_complete and not cycle.disconnected

    def _last(self) -> RequestResponseCycle:
        """The newest accepted request, while there is one that is not answered."""
        newest = self.pipeline[0][0] if self.pipeline else self._current
        assert newest is not None
        return newest

    # -- the end -----------------------------------------------------------------------------------------------

    def _broken(self) -> None:
        """Stop parsing: the bytes are no valid HTTP."""
        if self._deaf:
            self._settle()
            return
        self._deaf = self._goes_on = True
        self._most_unread = self._bounds.broken_bytes
        last = self.cycle
        if last is not None and not last.response_complete and (last.body or last.more_body):
            # Its body was not read yet, so nothing was done: the application is told that the client disconnected.
            last.disconnected = True
            last.message_event.set()
            if self.pipeline:
                self.pipeline.popleft()
        if self._is_busy():
            # Complete requests under way get their answers, later ones do not.
            self._last().keep_alive = False
        else:
            self._refuse(*self._refusal)
            self._finish()
            if self.entry is not None:
                self._pause(self.entry.delay(self._bounds.anonymous_rate))

    def _refuse(self, status: int, detail: str) -> None:
        cycle = self._current
        half_answered = cycle is not None and cycle.response_started and not cycle.response_complete
        if half_answered or self._outgoing.is_closing():
            return
        problem = problems.of_http(status, detail)
        body = orjson.dumps(problem.body(str(uuid.uuid4())))
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {problems.MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self._outgoing.write(head.encode() + body)

    def _finish(self) -> None:
        """Close once the answer is sent and the client's remaining bytes are read."""
        if self._outgoing.finished:
            return
        self._outgoing.finished = True
        if self._part is _Part.NOTHING and not self._goes_on:
            self._real.close()
        else:
            if self._real.can_write_eof():
                self._real.write_eof()
            self._flow.release()
        self._watch_sending()
        self._settle()

    # -- time --------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Set the deadline for what the connection waits for now. While a request is answered there is none: the
        reading of its body has its own."""
        if self._lost:
            return
        wait = self._waits_for()
        if self.entry is not None:
            # A client that does not read its answer gets no further deadline.
            busy = wait is None and not self.flow.write_paused
            if self.entry.busy and not busy:
                self.entry.since = self.loop.time()
            self.entry.busy = busy
        if wait is self._wait:
            return
        self._wait = wait
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wait is not None:
            if self.entry is not None:
                self.entry.since = self.loop.time()
            bounds = self._bounds
            seconds = (bounds.idle_seconds, bounds.head_seconds, bounds.unread_seconds)[wait.value]
            self._timer = self.loop.call_later(seconds, self._expired, wait)

    def _waits_for(self) -> _Wait | None:
        if self._outgoing.finished:
            return _Wait.UNREAD
        if self._is_busy():
            return None
        if self._part is _Part.BODY or self._deaf:
            return _Wait.UNREAD
        return _Wait.HEAD if self._part is _Part.HEAD or not self._asked else _Wait.IDLE

    def _expired(self, wait: _Wait) -> None:
        self._timer = None
        if wait is _Wait.HEAD:
            self._refuse(408, f"No request came within {self._bounds.head_seconds:.0f} s; send it on a new connection.")
        self._outgoing.finished = True
        self._real.close()
        self._watch_sending()

    def _watch_sending(self) -> None:
        waiting = self._real.get_write_buffer_size()
        if waiting and self._sending is None and not self._lost:
            self._sent = self._outgoing.written - waiting
            self._sending = self.loop.call_later(self._bounds.send_seconds, self._look_at_sending)

    def _look_at_sending(self) -> None:
        self._sending = None
        waiting = self._real.get_write_buffer_size()
        taken = self._outgoing.written - waiting - self._sent
        if waiting and taken < self._bounds.send_pace * self._bounds.send_seconds:
            log.info("an answer was not read", extra={"client": self.client and self.client[0], "bytes": waiting})
            self._real.abort()
        else:
            self._watch_sending()

    def _too_large(self) -> tuple[int, str]:
        bounds = self._bounds
        return (
            431,
            f"The request's head or trailers have more than {bounds.head_bytes} bytes or {bounds.fields} fields; send "
            "fewer or shorter ones.",
        )


def _names_a_key(cycle: RequestResponseCycle) -> bool:
    """Whether the request has something that may prove a key. It is looked at at once also where its host sends too
    many that have not: the holder of a key may share its address with an attacker."""
    scope = cycle.scope
    return b"ignature=" in scope["query_string"] or any(name in _PROOFS for name, _ in scope["headers"])
