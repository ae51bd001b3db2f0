"""Clients that hold no key and mean harm: the process that `benchmarks.attacks` starts beside a server.

Each way is done by many connections at once, again and again, until the process is killed. A line of standard output
says of a connection, by its port, from which moment on it is half open: what gave it a right to live has ended. `nan`
says that it is a new one.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

WIDTH = 300
"""Connections at once: more than CONNECTIONS_PER_HOST."""
PAUSE = 0.1
"""Seconds before a connection that has ended is followed by the next."""
PIECE = 64 * 1024
DRIP = 1.0
"""Seconds between the bytes of who drips."""
SLICE = 0.01
"""Seconds in which a burner takes its share once."""
ALL = "all of them"
"""The way in which every connection takes the next of the ways."""


def tell(port: int, moment: float) -> None:
    sys.stdout.write(f"{port} {moment}\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Client:
    """One connection, opened for one way."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    access_key_id: str

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> bytes:
        """The next answer's head, with its body read."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await self.reader.readexactly(int(line.partition(b":")[2]))
        return head

    def half_open(self, later: float = 0.0) -> None:
        """From now on, or from so many seconds later, it has no right to live."""
        tell(self.writer.get_extra_info("sockname")[1], time.monotonic() + later)

    async def until_closed(self) -> None:
        with suppress(OSError):
            while await self.reader.read(PIECE):
                pass

    async def drip(self, data: bytes = b"x") -> None:
        """Until the server closes."""
        closed = asyncio.ensure_future(self.until_closed())
        while not closed.done():
            await self.send(data)
            await asyncio.wait([closed], timeout=DRIP)


Way = Callable[[Client], Awaitable[None]]

GET = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"
CHUNKED = b"POST /v1/search HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"


async def endless_heads(client: Client) -> None:
    await client.send(b"GET /healthz HTTP/1.1\r\nhost: a\r\n")
    client.half_open()
    for _ in range(10_000):
        await client.send(b"x: " + b"y" * PIECE)


async def endless_trailers(client: Client) -> None:
    await client.send(CHUNKED)
    client.half_open()
    for _ in range(10_000):
        await client.send(b"a: b\r\n" * 10_000)


async def half_trailers(client: Client) -> None:
    await client.send(CHUNKED)
    client.half_open()
    await client.drip()


async def half_heads(client: Client) -> None:
    client.half_open()
    await client.send(b"GET /healthz HTTP/1.1\r\nhost: a\r\nx: ")
    await client.drip()


async def second_heads(client: Client) -> None:
    await client.send(GET)
    await client.answer()
    client.half_open()
    await client.send(b"GET /healthz HT")
    await client.drip(b"T")


async def bodies_after_their_answer(client: Client) -> None:
    await client.send(b"POST /v1/search HTTP/1.1\r\nhost: a\r\ncontent-length: 10000000\r\n\r\n")
    await client.answer()
    client.half_open()
    await client.drip()


async def floods_after_their_answer(client: Client) -> None:
    await client.send(b"POST /v1/search HTTP/1.1\r\nhost: a\r\ncontent-length: 10000000000\r\n\r\n")
    await client.answer()
    client.half_open()
    for _ in range(10_000):
        await client.send(bytes(PIECE))


async def pipelining(client: Client) -> None:
    closed = asyncio.ensure_future(client.until_closed())
    while not closed.done():
        await client.send(GET * 1000)


async def unread_answers(client: Client) -> None:
    client.half_open(later=17.0)  # Without a key one is made in a second where many come.
    await client.send(GET.replace(b"/healthz", b"/openapi.json") * 17)
    await asyncio.sleep(3600)


async def upgrades(client: Client) -> None:
    offer = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
    head = b"POST /v1/search HTTP/1.1\r\nhost: a\r\n" + offer + b"content-length: 100000\r\n\r\n"
    await client.send(head + GET.ljust(100_000, b"x"))
    await client.answer()
    client.half_open()
    await client.send(head)
    await client.drip()


async def silence(client: Client) -> None:
    client.half_open()
    await client.until_closed()


async def idle_after_an_answer(client: Client) -> None:
    await client.send(GET)
    await client.answer()
    client.half_open(later=75.0)  # As long as a load balancer may keep one for later.
    await client.until_closed()


async def requests_without_a_key(client: Client) -> None:
    while True:
        await client.send(GET.replace(b"/healthz", b"/v1/collections"))
        await client.answer()


async def ids_without_a_secret(client: Client) -> None:
    """As slowly as is let pass; the digest of the body is not told, so that it has to be read first."""
    scope = f"{client.access_key_id}/20260101/us-east-1/rekognition/aws4_request"
    names = "content-type;host;x-amz-date;x-amz-target"
    signed = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={'0' * 64}"
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    signed = signed.replace("20260101", now[:8])
    head = (
        f"POST / HTTP/1.1\r\nhost: a\r\nx-amz-date: {now}\r\nx-amz-target: RekognitionService.DetectFaces\r\n"
        f"content-type: application/x-amz-json-1.1\r\nauthorization: {signed}\r\ncontent-length: 6000000\r\n\r\n"
    )
    await client.send(head.encode())
    await client.drip(b" " * 17 * 1024)


async def wrong_keys(client: Client) -> None:
    """Each on a connection of its own: a request that names a key does not wait for others of its host."""
    key = f"x-api-key: ksp_{secrets.token_hex(22)[:43]}\r\n\r\n"
    await client.send(GET.replace(b"/healthz", b"/v1/collections")[:-2] + key.encode())
    await client.answer()


WAYS: dict[str, Way] = {
    "heads without end": endless_heads,
    "trailers without end": endless_trailers,
    "half heads": half_heads,
    "second heads": second_heads,
    "half trailers": half_trailers,
    "dripping bodies after a 401": bodies_after_their_answer,
    "bodies without end after a 401": floods_after_their_answer,
    "pipelining": pipelining,
    "unread answers": unread_answers,
    "upgrades to h2c": upgrades,
    "silent connections": silence,
    "idle connections": idle_after_an_answer,
    "requests without a key": requests_without_a_key,
    "access key ids without a secret": ids_without_a_secret,
    "wrong keys": wrong_keys,
}


async def attack(port: int, name: str, access_key_id: str) -> None:
    """For ever."""

    turn = itertools.cycle(WAYS) if name == ALL else itertools.repeat(name)

    async def again() -> None:
        while True:
            with suppress(OSError, EOFError, asyncio.LimitOverrunError):
                connection = socket.socket()
                connection.setblocking(False)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
                connection.bind(("127.0.0.1", 0))
                tell(connection.getsockname()[1], float("nan"))
                await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
                reader, writer = await asyncio.open_connection(sock=connection, limit=PIECE)
                try:
                    await WAYS[next(turn)](Client(reader, writer, access_key_id))
                finally:
                    writer.transport.abort()
            await asyncio.sleep(PAUSE)

    await asyncio.gather(*(again() for _ in range(WIDTH)))


def burn(share: float) -> None:
    """For ever: take this share of a core and do nothing with it, in slices as attackers come and go."""
    while True:
        end = time.thread_time() + share * SLICE
        begun = time.monotonic()
        while time.thread_time() < end:
            pass
        time.sleep(max(0.0, begun + SLICE - time.monotonic()))


if __name__ == "__main__":
    os.nice(5)  # On its own machine it would take nothing from the server's cores.
    if sys.argv[1] == "burn":
        burn(float(sys.argv[2]))
    asyncio.run(attack(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
