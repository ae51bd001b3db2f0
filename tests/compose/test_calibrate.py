"""`models calibrate` on folders: what lies wrong is named, what can't be used is skipped with the reason, and what was
measured is used by the next start."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.compose import calibrate as compose
from kenspeckle.compose.calibrate import calibrate
from kenspeckle.compose.engines import open_engines
from kenspeckle.errors import InvalidValue, SettingError, StorageUnavailable
from kenspeckle.models import calibration_file, registry
from kenspeckle.models.calibrating import Known, measure
from kenspeckle.ports import AuditQuery, SharedKind
from kenspeckle.settings import Settings, load
from kenspeckle.usecases.recognition.calibrations import read_calibrations
from tests.postgres import Server

MODELS = load(environ={}).models_dir
SAMPLES = MODELS / "samples"


def ignore(*_: object) -> None:
    pass


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    models = tmp_path / "models"
    models.mkdir()
    for name in ("sface", "centerface-dlib", "samples"):
        (models / name).symlink_to(MODELS / name)
    return load({"models_dir": models, "data_dir": tmp_path / "data", "pack": "sface"}, environ={})


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Two people, one photograph each."""
    folder = tmp_path / "people"
    for person, sample in (("grace", "grace_hopper.jpg"), ("eileen", "astronaut.png")):
        (folder / person).mkdir(parents=True)
        (folder / person / sample).write_bytes((SAMPLES / sample).read_bytes())
    return folder


def stored(settings: Settings) -> Path:
    return calibration_file.file_of(settings.models_dir, "sface")


def refused(settings: Settings, folder: Path) -> str:
    with pytest.raises(InvalidValue) as raised:
        calibrate(settings, "sface", folder, ignore)
    assert not stored(settings).exists(), "nothing is stored"
    return raised.value.message


def test_folders_that_are_not_of_people(settings: Settings, people: Path, tmp_path: Path) -> None:
    assert "can't be read: No such file" in refused(settings, tmp_path / "none")
    (tmp_path / "empty" / "person").mkdir(parents=True)
    assert "holds no folders with photographs" in refused(settings, tmp_path / "empty")
    (people / "group" / "person" / "year").mkdir(parents=True)
    assert "year lies too deep" in refused(settings, people)
    (people / "group" / "person" / "year").rmdir()
    (people / "group" / "loose.jpg").write_bytes(b"")
    assert "holds photographs and folders" in refused(settings, people)
    (people / "loose.jpg").write_bytes(b"")
    assert "loose.jpg lies in no person's folder" in refused(settings, people)
    (tmp_path / "alone" / "grace").mkdir(parents=True)
    (tmp_path / "alone" / "grace" / "a.jpg").write_bytes(b"")
    assert "one person only" in refused(settings, tmp_path / "alone")
    with pytest.raises(SettingError, match="There is no model pack 'none'"):
        calibrate(settings, "none", people, ignore)


def test_what_can_not_be_used_is_named(settings: Settings, people: Path) -> None:
    grace = (people / "grace" / "grace_hopper.jpg").read_bytes()
    (people / "grace" / "broken.jpg").write_bytes(grace[:9000])
    (people / "grace" / "notes.txt").write_text("no photograph")
    (people / "grace" / "again.jpg").write_bytes(grace)
    (people / "grace" / "cat.png").write_bytes((SAMPLES / "chelsea.png").read_bytes())
    with Image.open(SAMPLES / "grace_hopper.jpg") as one, Image.open(SAMPLES / "astronaut.png") as other:
        both = Image.new("RGB", (1100, 620))
        both.paste(one.convert("RGB"), (0, 0))
        both.paste(other.convert("RGB"), (550, 0))
        both.save(people / "grace" / "both.png")
    reasons: dict[str, str] = {}

    def measured(known: list[Known], metric: str, when: str) -> None:
        assert [one.person for one in known] == ["eileen", "grace"]
        raise InvalidValue("Too few.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compose, "measure", measured)
        message = refused(settings, people)
    assert message.startswith("Too few. 5 photographs could not be used, such as ")
    engine = open_engines(settings).default
    for name in ("broken.jpg", "notes.txt", "cat.png", "both.png"):
        file = people / "grace" / name
        found = compose._read_template(engine, compose._Photograph("", "grace", file), {})  # type: ignore[arg-type]
        assert isinstance(found, str), name
        reasons[name] = found
    assert reasons["cat.png"] == "shows no face"
    assert reasons["both.png"] == "shows several people"
    assert "Too few to measure on: 2 people" in refused(settings, people)
    (people / "eileen" / "same.jpg").write_bytes(grace)
    assert "one photograph of two people" in refused(settings, people)


def drawn(people: int) -> list[Known]:
    random = np.random.default_rng(1)
    known = []
    for person in range(people):
        centre = random.standard_normal(128)
        for _ in range(5):
            one = centre + 0.3 * random.standard_normal(128)
            known.append(Known("", str(person), np.asarray(one / np.linalg.norm(one), np.float32)))
    return known


def test_what_was_measured_is_used_at_the_next_start(settings: Settings) -> None:
    before = open_engines(settings)
    measured = measure(drawn(20), "cosine", "2026-01-01")
    contract = registry.SFACE.contract
    file = calibration_file.write(settings.models_dir, "sface", contract, measured.calibration, measured.facts)
    assert calibration_file.number(settings.models_dir, "sface") == 1
    assert before.default.pack.calibration == registry.SFACE.calibration, "a running service goes on with what it has"
    after = open_engines(settings)
    assert after.default.pack.calibration == measured.calibration
    assert after.find_pack("sface").calibration.kind == "measured"
    assert after.default.pack.contract == contract, "collections stay comparable"
    described = after.default.pack.described["calibration"]
    assert described == {"kind": "measured", "sample": measured.calibration.sample}
    calibration_file.write(settings.models_dir, "sface", contract, measured.calibration, measured.facts)
    content = json.loads(file.read_bytes())
    assert (content["number"], content["genuine_pairs"], content["format"]) == (2, 200, 1)


def test_over_a_cluster_it_is_stored_for_all_services(
    postgres: Server, settings: Settings, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = measure(drawn(20), "cosine", "2026-01-01")
    monkeypatch.setattr(compose, "measure", lambda *_: measured)  # of the two people that are there
    with postgres.database() as url:
        shared = replace(settings, catalog_url=url, master_key="ab" * 32)
        assert not calibrate(shared, "sface", people, ignore, store=False).shared
        with closing(SqlCatalog.open(url)) as catalog:
            assert catalog.shared(SharedKind.CALIBRATION) == {}
            done = calibrate(shared, "sface", people, ignore)
            assert (done.shared, done.file) == (True, stored(settings))
            stored_ = read_calibrations(catalog.shared(SharedKind.CALIBRATION))
            assert stored_ == {registry.SFACE.contract: measured.calibration}
            (row,) = catalog.find_audit(AuditQuery(operation="SetCalibration"), 10)
            assert json.loads(row.facts)["sample"] == measured.calibration.sample
    away = replace(settings, catalog_url="postgresql+psycopg://kenspeckle@127.0.0.1:1/kenspeckle")
    with pytest.raises(StorageUnavailable, match="CATALOG_URL"):
        calibrate(away, "sface", people, ignore)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"contract": "0" * 64}, "another embedder"),
        ({"format": 99}, "another format"),
        ({"knots": [[0, 100], [1, 50], [0.5, 0]]}, "no calibration"),
        ({"knots": []}, "no calibration"),
        ({"knots": None}, "is not used"),
    ],
)
def test_a_file_that_is_wrong_is_told_and_not_used(
    settings: Settings, change: dict[str, object], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    measured = measure(drawn(20), "cosine", "2026-01-01")
    contract = registry.SFACE.contract
    file = calibration_file.write(settings.models_dir, "sface", contract, measured.calibration, measured.facts)
    file.write_text(json.dumps(json.loads(file.read_bytes()) | change))
    assert calibration_file.read(settings.models_dir, "sface", contract) is None
    assert says in caplog.text
