"""Enforces usage plans: a token bucket for the rate, a counter in the catalog for the quota."""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from functools import lru_cache

from throttled import BaseRateLimiter, MemoryStore, RateLimiterRegistry, per_duration

from kenspeckle import moments
from kenspeckle.domain import Key, Period
from kenspeckle.errors import Conflict, KenspeckleError, RateLimited
from kenspeckle.ports import Usage, Used
from kenspeckle.usecases.access.plans import window

log = logging.getLogger(__name__)

WRITE_SECONDS = 1.0
"""Seconds between two writes of changed counters: the longest time whose counts are lost if the process is killed."""

_BUCKETS = 65536
"""Keys of one plan whose buckets are kept; beyond it, the bucket that was idle longest is dropped and counts as
full."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A key's state under one limit: of `allowed` requests in `window` seconds `left` are left, and in `resets` seconds
    there are more."""

    name: str
    allowed: int
    window: int
    left: int
    resets: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """The result of counting a request. With a `refusal` the request may not go on, and was not counted."""

    standings: tuple[Standing, ...] = ()
    refusal: RateLimited | None = None


class _Count:
    """Requests of one key in one period: those of this process, and those of others when they were last read."""

    __slots__ = ("began", "ends", "key_id", "others", "ours", "period")

    def __init__(self, key_id: str, period: Period, began: int, ends: int) -> None:
        self.key_id, self.period, self.began, self.ends = key_id, period, began, ends
        self.ours = self.others = 0

    @property
    def total(self) -> int:
        return self.ours + self.others


class Limits:
    """The plans of one process's keys. Safe to call from many threads.

    `spend` never waits for the catalog: `learn`, called in the thread that reads a key from the catalog, reads the
    counts of other processes, and a thread of its own writes those of this process. So processes share a quota within a
    second and a half. That thread runs from `start` to `close`. Rates are each process's own. `clock` gives seconds
    since the epoch.
    """

    def __init__(self, usage: Usage, clock: Callable[[], float] = time.time) -> None:
        self._usage = usage
        self._clock = clock
        self._writer = secrets.token_hex(8)
        self._bucket = lru_cache(1024)(_bucket)
        self._counts: dict[tuple[str, Period, int], _Count] = {}
        self._changed: set[_Count] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def spend(self, key: Key) -> Allowance | None:
        """Count one request of the key; None for a key without limits."""
        plan = key.plan
        if plan.rate is None and plan.quota is None:
            return None
        now = self._clock()
        with self._lock:
            count = self._count(key, now)
            if count is not None and plan.quota is not None and count.total >= plan.quota:
                return self._refuse_used_up(key, plan.quota, count, now)
            standings: tuple[Standing, ...] = ()
            if plan.rate is not None and plan.burst is not None:
                taken = self._bucket(plan.rate, plan.burst).limit(key.key_id, 1)
                state = taken.state
                resets = math.ceil(state.retry_after if taken.limited else state.reset_after)
                refill = math.ceil(plan.burst / plan.rate)
                standings = (Standing("rate", plan.burst, refill, state.remaining, resets),)
                if taken.limited:
                    return Allowance(standings, _too_fast(key, state.retry_after))
            if count is not None and plan.quota is not None:
                count.ours += 1
                self._note(count)
                standings += (_standing(count, plan.quota, now),)
        return Allowance(standings)

    def learn(self, key: Key) -> None:
        """Read the counts of other processes, and of this one before its restart, for a key with a quota."""
        if key.plan.period is None:
            return
        now = self._clock()
        began, _ = window(key.plan.period, now)
        others = self._usage.count_used(key.key_id, key.plan.period, began, beside=self._writer)
        with self._lock:
            count = self._count(key, now)
            if count is not None and count.began == began:
                count.others = others

    def start(self) -> None:
        """Start the thread that writes the counters."""
        self._thread = threading.Thread(target=self._run, name="quotas", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write pending counters."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._write()

    # -- quotas ------------------------------------------------------------------------------------------------

    def _count(self, key: Key, now: float) -> _Count | None:
        period = key.plan.period
        if period is None:
            return None
        began, ends = _window(period, int(now) // 60)
        count = self._counts.get((key.key_id, period, began))
        if count is None:
            count = self._counts[key.key_id, period, began] = _Count(key.key_id, period, began, ends)
            # Not only the newest period is kept: if the clock is set back, counting must not start again.
            for old in [one for one in self._counts if one[0] == key.key_id and one[2] < began - 40 * 86400]:
                del self._counts[old]
        return count

    def _refuse_used_up(self, key: Key, quota: int, count: _Count, now: float) -> Allowance:
        standing = _standing(count, quota, now)
        message = (
            f"The key '{key.name}' has used its quota of {quota} requests a {count.period}; it may ask again at "
            f"{moments.iso(count.ends)}."
        )
        return Allowance((standing,), RateLimited(message, retry_after=float(standing.resets)))

    def _note(self, count: _Count) -> None:
        self._changed.add(count)
        if not self._wake.is_set():
            self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            if self._closing.wait(WRITE_SECONDS):
                return
            self._wake.clear()
            self._write()

    def _write(self) -> None:
        with self._lock:
            counts = [Used(one.key_id, one.period, one.began, one.ours) for one in self._changed]
            held, self._changed = self._changed, set()
        if not counts:
            return
        try:
            self._usage.count(self._writer, counts)
        except Conflict:
            log.warning("quotas of keys that the catalog no longer has were not written")
        except KenspeckleError as error:
            # A full disk refuses no request. The next write, a second later, has the totals of then.
            log.warning("what keys have used of their quotas was not written: %s", error.message)
            with self._lock:
                self._changed |= held
                self._wake.set()


def _bucket(rate: float, burst: int) -> BaseRateLimiter:
    """The buckets of all keys with this rate and burst; a key with a new plan starts with a full bucket.

    GCRA is the token bucket written as one time instead of tokens and a time; the library's own token bucket counts
    whole seconds only. It takes whole requests in whole seconds: half a request a second is one in two.
    """
    exact = Fraction(rate).limit_denominator(1000)
    quota = per_duration(timedelta(seconds=exact.denominator), exact.numerator, burst)
    return RateLimiterRegistry.get("gcra")(quota, MemoryStore(options={"MAX_SIZE": _BUCKETS}))


@lru_cache(64)
def _window(period: Period, minute: int) -> tuple[int, int]:
    return window(period, minute * 60)


def _standing(count: _Count, quota: int, now: float) -> Standing:
    left, resets = max(0, quota - count.total), max(1, math.ceil(count.ends - now))
    return Standing(count.period.value, quota, count.ends - count.began, left, resets)


def _too_fast(key: Key, seconds: float) -> RateLimited:
    return RateLimited(
        f"The key '{key.name}' may send {key.plan.rate:g} requests a second, {key.plan.burst} at once; send this one "
        "again after a pause.",
        retry_after=seconds,
    )
