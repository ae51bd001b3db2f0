"""Trusted proxies: those whose headers are accepted for a client's address, as the operator lists them."""

from __future__ import annotations

import ipaddress

from kenspeckle.errors import SettingError


def parse_trusted(trusted_proxies: str) -> list[str]:
    """Addresses and networks of the setting. Raises SettingError for anything else, `*` and names too."""
    return [_check(one.strip()) for one in trusted_proxies.split(",") if one.strip()]


class Proxies:
    """The proxies of the setting, as a set of addresses; `listed` as `parse_trusted` gives it. Raises SettingError."""

    def __init__(self, trusted_proxies: str) -> None:
        self.listed = parse_trusted(trusted_proxies)
        self._networks = [ipaddress.ip_network(one) for one in self.listed]

    def __contains__(self, host: object) -> bool:
        try:
            address = ipaddress.ip_address(str(host).partition("%")[0])
        except ValueError:
            return False
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return any((mapped or address) in one for one in self._networks)


def _check(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text) if "/" in text else ipaddress.ip_address(text))
    except ValueError as error:
        raise SettingError(
            f"TRUSTED_PROXIES: '{text[:100]}' is neither an address nor a network. Write them as 10.0.0.7 or "
            "10.0.0.0/8, with commas between.",
            field="trusted_proxies",
        ) from error
