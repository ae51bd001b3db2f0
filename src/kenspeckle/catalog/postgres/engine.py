"""PostgreSQL's engine: connections and their settings, isolation of transactions, and what a start checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event

from kenspeckle.catalog.database import SERIALIZE, Database, Forget
from kenspeckle.catalog.postgres.agreement import Agreement
from kenspeckle.catalog.postgres.clock import ServerClock
from kenspeckle.catalog.postgres.locks import MIGRATING, PRESENT, AdvisoryLocks, serialize
from kenspeckle.catalog.postgres.meaning import LOST, Refused, explain_error
from kenspeckle.catalog.postgres.rewrite import remains, rewrite
from kenspeckle.catalog.postgres.trail import APPEND
from kenspeckle.errors import Conflict, SettingError, StorageUnavailable
from kenspeckle.ports import Lock

BUSY_SECONDS = 10
"""Longest wait for a row, a lock or a connection that others hold."""

GONE_SECONDS = 15
"""Until the server gives up a connection whose packets are lost."""

OLDEST = 14
"""The oldest release of PostgreSQL that is accepted; older ones get no corrections any more."""

IN_USE = (
    "The catalog is in use: stop all services and other programs that use the database of CATALOG_URL, then run this "
    "again."
)
KEPT_OUT = "Another program uses the catalog alone (encrypt, decrypt or copy); start again when it has ended."

UNREACHABLE = "PostgreSQL does not answer there. Is it running, and are host and port right?"

_READS, _WRITES = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_GIVEN_UP = f"SET LOCAL idle_in_transaction_session_timeout = '{BUSY_SECONDS}s'"
"""Of a transaction that may hold rows: whoever holds them and does nothing for longer than others wait is gone."""
_BEGIN = "kenspeckle_begin"

# An answer goes out after the commit is on disk; a stricter setting of the server (on a standby too) stays.
# Time limits of the role for what lies idle are for programs that forget a transaction. Ours end by themselves, a
# backup reads one state for as long as it takes, and idle connections hold locks that say who is at what.
# A replica that the network has cut off holds rows and locks until the server knows that it is gone; the system's own
# keepalive tells it after two hours.
_SESSION = (
    f"SET lock_timeout = '{BUSY_SECONDS}s'; "
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 2; "
    f"SET tcp_user_timeout = '{GONE_SECONDS}s'; "
    "SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0; "
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)
_SERVER = (
    "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), "
    "pg_is_in_recovery(), current_setting('default_transaction_read_only')"
)


def database(url: URL, *, alone: bool = False, connections: int) -> Database:
    """The database that the URL names. `connections`: at most so many of this process at once, and half as many again
    that hold locks by name. `alone`: on one connection, while no other process has the catalog open.

    Raises SettingError where URL, server, role or database are not as needed, StorageUnavailable where the server does
    not answer, Conflict where it can't be alone."""
    if url.drivername not in ("postgresql", "postgresql+psycopg"):
        raise SettingError(
            f"CATALOG_URL: the driver '{url.drivername}' is not supported; write postgresql+psycopg://...",
            field="catalog_url",
        )
    url = url.set(drivername="postgresql+psycopg")
    engine = _engine(url, 1 if alone else connections)
    event.listen(engine, "connect", _alone if alone else _beside_others)
    agreement = Agreement()
    event.listen(engine, "connect", agreement.take)
    event.listen(engine, "begin", _begin)
    locks: Callable[[Iterable[str]], AbstractContextManager[None]] = lambda _: nullcontext()  # noqa: E731
    duty: Callable[[str], AbstractContextManager[bool]] = lambda _: nullcontext(True)  # noqa: E731
    closing: tuple[Engine, ...] = ()
    if not alone:
        holders = _engine(url, max(2, connections // 2))
        event.listen(holders, "connect", _beside_others)
        advisory = AdvisoryLocks(holders)
        locks, duty, closing = advisory.hold, advisory.duty, (holders,)
    clock = ServerClock(engine)
    writes = _WRITES if alone else f"{_WRITES}; {_GIVEN_UP}"
    made = Database(
        engine,
        engine.execution_options(**{_BEGIN: writes, SERIALIZE: serialize}),
        nullcontext,
        psycopg.Error,
        explain_error,
        _describe_kept,
        locks,
        lambda cursor: cursor.execute(writes, prepare=False),
        migrating=f"SET LOCAL idle_in_transaction_session_timeout = 0; SELECT pg_advisory_xact_lock({MIGRATING})",
        closing=closing,
        rewrite=rewrite,
        remains=remains,
        now=clock,
        estimate_now=clock.estimate,
        duty=duty,
        agree=agreement.enter,
        append=APPEND,
        where=_where(url),
    )
    try:
        _check(made, url)
    except BaseException:
        made.close()
        raise
    return made


def reading(url: URL, turn: Callable[[], AbstractContextManager[None]], forget: Forget, lock: Lock) -> Database:
    """The database for reading alone: no transaction of it can write. It holds no lock, so another process may still
    use the catalog exclusively. `turn`, `forget` and `lock` refuse. Raises SettingError, StorageUnavailable."""
    engine = _engine(url.set(drivername="postgresql+psycopg"), 4)
    event.listen(engine, "connect", _read_only)
    event.listen(engine, "begin", _begin)
    made = Database(engine, engine, turn, psycopg.Error, explain_error, forget, lock)
    try:
        _reach(made, url)
    except BaseException:
        made.close()
        raise
    return made


def _read_only(connection: Any, _record: object) -> None:
    connection.autocommit = True
    connection.execute("SET default_transaction_read_only = on")


def _engine(url: URL, connections: int) -> Engine:
    given = {
        "application_name": "kenspeckle",
        "client_encoding": "utf8",
        "connect_timeout": "5",
        "keepalives_idle": "30",
        "keepalives_interval": "10",
        "keepalives_count": "3",
        # Where the network loses what is sent, the system would repeat it for a quarter of an hour.
        "tcp_user_timeout": "15000",
    }
    return create_engine(
        url,
        connect_args={name: value for name, value in given.items() if name not in url.query},
        pool_size=connections,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        pool_use_lifo=True,
        hide_parameters=True,
        use_native_hstore=False,
    )


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_BEGIN)
    driver: Any = connection.connection.driver_connection
    if writes is None:
        driver.execute(_READS)
    else:
        driver.execute(writes, prepare=False)  # several statements can't be


def _beside_others(connection: Any, _record: object) -> None:
    if not _set_up_connection(connection, f"SELECT pg_try_advisory_lock_shared({PRESENT})"):
        connection.close()
        raise StorageUnavailable(KEPT_OUT, retry_after=5)


def _alone(connection: Any, _record: object) -> None:
    if not _set_up_connection(connection, f"SELECT pg_try_advisory_lock({PRESENT})"):
        connection.close()
        raise Conflict(IN_USE)


def _set_up_connection(connection: Any, presence: str) -> bool:
    # Transactions begin and end explicitly, and one statement alone needs none: one message instead of three.
    connection.autocommit = True
    connection.execute(_SESSION)
    # Held as long as the connection: a process that needs the catalog exclusively sees it.
    return bool(connection.execute(presence).fetchone()[0])


def _check(made: Database, url: URL) -> None:
    """Check that the catalog can use this server."""
    where, (version, encoding, standby, read_only) = _where(url), _reach(made, url)
    if version < OLDEST * 10_000:
        _refuse(where, f"PostgreSQL {version // 10_000} is too old; {OLDEST} or newer is needed.")
    if encoding != "UTF8":
        _refuse(where, f"the database is encoded as {encoding}; make one with ENCODING 'UTF8' TEMPLATE template0.")
    if standby:
        _refuse(where, "this server is a standby (in recovery); name the primary, or both with target_session_attrs.")
    if read_only == "on":
        _refuse(where, "the database is read-only (default_transaction_read_only); ALTER it, or name another.")


def _reach(made: Database, url: URL) -> Any:
    try:
        with made.read() as connection:
            return connection.exec_driver_sql(_SERVER).one()
    except Refused as error:
        raise SettingError(f"CATALOG_URL ({_where(url)}): {error.reason}", field="catalog_url") from error
    except StorageUnavailable as error:
        said = UNREACHABLE if error.message == LOST else error.message
        raise StorageUnavailable(f"CATALOG_URL ({_where(url)}): {said}", retry_after=error.retry_after) from error


def _where(url: URL) -> str:
    host = url.host or dict(url.query).get("host", "the local socket")
    port = f":{url.port}" if url.port else ""
    return f"{host}{port}, database '{url.database or url.username}'"


def _refuse(where: str, reason: str) -> None:
    raise SettingError(f"CATALOG_URL ({where}): {reason}", field="catalog_url")


def _describe_kept(*, thorough: bool) -> bool:
    """Deleted rows stay in PostgreSQL's files until VACUUM and later writes overwrite them, and in its log."""
    return False
