"""PostgreSQL's advisory locks: by name between all processes, within a transaction, and who is there at all.

The server releases them with the connection, however its process ends.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, Engine, PoolProxiedConnection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from kenspeckle.catalog.postgres.meaning import BUSY, LOST, explain_error
from kenspeckle.errors import StorageUnavailable

log = logging.getLogger(__name__)

PRESENT = "19283, 1"
"""Held shared by every connection, and exclusively by who uses the catalog alone."""
MIGRATING = "19283, 2"
"""Held while the schema is made or migrated. Locks of two numbers never meet those of one, which names have."""

LOCKED = "Another process works on the same photograph or request for too long; ask again."

_HOLD = "SELECT count(pg_advisory_lock(one)) FROM unnest(%s::bigint[]) AS one"
_LET_GO = "SELECT count(pg_advisory_unlock(one)) FROM unnest(%s::bigint[]) AS one"
_ON_DUTY = "SELECT pg_try_advisory_lock(19284, %s)"
_OFF_DUTY = "SELECT pg_advisory_unlock(19284, %s)"
_SERIALIZE = "SELECT count(pg_advisory_xact_lock(one)) FROM unnest(%s::bigint[]) AS one"


class AdvisoryLocks:
    """Locks on connections of their own, so that a holder never waits for a connection that a waiter has."""

    def __init__(self, holders: Engine) -> None:
        self._holders = holders

    @contextmanager
    def hold(self, names: Iterable[str]) -> Iterator[None]:
        """Hold the locks of all these names (64 hexadecimal digits), taken in order, so that two holders of several
        never deadlock. Raises StorageUnavailable, SettingError."""
        numbers = _numbers(names)
        if not numbers:
            yield
            return
        connection = self._hold(numbers)
        try:
            yield
        finally:
            _let_go(connection, numbers)

    @contextmanager
    def duty(self, name: str) -> Iterator[bool]:
        """As `ports.Catalog.duty`."""
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big", signed=True)
        connection, mine = self._on_duty(number)
        try:
            yield mine
        finally:
            if mine:
                _execute(connection, _OFF_DUTY, number)
            connection.close()

    def _on_duty(self, number: int) -> tuple[PoolProxiedConnection, bool]:
        try:
            connection = self._holders.raw_connection()
            cursor = connection.cursor()
            cursor.execute(_ON_DUTY, (number,))
            return connection, cursor.fetchone() == (True,)
        except (SQLAlchemyError, psycopg.Error) as error:
            meaning = explain_error(error.orig if isinstance(error, DBAPIError) and error.orig is not None else error)
            raise (meaning or StorageUnavailable(LOST, retry_after=5)) from error

    def _hold(self, numbers: list[int], tries: int = 2) -> PoolProxiedConnection:
        connection = None
        try:
            connection = self._holders.raw_connection()
            connection.cursor().execute(_HOLD, (numbers,))
        except (SQLAlchemyError, psycopg.Error) as error:
            if connection is not None:
                _let_go(connection, numbers)  # where the wait for one was too long, those before it are held
            meaning = explain_error(error.orig if isinstance(error, DBAPIError) and error.orig is not None else error)
            if isinstance(meaning, StorageUnavailable) and meaning.lost:
                self._holders.dispose()
                if tries > 1:
                    return self._hold(numbers, tries - 1)
                meaning.repeatable = False
            if isinstance(meaning, StorageUnavailable) and meaning.message == BUSY:
                meaning = StorageUnavailable(LOCKED, retry_after=1)
            raise (meaning or StorageUnavailable(LOST, retry_after=5)) from error
        return connection


def _let_go(connection: PoolProxiedConnection, numbers: list[int]) -> None:
    _execute(connection, _LET_GO, numbers)
    connection.close()


def _execute(connection: PoolProxiedConnection, statement: str, parameter: object) -> None:
    """To let go of locks."""
    try:
        connection.cursor().execute(statement, (parameter,))
    except psycopg.Error:
        # What was done under the locks is done; the server let go of them when it lost the connection.
        log.warning("a connection that held locks was lost", exc_info=True)
        connection.invalidate()


def serialize(connection: Connection, names: Sequence[str]) -> None:
    """As `database.serialize`."""
    connection.exec_driver_sql(_SERIALIZE, (_numbers(names),))


def _numbers(names: Iterable[str]) -> list[int]:
    """Each once, in order."""
    return sorted({int(name[:16], 16) - (1 << 63) for name in names})
