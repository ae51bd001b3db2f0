"""Which requests an open server answers: those from this machine that came through no proxy and from no other site's
page."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kenspeckle.usecases.access.loopback import is_loopback_address

FAR = "Without a key this service answers its own machine only."

OPEN = "open"
"""Member of a request's state that says whether the server is open; determined once for each request."""

_PROXY_HEADERS = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via"})


_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9.\-]+)(?::[0-9]{1,5})?")


def foreign(headers: Iterable[tuple[bytes, bytes]], scheme: str, method: str) -> str | None:
    """Why a request to an open server does not come from this machine's own programs and pages; None if it does.

    `headers` as ASGI has them, names in lower case. Rules: one Host header, a loopback address or `localhost`; no
    trace of a proxy; an Origin, if any, that is this server; a browser's Sec-Fetch-Site (Fetch Metadata) that is not
    another site, but for following a link.
    """
    values: dict[bytes, list[str]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value.decode("latin-1"))
    hosts = values.get(b"host", [])
    if len(hosts) != 1 or not _is_local(hosts[0]):
        named = f"'{hosts[0][:100]}'" if len(hosts) == 1 else f"{len(hosts)} Host headers"
        return f"Without a key this service answers to 127.0.0.1, [::1] and localhost only, not to {named}."
    if not _PROXY_HEADERS.isdisjoint(values):
        return "This request came through a proxy, and without a key this service answers its own machine only."
    origins = values.get(b"origin", [])
    if any(origin.lower() != f"{scheme}://{hosts[0]}".lower() for origin in origins):
        return f"Without a key this service takes no requests from pages of '{origins[0][:100]}'."
    sites = values.get(b"sec-fetch-site", [])
    if any(site not in ("same-origin", "none") for site in sites) and not _follows_link(values, method):
        return "Without a key this service takes no requests from pages of other sites."
    return None


def is_near(peer: str | None) -> bool:
    """Whether the other end of the socket is on this machine; a Unix socket has no address and is."""
    return peer is None or is_loopback_address(peer)


def _is_local(host: str) -> bool:
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found[1].strip("[]").lower()
    return name == "localhost" or is_loopback_address(name)


def _follows_link(values: dict[bytes, list[str]], method: str) -> bool:
    """A link from another site may open the console in a tab (never in a frame): that site can't read it."""
    return (
        method in ("GET", "HEAD")
        and values.get(b"sec-fetch-mode") == ["navigate"]
        and values.get(b"sec-fetch-dest") == ["document"]
    )
