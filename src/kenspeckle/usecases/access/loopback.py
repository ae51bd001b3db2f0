"""The rule on which addresses the service may listen without a key: those that only this machine reaches."""

from __future__ import annotations

import ipaddress
import socket

from kenspeckle.errors import SettingError
from kenspeckle.ports import Keys


def is_loopback_address(address: str) -> bool:
    """Whether this is an IP address in 127.0.0.0/8 or ::1 (also as IPv4 mapped into IPv6). Names are not."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped.is_loopback
    return found.is_loopback


def is_loopback(host: str) -> bool:
    """Whether a server that listens on `host` is reached from this machine only.

    A name counts if it resolves, and to loopback addresses alone; an empty one means every address of the machine.
    """
    if is_loopback_address(host):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return False
    if not host:
        return False
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(is_loopback_address(str(address)) for address in found)


def require_key_for(host: str, keys: Keys) -> None:
    """Raises SettingError where `host` can be reached by others and there is no key that works."""
    if is_loopback(host) or keys.any_key():
        return
    raise SettingError(
        f"Listening on '{host}' would let anyone on the network in, for there is no key yet. Create one with "
        "`kenspeckle keys create NAME`, or set KENSPECKLE_ADMIN_KEY; or listen on 127.0.0.1.",
        field="host",
    )
