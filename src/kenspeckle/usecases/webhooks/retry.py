"""When a message that did not arrive is sent again, and when it has failed."""

from __future__ import annotations

import random
from collections.abc import Sequence

from kenspeckle.domain import Sent
from kenspeckle.errors import SettingError

DAY = 86_400.0
JITTER = 0.1
"""Part of a pause by which it may be longer or shorter, so that messages that failed together are not sent together
again."""
LONGEST_PAUSE = 2 * DAY
"""Longest pause in WEBHOOK_RETRIES."""
BELIEVED = DAY
MOST_RETRIES = 50


def parse(text: str) -> tuple[float, ...]:
    """The pauses between attempts, in seconds, of the setting WEBHOOK_RETRIES. Raises SettingError."""
    try:
        pauses = tuple(float(one) for one in text.split(",") if one.strip())
    except ValueError:
        pauses = (-1.0,)
    if len(pauses) > MOST_RETRIES or not all(0 < one <= LONGEST_PAUSE for one in pauses):
        raise SettingError(
            f"WEBHOOK_RETRIES: '{text[:80]}' are no pauses: up to {MOST_RETRIES} seconds with commas between, "
            f"each above 0 and at most {LONGEST_PAUSE:.0f}.",
            field="webhook_retries",
        )
    return pauses


def next_pause(
    pauses: Sequence[float], attempts: int, sent: Sent, *, dice: random.Random | None = None
) -> float | None:
    """Seconds until the next attempt after so many; None where that was the last one. The endpoint's Retry-After counts
    where it is longer."""
    if attempts > len(pauses):
        return None
    spread = (dice or _DICE).uniform(1 - JITTER, 1 + JITTER)
    return max(pauses[attempts - 1] * spread, min(sent.retry_after or 0.0, BELIEVED))


_DICE = random.Random()  # noqa: S311 - spreads load, guards nothing
