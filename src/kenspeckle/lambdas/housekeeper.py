"""The handler for an hourly schedule: `kenspeckle.lambdas.housekeeper.handler`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from kenspeckle.compose.start import pause_collection
from kenspeckle.lambdas.start import on_lambda

if TYPE_CHECKING:
    from kenspeckle.compose import managed


def handler(event: Any, context: Any) -> None:
    """Erases faces that are older than their collections keep them, and takes back what requests left half done.

    Whatever the event says. Raises what goes wrong, so that the invocation counts as failed; the next one goes on."""
    _service().housekeep()


@cache
def _service() -> managed.Gateway:
    with pause_collection():
        from kenspeckle.lambdas import compose

        return compose.service()


if on_lambda():
    _service()
