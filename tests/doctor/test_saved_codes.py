"""What the doctor says of the files of codes from which a start loads large collections."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from kenspeckle.index.follow import FollowingIndex
from kenspeckle.index.saved_codes import SavedCodes
from tests.doctor.conftest import Doctor
from tests.moving.folders import PACK, PEOPLE, make, opened


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder whose collection is saved."""
    data = make(tmp_path / "data", range(3))
    with opened(data) as folder:
        saved = SavedCodes(data / "codes", folder.catalog, folder.catalog, 1)
        with closing(FollowingIndex(folder.catalog, lambda _: PACK.dimension, 1, saved=saved)) as index:
            index.load(PEOPLE, "face")
            index.upkeep()
    return data


def test_a_sound_file(doctor: Doctor, kept: Path) -> None:
    report = doctor(kept, "--thorough")
    assert "codes" not in report.codes
    assert {check["check"]: check["summary"] for check in report.json["checks"]}["codes"] == "1 file"


def test_damage_and_strangers(doctor: Doctor, kept: Path) -> None:
    [file] = (kept / "codes").iterdir()
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    stray = kept / "codes" / "0123.codes"
    stray.write_bytes(b"x")
    assert doctor(kept).codes["codes"] == {"codes_unknown"}, "content is read only where that was asked for"
    report = doctor(kept, "--thorough")
    assert report.codes["codes"] == {"codes_unknown", "codes_damaged"}
    assert str(stray) in report.the("codes_unknown")["what"]
    assert str(file) in report.the("codes_damaged")["what"]
    assert file.exists()
    assert stray.exists(), "the doctor changes nothing"
