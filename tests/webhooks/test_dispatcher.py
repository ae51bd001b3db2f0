"""The dispatcher, with a real catalog, real HTTP and a receiver that misbehaves."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path

import pytest

from kenspeckle.domain import DeliveryState
from kenspeckle.usecases.webhooks import dispatcher as courier_
from kenspeckle.webhook_transport.allowlist import Reach
from kenspeckle.webhook_transport.http import Transport
from tests.fakes.certificates import pair
from tests.ports import unused_port
from tests.webhooks.conftest import Post, Receiver, opened, receiving, until


def test_a_message_arrives_signed_by_both_secrets_while_they_rotate(post: Post, receiver: Receiver) -> None:
    hook, secret = post.endpoints.create(receiver.url("/ok"))
    post.dispatcher()
    face = post.index()
    until(lambda: receiver.of("/ok"))
    (message,) = receiver.verified("/ok", secret)
    assert (message["type"], message["data"]["face_ids"]) == ("faces.indexed", [face])
    assert set(receiver.of("/ok")[0][0]) >= {"webhook-id", "webhook-timestamp", "webhook-signature", "user-agent"}
    _, new = post.endpoints.rotate(hook.webhook_id)
    post.index()
    until(lambda: len(receiver.of("/ok")) == 2)
    receiver.got.pop(0)
    assert receiver.verified("/ok", secret) == receiver.verified("/ok", new)
    assert receiver.of("/ok")[0][0]["webhook-signature"].count("v1,") == 2


def test_what_fails_is_sent_again_under_the_same_id(post: Post, receiver: Receiver) -> None:
    hook, secret = post.endpoints.create(receiver.url("/flaky"))
    receiver.plan["/flaky"] = [500, 301]
    post.dispatcher()
    post.index()
    until(lambda: len(receiver.of("/flaky")) == 3)
    assert len(set(receiver.ids("/flaky"))) == 1
    receiver.verified("/flaky", secret)
    until(lambda: post.log(hook.webhook_id)[0].state is DeliveryState.DELIVERED)
    assert post.log(hook.webhook_id)[0].attempts == 3
    until(lambda: post.endpoints.show(hook.webhook_id).failing_since is None)


def test_after_the_last_attempt_it_has_failed_and_can_be_retried(post: Post, receiver: Receiver) -> None:
    hook, _ = post.endpoints.create(receiver.url("/broken"))
    receiver.plan["/broken"] = [500] * 3
    post.dispatcher(pauses=(0.05, 0.05))
    post.index()
    until(lambda: post.log(hook.webhook_id)[0].state is DeliveryState.FAILED)
    (one,) = post.log(hook.webhook_id)
    assert (one.attempts, one.status, one.error, one.kept) == (3, 500, "It answered 500.", True)
    assert post.endpoints.show(hook.webhook_id).failing_since is not None
    assert post.endpoints.retry(hook.webhook_id, one.message_id) == 1
    until(lambda: post.log(hook.webhook_id)[0].state is DeliveryState.DELIVERED)
    assert len(set(receiver.ids("/broken"))) == 1


def test_a_redirect_is_not_followed(post: Post, receiver: Receiver) -> None:
    hook, _ = post.endpoints.create(receiver.url("/moved"))
    receiver.plan["/moved"] = [307] * 9
    post.dispatcher(pauses=())
    post.index()
    until(lambda: post.log(hook.webhook_id)[0].state is DeliveryState.FAILED)
    assert "Redirects are not followed" in post.log(hook.webhook_id)[0].error
    assert receiver.of("/elsewhere") == []


def test_410_disables_at_once_and_enabling_sends_what_waited(post: Post, receiver: Receiver) -> None:
    hook, _ = post.endpoints.create(receiver.url("/gone"))
    receiver.plan["/gone"] = [410]
    post.dispatcher()
    post.index()
    until(lambda: post.endpoints.show(hook.webhook_id).disabled_at is not None)
    assert "410" in post.endpoints.show(hook.webhook_id).disabled_reason
    until(lambda: list(post.catalog.audit_rows())[-1].operation == "DisableWebhook")
    row = list(post.catalog.audit_rows())[-1]
    assert row.who == "service"
    assert hook.webhook_id in row.facts
    post.index()  # nobody is told of this one
    post.endpoints.change(hook.webhook_id, enabled=True)
    until(lambda: len(receiver.of("/gone")) == 2)
    until(lambda: [one.state for one in post.log(hook.webhook_id)] == [DeliveryState.DELIVERED])


def test_five_days_without_a_success_disable(post: Post, receiver: Receiver) -> None:
    hook, _ = post.endpoints.create(receiver.url("/broken"))
    receiver.plan["/broken"] = [500] * 9
    post.catalog.note_health(hook.webhook_id, post.now() - courier_.GIVE_UP + 60)
    post.dispatcher(pauses=())
    post.index()
    until(lambda: post.log(hook.webhook_id)[0].state is DeliveryState.FAILED)
    assert post.endpoints.show(hook.webhook_id).disabled_at is None
    post.skew = 120.0
    post.index()
    until(lambda: post.endpoints.show(hook.webhook_id).disabled_at is not None)
    assert "five days" in post.endpoints.show(hook.webhook_id).disabled_reason


def test_slow_endpoints_hold_up_nobody(post: Post, receiver: Receiver) -> None:
    for number in range(20):
        post.endpoints.create(receiver.url(f"/hang{number}"))
    post.endpoints.create(receiver.url("/ok"))
    post.dispatcher(seconds=5.0)
    begun = time.monotonic()
    post.index()
    until(lambda: receiver.of("/ok"))
    assert time.monotonic() - begun < 3.0
    post.index()
    until(lambda: len(receiver.of("/ok")) == 2)
    begun = time.monotonic()
    post.dispatchers[0].close()
    assert time.monotonic() - begun < courier_.GRACE_SECONDS + 2.0


@pytest.mark.parametrize("path", ["/hang", "/drip", "/endless"])
def test_an_endpoint_gets_its_time_and_no_more(post: Post, receiver: Receiver, path: str) -> None:
    async def carried() -> object:
        transport = Transport(Reach.parse("127.0.0.1"), 0.4, "test")
        try:
            return await transport.send(receiver.url(path), {"webhook-id": "msg_1"}, b"{}")
        finally:
            await transport.close()

    begun = time.monotonic()
    sent = asyncio.run(carried())
    assert time.monotonic() - begun < 2.0
    assert "within 0.4 s" in sent.error if path != "/endless" else sent.arrived  # type: ignore[attr-defined]


def test_a_name_that_leads_to_this_machine_is_not_reached(receiver: Receiver) -> None:
    async def carried(url: str, reach: str) -> str:
        transport = Transport(Reach.parse(reach), 2.0, "test")
        try:
            return (await transport.send(url, {}, b"{}")).error
        finally:
            await transport.close()

    port = receiver.server.server_port
    for url, why in (
        (f"https://localhost:{port}/x", "is this machine"),
        (f"http://localhost:{port}/x", "only https"),
        (f"http://[::ffff:127.0.0.1]:{port}/x", "only https"),
        ("https://no-such-host.invalid/", "does not resolve"),
    ):
        assert why in asyncio.run(carried(url, "")), url
    assert receiver.got == []
    assert asyncio.run(carried(f"http://localhost:{port}/x", "localhost")) == ""
    assert "TLS failed" in asyncio.run(carried(f"https://localhost:{port}/x", "localhost"))
    assert "refused" in asyncio.run(carried(f"http://127.0.0.1:{unused_port()}/x", "127.0.0.1"))


def test_a_certificate_has_to_be_trusted_and_of_the_name_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = pair(tmp_path, "receiver")  # for the address 127.0.0.1, which is where `localhost` leads too
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)

    async def carried(url: str) -> str:
        transport = Transport(Reach.parse("127.0.0.1,localhost"), 5.0, "test")
        try:
            return (await transport.send(url, {}, b"{}")).error
        finally:
            await transport.close()

    with receiving(tls=context) as receiver:
        port = receiver.server.server_port
        assert "not trusted" in asyncio.run(carried(f"https://127.0.0.1:{port}/x"))
        monkeypatch.setenv("SSL_CERT_FILE", str(made.certificate))
        assert "not trusted (Hostname mismatch" in asyncio.run(carried(f"https://localhost:{port}/x"))
        assert receiver.got == []
        assert asyncio.run(carried(f"https://127.0.0.1:{port}/x")) == ""
        assert len(receiver.got) == 1


def test_two_processes_send_each_message_once(post: Post, receiver: Receiver, tmp_path: Path) -> None:
    post.endpoints.create(receiver.url("/ok"))
    second = opened(tmp_path)
    try:
        post.dispatcher()
        second.dispatcher()
        for _ in range(30):
            post.index()
        until(lambda: len(set(receiver.ids("/ok"))) == 30)
        time.sleep(0.2)
        assert len(receiver.ids("/ok")) == 30
    finally:
        for one in second.dispatchers:
            one.close()
        second.catalog.close()


def test_a_receiver_that_comes_back_gets_everything(post: Post) -> None:
    port = unused_port()
    hook, secret = post.endpoints.create(f"http://127.0.0.1:{port}/ok")
    post.dispatcher(pauses=(0.2,) * 20)
    faces = {post.index() for _ in range(5)}
    until(lambda: post.endpoints.show(hook.webhook_id).failing_since is not None)
    with receiving(port) as receiver:
        until(lambda: len(set(receiver.ids("/ok"))) == 5)
        told = {face for message in receiver.verified("/ok", secret) for face in message["data"]["face_ids"]}
    assert told == faces


def test_a_lost_master_key_is_said_and_nothing_is_sent_unsigned(post: Post, receiver: Receiver) -> None:
    hook, _ = post.endpoints.create(receiver.url("/ok"))
    other = type(post.endpoints._sealer)(post.endpoints._sealer._file, "ab" * 32)  # type: ignore[attr-defined, call-arg]
    post.endpoints._sealer = other
    post.dispatcher(pauses=())
    post.index()
    until(lambda: post.log(hook.webhook_id)[0].state is DeliveryState.FAILED)
    assert "master key" in post.log(hook.webhook_id)[0].error
    assert receiver.got == []


def test_a_test_message_tells_how_it_went(post: Post, receiver: Receiver) -> None:
    hook, secret = post.endpoints.create(receiver.url("/ok"))
    post.endpoints.change(hook.webhook_id, enabled=False)
    assert asyncio.run(post.endpoints.test(hook.webhook_id)).state is DeliveryState.DELIVERED
    assert receiver.verified("/ok", secret)[0]["type"] == "webhook.test"
    receiver.plan["/ok"] = [500]
    sent = asyncio.run(post.endpoints.test(hook.webhook_id))
    assert (sent.state, sent.status, sent.kept) == (DeliveryState.FAILED, 500, False)
    assert len(post.log(hook.webhook_id)) == 2
    assert list(post.catalog.audit_rows())[-1].operation == "TestWebhook"


def test_an_endpoint_that_too_many_wait_for_is_disabled(
    post: Post, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, _ = post.endpoints.create(f"http://127.0.0.1:{unused_port()}/")
    monkeypatch.setattr(courier_, "MOST_PENDING", 2)
    for _ in range(3):
        post.index()
    post.dispatcher()
    until(lambda: post.endpoints.show(hook.webhook_id).disabled_at is not None)
    assert "wait for it" in post.endpoints.show(hook.webhook_id).disabled_reason
