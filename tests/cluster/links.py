"""A TCP proxy on this machine between a replica and a part that it needs: cuts connections, holds or slows them."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

CHUNK = 65_536


class Link:
    """Passes connections on to `target`, a port of loopback or a Unix socket. `port` is where it listens.

    From `cut` on every connection is reset at once, from `stall` on bytes and new connections are held (as a network
    does that loses packets, or a server that hangs), from `slow` on each chunk waits for so many seconds; `mend` ends
    all of these."""

    def __init__(self, links: Links, target: int | Path, listening: socket.socket) -> None:
        self._loop = links.loop
        self._target = target
        self._passing = asyncio.Event()
        self._passing.set()
        self._cut = False
        self._delay = 0.0
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server = links.run(asyncio.start_server(self._connected, sock=listening))
        self.host, self.port = listening.getsockname()

    @property
    def address(self) -> str:
        """HOST:PORT of where it listens."""
        return f"{self.host}:{self.port}"

    def cut(self) -> None:
        self._do(self._be_cut)

    def stall(self) -> None:
        self._do(self._passing.clear)

    def slow(self, seconds: float) -> None:
        self._delay = seconds

    def mend(self) -> None:
        self._do(self._be_whole)

    def aim(self, target: int | Path) -> None:
        """Pass new connections on to another one: the part has come back elsewhere."""
        self._target = target

    def _do(self, what: Any) -> None:
        done = threading.Event()

        def run() -> None:
            what()
            done.set()

        self._loop.call_soon_threadsafe(run)
        done.wait()

    def _be_cut(self) -> None:
        self._cut = True
        for one in self._open:
            one.transport.abort()

    def _be_whole(self) -> None:
        self._cut, self._delay = False, 0.0
        self._passing.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        _watched(writer.get_extra_info("socket"))
        there: asyncio.StreamWriter | None = None
        try:
            await self._passing.wait()
            if self._cut:
                return
            if isinstance(self._target, Path):
                back, there = await asyncio.open_unix_connection(self._target)
            else:
                back, there = await asyncio.open_connection("127.0.0.1", self._target)
            self._open.add(there)
            await asyncio.gather(self._pass(reader, there), self._pass(back, writer))
        except OSError:
            return
        finally:
            for one in (writer, there):
                if one is not None:
                    self._open.discard(one)
                    one.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(CHUNK):
                await self._passing.wait()
                if self._delay:
                    await asyncio.sleep(self._delay)
                target.write(data)
                await target.drain()
        target.close()


def _watched(accepted: socket.socket) -> None:
    """Who is gone is known after as long as a PostgreSQL knows it that replicas reach without a proxy (`_SESSION`)."""
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        for option, value in ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 2)):
            accepted.setsockopt(socket.IPPROTO_TCP, option, value)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 15_000)


class Links:
    """Runs links in a thread, from entering to leaving."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="links", daemon=True)

    def __enter__(self) -> Links:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async def end() -> None:
            tasks = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
            for one in tasks:
                one.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.run(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def run(self, work: Any) -> Any:
        """The result of a coroutine, run in the thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def to(self, target: int | Path, host: str = "127.0.0.1", port: int = 0, device: str = "") -> Link:
        """A new link, which listens on an address of this machine; with `device` only for what comes in there, so that
        several have the same address and port."""
        listening = socket.socket()
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if device:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
            listening.bind((host, port))
            return Link(self, target, listening)
        except BaseException:
            listening.close()
            raise
