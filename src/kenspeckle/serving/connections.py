"""The server's connections by host: their limits, and which one is closed to admit another."""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

log = logging.getLogger(__name__)

BURST_SECONDS = 3.0
"""Seconds whose requests, at the allowed rate, a host may send at once."""
DEBT_SECONDS = 3.0
"""Most seconds that a host has to wait: what it sends meanwhile is not added to them."""
NEW_RATE = 512.0
"""New connections a second of one host on which no key was proved; BURST_SECONDS of them at once. More are refused."""
WRONG_RATE = 10.0
"""Wrong keys a second of one host, BURST_SECONDS of them at once; where there are more, they are answered late and in
less work (`key_check`)."""
REMEMBERED = 4096
"""Most hosts whose requests are counted; beyond it, hosts that are under the limit again are dropped."""
TELL_SECONDS = 60.0
"""Least seconds between two log lines about closed or refused connections."""


class Hosts(Protocol):
    """A set of addresses."""

    def __contains__(self, host: object, /) -> bool: ...


def _never() -> bool:
    return False


@dataclass(slots=True, eq=False)
class Entry:
    """One connection. `close` ends it at once. It waits for its client unless it is `busy`; see `work` and `wait`."""

    connections: Connections
    host: str
    close: Callable[[], None]
    busy: bool = False
    exempt: bool = False
    known: bool = False
    """Whether a key was proved on it."""
    is_unproved: Callable[[], bool] = _never
    """Whether no key is proved for the request that is worked on."""

    def work(self) -> None:
        """A request is answered: the connection is not closed to make room."""
        if not self.busy:
            self.busy = True
            self.connections.work(self)

    def wait(self) -> None:
        """From now on it waits for its client."""
        self.busy = False
        self.connections.wait(self)

    def leave(self) -> None:
        """The connection has ended; a second call has no effect."""
        self.connections.leave(self)
        self.is_unproved = _never  # It refers to the connection, which refers to this.

    def delay(self, rate: float = 0.0, requests: float = 1.0) -> float:
        """Seconds that this host has to wait because of too many requests without a key; 0 or less: none. With a
        `rate` (requests a second) that many more are counted."""
        return self.connections.delay(self, rate, requests)

    @property
    def floods(self) -> bool:
        """Whether this host sends many wrong keys."""
        return not self.exempt and self.connections.floods(self.host)

    def count_wrong(self) -> None:
        """A wrong key came on this connection."""
        if not self.exempt:
            self.connections.count_wrong(self.host)

    def prove(self) -> None:
        """A key was proved on this connection, so it no longer counts as a new one of its host."""
        if not self.known:
            self.known = True
            self.connections.prove(self)


class Connections:
    """At most `most`, and `most_per_host` of one host, an IPv6 network of 64 bits being one; hosts in `exempt` may have
    as many as there are.

    Over a limit, the connection that has waited longest for its client is closed, of the host that has too many; so
    idle connections do not keep others out. Where all are busy it is the one that has been so for longest of those
    whose requests have not proved a key: bodies that drip keep nobody out either. If there is none, the new one is
    refused.
    """

    def __init__(
        self,
        most: int,
        most_per_host: int,
        exempt: Hosts = frozenset(),
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most = most
        self.most_per_host = most_per_host
        self._exempt = exempt
        self._now = now
        self._hosts: dict[str, _Host] = {}
        self._count = 0
        self._told: dict[str, float] = {}
        self._requests = _Buckets(now)
        self._new = _Buckets(now)
        self._wrong = _Buckets(now)
        self.refused = 0
        """Connections that were not let in, ever."""

    def __len__(self) -> int:
        return self._count

    def enter(self, address: str, close: Callable[[], None]) -> Entry | None:
        """Registers a connection from this address; None where it is refused."""
        host = of_one_host(address)
        mine = self._hosts.get(host)
        exempt = address in self._exempt
        if not exempt and self._new.wait(host) > 0:
            # Refused before a byte is read: this has to be cheap.
            self._tell("too many new connections a second from one address", client=address, most=int(NEW_RATE))
            self.refused += 1
            return None
        if mine is not None and len(mine) >= self.most_per_host and not exempt:
            self._tell(
                "too many connections from one address",
                client=address,
                setting="CONNECTIONS_PER_HOST, or TRUSTED_PROXIES where it is a proxy",
                most=self.most_per_host,
            )
            if not self._evict(mine):
                self.refused += 1
                return None
        elif self._count >= self.most:
            self._tell("too many connections", client=address, setting="CONNECTIONS", most=self.most)
            if not self.make_room():
                self.refused += 1
                return None
        if not exempt:
            self._new.add(host, 1.0, NEW_RATE)
        entry = Entry(self, host, close, exempt=exempt)
        self._hosts.setdefault(host, _Host()).waiting[entry] = None
        self._count += 1
        return entry

    def leave(self, entry: Entry) -> None:
        """Remove a connection; a second call has no effect."""
        mine = self._hosts.get(entry.host)
        if mine is None or entry not in mine:
            return
        mine.waiting.pop(entry, None)
        mine.busy.pop(entry, None)
        self._count -= 1
        if not len(mine):
            del self._hosts[entry.host]

    def work(self, entry: Entry) -> None:
        """As `Entry.work`."""
        mine = self._hosts.get(entry.host)
        if mine is not None and entry in mine.waiting:
            del mine.waiting[entry]
            mine.busy[entry] = None

    def wait(self, entry: Entry) -> None:
        """As `Entry.wait`."""
        mine = self._hosts.get(entry.host)
        if mine is not None and entry in mine:
            mine.busy.pop(entry, None)
            mine.waiting.pop(entry, None)
            mine.waiting[entry] = None

    def delay(self, entry: Entry, rate: float, requests: float) -> float:
        """As `Entry.delay`."""
        return 0.0 if entry.exempt else self._requests.add(entry.host, requests, rate)

    def count_wrong(self, host: str) -> None:
        """A wrong key came from this host."""
        self._wrong.add(host, 1.0, WRONG_RATE)

    def floods(self, host: str) -> bool:
        """Whether more than WRONG_RATE wrong keys a second came from this host."""
        return self._wrong.wait(host) > 0

    def prove(self, entry: Entry) -> None:
        """Give back what the connection took of its host's new ones."""
        if not entry.exempt:
            self._new.add(entry.host, -1.0, NEW_RATE)

    def entries(self) -> list[Entry]:
        """All of them."""
        return [entry for mine in self._hosts.values() for entry in (*mine.waiting, *mine.busy)]

    def make_room(self) -> bool:
        """Close one connection of the host that has most, trusted ones last. False where all are busy."""
        by_number = sorted(self._hosts.items(), key=lambda one: (one[0] in self._exempt, -len(one[1])))
        return any(self._evict(mine) for _, mine in by_number)

    def _evict(self, host: _Host) -> bool:
        victim = next(iter(host.waiting), None) or next((one for one in host.busy if one.is_unproved()), None)
        if victim is None:
            return False
        self.leave(victim)
        victim.close()
        return True

    def _tell(self, message: str, **extra: object) -> None:
        now = self._now()
        if now - self._told.get(message, float("-inf")) >= TELL_SECONDS:
            self._told[message] = now
            log.warning(message, extra=extra)


@dataclass(slots=True)
class _Host:
    """The connections of one host."""

    waiting: dict[Entry, None] = field(default_factory=dict)
    """Those that wait for their client, in the order in which they began to: under a flood each new one closes the
    first of them, which has to cost the same however many there are."""
    busy: dict[Entry, None] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.waiting) + len(self.busy)

    def __contains__(self, entry: Entry) -> bool:
        return entry in self.waiting or entry in self.busy


class _Buckets:
    """A token bucket of BURST_SECONDS for each host, stored as the time when it is full again."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._full: dict[str, float] = {}

    def wait(self, host: str) -> float:
        """Seconds until its bucket is no longer overdrawn; 0 or less: it is not."""
        now = self._now()
        return max(self._full.get(host, 0.0), now) - now - BURST_SECONDS

    def add(self, host: str, count: float, rate: float) -> float:
        """Take `count` tokens, of which `rate` come a second (0: take none), and return the wait. A bucket is overdrawn
        by DEBT_SECONDS and one count at most."""
        now = self._now()
        if rate > 0:
            if len(self._full) >= REMEMBERED:
                self._full = {one: time for one, time in self._full.items() if time > now}
            full = min(max(self._full.get(host, 0.0), now), now + BURST_SECONDS + DEBT_SECONDS)
            self._full[host] = full + count / rate
        return self.wait(host)


@lru_cache(maxsize=4096)
def of_one_host(address: str) -> str:
    """The host of an address: IPv4 unchanged, also where mapped into IPv6; for IPv6 the network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
