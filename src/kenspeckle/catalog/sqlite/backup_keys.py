"""Keys of collections in copies of the SQLite database: taken out for a backup, put back by a restore."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from kenspeckle.catalog.collection_keys import instance_of
from kenspeckle.ports import Keyring

_ALIVE: Final = "collection_row IN (SELECT row FROM collections WHERE collection_id IS NOT NULL)"


def count_encrypted(connection: sqlite3.Connection) -> int:
    """How many collections have a key, or had one that was taken out."""
    if not _there(connection):
        return 0
    return int(connection.execute(f"SELECT count(*) FROM collection_keys WHERE {_ALIVE}").fetchone()[0])


def read(connection: sqlite3.Connection) -> Keyring:
    """The wrapped keys of all collections."""
    (cursor_key,) = connection.execute("SELECT cursor_key FROM service").fetchone()
    instance = instance_of(cursor_key)
    keys = "SELECT key_id, wrapped FROM collection_keys WHERE wrapped IS NOT NULL"
    found = connection.execute(f"{keys} AND {_ALIVE}") if _there(connection) else ()
    return Keyring(instance, {key_id: bytes(wrapped) for key_id, wrapped in found})


def take_out(connection: sqlite3.Connection) -> bool:
    """Remove the wrapped keys from a copy that nobody else uses; whether there were any. Old bytes of its pages are
    left in their unallocated space."""
    if not _there(connection):
        return False
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute("PRAGMA journal_mode=MEMORY")  # overwritten bytes must not remain in a file beside the copy
    return connection.execute("UPDATE collection_keys SET wrapped = NULL WHERE wrapped IS NOT NULL").rowcount > 0


def put_in(connection: sqlite3.Connection, keys: Mapping[str, bytes]) -> tuple[str, ...]:
    """Put wrapped keys into a copy; ids of the collections that have none now."""
    for key_id, wrapped in keys.items():
        connection.execute("UPDATE collection_keys SET wrapped = ? WHERE key_id = ?", (wrapped, key_id))
    return tuple(
        name
        for (name,) in connection.execute(
            "SELECT collection_id FROM collections JOIN collection_keys ON collection_row = row "
            "WHERE wrapped IS NULL AND collection_id IS NOT NULL ORDER BY collection_id"
        )
    )


def _there(connection: sqlite3.Connection) -> bool:
    """Whether the schema has a table of keys."""
    wanted = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'collection_keys'"
    return connection.execute(wanted).fetchone() is not None
