"""Plans and counters of keys in a real database, and the way there from the first schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import make_url

from kenspeckle.catalog import schema
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.sqlite import engine
from kenspeckle.domain import Key, Period, Plan, Scope
from kenspeckle.errors import KeyNotFound
from kenspeckle.ports import Used

DAY = 1_772_582_400


def key(key_id: str, plan: Plan) -> Key:
    return Key(key_id, "desk", "api", frozenset({Scope.READ}), frozenset(), 1.0, plan=plan)


def plans(catalog: SqlCatalog) -> list[Plan]:
    found = catalog.keys()
    return [one.plan for one in found]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[SqlCatalog]:
    with closing(SqlCatalog.open(f"sqlite:///{tmp_path / 'kenspeckle.db'}")) as catalog:
        catalog.add_key(key("one", Plan(0.5, 3, 1000, Period.WEEK)), digest="1" * 64)
        catalog.add_key(key("other", Plan()), digest="2" * 64)
        yield catalog


def test_a_plan_is_kept_and_changed(catalog: SqlCatalog) -> None:
    assert plans(catalog) == [Plan(0.5, 3, 1000, Period.WEEK), Plan()]
    changed = Plan(7, 9)
    assert catalog.limit_key("one", changed).plan == changed
    found = catalog.key_by_digest("1" * 64)
    assert found is not None
    assert found.plan == changed
    with pytest.raises(KeyNotFound):
        catalog.limit_key("none", changed)


def test_writers_set_totals_and_see_each_other(catalog: SqlCatalog) -> None:
    catalog.count("a", [Used("one", Period.DAY, DAY, 3), Used("other", Period.DAY, DAY, 1)])
    catalog.count("b", [Used("one", Period.DAY, DAY, 10)])
    catalog.count("a", [Used("one", Period.DAY, DAY, 5)])
    catalog.count("a", [Used("one", Period.DAY, DAY, 5)])
    assert catalog.used("one", Period.DAY, DAY, beside="a") == 10
    assert catalog.used("one", Period.DAY, DAY, beside="c") == 15
    assert catalog.used("one", Period.WEEK, DAY, beside="c") == 0
    assert set(catalog.all_used()) == {Used("one", Period.DAY, DAY, 15), Used("other", Period.DAY, DAY, 1)}


def test_earlier_periods_go_when_a_new_one_begins(catalog: SqlCatalog) -> None:
    catalog.count("a", [Used("one", Period.DAY, DAY, 3), Used("other", Period.DAY, DAY, 1)])
    catalog.count("b", [Used("one", Period.DAY, DAY + 86400, 1)])
    assert set(catalog.all_used()) == {Used("one", Period.DAY, DAY + 86400, 1), Used("other", Period.DAY, DAY, 1)}


def test_a_key_takes_over_what_another_used(catalog: SqlCatalog) -> None:
    catalog.count("a", [Used("one", Period.DAY, DAY, 3)])
    catalog.count("b", [Used("one", Period.DAY, DAY, 4)])
    catalog.carry("one", "other")
    assert catalog.used("other", Period.DAY, DAY, beside="a") == 7


def test_keys_of_the_first_schema_stay_without_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    upgrade = command.upgrade
    monkeypatch.setattr(command, "upgrade", lambda config, _: upgrade(config, "0001"))
    database = engine.database(make_url(url))
    with closing(database), database.write() as connection:
        schema._migrate(connection)
        connection.exec_driver_sql(
            "INSERT INTO keys (key_id, name, kind, scopes, collections, created_at) "
            "VALUES ('k', 'n', 'api', '[]', '[]', 1)"
        )
    monkeypatch.undo()
    with closing(SqlCatalog.open(url)) as catalog:
        assert plans(catalog) == [Plan()]
        catalog.count("a", [Used("k", Period.DAY, DAY, 1)])
