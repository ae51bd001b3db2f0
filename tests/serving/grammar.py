"""Draws what a client may send on one connection: requests by HTTP's grammar, and ways of breaking it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field

SMUGGLED = b"/smuggled"
"""A path that no request of ours has: only bodies and trailers carry it."""
_METHODS = ("GET", "GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
_TOKEN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"
_VALUE = bytes(range(0x21, 0x7F)) + b" \t" + bytes(range(0x80, 0x100))


@dataclass(frozen=True, slots=True)
class Message:
    """One request. `ends`: the connection is closed after its answer."""

    data: bytes
    method: str
    path: str
    body: bytes = b""
    ends: bool = False

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class Script:
    """What is sent on one connection: requests that are right, and at the end perhaps `broken` bytes. `pieces` are all
    of it. `may_go_on`: the broken bytes may hold requests that are right, for a flipped bit can make any of them."""

    messages: tuple[Message, ...]
    broken: bytes = b""
    name: str = ""
    may_go_on: bool = False
    pieces: tuple[bytes, ...] = field(default=())
    half_closes: bool = False


def script(dice: random.Random, number: int) -> Script:
    """One connection; `number` makes its paths its own."""
    messages: list[Message] = []
    for count in range(dice.choice((0, 1, 1, 1, 2, 3, 8))):
        messages.append(message(dice, f"/m/{number}/{count}"))
        if messages[-1].ends:
            break
    name, broken, may_go_on = "", b"", False
    if not messages or (not messages[-1].ends and dice.random() < 0.6):
        name = dice.choice(sorted(BREAKS))
        broken = BREAKS[name](dice)
        may_go_on = name in MAY_GO_ON
    whole = b"".join(one.data for one in messages) + broken
    return Script(tuple(messages), broken, name, may_go_on, tuple(split(dice, whole)), half_closes=dice.random() < 0.05)


def split(dice: random.Random, data: bytes) -> list[bytes]:
    """The bytes in pieces: whole, in a few, at the borders that parsers mind, or byte by byte."""
    how = dice.random()
    if how < 0.3 or len(data) < 2:
        return [data]
    if how < 0.4 and len(data) < 150:
        return [data[at : at + 1] for at in range(len(data))]
    cuts = {dice.randrange(1, len(data)) for _ in range(dice.randrange(1, 6))}
    at = data.find(b"\r\n\r\n")
    if dice.random() < 0.5 and at > 0:
        cuts |= {at + dice.randrange(5)}
    ends = [*sorted(cut for cut in cuts if 0 < cut < len(data)), len(data)]
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def message(dice: random.Random, path: str, methods: tuple[str, ...] = (*_METHODS, "HEAD")) -> Message:
    """A request that is right, with any of what HTTP allows."""
    method = dice.choice(methods)
    version = b"1.0" if dice.random() < 0.05 else b"1.1"
    closes = version == b"1.0" or dice.random() < 0.1
    fields = _fields(dice, 12)
    if closes and version == b"1.1":
        fields.append(b"Connection: close")
    elif dice.random() < 0.2:
        fields += [
            _cased(dice, b"Connection") + b": Upgrade",
            b"Upgrade: " + dice.choice((b"h2c", b"websocket", b"x/1")),
        ]
    body, framing = b"", b""
    if dice.random() < 0.6:
        body = _body(dice)
        if version == b"1.1" and dice.random() < 0.5:
            fields.append(
                _cased(dice, b"Transfer-Encoding") + b": " + dice.choice((b"chunked", b"Chunked", b" chunked "))
            )
            framing = _chunks(dice, body)
        else:
            fields.append(_cased(dice, b"Content-Length") + b": %d" % len(body))
            framing = body
        if dice.random() < 0.1:
            fields.append(b"Expect: 100-continue")
    fields.append(b"Host: a")
    dice.shuffle(fields)
    target = path.encode() + dice.choice((b"", b"?x=1", b"?" + SMUGGLED, b"?a=%20&b"))
    lines = [method.encode() + b" " + target + b" HTTP/" + version, *fields]
    return Message(b"\r\n".join(lines) + b"\r\n\r\n" + framing, method, path, body, closes)


def _fields(dice: random.Random, most: int) -> list[bytes]:
    found = []
    for _ in range(dice.randrange(most)):
        name = b"x-" + bytes(dice.choices(_TOKEN, k=dice.randrange(1, 20)))
        value = bytes(dice.choices(_VALUE, k=dice.choice((0, 1, 10, 300)))).strip()
        found.append(name + dice.choice((b":", b": ", b":\t ")) + value + dice.choice((b"", b" ")))
    return found


def _cased(dice: random.Random, name: bytes) -> bytes:
    return dice.choice((name, name.lower(), name.upper()))


def _body(dice: random.Random) -> bytes:
    inner = b"GET " + SMUGGLED + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    return dice.choice(
        (b"", b"x", inner, inner * 3, b"0\r\n\r\n" + inner, bytes(dice.randbytes(dice.randrange(200_000))))
    )


def _chunks(dice: random.Random, body: bytes) -> bytes:
    found, at = [], 0
    while at < len(body):
        size = min(len(body) - at, dice.choice((1, 5, 100, 4096, 100_000)) if len(body) < 5000 else 60_000)
        head = dice.choice((b"%x", b"%X", b"00%x")) % size
        found.append(head + dice.choice((b"", b"", b";a", b';a="b;c"')) + b"\r\n" + body[at : at + size] + b"\r\n")
        at += size
    trailers = b"".join(one + b"\r\n" for one in _fields(dice, 5)) if dice.random() < 0.3 else b""
    return b"".join(found) + dice.choice((b"0", b"000", b"0;x=y")) + b"\r\n" + trailers + b"\r\n"


# -- what is broken -----------------------------------------------------------------------------------------------

_HEAD = b"POST /broken HTTP/1.1\r\nHost: a\r\n"
_INNER = b"GET " + SMUGGLED + b" HTTP/1.1\r\nHost: a\r\n\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n"


def _flipped(dice: random.Random) -> bytes:
    data = bytearray(message(dice, "/flipped", _METHODS).data)
    for _ in range(dice.randrange(1, 4)):
        data[dice.randrange(min(len(data), 600))] ^= 1 << dice.randrange(8)
    return bytes(data)


def _cut(dice: random.Random) -> bytes:
    data = message(dice, "/cut", _METHODS).data
    return data[: dice.randrange(1, len(data))]


def _joined(dice: random.Random) -> bytes:
    """The head of one, the end of another."""
    one, other = message(dice, "/joined", _METHODS).data, message(dice, "/joined", _METHODS).data
    return one[: dice.randrange(len(one))] + other[dice.randrange(len(other)) :]


BREAKS: dict[str, Callable[[random.Random], bytes]] = {
    "noise": lambda dice: dice.randbytes(dice.randrange(1, 3000)),
    "flipped": _flipped,
    "cut": _cut,
    "joined": _joined,
    "length and chunks": lambda _: _HEAD + b"Content-Length: 5\r\n" + _CHUNKED + b"\r\n0\r\n\r\n" + _INNER,
    "chunks and length": lambda _: _HEAD + _CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + _INNER,
    "two lengths": lambda _: _HEAD + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n" + _INNER,
    "two lengths in one": lambda _: _HEAD + b"Content-Length: 5, 5\r\n\r\n" + _INNER,
    "a signed length": lambda dice: (
        _HEAD + b"Content-Length: " + dice.choice((b"+0", b"-1", b"0x0")) + b"\r\n\r\n" + _INNER
    ),
    "a length with a space": lambda _: _HEAD + b"Content-Length : 0\r\n\r\n" + _INNER,
    "a huge length": lambda _: _HEAD + b"Content-Length: 18446744073709551616\r\n\r\n" + _INNER,
    "another encoding": lambda dice: (
        _HEAD
        + b"Transfer-Encoding: "
        + dice.choice((b"xchunked", b"chunked, identity", b"gzip", b"identity", b"chunked\r\n\tx"))
        + b"\r\n\r\n0\r\n\r\n"
        + _INNER
    ),
    "a bare line feed": lambda _: b"GET /broken HTTP/1.1\nHost: a\n\n" + _INNER,
    "a folded field": lambda _: _HEAD + b"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "a carriage return": lambda _: _HEAD + b"X-A: b\rContent-Length: 0\r\n\r\n" + _INNER,
    "a NUL": lambda _: _HEAD + b"X-A: b\x00\r\n\r\n" + _INNER,
    "bad chunks": lambda dice: (
        _HEAD
        + _CHUNKED
        + b"\r\n"
        + dice.choice(
            (
                b"z\r\n",
                b"-1\r\n",
                b"0x1\r\na\r\n",
                b"1\r\nab\r\n",
                b"ffffffffffffffffff\r\n",
                b"1 \na\n",
                b" 1\r\na\r\n",
            )
        )
        + _INNER
    ),
    "an endless chunk head": lambda _: _HEAD + _CHUNKED + b"\r\n1;" + b"a" * 400_000,
    "endless trailers": lambda _: _HEAD + _CHUNKED + b"\r\n0\r\n" + b"x: y\r\n" * 60_000,
    "an endless field": lambda _: _HEAD + b"X-A: " + b"a" * 400_000,
    "many fields": lambda _: _HEAD + b"x: y\r\n" * 1000 + b"\r\n" + _INNER,
    "a long target": lambda _: b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "no target": lambda _: b"GET HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tunnel": lambda _: b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n" + _INNER,
    "HTTP/2": lambda _: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(40),
    "HTTP/9": lambda _: b"GET /broken HTTP/9.9\r\nHost: a\r\n\r\n",
    "HTTP/0.9": lambda _: b"GET /broken\r\n",
    "TLS": lambda _: bytes.fromhex("160301020001000100fcfd0303") * 30,
    "a body that stops": lambda dice: _HEAD + b"Content-Length: 5000\r\n\r\n" + dice.randbytes(100),
    "a trailer that stops": lambda _: _HEAD + _CHUNKED + b"\r\n0\r\nX-A: ",
    "silence": lambda _: b"",
}
"""By name: bytes after which nothing is to be taken for a request."""

MAY_GO_ON = frozenset({"flipped", "joined", "cut"})
