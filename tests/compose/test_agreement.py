"""What services on one catalog have to have alike: another pack is refused, other settings are said."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

import pytest

from kenspeckle.compose import agreement
from kenspeckle.errors import SettingError
from kenspeckle.models import registry
from kenspeckle.settings import Settings

SFACE, OTHER = registry.SFACE.info, registry.CENTERFACE_DLIB.info


class Others:
    """A catalog that a service serves already which has these values."""

    def __init__(self) -> None:
        self.theirs: Mapping[str, str] = {}

    def agree(self, values: Mapping[str, str]) -> list[str]:
        differ = [one for one in values if self.theirs.get(one, values[one]) != values[one]]
        self.theirs = self.theirs or values
        return differ


@pytest.fixture
def others() -> Others:
    made = Others()
    agreement.check(Settings(), SFACE, made)
    return made


def test_one_of_the_same_pack_and_settings_says_nothing(others: Others, caplog: pytest.LogCaptureFixture) -> None:
    agreement.check(Settings(workers=7, port=1), SFACE, others)
    assert caplog.messages == []


def test_one_of_another_pack_is_refused(others: Others) -> None:
    with pytest.raises(SettingError, match=r"PACK: .* than 'centerface-dlib'") as refused:
        agreement.check(Settings(), OTHER, others)
    assert refused.value.field == "pack"


@pytest.mark.parametrize("setting", agreement.ALIKE)
def test_another_setting_is_said(others: Others, caplog: pytest.LogCaptureFixture, setting: str) -> None:
    with caplog.at_level(logging.WARNING):
        agreement.check(replace(Settings(), **{setting: "another"}), SFACE, others)  # type: ignore[arg-type]  # any value
    assert [one for one in caplog.messages if setting.upper() in one] == caplog.messages != []


def test_another_calibration_is_said(others: Others, caplog: pytest.LogCaptureFixture) -> None:
    measured = replace(SFACE, calibration=OTHER.calibration)
    with caplog.at_level(logging.WARNING):
        agreement.check(Settings(), measured, others)
    assert "calibration of the pack 'sface'" in caplog.text
