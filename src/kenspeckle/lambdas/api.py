"""The handler for API Gateway: `kenspeckle.lambdas.api.handler`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from kenspeckle.compose.start import pause_collection
from kenspeckle.lambdas.start import on_lambda

if TYPE_CHECKING:
    from kenspeckle.lambdas.gateway import Gateway


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Answers a request of API Gateway, as the REST API does elsewhere."""
    return _gateway().answer(event, context)


@cache
def _gateway() -> Gateway:
    with pause_collection():
        from kenspeckle.lambdas import compose
        from kenspeckle.lambdas.gateway import Gateway

        return Gateway(compose.service().app)


if on_lambda():
    _gateway()
