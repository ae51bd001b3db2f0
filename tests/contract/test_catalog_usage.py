"""Plans and counters of keys in a real database, and the way there from the first schema."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace as replace_
from pathlib import Path

import pytest
from sqlalchemy import make_url

from kenspeckle.catalog import schema
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.sqlite import engine
from kenspeckle.domain import Key, Period, Plan, Scope
from kenspeckle.errors import Conflict, KeyNotFound
from kenspeckle.ports import Used

DAY = 1_772_582_400


def key(key_id: str, plan: Plan) -> Key:
    return Key(key_id, "desk", "api", frozenset({Scope.READ}), frozenset(), 1.0, plan=plan)


def plans(catalog: SqlCatalog) -> list[Plan]:
    found = catalog.keys()
    return [one.plan for one in found]


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[SqlCatalog]:
    with closing(SqlCatalog.open(catalog_url)) as catalog:
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
    assert catalog.count_used("one", Period.DAY, DAY, beside="a") == 10
    assert catalog.count_used("one", Period.DAY, DAY, beside="c") == 15
    assert catalog.count_used("one", Period.WEEK, DAY, beside="c") == 0
    assert set(catalog.all_used()) == {Used("one", Period.DAY, DAY, 15), Used("other", Period.DAY, DAY, 1)}


def test_earlier_periods_go_when_a_new_one_begins(catalog: SqlCatalog) -> None:
    catalog.count("a", [Used("one", Period.DAY, DAY, 3), Used("other", Period.DAY, DAY, 1)])
    catalog.count("b", [Used("one", Period.DAY, DAY + 86400, 1)])
    assert set(catalog.all_used()) == {Used("one", Period.DAY, DAY + 86400, 1), Used("other", Period.DAY, DAY, 1)}


def test_a_key_takes_over_what_another_used_and_still_uses(catalog: SqlCatalog) -> None:
    catalog.count("a", [Used("one", Period.DAY, DAY, 3)])
    catalog.count("b", [Used("one", Period.DAY, DAY, 4)])
    old = catalog.replace_key("one", key("two", Plan()), 5.0, digest="3" * 64)
    assert (old.key_id, old.revoked_at) == ("one", 5.0)
    assert catalog.count_used("two", Period.DAY, DAY, beside="a") == 7
    # A process that had not written yet when the key was replaced.
    catalog.count("b", [Used("one", Period.DAY, DAY, 9)])
    catalog.count("a", [Used("two", Period.DAY, DAY, 1)])
    assert catalog.count_used("two", Period.DAY, DAY, beside="a") == 12
    catalog.replace_key("two", key("three", Plan()), 6.0, digest="4" * 64)
    assert catalog.count_used("three", Period.DAY, DAY, beside="a") == 13
    assert {one.key_id: one.used for one in catalog.all_used()} == {"one": 12, "two": 13, "three": 13}


def test_a_key_is_replaced_once_by_however_many_processes(catalog: SqlCatalog, catalog_url: str) -> None:
    other = SqlCatalog.open(catalog_url)

    def replace(number: int) -> str:
        try:
            new = key(f"new-{number}", Plan())
            (catalog, other)[number % 2].replace_key("one", new, 5.0, digest=f"{number + 10:064}")
        except Conflict:
            return "conflict"
        return "won"

    with closing(other), ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(replace, range(20)))
    assert sorted(outcomes) == ["conflict"] * 19 + ["won"]
    left = catalog.keys()
    assert [one.revoked_at for one in left] == [5.0, None, None]
    with pytest.raises(KeyNotFound):
        catalog.replace_key("none", key("x", Plan()), 5.0)
    expired = replace_(key("expired", Plan()), expires_at=4.0)
    catalog.add_key(expired, digest="5" * 64)
    with pytest.raises(Conflict):
        catalog.replace_key("expired", key("y", Plan()), 5.0, digest="6" * 64)


def test_keys_of_the_first_schema_stay_without_limits(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    database = engine.database(make_url(url))
    with closing(database), database.write() as connection:
        schema.migrate(connection, "0001")
        connection.exec_driver_sql(
            "INSERT INTO keys (key_id, name, kind, scopes, collections, created_at) "
            "VALUES ('k', 'n', 'api', '[]', '[]', 1)"
        )
    with closing(SqlCatalog.open(url)) as catalog:
        assert plans(catalog) == [Plan()]
        catalog.count("a", [Used("k", Period.DAY, DAY, 1)])
