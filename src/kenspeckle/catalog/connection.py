"""Transactions on the catalog's database, and its errors in our words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Select
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from kenspeckle.errors import Conflict, KenspeckleError, StorageUnavailable

log = logging.getLogger(__name__)

Explain = Callable[[BaseException], KenspeckleError | None]
"""What a driver's error means, None where the driver's module does not know it."""


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
        self._hot: dict[Select[Any], tuple[str, list[str] | None]] = {}

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

    def rows(self, statement: Select[Any], parameters: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        """The rows of one reading statement, past the layers that cost more than the statement does.

        `statement` must live as long as the process; columns must be such that the driver needs no help with them
        (numbers, text, bytes)."""
        sql, names = self._hot.get(statement) or self._compile(statement)
        with self.translated():
            connection = self._engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute(sql, parameters if names is None else [parameters[name] for name in names])
                return cursor.fetchall()
            finally:
                connection.close()

    def connect(self) -> Connection:
        """A connection for a longer read; the caller begins, closes and translates."""
        return self._engine.connect()

    def close(self) -> None:
        """Close what is open and idle."""
        self._engine.dispose()

    def _compile(self, statement: Select[Any]) -> tuple[str, list[str] | None]:
        compiled = statement.compile(self._engine)
        positions: list[str] | None = getattr(compiled, "positiontup", None)
        self._hot[statement] = str(compiled), positions
        return self._hot[statement]

    def _meaning(self, error: BaseException) -> KenspeckleError:
        original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        if isinstance(error, IntegrityError):
            return Conflict("This collides with what another request stored meanwhile; look and ask again.")
        log.error("catalog: %s: %s", type(original).__name__, original)
        return self._explain(original) or StorageUnavailable(
            "The catalog does not answer; the server's log has the reason.", retry_after=5
        )
