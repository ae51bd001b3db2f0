"""An hour of twice as many requests as can be served: who is answered hardly notices, the rest is told so at once.

Only in `make soak`, for KENSPECKLE_SOAK_MINUTES (60); the figures are printed. Arrivals are open-loop: they come at
their own times (a Poisson process), whether others were answered or not. The clients share the server's machine."""

from __future__ import annotations

import asyncio
import os
import random
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest

from kenspeckle.cli.launch import launch
from tests.faults.conftest import resident_mib
from tests.faults.portraits import Portraits
from tests.soak import SOAK

MINUTES = float(os.environ.get("KENSPECKLE_SOAK_MINUTES") or 60)
CAPACITY_SECONDS = 20.0
CLIENTS = 8
"""That many at once show what the server can do; more would only wait."""
FACTOR = 2.0

MIX = ("search",) * 5 + ("index",) * 3 + ("list", "delete")
GATED = ("search", "index")
"""What passes the gate: lists and deletions are not refused."""

SLOWER = 1.5
REFUSAL_MS = 50.0
GROWTH_MIB_PER_HOUR = 64.0
"""Memory may grow with the collection: an hour of indexing at 10 a second brings 36,000 faces, 25 MB."""


@dataclass
class Seen:
    """Statuses and times in milliseconds, by what was asked."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    answered: dict[str, list[float]] = field(default_factory=dict)
    refused: list[float] = field(default_factory=list)

    def add(self, what: str, status: int, milliseconds: float) -> None:
        self.statuses[what, status] += 1
        if status in (429, 503):
            self.refused.append(milliseconds)
        elif status < 400:
            self.answered.setdefault(what, []).append(milliseconds)

    @property
    def wrong(self) -> dict[tuple[str, int], int]:
        """Answers that are neither success nor refusal; a face that another client has deleted is no error."""
        fine = {429, 503, 507}
        return {
            one: count
            for one, count in self.statuses.items()
            if one[1] >= 400 and one[1] not in fine and one != ("delete", 404)
        }


class Connections:
    """The least of an HTTP client: kept connections, used again newest first. A real one costs as much as the server
    does once hundreds of requests are under way, and its own queue would be measured."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), parts.port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The newest kept one that the server has not closed, as it does with what was idle for some seconds."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body. Raises OSError, EOFError."""
        reader, writer = await self._connection()
        kind = "content-type: application/octet-stream\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n{kind}content-length: {len(body)}\r\n\r\n"
        try:
            writer.write(head.encode() + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = re.search(r"content-length: (\d+)", answer)
            data = await reader.readexactly(int(length[1])) if length else b""
        except BaseException:
            writer.close()
            raise
        if "connection: close" in answer:
            writer.close()
        else:
            self._idle.append((reader, writer))
        return int(answer.split()[1]), data


class Load:
    """Makes requests of the mix; every photograph that is indexed is a new one, and a part of the faces goes again."""

    def __init__(self, client: Connections, portraits: Portraits) -> None:
        self.client = client
        self.dice = random.Random(11)
        # Drawing them during the load would slow the server down, with which the clients share the machine.
        self.photographs = [portraits[number] for number in range(200)]
        self.faces: list[str] = []
        self.number = 0

    async def ask(self, what: str, seen: Seen) -> None:
        self.number += 1
        if what == "delete" and not self.faces:
            what = "list"
        photograph = self.photographs[self.number % len(self.photographs)]
        begun = time.perf_counter()
        try:
            status, data = await self._sent(what, photograph)
        except (OSError, EOFError) as error:
            seen.statuses[f"{what}: {type(error).__name__}", 599] += 1
            return
        seen.add(what, status, 1000 * (time.perf_counter() - begun))
        if what == "index" and status == 200:
            self.faces += [one["Face"]["FaceId"] for one in orjson.loads(data)["FaceRecords"]]

    async def _sent(self, what: str, photograph: bytes) -> tuple[int, bytes]:
        if what == "search":
            return await self.client.ask("POST", "/v1/search", photograph)
        if what == "index":
            return await self.client.ask("PUT", f"/v1/index/load-{self.number}.jpg", photograph)
        if what == "delete":
            face = self.faces.pop(self.dice.randrange(len(self.faces)))
            return await self.client.ask("DELETE", f"/v1/collections/kenspeckle/faces/{face}")
        return await self.client.ask("GET", "/v1/collections/kenspeckle/faces?limit=50")

    async def one_by_one(self, count: int) -> Seen:
        """On a quiet day."""
        seen = Seen()
        for number in range(count):
            await self.ask(MIX[number % len(MIX)], seen)
        return seen

    async def capacity(self, seconds: float) -> float:
        """Answers a second while a few clients always ask again at once."""
        seen, until = Seen(), time.monotonic() + seconds

        async def client() -> None:
            while time.monotonic() < until:
                await self.ask(self.dice.choice(MIX), seen)

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        assert not seen.wrong, seen.wrong
        return sum(map(len, seen.answered.values())) / seconds

    async def flood(self, rate: float, seconds: float, pid: int) -> tuple[Seen, list[tuple[float, float]]]:
        """Arrivals at `rate` a second; and (seconds, MiB) of the server's memory."""
        seen, memory, running = Seen(), [], set()
        begun = due = time.monotonic()
        looked = begun - 10
        while (now := time.monotonic()) < begun + seconds:
            if now < due:
                await asyncio.sleep(due - now)
            due += self.dice.expovariate(rate)
            task = asyncio.create_task(self.ask(self.dice.choice(MIX), seen))
            running.add(task)
            task.add_done_callback(running.discard)
            if now - looked >= 5:
                looked = now
                memory.append((now - begun, resident_mib(pid)))
        await asyncio.gather(*running)
        return seen, memory


@pytest.mark.skipif(not SOAK, reason="takes an hour; `make soak` runs it")
@pytest.mark.timeout(6 * 3600)
def test_twice_the_capacity(portraits: Portraits, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with launch(tmp_path, settings={"KENSPECKLE_LOG_LEVEL": "ERROR"}, patience=300) as server:

        async def run() -> tuple[Seen, float, Seen, list[tuple[float, float]]]:
            load = Load(Connections(server.url), portraits)
            await load.one_by_one(40)
            quiet = await load.one_by_one(200)
            capacity = await load.capacity(CAPACITY_SECONDS)
            return quiet, capacity, *await load.flood(FACTOR * capacity, 60 * MINUTES, server.process.pid)

        quiet, capacity, seen, memory = asyncio.run(run())
        log = "\n".join(server.log)
    slope = growth(memory)
    with capsys.disabled():
        sys.stdout.write("\n".join(report(quiet, capacity, seen, memory, slope)) + "\n")
    assert "unexpected error" not in log
    assert not seen.wrong
    assert seen.refused
    for what in GATED:
        assert median(seen.answered[what]) <= SLOWER * median(quiet.answered[what]), what
    assert median(seen.refused) < REFUSAL_MS
    assert percentile(seen.refused, 99) < REFUSAL_MS
    if MINUTES >= 20:  # what is used at first stays with the process, and is no growth
        assert slope < GROWTH_MIB_PER_HOUR


def report(quiet: Seen, capacity: float, seen: Seen, memory: Sequence[tuple[float, float]], slope: float) -> list[str]:
    """The figures, for whoever reads a soak's end."""
    lines = [f"\n{MINUTES:g} minutes at {FACTOR:g} times the capacity of {capacity:.1f} requests a second"]
    lines += [f"  {what} {status}: {count:,}" for (what, status), count in sorted(seen.statuses.items())]
    for what, times in sorted(seen.answered.items()):
        before = median(quiet.answered.get(what, times))
        lines.append(
            f"  {what}: median {median(times):.1f} ms, on a quiet day {before:.1f} ms, p99 {percentile(times, 99):.0f}"
        )
    if seen.refused:
        lines.append(f"  refused: median {median(seen.refused):.1f} ms, p99 {percentile(seen.refused, 99):.1f} ms")
    lines.append(f"  memory: {memory[0][1]:.0f} MiB at first, {memory[-1][1]:.0f} at last, {slope:+.1f} MiB an hour")
    return lines


def growth(memory: Sequence[tuple[float, float]]) -> float:
    """MiB an hour by least squares, over the second half: what is used at first stays with the process."""
    half = memory[len(memory) // 2 :]
    if len(half) < 3:
        return 0.0
    line = statistics.linear_regression([at for at, _ in half], [size for _, size in half])
    return 3600 * line.slope


def median(times: Sequence[float]) -> float:
    return statistics.median(times)


def percentile(times: Sequence[float], part: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * part / 100))]
