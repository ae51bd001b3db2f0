"""Tests of an endpoint that hangs: they hold no thread of those that check keys, and are few at once."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import anyio.to_thread
import httpx
import pytest

from kenspeckle.api.app import create_app
from kenspeckle.api.webhooks import Webhooks
from kenspeckle.domain import Principal
from kenspeckle.errors import Overloaded
from kenspeckle.settings import Settings
from kenspeckle.usecases.recognition.admission import Gate
from kenspeckle.usecases.webhooks import endpoints
from tests.webhooks.conftest import Post, Receiver, until


def test_a_test_that_hangs_holds_no_thread(post: Post, receiver: Receiver) -> None:
    hook, _ = post.endpoints.create(receiver.url("/hang"))
    app = create_app(
        recognizer=cast(Any, None),
        settings=Settings(),
        gate=Gate(1, 0, 1.0),
        authenticate=lambda _: Principal(),
        more=[Webhooks(post.endpoints)],
    )

    async def hang() -> tuple[int, str]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            asked = asyncio.create_task(http.post(f"/v1/webhooks/{hook.webhook_id}/test"))
            await asyncio.to_thread(until, lambda: receiver.of("/hang"))
            assert not asked.done()
            assert anyio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
            answer = await asked
            return answer.status_code, answer.json()["error"]

    assert asyncio.run(hang()) == (200, "No answer within 0.5 s.")


def test_few_tests_run_at_once(post: Post, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "MOST_TESTS", 2)
    hook, _ = post.endpoints.create(receiver.url("/hang-too"))

    async def three() -> None:
        under_way = [asyncio.create_task(post.endpoints.test(hook.webhook_id)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await post.endpoints.test(hook.webhook_id)
        for one in under_way:
            assert (await one).error == "No answer within 0.5 s."
        assert (await post.endpoints.test(hook.webhook_id)).error == "No answer within 0.5 s."

    asyncio.run(three())
