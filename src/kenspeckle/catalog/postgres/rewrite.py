"""Rewrites PostgreSQL's tables, so that deleted rows are in none of their files, and says where they still are."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
from sqlalchemy import Engine

from kenspeckle.domain import Rewritten

_TABLES = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace "
    "ORDER BY relname"
)
_KEPT = re.compile(r"(\d+) dead row versions cannot be removed yet")
_LOG = "SELECT count(*), extract(epoch FROM min(modification)) FROM pg_ls_waldir()"
_FOLLOWERS = "SELECT count(*) FROM pg_stat_replication"
_ARCHIVES = "SELECT current_setting('archive_mode')"
_COPIES = f"SELECT ({_ARCHIVES}), ({_FOLLOWERS})"
_PATIENCE = "SET lock_timeout = '60s'"


def rewrite(engine: Engine, progress: Callable[[int, int], None]) -> Rewritten:
    """VACUUM FULL of every table: each is locked while it is rewritten, and needs as much disk space again.
    Raises what psycopg raises, as where a table is in use for more than a minute."""
    pooled = engine.raw_connection()
    try:
        connection: Any = pooled.driver_connection
        said: list[str] = []
        connection.add_notice_handler(lambda notice: said.append(f"{notice.message_primary} {notice.message_detail}"))
        connection.execute(_PATIENCE)
        tables = [name for (name,) in connection.execute(_TABLES)]
        left = []
        for number, table in enumerate(tables, 1):
            said.clear()
            connection.execute(f'VACUUM (FULL, VERBOSE, ANALYZE) "{table}"')
            kept = sum(int(found[1]) for one in said if (found := _KEPT.search(one)))
            if kept:
                left.append(f"{kept} deleted rows of {table}, which a transaction that is open may see; run it again")
            progress(number, len(tables))
        return Rewritten(not left, (*left, *_elsewhere(connection)))
    finally:
        pooled.invalidate()  # its notices and time limit must not stay with a connection of the pool
        pooled.close()


def remains(engine: Engine) -> tuple[str, ...]:
    """Where rows that were just deleted still are, and until when. Raises what psycopg raises."""
    pooled = engine.raw_connection()
    try:
        connection: Any = pooled.driver_connection
        archived, followers = connection.execute(_COPIES).fetchone()
    finally:
        pooled.close()
    found = [
        "dead rows of PostgreSQL's tables, until `kenspeckle scrub` rewrites them",
        "PostgreSQL's write-ahead log, until the server uses its files again",
    ]
    return (*found, *_copies(archived, followers))


def _elsewhere(connection: Any) -> list[str]:
    """What no statement can rewrite."""
    for statement in ("CHECKPOINT", "SELECT pg_switch_wal()"):
        _ask(connection, statement)
    log = _ask(connection, _LOG)
    since = f", {log[0]} files, the oldest of {_day(log[1])}" if log and log[1] is not None else ""
    found = [f"PostgreSQL's write-ahead log{since}, until the server uses its files again"]
    return found + _copies(*(_ask(connection, _COPIES) or ("off", 0)))


def _copies(archived: str, followers: int) -> list[str]:
    """Beside the server itself."""
    found = []
    if archived != "off":
        found.append("archives of the write-ahead log, and base backups, until they are deleted")
    if followers:
        found.append(f"the write-ahead logs of {followers} standbys; their tables are rewritten as they follow")
    return found


def _ask(connection: Any, statement: str) -> Any:
    """The first row; None where the role may not ask, or there is none."""
    try:
        cursor = connection.execute(statement)
        return cursor.fetchone() if cursor.description else None
    except psycopg.errors.InsufficientPrivilege:
        return None


def _day(at: float) -> str:
    return datetime.fromtimestamp(float(at), UTC).strftime("%Y-%m-%d %H:%M UTC")
