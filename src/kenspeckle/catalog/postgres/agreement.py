"""What services on one database agree on: while a service lives its connections hold shared advisory locks that stand
for its values, so that another one sees which of them differ."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine

_HOLD = "SELECT count(pg_advisory_lock_shared(one, two)) FROM unnest(%s::int[], %s::int[]) AS held(one, two)"
_OTHERS = (
    "SELECT DISTINCT subject FROM pg_locks JOIN unnest(%s::int[], %s::int[]) AS mine(subject, value) "
    "ON classid::bigint = subject AND objid::bigint <> value "
    "WHERE locktype = 'advisory' AND objsubid = 2 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Agreement:
    """The values of this process, once it has some."""

    def __init__(self) -> None:
        self._held: tuple[list[int], list[int]] | None = None

    def take(self, connection: Any, _record: object = None) -> None:
        """Hold the locks on a connection that was just made."""
        if self._held is not None:
            connection.execute(_HOLD, self._held)

    def enter(self, engine: Engine, values: Mapping[str, str]) -> list[str]:
        """Hold a lock for each value, by its subject, from now on; subjects for which another process has another."""
        subjects = {_number(subject): subject for subject in values}
        self._held = list(subjects), [_number(value) for value in values.values()]
        engine.dispose()  # connections that are made from now on hold them
        connection = engine.raw_connection()
        try:
            # Held before it is looked at: of two that start at once at least one sees the other.
            cursor = connection.cursor()
            cursor.execute(_OTHERS, self._held)
            return [subjects[number] for (number,) in cursor.fetchall()]
        finally:
            connection.close()


def _number(text: str) -> int:
    """31 bits, so that it is a lock's number with and without a sign."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
