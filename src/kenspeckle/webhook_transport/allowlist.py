"""Which addresses webhooks may reach: public ones over https, and what the operator lists besides."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

from kenspeckle.errors import InvalidValue, SettingError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_URL = 2048
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?)*\.?")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: the last four bytes are an IPv4 address, which a gateway reaches."""
_GLOBAL = ipaddress.IPv6Network("2000::/3")
"""The only IPv6 range that is assigned to the public internet; the rest is local, obsolete or unassigned."""
_TUNNELS = (ipaddress.IPv6Network("2002::/16"), ipaddress.IPv6Network("2001::/32"))
"""6to4 and Teredo, which are obsolete and lead to IPv4 addresses of the sender's choice."""


@dataclass(frozen=True, slots=True)
class Reach:
    """`names` are hosts, `networks` addresses that may be reached though they are private, and without TLS."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Reach:
        """The setting WEBHOOK_HOSTS. Raises SettingError."""
        names, networks = set(), []
        for one in (part.strip().lower() for part in text.split(",")):
            if not one:
                continue
            try:
                networks.append(ipaddress.ip_network(one))
            except ValueError:
                if not _HOST.fullmatch(one) or re.fullmatch(r"[0-9.]+", one):
                    raise SettingError(
                        f"WEBHOOK_HOSTS: '{one[:80]}' is no host, address or network; write hooks.example.org, "
                        "10.0.0.7 or 10.1.0.0/16, with commas between.",
                        field="webhook_hosts",
                    ) from None
                names.add(one.rstrip("."))
        return cls(frozenset(names), tuple(networks))

    def check_url(self, url: str) -> str:
        """The URL, checked as far as its text allows. Raises InvalidValue."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower().rstrip("."), parts.port
        except ValueError:
            raise _invalid("it can't be read") from None
        if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
            raise _invalid(f"at most {LONGEST_URL} printable ASCII characters without spaces are taken")
        if parts.scheme not in ("https", "http") or not host or port == 0:
            raise _invalid("write https://host/path")
        if parts.username is not None or parts.password is not None:
            raise _invalid("user and password in it would be in every log; messages are signed instead")
        if parts.fragment:
            raise _invalid("what follows a # is never sent")
        address = _literal(host)
        if address is None and not _HOST.fullmatch(host):
            raise _invalid(f"'{host[:80]}' is no host")
        listed = host in self.names or (address is not None and self._is_listed(address))
        # A name may resolve to a listed network; that is checked when connecting.
        if parts.scheme == "http" and not listed and not (address is None and self.networks):
            raise _invalid("only https is taken, but for hosts that the setting WEBHOOK_HOSTS lists")
        if address is not None and not listed and (why := _private(address)) is not None:
            raise _invalid(f"{address} is {why}; list it in the setting WEBHOOK_HOSTS if it is meant")
        return url

    def refusal(self, host: str, address: Address, *, tls: bool) -> str | None:
        """Why this address of the host may not be connected to; None where it may."""
        if host.lower().rstrip(".") in self.names or self._is_listed(address):
            return None
        if not tls:
            return f"{address} is not listed in WEBHOOK_HOSTS, so only https goes there"
        why = _private(address)
        return None if why is None else f"{address} is {why} and not listed in WEBHOOK_HOSTS"

    def _is_listed(self, address: Address) -> bool:
        inner = _inner(address)
        return any(inner.version == one.version and inner in one for one in self.networks)


def _literal(host: str) -> Address | None:
    """The address that the host is, in any form that a resolver would take for one."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    if re.fullmatch(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*", host):
        raise _invalid("write an address as four decimal numbers")
    return None


def _inner(address: Address) -> Address:
    """The address that is reached in fact: IPv4 inside IPv6 is unpacked."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _private(address: Address) -> str | None:
    """What is wrong with it; None for an address of the public internet."""
    inner = _inner(address)
    if inner.is_loopback:
        return "this machine"
    if inner.is_link_local:
        return "link-local, where clouds keep credentials"
    if inner.is_multicast or not inner.is_global:
        return "not a public address"
    if inner.version == 6 and (inner not in _GLOBAL or any(inner in one for one in _TUNNELS)):
        return "not a public address"
    return None


def _invalid(why: str) -> InvalidValue:
    return InvalidValue(f"The URL is not taken: {why}.", field="url")
