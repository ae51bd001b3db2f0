"""Usage plans of keys: their notation, their defaults, and when a quota's period begins and ends."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from kenspeckle.domain import Period, Plan, Scope
from kenspeckle.errors import InvalidValue

DEFAULT = Plan(rate=10.0, burst=25)
"""Default limits of a new key; common settings of Amazon's API Gateway."""

UNLIMITED = Plan()

NONE = "none"
"""The word that removes a limit."""

_RATES = (0.001, 100_000.0)
_BURSTS = (1, 1_000_000)
_QUOTA = re.compile(r"([1-9][0-9]{0,11})/(day|week|month)")


def initial(scopes: Collection[Scope]) -> Plan:
    """The plan of a key with these scopes that is created without one. The scope admin has no limits: an administrator
    can change them anyway, and must not be locked out in the middle of a restore or a large import."""
    return UNLIMITED if Scope.ADMIN in scopes else DEFAULT


def change(plan: Plan, rate: float | str | None = None, burst: int | None = None, quota: str | None = None) -> Plan:
    """The plan with other limits; None leaves one as it is.

    `rate` is requests a second or `none`, `burst` the most at once, `quota` as `10000/day` (week, month) or `none`. A
    rate without a burst keeps the burst there is, or allows two and a half seconds' worth at once. Raises
    InvalidValue.
    """
    a_rate, a_burst, a_quota, a_period = plan.rate, plan.burst, plan.quota, plan.period
    if rate is not None:
        a_rate = _rate(rate)
        if a_rate is None:
            a_burst = None
        elif a_burst is None:
            a_burst = max(1, round(2.5 * a_rate))
    if burst is not None:
        if a_rate is None:
            raise InvalidValue("A burst needs a rate; give both.", field="burst")
        if not _BURSTS[0] <= burst <= _BURSTS[1]:
            raise InvalidValue(f"A burst is {_BURSTS[0]} to {_BURSTS[1]} requests.", field="burst")
        a_burst = burst
    if quota is not None:
        a_quota, a_period = _quota(quota)
    return Plan(a_rate, a_burst, a_quota, a_period)


def describe(plan: Plan, used: int | None) -> dict[str, object]:
    """The plan as every edge prints it, JSON-ready. `used` is what the quota's period has seen so far."""
    quota = f"{plan.quota}/{plan.period}" if plan.quota is not None else None
    return {"rate": plan.rate, "burst": plan.burst, "quota": quota, "used": used if quota is not None else None}


def window(period: Period, now: float) -> tuple[int, int]:
    """First second of the period that `now` lies in, and of the next, since the epoch; days, weeks and months of UTC,
    weeks from Monday."""
    at = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period is Period.DAY:
        begin, end = at, at + timedelta(days=1)
    elif period is Period.WEEK:
        begin = at - timedelta(days=at.weekday())
        end = begin + timedelta(days=7)
    else:
        begin = at.replace(day=1)
        end = (begin + timedelta(days=31)).replace(day=1)
    return int(begin.timestamp()), int(end.timestamp())


def _rate(said: float | str) -> float | None:
    if isinstance(said, str) and said.strip().lower() == NONE:
        return None
    try:
        rate = float(said)
    except ValueError:
        rate = -1.0
    if not _RATES[0] <= rate <= _RATES[1]:
        raise InvalidValue(
            f"'{str(said)[:40]}' is no rate: {_RATES[0]} to {_RATES[1]:.0f} requests a second, or '{NONE}'.",
            field="rate",
        )
    return rate


def _quota(said: str) -> tuple[int | None, Period | None]:
    text = said.strip().lower()
    if text == NONE:
        return None, None
    found = _QUOTA.fullmatch(text)
    if found is None:
        raise InvalidValue(
            f"'{said[:40]}' is no quota: requests a day, week or month, as 10000/day, or '{NONE}'.", field="quota"
        )
    return int(found[1]), Period(found[2])
