"""What all services on one catalog have alike, on the fake, SQLite and PostgreSQL: `ports.SharedSettings`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from kenspeckle.ports import SharedKind
from tests.catalogs import Whole
from tests.contract.conftest import Open

SETTING, CALIBRATION = SharedKind.SETTING, SharedKind.CALIBRATION


def test_who_offers_first_is_followed(catalog: Whole) -> None:
    assert catalog.shared(SETTING) == {}
    assert catalog.offer_shared(SETTING, {"MAX_FACES": "10"}, 1.0) == {"MAX_FACES": "10"}
    both = {"GENDER": "false", "MAX_FACES": "10"}
    assert catalog.offer_shared(SETTING, {"MAX_FACES": "20", "GENDER": "false"}, 2.0) == both
    assert catalog.shared(SETTING) == catalog.offer_shared(SETTING, {}, 3.0) == both


def test_what_is_set_replaces_what_was_there(catalog: Whole) -> None:
    assert catalog.set_shared(SETTING, "MAX_FACES", "10", 1.0) is None
    assert catalog.set_shared(SETTING, "MAX_FACES", "20", 2.0) == "10"
    assert catalog.shared(SETTING) == {"MAX_FACES": "20"}
    assert catalog.remove_shared(SETTING, "MAX_FACES") == "20"
    assert catalog.remove_shared(SETTING, "MAX_FACES") is None
    assert catalog.shared(SETTING) == {}


def test_kinds_do_not_meet(catalog: Whole) -> None:
    long = '{"knots": "é' + "x" * 10_000 + '"}'
    catalog.set_shared(SETTING, "one", "1", 1.0)
    catalog.set_shared(CALIBRATION, "one", long, 1.0)
    assert catalog.shared(CALIBRATION) == {"one": long}
    catalog.remove_shared(SETTING, "one")
    assert catalog.shared(CALIBRATION) == {"one": long}


def test_of_many_that_offer_at_once_one_is_first_with_all_of_its_values(open_catalog: Open) -> None:
    catalog = open_catalog()
    offers = [{name: str(number) for name in ("A", "B", "C")} for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda one: catalog.offer_shared(SETTING, one, 1.0), offers))
    assert all(one == seen[0] for one in seen)
    assert len(set(seen[0].values())) == 1
