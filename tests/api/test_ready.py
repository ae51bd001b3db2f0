"""Readiness where the database hangs: an answer in time, and no thread for each who asks."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from kenspeckle.api import operations
from kenspeckle.api.operations import Operations
from kenspeckle.errors import StorageUnavailable
from kenspeckle.serving.threads import Threads


def test_a_database_that_hangs_is_told_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "LOOK_SECONDS", 0.05)
    there, looks = threading.Event(), 0

    def ready() -> None:
        nonlocal looks
        looks += 1
        there.wait(60)

    threads = Threads(1)
    edge: Any = SimpleNamespace(threads=threads, recognizer=SimpleNamespace(ready=ready), writable=None)

    async def ask() -> None:
        made = Operations(edge, SimpleNamespace())  # type: ignore[arg-type]  # only the description needs the app
        for _ in range(20):
            with pytest.raises(StorageUnavailable, match="has not answered") as refused:
                await made.readyz(None)  # type: ignore[arg-type]  # nothing of the request is read
            assert refused.value.retry_after
        assert looks == 1
        there.set()
        while True:
            try:
                assert (await made.readyz(None)).status_code == 200  # type: ignore[arg-type]
            except StorageUnavailable:
                continue
            return

    asyncio.run(ask())
    threads.close()


def test_who_asks_while_a_look_ends_gets_its_answer() -> None:
    threads = Threads(1)
    edge: Any = SimpleNamespace(threads=threads, recognizer=SimpleNamespace(ready=lambda: None), writable=None)

    async def ask() -> None:
        made = Operations(edge, SimpleNamespace())  # type: ignore[arg-type]  # only the description needs the app

        async def some() -> None:
            for _ in range(50):
                assert (await made.readyz(None)).status_code == 200  # type: ignore[arg-type]

        await asyncio.gather(*(some() for _ in range(5)))

    asyncio.run(ask())
    threads.close()
