"""Management of endpoints: create, change, rotate, test; all of it is recorded in the audit trail."""

from __future__ import annotations

import asyncio
import logging
import secrets
import string
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from kenspeckle.domain import (
    EVENTS,
    USUAL_EVENTS,
    Delivery,
    DeliveryState,
    Event,
    Page,
    Secrets,
    Sent,
    Webhook,
    WebhookMessage,
    validation,
)
from kenspeckle.errors import Conflict, InvalidValue, Overloaded
from kenspeckle.ports import Sealer, Transport, Webhooks
from kenspeckle.usecases.audit.recorder import Recorder
from kenspeckle.usecases.webhooks import signing
from kenspeckle.usecases.webhooks.events import Announcer

log = logging.getLogger(__name__)

MOST_WEBHOOKS = 50
MOST_COLLECTIONS = 1000
LONGEST_DESCRIPTION = 256
KEEP_SECONDS = 86_400.0
"""How long the old secret signs too, by default."""
LONGEST_KEEP = 30 * 86_400.0

MOST_TESTS = 16
"""Most tests under way at once, each of which may take as long as a message does."""

_LETTERS = string.ascii_lowercase + "234567"


class Endpoints:
    """`check_url` raises InvalidValue for an address that may not be reached; `transport` makes the transport of a
    test."""

    def __init__(
        self,
        recorder: Recorder,
        store: Webhooks,
        sealer: Sealer,
        check_url: Callable[[str], str],
        transport: Callable[[], Transport],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self._recorder = recorder
        self._sealer = sealer
        self._check_url = check_url
        self._transport = transport
        self._now = now
        self._tests = 0
        self.changed: Callable[[], None] = lambda: None
        """Called once a change is stored, for a list of endpoints that this process has cached."""

    def create(
        self, url: str, events: Iterable[str] = (), collections: Iterable[str] = (), description: str = ""
    ) -> tuple[Webhook, str]:
        """A new endpoint and its secret, which is shown only once. No events, no collections: all of them.

        Raises InvalidValue, QuotaExceeded; SettingError and StorageUnavailable where the master key can't be used."""
        webhook = Webhook(
            webhook_id="hook-" + "".join(secrets.choice(_LETTERS) for _ in range(12)),
            url=self._check_url(url),
            description=_description(description),
            events=_events(events),
            collections=_collections(collections),
            created_at=self._now(),
        )
        secret = signing.new_secret()
        self.store.add_webhook(webhook, Secrets(self._seal(webhook, secret)), MOST_WEBHOOKS)
        self._record("CreateWebhook", webhook)
        return webhook, signing.show(secret)

    def list(self) -> tuple[Webhook, ...]:
        """All endpoints, oldest first."""
        return self.store.webhooks()

    def show(self, webhook_id: str) -> Webhook:
        """Raises WebhookNotFound."""
        return self.store.webhook(webhook_id)[0]

    def change(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Iterable[str] | None = None,
        collections: Iterable[str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> Webhook:
        """Change what is not None. Raises WebhookNotFound, InvalidValue."""
        before = self.show(webhook_id)
        after = replace(
            before,
            url=before.url if url is None else self._check_url(url),
            events=before.events if events is None else _events(events),
            collections=before.collections if collections is None else _collections(collections),
            description=before.description if description is None else _description(description),
        )
        if after != before:
            self.store.change_webhook(after)
            self._record("ChangeWebhook", after)
        if enabled is True and before.disabled_at is not None:
            self.store.enable_webhook(webhook_id)
            self._record("EnableWebhook", after)
        elif enabled is False:
            self.disable(after, "An administrator disabled it.")
        return self.show(webhook_id)

    def disable(self, webhook: Webhook, reason: str) -> None:
        """Send it no more messages; pending ones stay. Disabling it again has no effect."""
        if self.store.disable_webhook(webhook.webhook_id, self._now(), reason):
            log.warning("webhook disabled", extra={"webhook": webhook.webhook_id, "reason": reason})
            self._record("DisableWebhook", webhook, reason=reason)

    def rotate(self, webhook_id: str, keep: float = KEEP_SECONDS) -> tuple[Webhook, str]:
        """A new secret; the old one signs too for `keep` more seconds. Raises WebhookNotFound, InvalidValue; Conflict
        where another rotation came between."""
        if not 0 <= keep <= LONGEST_KEEP:
            raise InvalidValue("The old secret is kept for 0 seconds to 30 days.", field="keep")
        webhook, held = self.store.webhook(webhook_id)
        secret, now = signing.new_secret(), self._now()
        old = held.present if keep else None
        made = Secrets(self._seal(webhook, secret), old)
        self.store.change_secrets(webhook_id, held.present, made, now + keep if keep else None)
        self._record("RotateWebhook", webhook)
        return self.show(webhook_id), signing.show(secret)

    def delete(self, webhook_id: str) -> Webhook:
        """Deletes its log and pending messages too; returns the deleted endpoint. Raises WebhookNotFound."""
        webhook = self.show(webhook_id)
        self.store.remove_webhook(webhook_id)
        self._record("DeleteWebhook", webhook)
        return webhook

    async def test(self, webhook_id: str) -> Delivery:
        """Send one message now, also to a disabled endpoint, and return the result; it is not sent again. Uses no
        thread while it waits for the endpoint.

        Raises WebhookNotFound, and Overloaded where MOST_TESTS are under way."""
        if self._tests >= MOST_TESTS:
            raise Overloaded(f"{MOST_TESTS} tests of webhooks are under way; try again.", retry_after=1.0)
        self._tests += 1
        try:
            webhook, message, headers = await asyncio.to_thread(self._test_message, webhook_id)
            transport = await asyncio.to_thread(self._transport)
            try:
                sent = await transport.send(webhook.url, headers, message.payload.encode())
            finally:
                await transport.close()
            return await asyncio.to_thread(self._record_test, webhook, message, sent)
        finally:
            self._tests -= 1

    def _test_message(self, webhook_id: str) -> tuple[Webhook, WebhookMessage, Mapping[str, str]]:
        webhook, held = self.store.webhook(webhook_id)
        message, now = Announcer(self.store, now=self._now).test(webhook), self._now()
        keys = self.keys(webhook, held, now)
        return webhook, message, signing.headers(message.message_id, now, message.payload.encode(), keys)

    def _record_test(self, webhook: Webhook, message: WebhookMessage, sent: Sent) -> Delivery:
        delivery = self.store.log_delivery(message, sent, self._now())
        self._record("TestWebhook", webhook, arrived=sent.arrived)
        return delivery

    def deliveries(
        self, webhook_id: str, state: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> Page[Delivery]:
        """The log, newest first. Raises WebhookNotFound, InvalidValue, InvalidCursor."""
        if state is not None and state not in {one.value for one in DeliveryState}:
            states = ", ".join(one.value for one in DeliveryState)
            raise InvalidValue(f"'{state[:40]}' is no state of a delivery; known are {states}.", field="state")
        most = validation.count(limit, validation.MAX_PAGE, "limit")
        return self.store.deliveries(webhook_id, DeliveryState(state) if state else None, most, cursor)

    def retry(self, webhook_id: str, message_id: str | None = None) -> int:
        """Send failed messages again, or one message; returns their number. Raises WebhookNotFound; Conflict for a
        message that has no content any more or does not exist."""
        count = self.store.retry(webhook_id, message_id, self._now())
        if message_id is not None and not count:
            raise Conflict(
                f"There is no message '{message_id[:80]}' that can be sent again: what was delivered, or names a face "
                "that was erased, has no content any more.",
                field="message_id",
            )
        if count:
            self._record("RetryWebhook", self.show(webhook_id), messages=count)
        return count

    def keys(self, webhook: Webhook, held: Secrets, now: float) -> Sequence[bytes]:
        """The secrets that sign now, the present one first. Raises StorageUnavailable where the master key
        is not the one that they were sealed under."""
        sealed = [held.present]
        if held.old is not None and webhook.old_until is not None and now < webhook.old_until:
            sealed.append(held.old)
        return [self._sealer.unseal(one, secret_context(webhook.webhook_id)) for one in sealed]

    def _seal(self, webhook: Webhook, secret: bytes) -> bytes:
        return self._sealer.seal(secret, secret_context(webhook.webhook_id))

    def _record(self, operation: str, webhook: Webhook, **facts: object) -> None:
        told = {
            "webhook": webhook.webhook_id,
            "url": _place(webhook.url),
            "events": sorted(webhook.events),
            "collections": sorted(webhook.collections)[:100],
            **facts,
        }
        self.changed()
        self._recorder.record(self._recorder.entry(operation, facts=told))


def _place(url: str) -> str:
    """The URL without user and query, which may contain secrets."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def secret_context(webhook_id: str) -> str:
    """The context that an endpoint's secret is encrypted for (`ports.Sealer`)."""
    return f"webhook {webhook_id}"


def _events(events: Iterable[str]) -> frozenset[Event]:
    found = set()
    for one in events:
        if one not in {event.value for event in EVENTS}:
            known = ", ".join(sorted(EVENTS))
            raise InvalidValue(f"'{one[:40]}' is no event; known are {known}.", field="events")
        found.add(Event(one))
    return frozenset(found) or USUAL_EVENTS


def _collections(collections: Iterable[str]) -> frozenset[str]:
    found = frozenset(validation.collection_id(one) for one in collections)
    if len(found) > MOST_COLLECTIONS:
        raise InvalidValue(f"A webhook names at most {MOST_COLLECTIONS} collections.", field="collections")
    return found


def _description(text: str) -> str:
    text = text.strip()
    if len(text) > LONGEST_DESCRIPTION or not text.isprintable():
        raise InvalidValue(f"A description is at most {LONGEST_DESCRIPTION} printable characters.", field="description")
    return text
