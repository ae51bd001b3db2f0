"""Usage plans with a clock that tests move: buckets, quotas, how they are said, shared and kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pytest
import throttled

from kenspeckle.domain import Key, Period, Plan, Scope
from kenspeckle.errors import Conflict, InvalidValue, StorageFull
from kenspeckle.ports import Used
from kenspeckle.serving import rate_limit_headers as fields
from kenspeckle.usecases.access import plans
from kenspeckle.usecases.access.rate_limits import Allowance, Limits

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp()
"""A Wednesday, noon."""


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class MemoryUsage:
    """`ports.Usage` in memory; raises `error` once where one is set, after it has written if `late`."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, Period, int, str], int] = {}
        self.error: Exception | None = None
        self.late = False

    def count_used(self, key_id: str, period: Period, began: int, *, beside: str) -> int:
        return sum(n for row, n in self.rows.items() if row[:3] == (key_id, period, began) and row[3] != beside)

    def all_used(self) -> Sequence[Used]:
        return [Used(*row[:3], n) for row, n in self.rows.items()]

    def count(self, writer: str, counts: Iterable[Used]) -> None:
        error, self.error = self.error, None
        if error is None or self.late:
            self.rows |= {(one.key_id, one.period, one.began, writer): one.used for one in counts}
        if error is not None:
            raise error

    def carry(self, key_id: str, to: str) -> None:
        raise NotImplementedError


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(throttled.utils, "now_mono_f", clock)
    return clock


def key(plan: Plan, name: str = "desk") -> Key:
    return Key(f"key-{name}", name, "api", frozenset({Scope.SEARCH}), frozenset(), NOW, plan=plan)


def spent(limits: Limits, one: Key) -> Allowance:
    allowance = limits.spend(one)
    assert allowance is not None
    return allowance


def passed(limits: Limits, clock: Clock, one: Key, requests: int, pause: float = 1e-4) -> int:
    """How many of so many requests, one after another, pass."""
    count = 0
    for _ in range(requests):
        count += spent(limits, one).refusal is None
        clock.now += pause
    return count


def test_a_burst_and_then_the_rate(clock: Clock) -> None:
    limits, one = Limits(MemoryUsage(), clock), key(plans.DEFAULT)
    assert passed(limits, clock, one, 40) == 25
    clock.now += 1
    assert passed(limits, clock, one, 40) == 10
    clock.now += 3600
    assert passed(limits, clock, one, 40) == 25
    assert passed(limits, clock, key(plans.DEFAULT, "other"), 40) == 25
    assert 99 <= passed(limits, clock, one, 1000, 0.01) <= 101  # ten seconds


def test_a_pause_as_long_as_it_was_told_is_enough(clock: Clock) -> None:
    limits, one = Limits(MemoryUsage(), clock), key(Plan(rate=0.5, burst=2))
    assert passed(limits, clock, one, 5) == 2
    refused = spent(limits, one)
    assert refused.refusal is not None
    pause = refused.refusal.retry_after
    assert pause is not None
    assert pause == pytest.approx(2, abs=0.01)
    clock.now += pause - 0.01
    assert spent(limits, one).refusal is not None
    clock.now += 0.01 + 1e-4
    assert spent(limits, one).refusal is None
    assert spent(limits, one).refusal is not None


def test_no_limits_cost_nothing(clock: Clock) -> None:
    assert Limits(MemoryUsage(), clock).spend(key(Plan())) is None


def test_a_quota_and_its_end(clock: Clock) -> None:
    usage = MemoryUsage()
    limits, one = Limits(usage, clock), key(Plan(quota=3, period=Period.DAY))
    assert [spent(limits, one).standings[0].left for _ in range(3)] == [2, 1, 0]
    refused = spent(limits, one)
    assert refused.refusal is not None
    assert "quota of 3 requests a day; it may ask again at 2026-03-05T00:00:00Z" in refused.refusal.message
    assert refused.refusal.retry_after == 12 * 3600
    clock.now += 12 * 3600
    assert passed(limits, clock, one, 5) == 3
    limits.close()
    assert sorted(usage.rows.values()) == [3, 3]


def test_what_is_refused_costs_nothing(clock: Clock) -> None:
    limits = Limits(MemoryUsage(), clock)
    quick = key(Plan(1, 2, 100, Period.DAY))
    assert passed(limits, clock, quick, 50) == 2
    clock.now += 10
    assert [one.left for one in spent(limits, quick).standings] == [1, 97]
    done = key(Plan(1, 5, 2, Period.DAY), "done")
    assert passed(limits, clock, done, 50) == 2
    raised = key(Plan(1, 5, 3, Period.DAY), "done")
    assert [one.left for one in spent(limits, raised).standings] == [2, 0]


def test_processes_share_a_quota_and_a_new_one_goes_on(clock: Clock) -> None:
    usage, one = MemoryUsage(), key(Plan(quota=10, period=Period.MONTH))
    first, second = Limits(usage, clock), Limits(usage, clock)
    assert passed(first, clock, one, 4) == 4
    first._write()
    second.learn(one)
    assert passed(second, clock, one, 3) == 3
    second.close()
    first.learn(one)
    assert passed(first, clock, one, 9) == 3
    first.close()
    third = Limits(usage, clock)
    third.learn(one)
    assert passed(third, clock, one, 9) == 0


@pytest.mark.parametrize("late", [False, True])
def test_a_write_that_failed_is_made_again_and_counts_once(clock: Clock, late: bool) -> None:
    usage, one = MemoryUsage(), key(Plan(quota=10, period=Period.WEEK))
    limits = Limits(usage, clock)
    passed(limits, clock, one, 4)
    usage.error, usage.late = StorageFull("The disk is full."), late
    limits._write()
    passed(limits, clock, one, 1)
    limits.close()
    assert list(usage.rows.values()) == [5]


def test_a_key_that_the_catalog_lost_is_not_written_for_ever(clock: Clock) -> None:
    usage = MemoryUsage()
    limits = Limits(usage, clock)
    spent(limits, key(Plan(quota=10, period=Period.WEEK)))
    usage.error = Conflict("gone")
    limits.close()
    limits._write()
    assert usage.rows == {}


def test_a_clock_that_is_set_back_counts_on(clock: Clock) -> None:
    usage, one = MemoryUsage(), key(Plan(quota=5, period=Period.DAY))
    limits = Limits(usage, clock)
    assert passed(limits, clock, one, 4) == 4
    clock.now -= 86400
    assert passed(limits, clock, one, 1) == 1
    clock.now += 86400
    assert passed(limits, clock, one, 9) == 1
    limits.close()


@pytest.mark.parametrize(
    ("period", "at", "begin", "end"),
    [
        (Period.DAY, "2026-03-04T23:59:59", "2026-03-04", "2026-03-05"),
        (Period.WEEK, "2026-03-04T12:00:00", "2026-03-02", "2026-03-09"),
        (Period.WEEK, "2026-03-01T23:59:59", "2026-02-23", "2026-03-02"),
        (Period.MONTH, "2024-02-29T12:00:00", "2024-02-01", "2024-03-01"),
        (Period.MONTH, "2026-12-31T23:59:59", "2026-12-01", "2027-01-01"),
    ],
)
def test_periods_are_those_of_the_calendar(period: Period, at: str, begin: str, end: str) -> None:
    moments = [datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() for text in (at, begin, end)]
    assert plans.window(period, moments[0]) == (moments[1], moments[2])


@pytest.mark.parametrize(
    ("said", "plan"),
    [
        ({}, Plan(10, 25)),
        ({"rate": "2"}, Plan(2, 25)),
        ({"rate": 0.5, "burst": 1}, Plan(0.5, 1)),
        ({"rate": "none"}, Plan()),
        ({"quota": "10000/day"}, Plan(10, 25, 10000, Period.DAY)),
        ({"rate": "None", "quota": "7/Month"}, Plan(None, None, 7, Period.MONTH)),
        ({"quota": "none"}, Plan(10, 25)),
    ],
)
def test_limits_as_they_are_said(said: dict[str, object], plan: Plan) -> None:
    assert plans.change(plans.initial({Scope.SEARCH}), **said) == plan  # type: ignore[arg-type]  # of a table


def test_a_rate_for_a_key_that_had_none_brings_a_burst() -> None:
    assert plans.change(plans.initial({Scope.ADMIN}), rate="4") == Plan(4, 10)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"rate": "0"}, "no rate"),
        ({"rate": "nan"}, "no rate"),
        ({"rate": "fast"}, "no rate"),
        ({"burst": 0}, "A burst is"),
        ({"rate": "none", "burst": 5}, "needs a rate"),
        ({"quota": "10"}, "no quota"),
        ({"quota": "0/day"}, "no quota"),
        ({"quota": "5/year"}, "no quota"),
    ],
)
def test_limits_that_can_not_be(said: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        plans.change(plans.DEFAULT, **said)  # type: ignore[arg-type]  # of a table


def test_the_fields_that_clients_read(clock: Clock) -> None:
    limits, one = Limits(MemoryUsage(), clock), key(Plan(10, 25, 10000, Period.DAY))
    assert fields.headers(spent(limits, one).standings) == [
        (b"ratelimit-policy", b'"rate";q=25;w=3, "day";q=10000;w=86400'),
        (b"ratelimit", b'"rate";r=24;t=1, "day";r=9999;t=43200'),
    ]
    limits.close()
