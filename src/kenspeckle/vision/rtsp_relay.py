"""The one connection to a camera, between FFmpeg and the network. Imports nothing of the package.

FFmpeg follows a redirect to any address of the network, takes the password along, and believes every certificate. So it
speaks to this relay on loopback; the relay is connected to the camera alone, and passes on what is no redirect.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import threading
from contextlib import suppress

CONNECT_SECONDS = 10.0
BLOCK = 1 << 16
MOST_LINE = 4000
"""Bytes of a line of a head; FFmpeg cuts longer ones, and would see another answer than is checked here."""
MOST_LINES = 200
MOST_BODY = 1 << 16
"""Bytes of the description of a stream; FFmpeg reads 16 KiB."""
LEAST_PACKET = 8
"""FFmpeg skips the head of a smaller packet, but not its content."""
MARK = 0x24
"""`$`, before each packet of the stream (RFC 2326, 10.12)."""

_ANSWER = re.compile(rb"RTSP/\d\.\d ([1-5]\d\d)( [^\n]*)?")
_REQUEST = re.compile(rb"([A-Z_]{2,20}) \S+ RTSP/\d\.\d")
_LENGTH = re.compile(rb"content-length:[ \t]*(\d{1,8})[ \t]*", re.IGNORECASE)


class Unusable(Exception):
    """The camera can't be used; the argument is one of the codes that `camera.py` has sentences for."""


class Answers:
    """Takes apart what a camera sends: answers, requests, and packets between them. `status` is that of the newest
    answer, 0 before the first."""

    def __init__(self) -> None:
        self.status = 0
        self._rest = bytearray()
        self._pass = 0

    def pass_on(self, data: bytes) -> bytes:
        """What of the bytes up to now may be passed on. Raises Unusable for a redirect, and for what is no RTSP."""
        self._rest += data
        passed = bytearray()
        while self._rest:
            if self._pass:
                passed += self._rest[: self._pass]
                taken = min(self._pass, len(self._rest))
                del self._rest[:taken]
                self._pass -= taken
                continue
            size = self._packet() if self._rest[0] == MARK else self._head()
            if size is None:
                break
            self._pass = size
        return bytes(passed)

    def _packet(self) -> int | None:
        """Bytes of the packet that begins here, 0 where it was left out; None where more has to come first."""
        if len(self._rest) < 4:
            return None
        size = int.from_bytes(self._rest[2:4], "big")
        if size >= LEAST_PACKET:
            return 4 + size
        if len(self._rest) < 4 + size:
            return None
        del self._rest[: 4 + size]
        return 0

    def _head(self) -> int | None:
        """As `_packet`, of the answer or request that begins here, with its body."""
        at, number, body = 0, 0, 0
        while (end := self._rest.find(b"\n", at, at + MOST_LINE)) >= 0:
            line = bytes(self._rest[at:end]).replace(b"\r", b"")
            at = end + 1
            if not line and not number:  # between two messages
                del self._rest[:at]
                return 0
            if not line:
                return at + body
            if number == 0:
                self._begin(line)
            elif line[0] == MARK:
                raise Unusable("no_camera")
            elif line.lower().startswith(b"content-length"):
                found = _LENGTH.fullmatch(line)
                body = int(found[1]) if found else MOST_BODY + 1
                if body > MOST_BODY:
                    raise Unusable("no_camera")
            number += 1
            if number > MOST_LINES:
                raise Unusable("no_camera")
        if len(self._rest) - at >= MOST_LINE or (number == 0 and not _may_begin(bytes(self._rest[:20]))):
            raise Unusable("no_camera")
        return None

    def _begin(self, line: bytes) -> None:
        answer = _ANSWER.fullmatch(line)
        request = None if answer else _REQUEST.fullmatch(line)
        if answer is None and request is None:
            raise Unusable("no_camera")
        if answer is not None:
            self.status = int(answer[1])
        if 300 <= self.status < 400 or (request is not None and request[1] == b"REDIRECT"):
            raise Unusable("redirect")


def _may_begin(head: bytes) -> bool:
    """Whether an answer or a request may begin so: letters, up to the first blank or slash."""
    word = re.match(rb"[\r]*[A-Z_]*", head)
    return word is not None and head[word.end() : word.end() + 1] in (b"", b" ", b"/", b"\r", b"\n")


class Relay:
    """Listens on a port of loopback for one connection, and carries it. `problem` is the code of what ended it."""

    def __init__(self, host: str, port: int, *, tls: bool, certificates: str = "") -> None:
        """Connects to the camera. Raises Unusable."""
        self.problem = ""
        self._answers = Answers()
        self._camera = _connect(host, port)
        if tls:
            self._camera = _secure(self._camera, host, certificates)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._run, name="relay", daemon=True).start()

    @property
    def status(self) -> int:
        """Of the camera's newest answer, 0 before the first."""
        return self._answers.status

    def _run(self) -> None:
        try:
            ours, _ = self._listener.accept()
            self._listener.close()
            with ours, self._camera:
                self._carry(ours)
        except Unusable as error:
            self.problem = str(error)
        except OSError:
            return  # either side has ended: the other one is closed, and FFmpeg says so

    def _carry(self, ours: socket.socket) -> None:
        """Both directions in one thread: a TLS connection is not for two."""
        camera = self._camera
        while True:
            waiting = isinstance(camera, ssl.SSLSocket) and camera.pending() > 0
            ready, _, _ = select.select([ours, camera], [], [], 0 if waiting else None)
            if ours in ready:
                asked = ours.recv(BLOCK)
                if not asked:
                    return
                camera.sendall(asked)
            if waiting or camera in ready:
                told = _receive(camera)
                if told is None:
                    continue
                if not told:
                    return
                try:
                    passed = self._answers.pass_on(told)
                except Unusable as error:
                    self.problem = str(error)  # before FFmpeg sees the end
                    raise
                ours.sendall(passed)


def _receive(camera: socket.socket) -> bytes | None:
    """What has come, b"" at the end; None where TLS only spoke of itself, or the rest of a record is to come."""
    if not isinstance(camera, ssl.SSLSocket):
        return camera.recv(BLOCK)
    camera.setblocking(False)
    try:
        return camera.recv(BLOCK)
    except ssl.SSLWantReadError:
        return None
    finally:
        camera.setblocking(True)


def _connect(host: str, port: int) -> socket.socket:
    try:
        found = socket.create_connection((host, port), timeout=CONNECT_SECONDS)
    except socket.gaierror as error:
        raise Unusable("no_host") from error
    except ConnectionRefusedError as error:
        raise Unusable("refused") from error
    except (OSError, UnicodeError) as error:
        raise Unusable("unreachable") from error
    found.settimeout(None)
    with suppress(OSError):
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def _secure(plain: socket.socket, host: str, certificates: str) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=certificates or None)
    plain.settimeout(CONNECT_SECONDS)
    try:
        secured = context.wrap_socket(plain, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise Unusable("certificate") from error
    except OSError as error:
        raise Unusable("no_tls") from error
    secured.settimeout(None)
    return secured
