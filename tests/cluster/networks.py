"""A network of its own for each replica, so that packets are really lost: between it and one part, between it and all,
or in one direction. For root on Linux. The whole run is in a network namespace too, which nothing outside reaches."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

PARTS = "10.17.0"
"""The network of what replicas reach: each part has an address of its own in it, so that it can be lost by itself."""
NOBODY = "02:00:00:00:00:66"
"""A hardware address that no interface has: packets for it leave, and nobody takes them."""
NARROW = "384kbit"
"""Of a narrow network, in each direction."""


def can_make() -> bool:
    """Whether namespaces may be made here."""
    if not sys.platform.startswith("linux") or os.geteuid() or not shutil.which("ip"):
        return False
    return subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0


def enter(module: str, words: Sequence[str]) -> None:
    """Run that module anew, in this very process, in a network namespace with nothing but a loopback."""
    os.execvp("unshare", ["unshare", "--net", sys.executable, "-m", module, *words])


@dataclass(frozen=True, slots=True)
class Cable:
    """A replica's: `here` and `there` are its interfaces, `address` is the replica's, `gateway` ours."""

    namespace: str
    here: str
    there: str
    address: str
    gateway: str
    nowhere: str


class Networks:
    """Namespaces by replica, from entering to leaving. Addresses of parts are on our side."""

    def __init__(self, names: Sequence[str], parts: Sequence[str]) -> None:
        self.addresses: Mapping[str, str] = {part: f"{PARTS}.{number}" for number, part in enumerate(parts, 2)}
        self.cables = {
            name: Cable(
                f"kenspeckle-{os.getpid()}-{name}",
                f"there-{name}",
                "network",
                f"10.17.{number}.10",
                f"10.17.{number}.1",
                f"10.17.{number}.66",
            )
            for number, name in enumerate(names, 1)
        }
        self._open = ExitStack()

    def __enter__(self) -> Networks:
        try:
            _run("ip", "link", "set", "lo", "up")
            for address in self.addresses.values():
                _run("ip", "address", "add", f"{address}/32", "dev", "lo")
            for cable in self.cables.values():
                self._lay(cable)
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _lay(self, cable: Cable) -> None:
        _run("ip", "netns", "add", cable.namespace)
        self._open.callback(_run, "ip", "netns", "delete", cable.namespace)
        peer = ("peer", "name", cable.there, "netns", cable.namespace)
        _run("ip", "link", "add", cable.here, "type", "veth", *peer)
        for inside, device, address in (
            ((), cable.here, cable.gateway),
            (self.inside(cable), cable.there, cable.address),
        ):
            _run(*inside, "ip", "link", "set", device, "up")
            _run(*inside, "ip", "address", "add", f"{address}/24", "dev", device)
            dead = ("lladdr", NOBODY, "dev", device, "nud", "permanent")
            _run(*inside, "ip", "neighbour", "replace", cable.nowhere, *dead)
        _run(*self.inside(cable), "ip", "link", "set", "lo", "up")
        _run(*self.inside(cable), "ip", "route", "add", "default", "via", cable.gateway)

    def inside(self, cable: Cable) -> tuple[str, ...]:
        """Words before a command that is to run in the namespace."""
        return ("ip", "netns", "exec", cable.namespace)

    @contextmanager
    def lost(self, part: str, names: Sequence[str]) -> Iterator[None]:
        """What these replicas send to a part arrives nowhere."""
        cables = [self.cables[name] for name in names]
        route = f"{self.addresses[part]}/32"
        for one in cables:
            _run(*self.inside(one), "ip", "route", "replace", route, "via", one.nowhere)
        try:
            yield
        finally:
            for one in cables:
                _run(*self.inside(one), "ip", "route", "delete", route)

    @contextmanager
    def deaf(self, names: Sequence[str]) -> Iterator[None]:
        """What is sent to these replicas arrives nowhere; what they send does."""
        cables = [self.cables[name] for name in names]
        for one in cables:
            _run("ip", "route", "replace", f"{one.address}/32", "via", one.nowhere)
        try:
            yield
        finally:
            for one in cables:
                _run("ip", "route", "delete", f"{one.address}/32")

    @contextmanager
    def down(self, names: Sequence[str]) -> Iterator[None]:
        """Their cables are out."""
        cables = [self.cables[name] for name in names]
        for one in cables:
            _run("ip", "link", "set", one.here, "down")
        try:
            yield
        finally:
            for one in cables:
                _run("ip", "link", "set", one.here, "up")
                dead = ("lladdr", NOBODY, "dev", one.here, "nud", "permanent")
                _run("ip", "neighbour", "replace", one.nowhere, *dead)  # gone with the interface

    @contextmanager
    def narrow(self, names: Sequence[str]) -> Iterator[None]:
        """NARROW bits pass each second, in each direction."""
        ends = [end for name in names for end in self._ends(self.cables[name])]
        for words, device in ends:
            shape = ("tbf", "rate", NARROW, "burst", "16kbit", "latency", "400ms")
            _run(*words, "tc", "qdisc", "replace", "dev", device, "root", *shape)
        try:
            yield
        finally:
            for words, device in ends:
                _run(*words, "tc", "qdisc", "delete", "dev", device, "root")

    def _ends(self, cable: Cable) -> tuple[tuple[tuple[str, ...], str], ...]:
        return ((), cable.here), (self.inside(cable), cable.there)


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")
