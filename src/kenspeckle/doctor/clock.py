"""Checks the clock: no stored time may be in the future."""

from __future__ import annotations

from datetime import UTC, datetime

from kenspeckle.doctor.findings import Examined
from kenspeckle.doctor.instance import Instance

TOLERANCE = 300.0
"""Seconds by which clocks of machines that share a catalog may differ: as much as signatures are allowed."""

RELEASED = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
"""A time before this program was written means a wrong clock."""

_WHY = "Retention, the expiry of keys, quotas and signatures go by the clock."


def check(instance: Instance, found: Examined) -> None:
    now = instance.now()
    found.summary = _show(now)
    if now < RELEASED:
        found.fault("clock_early", f"The clock shows {_show(now)}.", _WHY, "timedatectl set-ntp true")
    for kind, at in instance.catalog.newest().items():
        if at > now + TOLERANCE:
            found.fault(
                "row_in_future",
                f"The newest {kind} is of {_show(at)}, and the clock shows {_show(now)}.",
                f"The clock is slow, or was fast when that was stored. {_WHY}",
                "timedatectl status; when the clock is right, this mends itself as time passes",
            )


def _show(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return f"{at:.0f} s after 1970"
