"""Transactions on the catalog's database, and translation of its errors."""

from __future__ import annotations

import inspect
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import wraps
from itertools import count
from operator import itemgetter
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy import Connection, Dialect, Engine, Executable, Insert, PoolProxiedConnection
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from kenspeckle.domain import Rewritten
from kenspeckle.errors import Conflict, KenspeckleError, StorageUnavailable
from kenspeckle.ports import Lock

log = logging.getLogger(__name__)

COLLIDES = "This collides with what another request stored meanwhile; read it and send this one again."

Explain = Callable[[BaseException], KenspeckleError | None]
"""Translates a driver's error; None where the driver's module does not know it."""


SERIALIZE = "kenspeckle_serialize"
"""Option of connections that write: what `serialize` calls, where writers do not take turns anyway."""

UNCERTAIN = (
    "The connection to the catalog was cut while this was being stored: it may be stored or not. Look before you ask "
    "again."
)

TRIES = 6
"""Attempts of a transaction that the database undoes because of others."""

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


Rewrite = Callable[[Engine, Callable[[int, int], None]], Rewritten]
Remains = Callable[[Engine], tuple[str, ...]]


class Forget(Protocol):
    """Overwrites remains of deleted data in the files of the database; returns whether nothing is left."""

    def __call__(self, *, thorough: bool) -> bool: ...


class Database:
    """One database: short transactions from many threads at once.

    `writer` is the same engine with transactions that may write; `turn` is entered for the length of each of those;
    `driver_error` is the base class of what the driver raises, `explain` its translation; `forget` is `scrub`;
    `lock` holds names for the length of a block, against all processes; `begin` begins a transaction that may
    write, with a cursor of the driver; `migrating` keeps other migrations out until the transaction ends, where
    beginning one does not; `closing` are engines to close with this one; `rewrite` does for deletions what `forget`
    can't do beside requests, and `remains` says what is left until then; `now` is the clock that all processes
    share, and `estimate_now` tells its time without waiting for it; `duty` is `ports.Catalog.duty`;
    `agree` tells other processes values of this one, by subject, and returns
    the subjects in which one of them differs;
    `append` adds a row to the audit trail by itself, where the database can; `where` is a server's place, for errors
    of a start.
    """

    def __init__(
        self,
        engine: Engine,
        writer: Engine,
        turn: Callable[[], AbstractContextManager[None]],
        driver_error: type[Exception],
        explain: Explain,
        forget: Forget,
        lock: Lock,
        begin: Callable[[Any], object] = lambda cursor: cursor.execute("BEGIN"),
        *,
        migrating: str = "",
        closing: Sequence[Engine] = (),
        rewrite: Rewrite | None = None,
        remains: Remains = lambda _: (),
        now: Callable[[], float] = time.time,
        estimate_now: Callable[[], float] = time.time,
        duty: Callable[[str], AbstractContextManager[bool]] = lambda _: nullcontext(True),
        agree: Callable[[Engine, Mapping[str, str]], list[str]] = lambda *_: [],
        append: str = "",
        where: str = "",
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._turn = turn
        # The last is what the driver makes of text that is damaged, also in its own messages.
        self._foreign = (SQLAlchemyError, driver_error, UnicodeDecodeError)
        self._explain = explain
        self._forget = forget
        self._lock = lock
        self._begin = begin
        self._migrating = migrating
        self._closing = closing
        self._rewrite = rewrite
        self._remains = remains
        self.now = now
        self.estimate_now = estimate_now
        self.duty = duty
        self._agree = agree
        self.append = append
        self.where = where

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A reading transaction, which sees one state of the database and waits for no writer."""
        with self.translate_errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A writing transaction, on disk when the block ends, or rolled back where the block raises."""
        with self.translate_errors(), self._turn(), self._writer.connect() as connection:
            transaction = connection.begin()
            try:
                yield connection
            except BaseException:
                transaction.rollback()
                raise
            if transaction.is_active:
                with self._committing():
                    transaction.commit()

    @contextmanager
    def migrate(self) -> Iterator[Connection]:
        """As `write`, after all migrations of other processes."""
        with self.write() as connection:
            if self._migrating:
                connection.exec_driver_sql(self._migrating)
            yield connection

    @contextmanager
    def write_quickly(self) -> Iterator[QuickTransaction]:
        """As `write`, without SQLAlchemy's overhead of a fifth of a millisecond; for statements of `fetch` only."""
        with self.translate_errors(), self._turn():
            connection = self._writer.raw_connection()
            try:
                cursor = connection.cursor()
                self._begin(cursor)
                try:
                    yield QuickTransaction(cursor, self._engine.dialect)
                except BaseException:
                    cursor.execute("ROLLBACK")
                    raise
                with self._committing():
                    cursor.execute("COMMIT")
            except BaseException:
                # A transaction that can't be committed (full disk) must not stay open in the pool.
                connection.invalidate()
                raise
            finally:
                connection.close()

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Errors of SQLAlchemy and the driver become domain errors."""
        try:
            yield
        except self._foreign as error:
            raise self._meaning(error) from error

    def rows(self, statement: Executable, parameters: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        """The rows of `fetch`, in a reading transaction of its own."""
        with self.translate_errors():
            connection = self._engine.raw_connection()
            try:
                return _fetch(connection, *_ready(self._engine.dialect, statement, parameters))
            except self._foreign as error:
                connection.invalidate(error)  # it may be lost, and is cheap to make anew
                raise
            finally:
                connection.close()

    def once(self, sql: str, values: Mapping[str, object]) -> int:
        """Run one statement that is a transaction by itself; the number of rows that it wrote. Where StorageUnavailable
        says that the connection was lost, it may be stored or not."""
        with self.translate_errors():
            connection = self._writer.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute(sql, cast(Any, values))
                return int(cursor.rowcount)
            except self._foreign as error:
                connection.invalidate(error)
                raise
            finally:
                connection.close()

    def lock(self, names: Iterable[str]) -> AbstractContextManager[None]:
        """As `ports.Catalog.lock`."""
        return self._lock(names)

    def agree(self, values: Mapping[str, str]) -> list[str]:
        """Tell other processes these values, by subject, until this one closes; subjects in which one of them has
        another. Empty where processes can't be seen."""
        with self.translate_errors():
            return self._agree(self._engine, values)

    def scrub(self, *, thorough: bool) -> bool:
        """As `ports.Catalog.scrub`."""
        try:
            with self.translate_errors():
                return self._forget(thorough=thorough)
        except OSError as error:
            raise StorageUnavailable(f"The database's files can't be read or written: {error.strerror}.") from error

    def rewrite(self, progress: Callable[[int, int], None]) -> Rewritten:
        """Rewrite what deletions have left in the files."""
        if self._rewrite is not None:
            with self.translate_errors():
                return self._rewrite(self._engine, progress)
        done = self.scrub(thorough=True)
        progress(1, 1)
        return Rewritten(done, () if done else ("deleted rows that another process still reads; run it again",))

    def remains(self) -> tuple[str, ...]:
        """As `ports.ReceiptStore.remains`."""
        with self.translate_errors():
            return self._remains(self._engine)

    def close(self) -> None:
        """Close idle connections."""
        for one in (self._engine, *self._closing):
            one.dispose()

    @contextmanager
    def _committing(self) -> Iterator[None]:
        """A connection that is lost now leaves open what became of the transaction."""
        try:
            yield
        except self._foreign as error:
            meaning = self._meaning(error)
            if isinstance(meaning, StorageUnavailable) and meaning.lost:
                uncertain = StorageUnavailable(UNCERTAIN, retry_after=meaning.retry_after)
                uncertain.uncertain = True
                raise uncertain from error
            raise meaning from error

    def _meaning(self, error: BaseException) -> KenspeckleError:
        original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        if isinstance(error, IntegrityError):
            return Conflict(COLLIDES)
        known = self._explain(original)
        if isinstance(known, StorageUnavailable) and known.lost:
            # Those that lie idle in the pool are lost as well; new ones are made as they are needed.
            self._engine.dispose()
        if not (isinstance(known, Conflict) or (isinstance(known, StorageUnavailable) and known.repeatable)):
            log.error("catalog: %s: %s", type(original).__name__, original)
        return known or StorageUnavailable(
            "The catalog does not answer; the server's log has the reason.", retry_after=5
        )


def serialize(connection: Connection, names: Sequence[str]) -> None:
    """Let this transaction wait for every other that named one of these (64 hexadecimal digits), and those that name
    one later wait for its end. For what two transactions decide of rows that they do not share."""
    wait = connection.get_execution_options().get(SERIALIZE)
    if wait is not None and names:
        wait(connection, names)


def with_retries(catalog: type[T]) -> type[T]:
    """Let all public methods of a catalog, each of which is one transaction, be done again where the database undid
    it: after a deadlock, a failed serialization, or a connection that was lost before the commit was sent."""
    for name in dir(catalog):
        method = getattr(catalog, name)
        if not name.startswith("_") and inspect.isfunction(method) and not hasattr(method, "tries"):
            setattr(catalog, name, _with_retries(method))
    return catalog


def _with_retries(method: F) -> F:
    @wraps(method)
    def attempt(*arguments: Any, **named: Any) -> Any:
        # Iterators are stored: the next try needs their items again.
        arguments = tuple(tuple(one) if isinstance(one, Iterator) else one for one in arguments)
        for tries in count(1):
            try:
                return method(*arguments, **named)
            except StorageUnavailable as error:
                if not error.repeatable or tries >= (2 if error.lost else TRIES):
                    error.repeatable = False
                    raise
            time.sleep(random.uniform(0, 0.005 * 2**tries))  # noqa: S311  # no secret: the two are to differ
        return None

    attempt.tries = TRIES  # type: ignore[attr-defined]  # marks what is wrapped; functions take any attribute
    return cast(F, attempt)


class QuickTransaction:
    """Runs statements in a transaction of `Database.write_quickly`; parameters as for `fetch`."""

    def __init__(self, cursor: Any, dialect: Dialect) -> None:
        self._cursor = cursor
        self._dialect = dialect

    def fetch(self, statement: Executable, parameters: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        """The rows of a statement."""
        self._cursor.execute(*_ready(self._dialect, statement, parameters))
        return list(self._cursor.fetchall())

    def run(self, statement: Executable, parameters: Mapping[str, object]) -> None:
        """A statement without rows."""
        self._cursor.execute(*_ready(self._dialect, statement, parameters))


def fetch(connection: Connection, statement: Executable, parameters: Mapping[str, object]) -> Sequence[Sequence[Any]]:
    """The rows of a statement, without SQLAlchemy's overhead, which is several times that of most statements here.

    `statement` has to live as long as the process, and to be given the same parameters by name each time. Columns and
    values must be types that the driver handles itself: numbers, text, bytes."""
    return _fetch(connection.connection, *_ready(connection.dialect, statement, parameters))


def each(connection: Connection, statement: Executable, parameters: Sequence[Mapping[str, object]]) -> None:
    """Run a statement that returns no rows for each set of parameters; otherwise as `fetch`."""
    if not parameters:
        return
    sql, positions, constants = _compile_once(connection.dialect, statement, parameters[0])
    named = [{**constants, **one} for one in parameters] if constants else parameters
    values: Sequence[Any] = named if positions is None else _by_position(positions, named)
    cursor = connection.connection.cursor()
    try:
        # Drivers prepare for many even where there is one, which takes longer than it does.
        if len(values) == 1:
            cursor.execute(sql, values[0])
        else:
            cursor.executemany(sql, values)
    finally:
        cursor.close()


def _by_position(names: Sequence[str], named: Sequence[Mapping[str, object]]) -> Sequence[Any]:
    """Parameters of each in this order. An item getter is three times as quick as a list for each of many rows."""
    return list(map(itemgetter(*names), named)) if len(names) > 1 else [[one[name] for name in names] for one in named]


_hot: dict[tuple[str, Executable], tuple[str, list[str] | None, dict[str, Any]]] = {}
"""SQL, names of its parameters by position (None where they go by name), values of those that are constant."""


def _ready(dialect: Dialect, statement: Executable, parameters: Mapping[str, object]) -> tuple[str, Any]:
    """The SQL of a statement and its parameters as the driver wants them."""
    sql, positions, constants = _compile_once(dialect, statement, parameters)
    named = {**constants, **parameters} if constants else parameters
    return sql, named if positions is None else [named[name] for name in positions]


def _compile_once(
    dialect: Dialect, statement: Executable, parameters: Mapping[str, object]
) -> tuple[str, list[str] | None, dict[str, Any]]:
    """What `_hot` has of a statement, compiled at its first use."""
    known = _hot.get((dialect.name, statement))
    if known is None:
        names = list(parameters) if isinstance(statement, Insert) else None
        compiled: Any = statement.compile(dialect=dialect, column_keys=names)  # type: ignore[attr-defined]  # all have it
        # SQLAlchemy has a mark in the place of each value that an insertion is given.
        constants = {
            name: value for name, value in compiled.params.items() if value is not None and name not in (names or ())
        }
        known = _hot[dialect.name, statement] = str(compiled), getattr(compiled, "positiontup", None), constants
    return known


def _fetch(connection: PoolProxiedConnection, sql: str, values: Any) -> Sequence[Sequence[Any]]:
    cursor = connection.cursor()
    try:
        cursor.execute(sql, values)
        return cursor.fetchall()
    finally:
        cursor.close()
