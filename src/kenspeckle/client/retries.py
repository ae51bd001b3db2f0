"""When a request is sent again: how often, after which pause, and after which failures."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import httpx

from kenspeckle.domain import Scope
from kenspeckle.domain import operations as ops
from kenspeckle.domain.operations import Operation

BUSY = frozenset({429, 503})
"""Answers that say that nothing was done and when to come again."""


@dataclass(frozen=True, slots=True)
class Retries:
    """`attempts` are tries of a request altogether; 1 means that none is repeated. `longest_pause` is in seconds: a 429
    that asks for a longer one is an error at once, because a quota is used up for hours; a 503 is asked again after
    it."""

    attempts: int = 6
    longest_pause: float = 30.0

    def pause(self, response: httpx.Response, attempt: int) -> float | None:
        """Seconds until the next try of a request that was answered so; None: there is none.

        `Retry-After` is honoured, and up to a quarter of it added, so that clients who were refused together do not
        come back together. Without it pauses double from half a second, and half of each is random."""
        if response.status_code not in BUSY or attempt >= self.attempts:
            return None
        try:
            wanted = max(0.1, float(response.headers.get("retry-after", "")))  # in this order NaN is not the larger one
        except ValueError:
            return min(self.longest_pause, 0.25 * float(2**attempt) * random.uniform(0.5, 1))  # noqa: S311 - no secret
        if response.status_code == 429 and wanted > self.longest_pause:
            return None
        return min(self.longest_pause, wanted * random.uniform(1, 1.25))  # noqa: S311 - no secret

    def after_failure(self, repeatable: bool, attempt: int) -> float | None:
        """Seconds until the next try of a request whose connection broke; None: there is none."""
        if not repeatable or attempt >= min(self.attempts, 3):
            return None
        return 0.1 * float(2**attempt) * random.uniform(0.5, 1)  # noqa: S311 - no secret


USUAL = Retries()


def repeatable(kind: type[Operation[Any]]) -> bool:
    """Whether an operation may be sent again though the first try may have been carried out: what reads and searches,
    and indexing, which is the same twice as once."""
    return kind is ops.IndexFaces or kind.right.scope in (Scope.READ, Scope.SEARCH)
