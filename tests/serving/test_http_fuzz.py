"""Connections drawn by a grammar of HTTP, right and broken, and those of the corpus: every right request is answered as
what it is, no body is ever taken for one, every connection ends, and nothing stays behind.

A failure names the seed of its connection; `KENSPECKLE_HTTP_SEED` begins there. `make soak` sends many more."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kenspeckle.serving.flow import Bounds
from tests.faults.conftest import resident_mib
from tests.serving import grammar
from tests.serving.echo import Echo, echoing
from tests.serving.grammar import Script
from tests.soak import either

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
FIRST = int(os.environ.get("KENSPECKLE_HTTP_SEED") or 1)
COUNT = either(600, 60_000)
AT_ONCE = 100
BOUNDS = Bounds(head_seconds=3.0, idle_seconds=0.3, unread_seconds=1.0, send_seconds=1.0, anonymous_rate=1e9)
STOP = ("silence", "cut", "joined", "flipped", "noise", "a body that stops", "a trailer that stops", "HTTP/0.9")
PATIENCE = 15.0
"""Seconds for a connection to be answered and, where something is amiss, closed."""


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    # None makes room for another: that would look like an answer that is missing.
    with echoing(BOUNDS, body_seconds=3.0, connections=2000, connections_per_host=2000) as echo:
        yield echo


def test_connections_drawn_by_the_grammar(echo: Echo) -> None:
    reset: list[int] = []

    async def one(seed: int, turns: asyncio.Semaphore) -> None:
        async with turns:
            drawn = grammar.script(random.Random(seed), seed)
            try:
                begun = time.monotonic()
                got, port = await exchange(echo.port, drawn)
                if got is None:
                    reset.append(seed)
                    return
                if b" 408 " in got and drawn.name not in STOP and time.monotonic() - begun > BOUNDS.head_seconds:
                    return  # This machine had too much to do to send it in time.
                judge(drawn, got, echo.paths.pop(port, []))
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, {drawn.name or 'all right'}: {error}") from error

    async def all_of_them() -> None:
        turns = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(one(seed, turns) for seed in range(FIRST, FIRST + COUNT)))

    before = resident_mib(os.getpid())
    asyncio.run(all_of_them())
    assert len(reset) < COUNT / 50
    echo.until(lambda: not echo.config.connections and not echo.server.server_state.tasks)
    # The clients are in this process, too.
    assert resident_mib(os.getpid()) - before < either(150, 300)


def test_the_corpus(echo: Echo) -> None:
    """The name of a file says how many answers of which status its bytes have: `upgrade.200-200.http`."""

    missed: list[Path] = []

    async def one(file: Path, pieces: list[bytes], turns: asyncio.Semaphore) -> None:
        async with turns:
            begun = time.monotonic()
            got, port = await exchange(echo.port, Script((), pieces=tuple(pieces)))
        late = time.monotonic() - begun > BOUNDS.head_seconds and "408" not in file.name
        if got is None or (late and b" 408 " in got):
            missed.append(file)
            return
        assert "/smuggled" not in echo.paths.pop(port, [])
        assert [status for status, _ in answers(got, ())] == [int(one) for one in file.name.split(".")[1].split("-")], (
            f"{file.name} in {len(pieces)} pieces"
        )

    async def all_of_them() -> None:
        dice, turns = random.Random(FIRST), asyncio.Semaphore(AT_ONCE)
        cuts = [(file, data) for file in CORPUS for data in [file.read_bytes()] * either(4, 200)]
        whole = [(file, [file.read_bytes()]) for file in CORPUS]
        await asyncio.gather(
            *(one(file, pieces, turns) for file, pieces in whole),
            *(one(file, grammar.split(dice, data), turns) for file, data in cuts),
        )

    assert len(CORPUS) > 20
    asyncio.run(all_of_them())
    assert len(missed) < len(CORPUS) * either(5, 201) / 20


async def exchange(port: int, drawn: Script) -> tuple[bytes | None, int]:
    """What the server sends until it closes, and the port that it was asked from. None where the connection was reset
    before a byte came: whoever sends on after the end, or later than there is time, may lose the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    own: int = writer.get_extra_info("sockname")[1]
    got = bytearray()

    async def send() -> None:
        for piece in drawn.pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if drawn.half_closes:
            writer.write_eof()

    async def receive() -> None:
        while data := await reader.read(65536):
            got.extend(data)

    sending = asyncio.ensure_future(send())
    try:
        # Idle connections are closed too, soon: so the end always comes.
        await asyncio.wait_for(receive(), PATIENCE)
    except ConnectionError:
        if not got:
            return None, own
    except TimeoutError:
        raise AssertionError(f"the connection is still open; it sent {bytes(got[-300:])!r}") from None
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.close()
    return bytes(got), own


def judge(drawn: Script, got: bytes, paths: list[str]) -> None:
    """`paths` are those that the application was asked for on this connection."""
    found = answers(got, [one.method for one in drawn.messages])
    statuses = [status for status, _ in found]
    assert "/smuggled" not in paths or drawn.may_go_on
    whole = not drawn.name and not drawn.half_closes
    if whole:
        assert statuses == [200] * len(drawn.messages)
    right = [body for status, body in found if status == 200][: len(drawn.messages)]
    for sent, told in zip(drawn.messages, right, strict=False):
        if sent.method == "HEAD":
            continue
        asked = json.loads(told)
        assert (asked["method"], asked["path"]) == (sent.method, sent.path)
        assert (asked["size"], asked["sha256"]) == (len(sent.body), sent.digest)
    if not drawn.may_go_on:
        assert len(right) == statuses.count(200)
        refusals = statuses[len(right) :]
        assert len(refusals) <= 1
        assert set(refusals) <= {400, 408, 413, 431}


def answers(got: bytes, methods: tuple[str, ...] | list[str]) -> list[tuple[int, bytes]]:
    """Status and body of each answer, interim ones left out. `methods` are those of the requests, for HEAD has none."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(got):
        end = got.find(b"\r\n\r\n", at)
        head = got[at:end]
        assert end > 0, f"half an answer: {got[at : at + 100]!r}"
        status = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
        assert status is not None, f"no answer: {head[:100]!r}"
        at = end + 4
        if status[1] == b"100":
            continue
        length = re.search(rb"\r\ncontent-length: (\d+)", head)
        assert length is not None
        number = len(found)
        is_head = number < len(methods) and methods[number] == "HEAD" and status[1] == b"200"
        size = 0 if is_head else int(length[1])
        assert len(got) >= at + size, "an answer is cut short"
        found.append((int(status[1]), got[at : at + size]))
        at += size
    return found


def test_the_judge_can_tell() -> None:
    two = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhiHTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n"
    assert answers(two, ()) == [(200, b"hi"), (400, b"")]
    with pytest.raises(AssertionError):
        answers(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi", ())
