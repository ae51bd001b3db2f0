"""What services on one catalog have to have alike: in a cluster the catalog's settings are followed, and who is given
others is refused; on SQLite what is given rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from kenspeckle import settings as settings_
from kenspeckle.compose import agreement
from kenspeckle.compose.engines import PackEngines
from kenspeckle.domain import Calibration
from kenspeckle.errors import SettingError
from kenspeckle.models import registry
from kenspeckle.ports import SharedKind
from kenspeckle.settings import Settings
from kenspeckle.usecases.recognition.calibrations import SharedFollower, format_calibration
from tests.fakes import FakeCatalog
from tests.fakes.drawn import CALIBRATION, DrawnEngine

SFACE, OTHER = registry.SFACE.info, registry.CENTERFACE_DLIB.info
CLUSTER, ALONE = "postgresql+psycopg://db/kenspeckle", ""
MEASURED = Calibration((0.0, 0.5, 1.0), (100.0, 80.0, 0.0), "measured", "5 people")

# One of each that differs from the default.
OTHERS = {
    "keep_images": "false",
    "collection": "people",
    "max_faces": "20",
    "face_match_threshold": "90.0",
    "quality_filter": "HIGH",
    "search_groups": "true",
    "detection_attributes": "ALL",
    "gender": "true",
    "aws_region": "eu-central-1",
    "aws_account_id": "123456789012",
    "video_frame_rate": "2.0",
    "audit_days": "365",
    "webhook_log_days": "7",
}


class Services:
    """A catalog that a service serves already which has this pack."""

    def __init__(self) -> None:
        self.theirs: Mapping[str, str] = {}

    def agree(self, values: Mapping[str, str]) -> list[str]:
        differ = [one for one in values if self.theirs.get(one, values[one]) != values[one]]
        self.theirs = self.theirs or values
        return differ


def given(url: str, **values: str) -> Settings:
    environ = {f"KENSPECKLE_{name.upper()}": value for name, value in values.items()}
    return settings_.load({"catalog_url": url or None}, environ=environ)


@pytest.fixture
def catalog() -> FakeCatalog:
    """One that a service of a cluster with the defaults serves."""
    made = FakeCatalog()
    agreement.offer_settings(given(CLUSTER), made, 1.0)
    return made


def test_one_of_another_pack_is_refused() -> None:
    services = Services()
    agreement.check_pack(SFACE, services)
    agreement.check_pack(SFACE, services)
    with pytest.raises(SettingError, match=r"PACK: .* than 'centerface-dlib'") as refused:
        agreement.check_pack(OTHER, services)
    assert refused.value.field == "pack"


def test_every_shared_setting_is_tested_here(catalog: FakeCatalog) -> None:
    assert sorted(OTHERS) == sorted(settings_.list_shared())
    assert sorted(catalog.shared(SharedKind.SETTING)) == sorted(name.upper() for name in OTHERS)


@pytest.mark.parametrize("name", OTHERS)
def test_who_is_given_another_value_is_refused_and_told_what_to_do(catalog: FakeCatalog, name: str) -> None:
    upper = name.upper()
    has = catalog.shared(SharedKind.SETTING)[upper]
    with pytest.raises(SettingError) as refused:
        agreement.follow_settings(given(CLUSTER, **{name: OTHERS[name]}), catalog)
    assert refused.value.field == name
    said = refused.value.message
    assert said.startswith(f"{upper}: this service is given {OTHERS[name]}, and all services")
    assert f"have {has}." in said
    assert f"`kenspeckle catalog set {upper} {OTHERS[name]}`" in said
    assert CLUSTER not in said


@pytest.mark.parametrize("name", OTHERS)
def test_who_is_given_nothing_follows_what_was_set(catalog: FakeCatalog, name: str) -> None:
    catalog.set_shared(SharedKind.SETTING, name.upper(), OTHERS[name], 2.0)
    followed = agreement.follow_settings(given(CLUSTER), catalog)
    assert settings_.format_value(getattr(followed, name)) == OTHERS[name]
    assert replace(followed, **{name: getattr(Settings(), name)}) == given(CLUSTER)
    agreement.offer_settings(followed, catalog, 3.0)
    assert catalog.shared(SharedKind.SETTING)[name.upper()] == OTHERS[name]


def test_who_is_given_the_same_value_in_other_words_starts(catalog: FakeCatalog) -> None:
    agreement.follow_settings(given(CLUSTER, face_match_threshold="80", gender="off", quality_filter="auto"), catalog)


def test_settings_that_are_each_services_own_are_no_matter(catalog: FakeCatalog) -> None:
    own = given(CLUSTER, workers="7", port="1", max_image_bytes="1000", host="::1")
    assert agreement.follow_settings(own, catalog) == own


def test_on_sqlite_what_is_given_rules_and_nothing_is_stored() -> None:
    catalog = FakeCatalog()
    for threshold in ("80", "90", "70"):
        mine = given(ALONE, face_match_threshold=threshold)
        assert agreement.follow_settings(mine, catalog) == mine
        agreement.offer_settings(mine, catalog, 1.0)
    assert catalog.shared(SharedKind.SETTING) == {}


def test_on_sqlite_what_a_cluster_had_stands_for_the_defaults(catalog: FakeCatalog) -> None:
    catalog.set_shared(SharedKind.SETTING, "FACE_MATCH_THRESHOLD", "90.0", 2.0)
    assert agreement.follow_settings(given(ALONE), catalog).face_match_threshold == 90
    assert agreement.follow_settings(given(ALONE, face_match_threshold="85"), catalog).face_match_threshold == 85


def test_what_a_newer_version_has_is_left_alone_and_what_can_not_be_read_is_named(catalog: FakeCatalog) -> None:
    catalog.set_shared(SharedKind.SETTING, "SOMETHING_NEW", "7", 2.0)
    assert agreement.follow_settings(given(CLUSTER), catalog) == given(CLUSTER)
    catalog.set_shared(SharedKind.SETTING, "MAX_FACES", "many", 2.0)
    with pytest.raises(SettingError, match="the catalog's shared settings: 'many' can't be used: a whole number"):
        agreement.follow_settings(given(CLUSTER), catalog)


def test_of_two_that_start_at_once_on_an_empty_catalog_the_second_is_told(catalog: FakeCatalog) -> None:
    empty = FakeCatalog()
    mine = agreement.follow_settings(given(CLUSTER), empty)
    agreement.offer_settings(given(CLUSTER, max_faces="20"), empty, 1.0)
    with pytest.raises(SettingError, match="start it again"):
        agreement.offer_settings(mine, empty, 1.0)


def packs(measured: Calibration | None = None) -> tuple[DrawnEngine, PackEngines]:
    engine, other = DrawnEngine(), DrawnEngine("other", "other")
    if measured is not None:
        engine.pack = replace(engine.pack, calibration=measured)
    return engine, PackEngines(engine, lambda: {"other": other.pack}, lambda _: other, lambda _: None)


def stored(catalog: FakeCatalog) -> list[str]:
    return sorted(catalog.shared(SharedKind.CALIBRATION))


def test_what_one_machine_has_measured_is_that_of_a_cluster_that_has_nothing() -> None:
    catalog = FakeCatalog()
    agreement.offer_calibrations(given(CLUSTER), packs(MEASURED)[1], catalog, 1.0)
    engine, engines = packs()
    agreement.offer_calibrations(given(CLUSTER), engines, catalog, 2.0)
    assert engine.pack.calibration == engines.find_pack("drawn").calibration == MEASURED
    another, third = packs(replace(MEASURED, distances=(0.0, 0.6, 1.0)))
    agreement.offer_calibrations(given(CLUSTER), third, catalog, 3.0)
    assert another.pack.calibration == MEASURED, "that of the catalog holds"
    assert stored(catalog) == ["drawn"]


def test_built_in_calibrations_are_not_stored_and_on_sqlite_nothing_is() -> None:
    catalog = FakeCatalog()
    agreement.offer_calibrations(given(CLUSTER), packs()[1], catalog, 1.0)
    agreement.offer_calibrations(given(ALONE), packs(MEASURED)[1], catalog, 1.0)
    assert stored(catalog) == []


def test_on_sqlite_what_was_measured_here_rules_and_else_what_a_cluster_had() -> None:
    catalog = FakeCatalog()
    of_cluster: Any = replace(MEASURED, distances=(0.0, 0.6, 1.0))
    catalog.set_shared(SharedKind.CALIBRATION, "drawn", format_calibration("drawn", of_cluster), 1.0)
    for own, holds in ((None, of_cluster), (MEASURED, MEASURED)):
        engine, engines = packs(own)
        agreement.use_calibrations(given(ALONE), engines, catalog)
        assert engine.pack.calibration == holds


def test_engines_follow_a_calibration_while_they_run_also_one_that_is_loaded_later() -> None:
    catalog = FakeCatalog()
    engine, engines = packs()
    follower = SharedFollower(catalog, engines, {})
    follower.round()
    assert engine.pack.calibration == CALIBRATION
    for contract in ("drawn", "other", "unknown"):
        catalog.set_shared(SharedKind.CALIBRATION, contract, format_calibration(contract, MEASURED), 1.0)
    catalog.set_shared(SharedKind.CALIBRATION, "torn", "{", 1.0)
    follower.round()
    assert engine.pack.calibration == engines.find_pack("other").calibration == MEASURED
    from kenspeckle.domain import Collection

    later = engines.of(Collection("faces", "other", "other", 1.0))
    assert later.pack.calibration == MEASURED
    for contract in ("drawn", "other"):
        catalog.remove_shared(SharedKind.CALIBRATION, contract)
    follower.round()
    assert engine.pack.calibration == later.pack.calibration == CALIBRATION
    engines.close()


def test_a_setting_that_was_changed_meanwhile_is_logged_once(
    catalog: FakeCatalog, caplog: pytest.LogCaptureFixture
) -> None:
    follower = SharedFollower(catalog, packs()[1], agreement.list_values(given(CLUSTER)))
    follower.round()
    assert caplog.messages == []
    catalog.set_shared(SharedKind.SETTING, "MAX_FACES", "20", 2.0)
    follower.round()
    follower.round()
    assert caplog.messages == [
        "MAX_FACES is 20 in the catalog now; this service goes on with 10 until it is started again"
    ]
