"""Takes connections for TLS: counted before their handshake, for which there is a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from functools import partial

from kenspeckle.serving import descriptors
from kenspeckle.serving.connections import Connections, Entry
from kenspeckle.serving.http_protocol import Connection

HANDSHAKE_SECONDS = 10.0
"""For TLS to be agreed upon."""
GOODBYE_SECONDS = 2.0
"""For a client to say that it closes, too."""
PAUSE_SECONDS = 0.1
"""Before the next try where the system has no descriptor left."""
BACKLOG = 2048
"""Connections that the system keeps until they are taken."""


class TlsListener:
    """One listening socket at work, with what uvicorn asks of a server. A loop's own server tells of no connection
    before its handshake."""

    def __init__(
        self,
        listening: socket.socket,
        make: Callable[[], Connection],
        connections: Connections,
        tls: ssl.SSLContext,
        *,
        handshake_seconds: float | None = None,
    ) -> None:
        listening.setblocking(False)
        listening.listen(BACKLOG)
        self._listening = listening
        self._make = make
        self._connections = connections
        self._tls = tls
        self._handshake_seconds = handshake_seconds or HANDSHAKE_SECONDS
        self._beginning: set[asyncio.Task[None]] = set()
        self._task = asyncio.get_running_loop().create_task(self._accept())

    def close(self) -> None:
        """Take nothing more."""
        self._task.cancel()
        for one in self._beginning:
            one.cancel()
        self._listening.close()

    async def wait_closed(self) -> None:
        await asyncio.gather(self._task, *self._beginning, return_exceptions=True)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(self._listening)
            except OSError as error:
                # Anything but this concerns the one connection, which is gone before it was taken.
                await asyncio.sleep(PAUSE_SECONDS if error.errno in descriptors.USED_UP else 0)
                continue
            host = str(address[0]) if isinstance(address, tuple) else ""
            entry = self._connections.enter(host, partial(_hang_up, accepted))
            if entry is None:
                accepted.close()
            else:
                task = loop.create_task(self._begin(accepted, entry))
                self._beginning.add(task)
                task.add_done_callback(self._beginning.discard)
            # Under a flood a connection is always there: others' requests get their turn between any two.
            await asyncio.sleep(0)

    async def _begin(self, accepted: socket.socket, entry: Entry) -> None:
        """Hand the connection to its protocol after the handshake."""
        loop = asyncio.get_running_loop()

        def made() -> Connection:
            connection = self._make()
            connection.entry = entry
            return connection

        try:
            await loop.connect_accepted_socket(
                made,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=self._handshake_seconds,
                ssl_shutdown_timeout=GOODBYE_SECONDS,
            )
        except (OSError, ssl.SSLError, ConnectionError, TimeoutError):
            # Who speaks no TLS, leaves or stays silent is nobody to log for each time.
            entry.leave()
            accepted.close()
        except asyncio.CancelledError:
            entry.leave()
            accepted.close()
            raise


def _hang_up(accepted: socket.socket) -> None:
    """End a connection that the loop may read already: it sees the end, and closes."""
    with contextlib.suppress(OSError):
        accepted.shutdown(socket.SHUT_RDWR)
