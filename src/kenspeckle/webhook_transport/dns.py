"""Resolves names within a deadline, which the system's own resolver does not offer."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from contextlib import suppress
from typing import TypeAlias

from kenspeckle.webhook_transport.allowlist import Address

_Answer: TypeAlias = "asyncio.Future[tuple[Address, ...]]"


class Names:
    """One for each event loop. `seconds` are the longest wait for one look-up.

    A name server that does not answer blocks a thread for as long as the system decides. So each look-up has a thread
    of its own, for which neither the loop nor the process waits when it ends; each name has at most one."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._under_way: dict[tuple[str, int], _Answer] = {}

    async def addresses(self, host: str, port: int) -> tuple[Address, ...]:
        """All addresses of the name, each once; none where it does not resolve. Raises TimeoutError."""
        answer = self._under_way.get((host, port)) or self._ask(host, port)
        async with asyncio.timeout(self._seconds):
            return await asyncio.shield(answer)

    def _ask(self, host: str, port: int) -> _Answer:
        loop = asyncio.get_running_loop()
        answer: _Answer = loop.create_future()

        def set_answer(found: tuple[Address, ...]) -> None:
            del self._under_way[host, port]
            answer.set_result(found)

        def ask() -> None:
            found = _find(host, port)
            with suppress(RuntimeError):  # the loop is closed: the answer is not needed any more
                loop.call_soon_threadsafe(set_answer, found)

        threading.Thread(target=ask, name="webhook-name", daemon=True).start()
        self._under_way[host, port] = answer
        return answer


def _find(host: str, port: int) -> tuple[Address, ...]:
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        return tuple(dict.fromkeys(ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found))
    except (OSError, ValueError):  # a name that can't be encoded is a ValueError
        return ()
