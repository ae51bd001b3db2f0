"""One HTTP/1.1 connection: httptools parses, uvicorn calls the application; the limits that both lack are here."""

from __future__ import annotations

import asyncio
import socket
import uuid
from enum import Enum
from http import HTTPStatus
from typing import Any, cast

import httptools
import orjson
from starlette.responses import Response
from starlette.types import Scope
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from kenspeckle.serving import floods, problems
from kenspeckle.serving.connections import Connections, Entry
from kenspeckle.serving.deadlines import Deadline, Sending, Wait
from kenspeckle.serving.floods import Slowdown
from kenspeckle.serving.flow import Bounds, Flow, Outgoing
from kenspeckle.serving.key_check import KeyCheck, Verdict
from kenspeckle.serving.meter import Meter, Refused


class _Part(Enum):
    """Which part of a message comes next."""

    NOTHING = 0
    HEAD = 1
    BODY = 2


class Connection(HttpToolsProtocol):
    """uvicorn's setting `http`. Limits are `Config.bounds`, where the configuration has them."""

    entry: Entry | None = None
    """Its entry among all connections, made with the connection, unless a TlsListener has made it before."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # What a connection needs is made once it is let in: of a flood most are not.
        self._arguments = args, kwargs
        self._refused = False

    # -- the connection ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        args, kwargs = self._arguments
        config = kwargs["config"]
        connections: Connections | None = getattr(config, "connections", None)
        if self.entry is None and connections is not None:
            peer = transport.get_extra_info("peername")
            self.entry = connections.enter(str(peer[0]) if isinstance(peer, tuple) else "", transport.abort)
            if self.entry is None:
                self._refused = True
                transport.abort()
                return
        super().__init__(*args, **kwargs)
        super().connection_made(transport)
        self._bounds: Bounds = getattr(config, "bounds", None) or Bounds()
        self._current: RequestResponseCycle | None = None
        self._part = _Part.NOTHING
        self._offered = False
        self._asked = self._deaf = self._goes_on = self._lost = False
        self._reading = False
        self._to_start: ASGI3Application | None = None
        self._most_unread = self._bounds.unread_bytes
        self._meter = Meter(self._bounds)
        self._real = transport
        connected = transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._bounds.send_buffer)
        transport.set_write_buffer_limits(self._bounds.unsent_bytes)
        self._outgoing = Outgoing(transport, self._finish)
        self.transport = self._outgoing
        self.flow = self._flow = Flow(transport)
        self._key_check: KeyCheck | None = getattr(config, "key_check", None)
        self._slowdown = Slowdown(self.loop, self._bounds, self._flow, self.entry)
        self._deadline = Deadline(self.loop, self._bounds)
        self._sending = Sending(
            self.loop, self._bounds, transport, self._outgoing, self.client[0] if self.client else None
        )
        if self.entry is not None:
            self.entry.close = transport.abort
            self.entry.is_unproved = self._is_anonymous
        self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._refused:
            return
        self._lost = True
        self._deadline.cancel()
        self._sending.cancel()
        self._slowdown.end()
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
        self._sending.watch()
        self._settle()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._settle()

    # -- what comes --------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            self._drop(len(data))
            self._count_dropped()
            return
        self._reading = True
        try:
            self._feed(data)
            self._meter.end_read(len(data))
        except (httptools.HttpParserError, Refused):
            self._break_off()
        self._reading = False
        if self._to_start is not None and self._current is not None:
            self._start(self._current, self._to_start)
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
        self._meter.begin_head()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._meter.count(len(url), 0)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._meter.count(len(name) + len(value) + 4, 1)
        if self._part is _Part.HEAD:  # Trailers are dropped: they must not become headers.
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._meter.progress = True
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                self._meter.refuse(400, "This is no proxy: the method CONNECT is not taken.")
            self._offered = True
            return
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts != 1 and (hosts or self.parser.get_http_version() == "1.1"):
            self._meter.refuse(400, f"The request needs one Host header (RFC 9112, 3.2), and has {hosts or 'none'}.")
        if len(self.pipeline) >= self._bounds.pipelined:
            self._last().keep_alive = False
            self._deaf = self._goes_on = True
            raise Refused
        self._part = _Part.BODY
        self._meter.begin_body()
        super().on_headers_complete()
        if self.pipeline:
            self._flow.hold()

    def on_body(self, body: bytes) -> None:
        self._meter.progress = True
        if self.cycle.response_complete:
            self._drop(max(len(body), self._bounds.piece_bytes))
            return
        self._meter.count_chunk(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._offered:
            return
        self._meter.progress = True
        self._part = _Part.NOTHING
        super().on_message_complete()
        if not self.parser.should_keep_alive():
            self._deaf = True
        if self._outgoing.finished:
            self._real.close()

    def _drop(self, size: int) -> None:
        if self._meter.dropped == 0:
            floods.narrow(self._real, self._bounds.receive_buffer)
        self._meter.drop(size)
        if self._meter.dropped > self._most_unread:
            self._real.abort()

    def _count_dropped(self) -> None:
        size = self._meter.take_dropped()
        if size and self._is_anonymous():
            self._slowdown.pause(self._slowdown.count_dropped(size), self._go_on)

    # -- requests ----------------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Called for a request that waits for no other one."""
        scope = cast(Scope, cycle.scope)
        if self._key_check is not None and self._slowdown.floods:
            self._flow.hold()
            self.pipeline.append((cycle, app))
            self._key_check.ask(scope, self._judge)
        elif self._slowdown.pause(self._slowdown.delay_start(scope), self._go_on):
            self.pipeline.append((cycle, app))
        else:
            self._start(cycle, app)

    def _judge(self, verdict: Verdict | Response) -> None:
        """The key of the request that waits first was looked at."""
        if self._lost or not self.pipeline or self._outgoing.is_closing():
            return
        if isinstance(verdict, Response):
            cycle, _ = self.pipeline.pop()
            cycle.body = bytearray()
            self.pipeline.append((cycle, cast(ASGI3Application, verdict)))
        if verdict is Verdict.PASS or not self._slowdown.pause(self._slowdown.delay(), self._go_on):
            self._go_on()

    def _start(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Not before all that was read with its head is parsed: what is broken further on needs no work at all."""
        self._current = cycle
        self._to_start = app if self._reading else None
        if self._reading or cycle.disconnected:
            return
        if isinstance(app, Response):
            self._answer(cycle, app)
        else:
            super()._start_asgi_task(cycle, app)

    def _answer(self, cycle: RequestResponseCycle, response: Response) -> None:
        """As if the application had answered, without a task for it."""
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if cycle.waiting_for_100_continue:
            cycle.keep_alive = False  # The client may or may not send its body yet.
        head = [STATUS_LINE[response.status_code]]
        for name, value in (*cycle.default_headers, *response.raw_headers):
            head += [name, b": ", value, b"\r\n"]
        if not cycle.keep_alive:
            head.append(b"connection: close\r\n")
        body = b"" if cycle.scope["method"] == "HEAD" else bytes(response.body)
        self._outgoing.write(b"".join((*head, b"\r\n", body)))
        if not cycle.keep_alive:
            self._outgoing.close()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self._current is not None:
            self._current.body = bytearray()
        self._sending.watch()
        if floods.has_wrong_key(cast(Scope, self._current.scope) if self._current is not None else None):
            self._slowdown.count_wrong()
        seconds = self._slowdown.count_answered(self._is_anonymous(), bool(self.pipeline))
        if self._outgoing.is_closing():
            return
        if self._slowdown.waited > self._bounds.waiting_seconds:
            # Its client sends them again, on a new connection: this one is not held for requests that wait in turn.
            self.pipeline.clear()
            self._outgoing.close()
        elif not self._slowdown.pause(seconds, self._go_on):
            self._go_on()
        self._settle()

    def _go_on(self) -> None:
        """Continue with pipelined requests, or with reading."""
        self._slowdown.resume()
        if self.pipeline and not self._outgoing.is_closing():
            self._start(*self.pipeline.pop())
        if not self.pipeline:
            self._flow.release()
        self._settle()

    def _is_anonymous(self) -> bool:
        return floods.is_anonymous(cast(Scope, self._current.scope) if self._current is not None else None)

    def _is_busy(self) -> bool:
        cycle = self._current
        return cycle is not None and not cycle.response_complete and not cycle.disconnected

    def _last(self) -> RequestResponseCycle:
        """The newest accepted request, while there is one that is not answered."""
        newest = self.pipeline[0][0] if self.pipeline else self._current
        assert newest is not None
        return newest

    # -- the end -----------------------------------------------------------------------------------------------

    def _break_off(self) -> None:
        """Stop parsing: the bytes are no valid HTTP, or too many."""
        if self._deaf:
            return
        self._deaf = self._goes_on = True
        self._most_unread = self._bounds.broken_bytes
        last = self.cycle
        answered = self._part is _Part.BODY and last is not None and last.response_complete
        if last is not None and not last.response_complete and (last.body or last.more_body):
            # Its body was not read yet, so nothing was done: the application is told that the client disconnected.
            last.disconnected = True
            last.message_event.set()
            if self.pipeline:
                self.pipeline.popleft()
        if self._is_busy():
            # Complete requests under way get their answers, later ones do not.
            self._last().keep_alive = False
            return
        if not answered:  # What is wrong behind an answer gets no second one.
            self._refuse(*self._meter.refusal)
        self._finish()
        self._slowdown.pause(self._slowdown.count_request(), self._go_on)

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
        self._sending.watch()
        self._settle()

    def _settle(self) -> None:
        """Set the deadline for what the connection waits for now. While a request is answered there is none: the
        reading of its body has its own."""
        if self._lost:
            return
        wait = self._waits_for()
        changed = self._deadline.set(wait, self._expire)
        if self.entry is not None:
            # A client that does not read its answer gets no further deadline.
            if wait is None and not self.flow.write_paused:
                self.entry.work()
            elif self.entry.busy or (changed and wait is not None):
                self.entry.wait()

    def _waits_for(self) -> Wait | None:
        if self._outgoing.finished:
            return Wait.UNREAD
        if self._is_busy():
            return None
        if self._part is _Part.BODY or self._deaf:
            return Wait.UNREAD
        return Wait.HEAD if self._part is _Part.HEAD or not self._asked else Wait.IDLE

    def _expire(self, wait: Wait) -> None:
        self._deadline.cancel()
        if wait is Wait.HEAD:
            self._refuse(408, f"No request came within {self._bounds.head_seconds:.0f} s; send it on a new connection.")
        self._outgoing.finished = True
        self._real.close()
        self._sending.watch()
