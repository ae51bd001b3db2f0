"""Times and ages as text: written as ISO 8601 in UTC, read as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal

_AGE = re.compile(r"([0-9]{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def iso(at: float | None, timespec: Literal["seconds", "milliseconds"] = "seconds") -> str | None:
    """A time, in seconds since the epoch, as `2026-01-31T12:00:00Z`; None stays None. Smaller units are cut off."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec=timespec).removesuffix("+00:00") + "Z"


def age(text: str) -> int | None:
    """Seconds of an age such as `90s`, `15m`, `12h`, `30d` or `4w`; None for other text."""
    found = _AGE.fullmatch(text)
    return int(found[1]) * _SECONDS[found[2]] if found else None


def parse_moment(text: str) -> float:
    """Seconds since the epoch of an ISO 8601 date or time, UTC unless it says otherwise; a date is its first second.
    Raises ValueError, OverflowError."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
