"""Accepts TLS connections: counted before their handshake, which has a deadline."""

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
"""Seconds for the handshake."""
GOODBYE_SECONDS = 2.0
"""Seconds for a client to close TLS, too."""
PAUSE_SECONDS = 0.1
"""Seconds before the next try when no descriptor is left."""
BACKLOG = 2048
"""Connections that the system queues until they are accepted."""


class TlsListener:
    """One listening socket, with the interface that uvicorn needs of a server. A loop's own server reports no
    connection before its handshake."""

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
        """Accept no more connections."""
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
                # Other errors concern only the one connection, which ended before it was accepted.
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
            # Under a flood there is always a connection: other requests are served between any two.
            await asyncio.sleep(0)

    async def _begin(self, accepted: socket.socket, entry: Entry) -> None:
        """Pass the connection to its protocol after the handshake."""
        loop = asyncio.get_running_loop()

        def make_connection() -> Connection:
            connection = self._make()
            connection.entry = entry
            return connection

        try:
            await loop.connect_accepted_socket(
                make_connection,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=self._handshake_seconds,
                ssl_shutdown_timeout=GOODBYE_SECONDS,
            )
        except (OSError, ssl.SSLError, ConnectionError, TimeoutError):
            # Clients without TLS, or that disconnect or stay silent, are not logged each time.
            entry.leave()
            accepted.close()
        except asyncio.CancelledError:
            entry.leave()
            accepted.close()
            raise


def _hang_up(accepted: socket.socket) -> None:
    """End a connection that the loop may be reading already: it sees the end and closes."""
    with contextlib.suppress(OSError):
        accepted.shutdown(socket.SHUT_RDWR)
