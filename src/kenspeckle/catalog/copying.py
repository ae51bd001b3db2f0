"""Copies a whole catalog from one database into another, table by table, resumable, and compared at the end.

The target says in the version of its schema that a copy is under way, so that no program takes it for a catalog. Rows
are read and written as SQLAlchemy's types have them, which are the same on both sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Integer, Table, delete, func, insert, select, tuple_, update

from kenspeckle.catalog import schema
from kenspeckle.catalog.database import Database
from kenspeckle.catalog.tables import audit_head, collection_keys, metadata, service, staged
from kenspeckle.errors import Conflict, StorageUnavailable

BATCH: Final = 2000
"""Rows that are read and written at once: some megabytes."""

_ALONE: Final = (service, audit_head)
"""Tables of one row, which the schema is made with."""

Progress = Callable[[int, int], None]
"""Called with rows done and rows in all."""


@dataclass(frozen=True, slots=True)
class Copied:
    """Rows by table; `resumed` are those that an earlier run had copied."""

    rows: dict[str, int]
    resumed: int


def copy_catalog(source: Database, target: Database, progress: Progress, *, keys: bool = True) -> Copied:
    """Copy all of `source`, as it is at one moment, into a database that is empty or has the beginning of the same
    copy. Without `keys` those of encrypted collections, and what upgrades have staged, are left out.

    Raises Conflict where the target has something else, StorageUnavailable where the two differ at the end,
    StorageFull."""
    with source.read() as reading:
        if schema.version(reading) != schema.VERSIONS[-1]:
            raise StorageUnavailable("The catalog has an older schema; start the service once, which migrates it.")
        mark = _mark(reading)
        tables = [one for one in metadata.sorted_tables if keys or one is not staged]
        total = sum(_count(reading, one) for one in tables)
        _begin(target, mark)
        done = resumed = 0
        for table in tables:
            for number, again in _copy(reading, target, table, keys=keys):
                done += number
                resumed += number if again else 0
                progress(done, total)
        rows = {}
        with target.write() as writing:
            for table in tables:
                here, there = (_digest(one, table, keys=keys) for one in (reading, writing))
                if here != there:
                    raise StorageUnavailable(
                        f"The copy differs from the catalog in the table {table.name}. Drop the new database and run "
                        "this again."
                    )
                rows[table.name] = here[0]
            _number_on(reading, writing)
            schema.mark(writing, schema.VERSIONS[-1])
    return Copied(rows, resumed)


def _mark(connection: Connection) -> str:
    """Names the catalog that is copied."""
    key = connection.execute(select(service.c.cursor_key)).scalar_one()
    return schema.COPYING + hashlib.sha256(b"kenspeckle copy, 1" + key).hexdigest()[:20]


def _begin(target: Database, mark: str) -> None:
    """Make the tables, or find them with the beginning of this copy."""
    with target.migrate() as connection:
        present = schema.version(connection)
        if present == mark:
            return
        if present:
            what = "the beginning of another copy" if present.startswith(schema.COPYING) else "a catalog"
            raise Conflict(f"There is {what} already. Name an empty database, or a file that is not there.")
        schema.state(connection)  # refuses what is another program's
        schema.create(connection)
        schema.mark(connection, mark)


def _copy(reading: Connection, target: Database, table: Table, *, keys: bool) -> Iterator[tuple[int, bool]]:
    """Yields (rows, whether they were there already), each batch on disk."""
    after: Any = None
    if table in _ALONE:
        with target.write() as writing:
            writing.execute(update(table).values(**dict(reading.execute(select(table)).one()._mapping)))
        yield 1, False
        return
    if _is_ordered(table):
        with target.read() as connection:
            number = table.c[_key(table)[0].name]
            after, there = connection.execute(select(func.max(number), func.count()).select_from(table)).one()
        if there:
            yield there, True
    else:
        # Databases order text differently, so the last row does not say which are there; these tables are short.
        with target.write() as writing:
            writing.execute(delete(table))
    for some in _batches(reading, table, after):
        values = [_keep_columns(table, one, keys=keys) for one in some]
        with target.write() as writing:
            writing.execute(insert(table), values)
        yield len(values), False


def _batches(connection: Connection, table: Table, after: Any = None) -> Iterator[Sequence[Any]]:
    """Rows in the order of their primary key, those after a number first of all."""
    key = _key(table)
    ordered = select(table).order_by(*key).limit(BATCH)
    last: Any = None if after is None else (after,)
    while True:
        wanted = ordered if last is None else ordered.where(tuple_(*key) > last)
        some = connection.execute(wanted).all()
        if not some:
            return
        yield some
        last = tuple(some[-1]._mapping[one] for one in key)


def _digest(connection: Connection, table: Table, *, keys: bool) -> tuple[int, int]:
    """Rows, and the sum of their digests, for which their order does not matter."""
    count = total = 0
    for some in _batches(connection, table):
        for one in some:
            values = _keep_columns(table, one, keys=keys)
            total += int.from_bytes(hashlib.sha256(repr(list(values.values())).encode()).digest())
        count += len(some)
    return count, total % (1 << 256)


def _keep_columns(table: Table, row: Any, *, keys: bool) -> dict[str, Any]:
    values = dict(zip((column.name for column in table.columns), row, strict=True))
    if table is collection_keys and not keys:
        values["wrapped"] = None
    return values


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _key(table: Table) -> Sequence[Any]:
    return list(table.primary_key.columns)


def _is_ordered(table: Table) -> bool:
    """Whether one number is the primary key."""
    key = _key(table)
    return len(key) == 1 and isinstance(key[0].type, Integer)


def _number_on(reading: Connection, writing: Connection) -> None:
    """Numbers of rows go on after the last one that was ever used, which may be of a row that is gone."""
    if reading.dialect.name == "sqlite":
        used = reading.exec_driver_sql("SELECT name, seq FROM sqlite_sequence").all()
    else:
        used = reading.exec_driver_sql(
            "SELECT relname, pg_sequence_last_value(pg_get_serial_sequence(relname, 'row')::regclass) FROM pg_class "
            "JOIN pg_attribute ON attrelid = pg_class.oid WHERE relkind = 'r' AND attname = 'row' AND atthasdef "
            "AND relnamespace = current_schema()::regnamespace"
        ).all()
    for name, number in used:
        if number and name in metadata.tables:
            _next(writing, name, int(number))


def _next(writing: Connection, name: str, number: int) -> None:
    if writing.dialect.name == "sqlite":
        writing.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
        writing.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, number))
    else:
        writing.exec_driver_sql("SELECT setval(pg_get_serial_sequence(%s, 'row'), %s)", (name, number))
