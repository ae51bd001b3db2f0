"""Settings and calibrations that all services on the catalog have alike."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, delete, insert, select

from kenspeckle.catalog.base import Part, one_at_a_time
from kenspeckle.catalog.tables import shared_settings
from kenspeckle.ports.shared import SharedKind

_ALL = (
    select(shared_settings.c.name, shared_settings.c.value)
    .where(shared_settings.c.kind == bindparam("of_kind"))
    .order_by(shared_settings.c.name)
)
_ONE = (shared_settings.c.kind == bindparam("of_kind"), shared_settings.c.name == bindparam("of_name"))


class SharedSettings(Part):
    """Implements `ports.SharedSettings`."""

    def shared(self, kind: SharedKind) -> Mapping[str, str]:
        return {str(name): str(value) for name, value in self.database.rows(_ALL, {"of_kind": kind.value})}

    def offer_shared(self, kind: SharedKind, values: Mapping[str, str], now: float) -> Mapping[str, str]:
        present = self.shared(kind)
        if set(values) <= set(present):
            return present
        with self.database.write() as connection:
            one_at_a_time(connection)
            found = connection.execute(_ALL, {"of_kind": kind.value})
            present = {str(name): str(value) for name, value in found}
            new = {name: value for name, value in values.items() if name not in present}
            for name, value in new.items():
                _insert(connection, kind, name, value, now)
        return {**present, **new}

    def set_shared(self, kind: SharedKind, name: str, value: str, now: float) -> str | None:
        with self.database.write() as connection:
            one_at_a_time(connection)
            before = _remove(connection, kind, name)
            _insert(connection, kind, name, value, now)
        return before

    def remove_shared(self, kind: SharedKind, name: str) -> str | None:
        with self.database.write() as connection:
            one_at_a_time(connection)
            return _remove(connection, kind, name)


def _insert(connection: Connection, kind: SharedKind, name: str, value: str, now: float) -> None:
    connection.execute(insert(shared_settings).values(kind=kind.value, name=name, value=value, changed_at=now))


def _remove(connection: Connection, kind: SharedKind, name: str) -> str | None:
    which = {"of_kind": kind.value, "of_name": name}
    before: str | None = connection.execute(select(shared_settings.c.value).where(*_ONE), which).scalar()
    connection.execute(delete(shared_settings).where(*_ONE), which)
    return before
