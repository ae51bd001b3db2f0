"""Where a key is needed: on every address but loopback."""

from __future__ import annotations

import pytest

from kenspeckle.errors import SettingError
from kenspeckle.usecases.access.keys import Access
from kenspeckle.usecases.access.loopback import is_loopback, is_loopback_address, require_key_for
from tests.fakes.memory_keys import MemoryKeys
from tests.usecases.access.conftest import NOW, Time


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "localhost"])
def test_loopback(host: str, keys: MemoryKeys) -> None:
    assert is_loopback(host)
    require_key_for(host, keys)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "0.0.0.0",
        "::",
        "192.168.1.5",
        "::ffff:192.168.1.5",
        "fe80::1",
        "no-such-host.invalid",
        "127.0.0.1.no-such-host.invalid",
        "x" * 300,
        "a..b",
        "127.0.0.1, 10.0.0.1",
    ],
)
def test_any_other_address_needs_a_key(host: str, keys: MemoryKeys, access: Access, clock: Time) -> None:
    with pytest.raises(SettingError, match="keys create"):
        require_key_for(host, keys)
    access.create("desk", expires_at=NOW + 10)
    require_key_for(host, keys)
    clock.now += 11
    with pytest.raises(SettingError):
        require_key_for(host, keys)


def test_a_name_that_also_leads_elsewhere_is_not_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(2, 1, 6, "", ("127.0.0.1", 0)), (2, 1, 6, "", ("10.0.0.7", 0))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    assert not is_loopback("localhost")
    assert not is_loopback_address("localhost")
