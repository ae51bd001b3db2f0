"""The handler for objects put into the bucket: `kenspeckle.lambdas.inbox.handler`. `indexer.py` explains how it
works."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from kenspeckle.compose.start import pause_collection
from kenspeckle.lambdas.start import on_lambda

if TYPE_CHECKING:
    from kenspeckle.lambdas.indexer import Inbox


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Indexes what a batch of SQS, or an event of S3, tells of; answers with the messages that have to come again."""
    return _inbox().empty(event, lambda: context.get_remaining_time_in_millis() / 1000)


@cache
def _inbox() -> Inbox:
    with pause_collection():
        from kenspeckle.lambdas import compose
        from kenspeckle.lambdas.indexer import Inbox

        service = compose.service()
        amazon, chosen = service.managed.context.amazon, service.settings
        return Inbox(service.recognizer, amazon, chosen.collection, chosen.max_image_bytes)


if on_lambda():
    _inbox()
