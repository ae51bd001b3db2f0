"""Transactions on the catalog's database, and its errors in our words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, PoolProxiedConnection, Select
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from kenspeckle.errors import Conflict, KenspeckleError, StorageUnavailable

log = logging.getLogger(__name__)

Explain = Callable[[BaseException], KenspeckleError | None]
"""What a driver's error means, None where the driver's module does not know it."""

_Hot = tuple[str, list[str] | None, dict[str, Any]]
"""SQL, the names of its positional parameters (None where they go by name), those that are constants."""


class Database:
    """One database: short transactions from many threads at once.

    `writer` is the same engine with transactions that may write; `turn` is entered for the length of each of those;
    `driver_error` is the base class of what the driver raises, `explain` its translation.
    """

    def __init__(
        self,
        engine: Engine,
        writer: Engine,
        turn: Callable[[], AbstractContextManager[None]],
        driver_error: type[Exception],
        explain: Explain,
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._turn = turn
        self._foreign = (SQLAlchemyError, driver_error)
        self._explain = explain
        self._hot: dict[Select[Any], _Hot] = {}

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and waits for no writer."""
        with self.translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is on disk when the block ends, or undone where the block raises."""
        with self.translated(), self._turn(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of SQLAlchemy and the driver become domain errors."""
        try:
            yield
        except self._foreign as error:
            raise self._meaning(error) from error

    def rows(
        self, statement: Select[Any], parameters: Mapping[str, object], within: Connection | None = None
    ) -> Sequence[Sequence[Any]]:
        """The rows of a reading statement, past the layers that cost more than most statements do; in the transaction
        of `within`, or in one of its own.

        `statement` must live as long as the process; columns must be such that the driver needs no help with them
        (numbers, text, bytes)."""
        sql, names, constants = self._hot.get(statement) or self._compile(statement)
        named = {**constants, **parameters} if constants else parameters
        values = named if names is None else [named[name] for name in names]
        if within is not None:
            return _fetched(within.connection, sql, values)
        with self.translated():
            connection = self._engine.raw_connection()
            try:
                return _fetched(connection, sql, values)
            finally:
                connection.close()

    def close(self) -> None:
        """Close what is open and idle."""
        self._engine.dispose()

    def _compile(self, statement: Select[Any]) -> _Hot:
        compiled = statement.compile(self._engine)
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        self._hot[statement] = str(compiled), getattr(compiled, "positiontup", None), constants
        return self._hot[statement]

    def _meaning(self, error: BaseException) -> KenspeckleError:
        original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        if isinstance(error, IntegrityError):
            return Conflict("This collides with what another request stored meanwhile; look and ask again.")
        log.error("catalog: %s: %s", type(original).__name__, original)
        return self._explain(original) or StorageUnavailable(
            "The catalog does not answer; the server's log has the reason.", retry_after=5
        )


def _fetched(connection: PoolProxiedConnection, sql: str, values: Any) -> Sequence[Sequence[Any]]:
    cursor = connection.cursor()
    try:
        cursor.execute(sql, values)
        return cursor.fetchall()
    finally:
        cursor.close()
