"""Webhooks part by part: signatures as the real client checks them, pauses, addresses."""

from __future__ import annotations

import ipaddress
import random
import time

import pytest
from standardwebhooks import Webhook as RealClient
from standardwebhooks import WebhookVerificationError

from kenspeckle.domain import Sent
from kenspeckle.errors import InvalidValue, SettingError
from kenspeckle.settings import Settings
from kenspeckle.usecases.webhooks import retry, signing
from kenspeckle.webhook_transport.allowlist import Reach

NO_ANSWER = Sent(None, "No connection.", 0.1)


def test_the_real_client_takes_our_signatures_and_no_others() -> None:
    old, new, body = signing.new_secret(), signing.new_secret(), '{"type":"x","name":"Zoë"}'.encode()
    assert len(new) == 32
    headers = signing.headers("msg_1", time.time(), body, [new, old])
    for secret in (old, new):
        assert RealClient(signing.show(secret)).verify(body, headers) == {"type": "x", "name": "Zoë"}
    for wrong in (
        (signing.show(signing.new_secret()), body, headers),
        (signing.show(new), body + b" ", headers),
        (signing.show(new), body, {**headers, "webhook-id": "msg_2"}),
        (signing.show(new), body, signing.headers("msg_1", time.time() - 301, body, [new])),
    ):
        with pytest.raises(WebhookVerificationError):
            RealClient(wrong[0]).verify(*wrong[1:])


def test_pauses_are_those_of_the_specification() -> None:
    pauses = retry.parse(Settings().webhook_retries)
    assert tuple(pauses) == (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
    dice = random.Random(1)
    for attempts, pause in enumerate(pauses, 1):
        found = {retry.next_pause(pauses, attempts, NO_ANSWER, dice=dice) for _ in range(50)}
        assert len(found) == 50
        assert all(one is not None and 0.9 * pause <= one <= 1.1 * pause for one in found)
    assert retry.next_pause(pauses, 10, NO_ANSWER) is None
    assert retry.next_pause((), 1, NO_ANSWER) is None


def test_what_an_endpoint_asks_for_is_heard_within_reason() -> None:
    def pause(wanted: float) -> float | None:
        return retry.next_pause((5.0,), 1, Sent(503, "It answered 503.", 0.1, wanted))

    assert pause(60.0) == 60.0
    assert pause(1e9) == retry.BELIEVED
    assert (pause(0.1) or 0) >= 4.5


@pytest.mark.parametrize("text", ["5,x", "-1", "0", "1e9", "nan", ",".join(["1"] * 51)])
def test_bad_pauses_are_refused(text: str) -> None:
    with pytest.raises(SettingError, match="WEBHOOK_RETRIES"):
        retry.parse(text)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "ftp://hooks.example.org/",
        "https://",
        "https:///x",
        "https://user:secret@hooks.example.org/",
        "https://hooks.example.org/#x",
        "https://hooks.example.org:0/",
        "https://hooks.example.org:99999/",
        "https://hooks.exa mple.org/",
        "https://hooks.example.org/\r\nx: y",
        "https://hööks.example.org/",
        "https://hooks..example.org/",
        "https://[::1/",
        "https://127.0.0.1/",
        "https://localhost@127.0.0.1/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://[fe80::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://224.0.0.1/",
        "https://0.0.0.0/",
        "https://" + "a" * 3000,
    ],
)
def test_addresses_that_are_not_taken(url: str) -> None:
    with pytest.raises(InvalidValue) as error:
        Reach().check_url(url)
    assert error.value.field == "url"
    assert len(error.value.message) > 30


def test_addresses_that_are_taken() -> None:
    for url in ("https://hooks.example.org/a?b=c", "https://8.8.8.8:8443/", "https://[2606:4700::1111]/"):
        assert Reach().check_url(url) == url
    reach = Reach.parse(" 10.0.0.0/8, Hooks.Internal, ::1 ,127.0.0.1")
    for url in ("http://10.9.9.9/", "http://hooks.internal:9000/x", "http://127.0.0.1:1/", "https://[::1]/"):
        assert reach.check_url(url) == url
    for url in ("http://8.8.8.8/", "https://192.168.1.1/"):
        with pytest.raises(InvalidValue):
            reach.check_url(url)


def test_what_a_name_leads_to_is_checked() -> None:
    reach = Reach.parse("10.1.0.0/16,hooks.internal")
    for host, address, tls, taken in [
        ("a.example.org", "93.184.216.34", True, True),
        ("a.example.org", "93.184.216.34", False, False),
        ("a.example.org", "127.0.0.1", True, False),
        ("a.example.org", "169.254.169.254", True, False),
        ("a.example.org", "::ffff:192.168.0.1", True, False),
        ("a.example.org", "64:ff9b::c0a8:1", True, False),
        ("a.example.org", "64:ff9b::5db8:d822", True, True),
        ("a.example.org", "fd00::1", True, False),
        ("a.example.org", "fec0::1", True, False),
        ("a.example.org", "::7f00:1", True, False),
        ("a.example.org", "::ffff:0:7f00:1", True, False),
        ("a.example.org", "64:ff9b:1::7f00:1", True, False),
        ("a.example.org", "4000::1", True, False),
        ("a.example.org", "100.64.0.1", True, False),
        ("a.example.org", "10.1.2.3", False, True),
        ("a.example.org", "::ffff:10.1.2.3", False, True),
        ("HOOKS.internal.", "192.168.0.1", False, True),
    ]:
        assert (reach.refusal(host, ipaddress.ip_address(address), tls=tls) is None) == taken, (host, address, tls)


@pytest.mark.parametrize("text", ["http://x", "10.0.0.1/8", "a b", "1.2.3", "*.example.org"])
def test_bad_lists_of_hosts_are_refused(text: str) -> None:
    with pytest.raises(SettingError, match="WEBHOOK_HOSTS"):
        Reach.parse(text)
