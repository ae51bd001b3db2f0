"""The catalog's tables and statements are such that PostgreSQL takes them too."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
from sqlalchemy import ClauseElement, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from kenspeckle import catalog
from kenspeckle.catalog.audit_guards import guards
from kenspeckle.catalog.tables import metadata

MODULES = [one.name for one in pkgutil.iter_modules(catalog.__path__) if one.name not in ("migrations", "sqlite")]


def statements(value: object) -> list[ClauseElement]:
    """Statements in a module's constants, those in tuples and dictionaries too."""
    if isinstance(value, ClauseElement):
        return [value] if getattr(value, "is_dml", False) or getattr(value, "is_select", False) else []
    if isinstance(value, dict):
        value = tuple(value.values())
    return [found for one in value for found in statements(one)] if isinstance(value, tuple) else []


def test_statements_compile_for_both() -> None:
    found = 0
    for name in MODULES:
        for value in vars(importlib.import_module(f"kenspeckle.catalog.{name}")).values():
            for statement in statements(value):
                found += 1
                for dialect in (postgresql.dialect(), sqlite.dialect()):  # type: ignore[no-untyped-call]  # SQLAlchemy's
                    assert str(statement.compile(dialect=dialect))
    assert found > 40


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=str)
def test_tables_compile_for_postgresql(table: Table) -> None:
    made = str(CreateTable(table).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]  # SQLAlchemy's
    assert ("BIGSERIAL" in made) == table.dialect_options["sqlite"]["autoincrement"]
    for index in table.indexes:
        assert str(CreateIndex(index).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]  # SQLAlchemy's


def test_the_audit_trail_is_guarded_on_every_database_that_is_supported() -> None:
    assert len(guards("sqlite")) == 3
    with pytest.raises(NotImplementedError, match="oracle"):
        guards("oracle")
