"""Cameras for tests: a real RTSP server over files, one that asks for a password, and hostile ones."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aio_rtsp_toolkit import server as rtsp

from tests.fakes.certificates import Pair

SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=s\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n"
)


@contextmanager
def camera(folder: Path) -> Iterator[int]:
    """A server of the H.264 videos of a folder, each once in real time; its port."""
    loop = asyncio.new_event_loop()
    made: Any = rtsp.RtspServer(str(folder), host="127.0.0.1", port=0)
    made.logger = logging.getLogger("tests.cameras")
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def done(what: Any) -> None:
        asyncio.run_coroutine_threadsafe(what, loop).result(20)

    async def end() -> None:
        loop.set_exception_handler(lambda *_: None)  # of connections that are cut off here
        for one in asyncio.all_tasks() - {asyncio.current_task()}:
            one.cancel()
        with suppress(Exception):
            await asyncio.wait_for(made.close(), 5)

    done(made.start())
    try:
        yield made._server.sockets[0].getsockname()[1]
    finally:
        done(end())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port of loopback; `serve` has each connection, in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    every: list[socket.socket] = []

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            serve(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            every.append(connection)
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in every:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


@contextmanager
def secured(port: int, pair: Pair, seen: list[bytes] | None = None) -> Iterator[int]:
    """RTSP over TLS (RFC 7826, 19.1) before another camera. `seen` gets what comes to be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)

    def serve(connection: socket.socket) -> None:
        with (
            context.wrap_socket(connection, server_side=True) as clear,
            socket.create_connection(("127.0.0.1", port)) as behind,
        ):
            threading.Thread(target=_pour, args=(behind, clear), daemon=True).start()
            while data := clear.recv(65536):
                if seen is not None:
                    seen.append(data)
                behind.sendall(data)

    with listening(serve) as door:
        yield door


def request(connection: socket.socket) -> tuple[str, dict[str, str]]:
    """Method and headers of the next request. Raises OSError at the end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            raise OSError("closed")
        head += byte
    first, *lines = head.decode().strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return first.split()[0], {"uri": first.split()[1], **headers}


def answer(headers: dict[str, str], status: str = "200 OK", body: str = "", **more: str) -> bytes:
    lines = [f"RTSP/1.0 {status}", f"CSeq: {headers.get('CSeq', '1')}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    if body:
        lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def playing(stream: Callable[[socket.socket], None], sdp: str = SDP) -> Callable[[socket.socket], None]:
    """A camera that lets everybody in, and sends what `stream` writes."""

    def serve(connection: socket.socket) -> None:
        while True:
            method, headers = request(connection)
            more = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"} if method == "SETUP" else {}
            connection.sendall(answer(headers, body=sdp if method == "DESCRIBE" else "", Session="1", **more))
            if method == "PLAY":
                stream(connection)
                return

    return serve


def packet(number: int, stamp: int, payload: bytes, *, marker: bool = True) -> bytes:
    """A packet of H.264 between answers (RFC 6184, RFC 2326)."""
    head = bytes([0x80, 0x80 * marker + 96]) + (number % 65536).to_bytes(2, "big")
    data = head + (stamp % 2**32).to_bytes(4, "big") + b"\0\0\0\1" + payload
    return b"$\0" + len(data).to_bytes(2, "big") + data


@contextmanager
def guarded(port: int, user: str, password: str, seen: list[str] | None = None) -> Iterator[int]:
    """A door before another camera: it asks for user and password by Digest (RFC 2617). `seen` gets what is said."""

    def serve(connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as behind:
            back = threading.Thread(target=_pour, args=(behind, connection), daemon=True)
            started = False
            while True:
                method, headers = request(connection)
                said = headers.get("Authorization", "")
                if seen is not None:
                    seen.append(f"{method} {headers['uri']} {said}")
                if method != "OPTIONS" and not _digest_is_right(method, said, user, password):
                    challenge = 'Digest realm="camera", nonce="abc"'
                    connection.sendall(answer(headers, "401 Unauthorized", WWW_Authenticate=challenge))
                    continue
                lines = [f"{name}: {value}" for name, value in headers.items() if name not in ("uri", "Authorization")]
                behind.sendall("\r\n".join([f"{method} {headers['uri']} RTSP/1.0", *lines, "", ""]).encode())
                if not started:
                    back.start()
                    started = True

    with listening(serve) as door:
        yield door


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _digest_is_right(method: str, said: str, user: str, password: str) -> bool:
    told = dict(re.findall(r'(\w+)="([^"]*)"', said))

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    first, second = md5(f"{user}:camera:{password}"), md5(f"{method}:{told.get('uri')}")
    return told.get("response") == md5(f"{first}:abc:{second}") and told.get("username") == user
