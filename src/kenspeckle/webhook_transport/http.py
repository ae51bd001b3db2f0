"""Implements `ports.Transport` with httpcore: no redirects, proxies or cookies, and only addresses that were
checked."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpcore
import httpx

from kenspeckle.domain import Sent
from kenspeckle.webhook_transport.allowlist import Reach
from kenspeckle.webhook_transport.dns import Names

MOST_ANSWER = 16 * 1024
"""Most bytes of an answer that are read, so that the connection can be used again; its content is ignored."""
IDLE_SECONDS = 30.0

ADDRESS_SECONDS = 4.0
"""Longest wait for one of several addresses of a name."""
NAME_SHARE = 2 / 3
"""Share of a message's time for resolving the name: enough to ask a second name server, with time left to send."""


class Refused(Exception):
    """The address may not be reached."""


class Transport:
    """`seconds` is the deadline of a message: name, connection, request and answer."""

    def __init__(self, reach: Reach, seconds: float, software: str) -> None:
        self._seconds = seconds
        self._software = software
        names = Names(NAME_SHARE * seconds)
        self._pools = {
            scheme: httpcore.AsyncConnectionPool(
                ssl_context=httpx.create_ssl_context(trust_env=True) if scheme == "https" else None,
                max_connections=None,  # the sender limits connections; here one endpoint must not wait for another's
                max_keepalive_connections=20,
                keepalive_expiry=IDLE_SECONDS,
                network_backend=_Checked(reach, names, tls=scheme == "https"),
            )
            for scheme in ("https", "http")
        }

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Sent:
        """As `ports.Transport.send`."""
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                status, retry_after = await self._post(url, headers, body)
        except TimeoutError:
            return self._fail(begun, f"No answer within {self._seconds:g} s.")
        except Refused as error:
            return self._fail(begun, f"Not sent: {error}.")
        except (OSError, httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            return self._fail(begun, _describe(error))
        seconds = time.monotonic() - begun
        if 200 <= status < 300:
            return Sent(status, "", seconds)
        note = " Redirects are not followed: give the address that it leads to." if 300 <= status < 400 else ""
        return Sent(status, f"It answered {status}.{note}", seconds, retry_after)

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, float | None]:
        sent = {"user-agent": self._software, "content-type": "application/json", **headers}
        pool = self._pools["https" if url.lower().startswith("https:") else "http"]
        async with pool.stream("POST", url, headers=list(sent.items()), content=body) as answer:
            read = 0
            async for chunk in answer.aiter_stream():
                read += len(chunk)
                if read > MOST_ANSWER:
                    break  # leaving the block closes the connection
            return answer.status, _retry_after(answer.headers)

    def _fail(self, begun: float, error: str) -> Sent:
        return Sent(None, error, time.monotonic() - begun)


class _Checked(httpcore.AsyncNetworkBackend):
    """Resolves a name once, checks every address, and connects to one that was checked, so that a name that resolves
    differently a moment later (DNS rebinding) has no effect."""

    def __init__(self, reach: Reach, names: Names, *, tls: bool) -> None:
        self._reach = reach
        self._names = names
        self._tls = tls
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            addresses = await self._names.addresses(host, port)
        except TimeoutError:
            raise Refused(f"the name '{host[:80]}' was not resolved in time") from None
        # One forbidden address makes the name refused: legitimate names have none.
        for address in addresses:
            why = self._reach.refusal(host, address, tls=self._tls)
            if why is not None:
                raise Refused(why)
        failure: Exception = Refused(f"the name '{host[:80]}' does not resolve")
        for place, address in enumerate(addresses, 1):
            # An address that does not answer must leave time for the next one; the last may use the rest.
            patience = timeout if place == len(addresses) else ADDRESS_SECONDS
            try:
                return await self._inner.connect_tcp(str(address), port, patience, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise Refused("sockets of this machine are not reached")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def _retry_after(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    """Seconds that the answer asks to wait, of a number or a date."""
    for name, value in headers:
        if name.lower() == b"retry-after":
            text = value.decode("ascii", "replace").strip()
            if text.isdigit():
                return float(text[:9])
            try:
                return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
            except (ValueError, OverflowError):
                return None
    return None


def _describe(error: Exception) -> str:
    """The failure in fixed words: text from the receiver is not logged."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"Its certificate is not trusted ({cause.verify_message})."
        if isinstance(cause, ssl.SSLError):
            return "TLS failed."
        if isinstance(cause, ConnectionRefusedError):
            return "The connection was refused."
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpcore.ConnectError):
        return "No connection."
    if isinstance(error, httpcore.ProtocolError):
        return "Its answer is no valid HTTP, or it closed the connection."
    return "The connection broke."
