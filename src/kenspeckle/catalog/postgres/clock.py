"""The time by PostgreSQL's clock, which is one for all replicas, however wrong the clocks of their machines are."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger(__name__)

AGAIN_SECONDS = 60.0
"""The server is asked so often; in between its time goes on by this machine's monotonic clock."""

LEAP_SECONDS = 0.5
"""Asked at once where the two clocks of this machine came apart by so much: it slept, or its clock was set."""

_NOW = "SELECT extract(epoch FROM clock_timestamp())::float8"


class ServerClock:
    """Seconds since the epoch, wrong by half the time that asking took. While the server does not answer, its time goes
    on as it was; where it never has, it is this machine's. `wall` and `ticks` are this machine's clocks."""

    def __init__(
        self, engine: Engine, *, wall: Callable[[], float] = time.time, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._wall = wall
        self._ticks = ticks
        self._asking = threading.Lock()
        self._ahead: float | None = None
        self._asked = 0.0
        self._apart = 0.0

    def __call__(self) -> float:
        ticks = self._ticks()
        if self._is_due(ticks) and self._asking.acquire(blocking=self._ahead is None):
            try:
                if self._is_due(ticks):
                    self._ask()
            finally:
                self._asking.release()
        return self.estimate()

    def estimate(self) -> float:
        """The same, as it was when the server was asked last: it is not waited for."""
        return self._wall() if self._ahead is None else self._ticks() + self._ahead

    def _is_due(self, ticks: float) -> bool:
        if self._ahead is None or ticks - self._asked > AGAIN_SECONDS:
            return True
        return abs(self._wall() - ticks - self._apart) > LEAP_SECONDS

    def _ask(self) -> None:
        began = self._ticks()
        self._asked, self._apart = began, self._wall() - began
        try:
            pooled = self._engine.raw_connection()
            try:
                connection: Any = pooled.driver_connection
                began = self._ticks()
                now = float(connection.execute(_NOW).fetchone()[0])
                ended = self._ticks()
            except psycopg.Error:
                pooled.invalidate()
                raise
            finally:
                pooled.close()
        except (SQLAlchemyError, psycopg.Error) as error:
            log.warning("PostgreSQL could not be asked for the time: %s", error)
            return
        self._ahead = now - (began + ended) / 2
        skew = self._wall() - (self._ticks() + self._ahead)
        if abs(skew) > 1.0:
            log.warning("the clock of this machine differs from PostgreSQL's by %.0f s; PostgreSQL's holds", skew)
