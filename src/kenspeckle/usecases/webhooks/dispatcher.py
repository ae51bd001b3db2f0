"""Delivers messages from the outbox to their endpoints: at least once each, and none waits for another endpoint. One
thread with an event loop of its own, so that a hundred slow endpoints cost only sockets. Several processes may work on
one outbox: a message that one has claimed is left alone by others until its lease ends.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from kenspeckle.domain import Claimed, DeliveryState, Sent, Webhook
from kenspeckle.errors import KenspeckleError, WebhookNotFound
from kenspeckle.ports import Transport
from kenspeckle.usecases.audit import actor
from kenspeckle.usecases.webhooks import signing
from kenspeckle.usecases.webhooks.endpoints import Endpoints
from kenspeckle.usecases.webhooks.retry import DAY, LONGEST_PAUSE, next_pause

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

LOOK_SECONDS = 1.0
"""Seconds between two searches of the outbox for messages of other processes and for those that are due again."""
AT_ONCE = 4
"""Messages that are sent at once to one endpoint; one at a time to an endpoint that fails."""
LEASE_SECONDS = 30.0
"""Seconds beyond an attempt's own time for which a message stays with the process that claimed it."""
GRACE_SECONDS = 2.0
"""How long closing waits for attempts under way; an interrupted one is sent again, under the same id."""
ROUND_SECONDS = 60.0
MOST_PENDING = 100_000
"""Messages that may wait for one endpoint before it is disabled."""
GIVE_UP = 5 * DAY
GONE = 410


class Dispatcher:
    """From `start` to `close`. `pauses` lie between attempts; `seconds` is what an attempt takes at most; the log is
    kept for `days`."""

    def __init__(
        self,
        endpoints: Endpoints,
        transport: Callable[[], Transport],
        *,
        pauses: Sequence[float],
        seconds: float,
        days: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._endpoints = endpoints
        self._store = endpoints.store
        self._make_transport = transport
        self._pauses = pauses
        self._lease = seconds + LEASE_SECONDS
        self._days = days
        self._now = now
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._closing = threading.Event()
        self._active: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="dispatcher-catalog")
        self._thread: threading.Thread | None = None
        self.tell: Callable[[str], None] = lambda _: None
        """Called with every attempt's outcome, for metrics."""

    def start(self) -> None:
        """Start with the messages that are due."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="dispatcher")
        self._thread.start()

    def nudge(self) -> None:
        """There are new messages in the outbox. May be called from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(self._wake.set)
            except RuntimeError:  # closed at this moment
                return

    def close(self) -> None:
        """Finish attempts under way, or leave them to the next start."""
        self._closing.set()
        self.nudge()
        if self._thread is not None:
            self._thread.join()
        self._pool.shutdown()

    async def _run(self) -> None:
        actor.acting(actor.Actor(actor.SERVICE))
        self._loop = asyncio.get_running_loop()
        transport = self._make_transport()
        next_round = 0.0
        while not self._closing.is_set():
            self._wake.clear()
            try:
                if time.monotonic() >= next_round:
                    next_round = time.monotonic() + ROUND_SECONDS
                    await self._call(self._round)
                for webhook in await self._call(self._store.webhooks):
                    await self._send_some(transport, webhook)
            except KenspeckleError as error:
                log.error("webhooks wait: %s", error.message)
            except Exception:
                log.exception("webhooks wait")
            try:
                await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)
            except TimeoutError:
                continue
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await transport.close()

    async def _send_some(self, transport: Transport, webhook: Webhook) -> None:
        free = (AT_ONCE if webhook.failing_since is None else 1) - self._active[webhook.webhook_id]
        if webhook.disabled_at is not None or free <= 0:
            return
        now = self._now()
        horizon = now + 2 * LONGEST_PAUSE
        claimed = await self._call(self._store.claim, webhook.webhook_id, now, now + self._lease, horizon, free)
        for one in claimed:
            self._active[webhook.webhook_id] += 1
            task = asyncio.create_task(self._attempt(transport, webhook, one))
            self._tasks.add(task)
            task.add_done_callback(partial(self._end, webhook.webhook_id))

    def _end(self, webhook_id: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._active[webhook_id] -= 1
        self._wake.set()
        # Where an attempt did not come to its end, its lease will, and the message is sent again.
        if task.cancelled():
            if not self._closing.is_set():
                log.error("a webhook's attempt was cancelled before its end")
        elif (error := task.exception()) is not None:
            log.error("a webhook's attempt failed: %s", error, exc_info=error)

    async def _attempt(self, transport: Transport, webhook: Webhook, claimed: Claimed) -> None:
        now, body = self._now(), claimed.payload.encode()
        try:
            keys = await self._call(self._keys, webhook.webhook_id, now)
        except WebhookNotFound:
            return
        except KenspeckleError as error:
            await self._call(self._settle, webhook, claimed, Sent(None, error.message, 0.0))
            return
        headers = signing.headers(claimed.delivery.message_id, now, body, keys)
        sent = await transport.send(webhook.url, headers, body)
        await self._call(self._settle, webhook, claimed, sent)

    def _keys(self, webhook_id: str, now: float) -> Sequence[bytes]:
        webhook, held = self._store.webhook(webhook_id)
        return self._endpoints.keys(webhook, held, now)

    def _settle(self, webhook: Webhook, claimed: Claimed, sent: Sent) -> None:
        """Record the result, and the endpoint's health."""
        now, one = self._now(), claimed.delivery
        if sent.arrived:
            self.tell(DeliveryState.DELIVERED.value)
            self._store.settle(claimed, sent, now, DeliveryState.DELIVERED, now)
            if webhook.failing_since is not None:
                self._store.note_health(webhook.webhook_id, None)
            return
        pause = next_pause(self._pauses, one.attempts, sent)
        state = DeliveryState.FAILED if pause is None else DeliveryState.PENDING
        self.tell(state.value)
        if not self._store.settle(claimed, sent, now, state, now + (pause or 0.0)):
            return
        log.warning(
            "webhook not delivered",
            extra={
                "webhook": webhook.webhook_id,
                "delivery": one.message_id,
                "attempt": one.attempts,
                "why": sent.error,
            },
        )
        if webhook.failing_since is None:
            self._store.note_health(webhook.webhook_id, now)
        if sent.status == GONE:
            self._endpoints.disable(webhook, "It answered 410 (Gone).")
        elif pause is None and webhook.failing_since is not None and now - webhook.failing_since >= GIVE_UP:
            self._endpoints.disable(webhook, "Nothing has arrived there for five days.")

    def _round(self) -> None:
        """Forget old deliveries; disable endpoints with too long a backlog."""
        while not self._closing.is_set() and self._store.trim_deliveries(self._now() - self._days * DAY):
            pass
        backlog = self._store.backlog()
        for webhook in self._store.webhooks():
            if backlog.get(webhook.webhook_id, 0) > MOST_PENDING and webhook.disabled_at is None:
                self._endpoints.disable(webhook, f"More than {MOST_PENDING:,} messages wait for it.")

    async def _call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        run = partial(copy_context().run, work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._pool, run)
