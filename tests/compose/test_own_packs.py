"""Packs of one's own: accepted where they tell two people apart, refused with the reason where anything is wrong."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from kenspeckle.compose import own_packs, pack_trial
from kenspeckle.errors import AlreadyExists, Conflict, InvalidValue, KenspeckleError, ModelMissing, SettingError
from kenspeckle.models import install, own_description, registry
from kenspeckle.models.own_description import Description, describe
from kenspeckle.settings import Settings, load
from kenspeckle.vision.engine import Engine
from tests.models import own_network

MODELS = load(environ={}).models_dir


def ignore(*_: object) -> None:
    pass


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A folder of models with the built-in packs and the samples, and a data folder that is not there."""
    models = tmp_path / "models"
    models.mkdir()
    for name in ("sface", "centerface-dlib", "samples"):
        (models / name).symlink_to(MODELS / name)
    return load({"models_dir": models, "data_dir": tmp_path / "data", "pack": "sface"}, environ={})


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("wide") / "wide.onnx"
    file.write_bytes(own_network.wide())
    return file


def contents(settings: Settings) -> set[str]:
    return {one.name for one in settings.models_dir.iterdir()} - {".lock"}


def brought(tmp_path: Path, data: bytes, **given: Any) -> Description:
    file = tmp_path / "brought.onnx"
    file.write_bytes(data)
    return describe({"name": "mine", "embedder": str(file), **given})


def templates(settings: Settings, name: str) -> list[Any]:
    """In float32, so that two networks which compute the same differ by less than bfloat16 rounds."""
    samples = install.samples(settings.models_dir, ignore)
    engine = Engine(registry.find(settings.models_dir, name), replace(settings, precision="float32"))
    found = []
    for file in (samples.grace_hopper, samples.astronaut):
        photo = engine.open(file.read_bytes())
        found += engine.embed(photo, engine.detect(photo, largest_only=True)[:1])
    return found


def test_a_pack_that_tells_people_apart_is_accepted(settings: Settings, wide: Path) -> None:
    told: dict[str, Any] = {"licence": "Apache-2.0", "author": "somebody", "version": "9.1"}
    added = own_packs.add(settings, describe({"name": "wide", "embedder": str(wide), **told}), ignore)
    assert added.trial is not None
    assert added.trial.same < added.trial.strangers
    assert contents(settings) == {"sface", "centerface-dlib", "samples", "wide"}
    found = registry.find(settings.models_dir, "wide")
    assert (found.pack, found.info.dimension, found.info.version) == (added.pack, 512, "9.1")
    assert (found.info.licence, found.info.calibration.kind) == ("Apache-2.0", "default")
    assert registry.of_contract(settings.models_dir, added.pack.contract) == added.pack
    pairs = zip(templates(settings, "wide"), templates(settings, "sface"), strict=True)
    for mine, theirs in pairs:  # the projection keeps lengths and angles, and the preprocessing is undone by it
        assert mine.shape == (512,)
        assert np.linalg.norm(mine) == pytest.approx(1, abs=1e-5)
        columns = np.linalg.qr(np.random.default_rng(7).standard_normal((512, 128)))[0]
        assert mine @ columns == pytest.approx(theirs, abs=2e-3)
    again = own_packs.add(settings, describe({"name": "wide", "embedder": str(wide)}), ignore)
    assert (again.trial, again.pack.source.author) == (None, "somebody"), "it is there already"
    with pytest.raises(AlreadyExists, match="is the pack 'wide' already"):
        own_packs.add(settings, describe({"name": "other", "embedder": str(wide)}), ignore)
    with pytest.raises(AlreadyExists, match=r"There is a pack 'wide' in .*, with another embedder"):
        own_packs.add(
            settings, describe({"name": "wide", "embedder": str(wide), "detector": "centerface-dlib"}), ignore
        )
    with pytest.raises(SettingError, match="a pack of your own"):
        install.pull(settings.models_dir, "wide", ignore)
    own_packs.remove(settings, "wide", ignore)
    assert contents(settings) == {"sface", "centerface-dlib", "samples"}


def test_channels_last_and_bgr_are_the_same_network(settings: Settings, tmp_path: Path) -> None:
    flipped = brought(tmp_path, own_network.wide(256, bgr=True, last=True), channels="bgr")
    pack = own_packs.add(settings, flipped, ignore).pack
    (tmp_path / "unit.onnx").write_bytes(own_network.wide(256, unit=True))
    raw = describe({"name": "raw", "embedder": str(tmp_path / "unit.onnx"), "mean": "0", "scale": "1,1,1"})
    other = own_packs.add(settings, raw, ignore).pack
    assert pack.contract != other.contract
    for one, same in zip(templates(settings, "mine"), templates(settings, "raw"), strict=True):
        assert one == pytest.approx(same, abs=1e-3)


def test_dlibs_file_behind_the_way_of_seeing_of_sface(settings: Settings, tmp_path: Path) -> None:
    from tests.models.dlib_writer import network

    file = tmp_path / "embedder.dat"
    file.write_bytes(b"\x01\x01" + b"cut")
    with pytest.raises(InvalidValue, match=r"not dlib's face recognition ResNet: .*It may be cut off"):
        own_packs.add(settings, describe({"name": "mine", "embedder": str(file)}), ignore)
    file.write_bytes(network().data())
    with pytest.raises(InvalidValue, match=r"tell people apart|the same for two people|NaN"):
        own_packs.add(settings, describe({"name": "mine", "embedder": str(file)}), ignore)
    assert contents(settings) == {"sface", "centerface-dlib", "samples"}, "weights that mean nothing are refused"


@pytest.mark.parametrize(
    ("data", "given", "says"),
    [
        (b"", {}, "is empty"),
        (own_network.small()[:-200], {}, "is no ONNX file, or it is cut off|holds no network"),
        (b"\x89PNG" * 100, {}, "no ONNX file"),
        (own_network.small(answer="nan"), {}, "answers NaN or infinite"),
        (own_network.small(answer="constant"), {}, "answers the same for two people"),
        (own_network.small(), {}, "does not tell people apart"),
        (
            own_network.small(shape=("n", 1, 112, 112)),
            {},
            r"input is \['any', 1, 112, 112\]; an embedder takes one",
        ),
        (own_network.small(shape=(8, 3, 112, 112)), {}, r"input is \[8, 3, 112, 112\]"),
        (own_network.small(shape=("n", 3, 112, 96)), {}, "chips are square"),
        (own_network.small(shape=("n", 3, "h", "w")), {}, "say how large the chips are"),
        (own_network.small(shape=("n", 3, 1024, 1024)), {}, "32 to 512 pixels"),
        (own_network.small(), {"size": 160}, "size says 160; chips are square, of one size"),
        (own_network.small(kind=TensorProto.UINT8), {}, "input is uint8; export it for float32"),
        (own_network.small(outputs=2), {}, "several outputs; say which is the template .*template, flat"),
        (own_network.small(outputs=2), {"output": "flat"}, "answers 3 numbers for a face"),
        (own_network.small(), {"output": "none"}, "has no output 'none'. Outputs: template"),
        (own_network.small(domain="com.other"), {}, r"not ONNX's own \(com.other\)"),
        (own_network.small(opset=7), {}, "opset 7"),
    ],
)
def test_what_is_wrong_with_a_network_is_said(
    settings: Settings, tmp_path: Path, data: bytes, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidValue, match=says):
        own_packs.add(settings, brought(tmp_path, data, **given), ignore)
    assert contents(settings) == {"sface", "centerface-dlib", "samples"}, "nothing is left behind"


def test_weights_in_other_files_are_refused(settings: Settings, tmp_path: Path) -> None:
    file = own_network.external(tmp_path)
    with pytest.raises(InvalidValue, match="keeps weights in other files, which are refused"):
        own_packs.add(settings, describe({"name": "mine", "embedder": str(file)}), ignore)


def test_a_network_that_is_not_sound_or_answers_several_rows(settings: Settings, tmp_path: Path) -> None:
    model = onnx.load_model_from_string(own_network.small())
    model.graph.node[3].input[1] = "nowhere"
    with pytest.raises(InvalidValue, match="The network is not sound"):
        own_packs.add(settings, brought(tmp_path, own_network.serialized(model)), ignore)
    model = onnx.load_model_from_string(own_network.small())
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 4
    with pytest.raises(InvalidValue, match=r"output is \[4, 16\]"):
        own_packs.add(settings, brought(tmp_path, own_network.serialized(model)), ignore)


def test_files_that_are_not_there_or_too_large(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidValue, match="can't be read: No such file"):
        own_packs.add(settings, describe({"name": "mine", "embedder": str(tmp_path / "no.onnx")}), ignore)
    monkeypatch.setattr("kenspeckle.models.own_onnx.MOST_BYTES", 100)
    with pytest.raises(InvalidValue, match="has more than 0 MiB"):
        own_packs.add(settings, brought(tmp_path, own_network.small()), ignore)


@pytest.mark.parametrize("name", ["", "../up", "a/b", "Mine", "sface", "samples", "a.b", "x" * 64, "-x", "é", ".lock"])
def test_names_with_odd_characters_or_of_what_is_built_in(name: str) -> None:
    with pytest.raises(InvalidValue, match=r"A pack's name has|built in") as raised:
        describe({"name": name, "embedder": "some.onnx"})
    assert raised.value.field == "name"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"embedder": "some.bin"}, "embedder"),
        ({"detector": "mtcnn"}, "detector"),
        ({"alignment": "other"}, "alignment"),
        ({"alignment": [[1, 2]] * 5}, "alignment"),
        ({"alignment": [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]}, "size"),
        ({"alignment": [[1, 2], [3, 4], [5, 6], [7, 8], [900, 10]], "size": 112}, "alignment"),
        ({"size": 31}, "size"),
        ({"size": True}, "size"),
        ({"channels": "rgba"}, "channels"),
        ({"mean": "1,2"}, "mean"),
        ({"mean": "nan"}, "mean"),
        ({"scale": 0}, "scale"),
        ({"metric": "hamming"}, "metric"),
        ({"version": "5.0"}, "version"),
        ({"version": 8}, "version"),
        ({"licence": "two\nlines"}, "licence"),
        ({"colour": "rgb"}, "colour"),
        ({"embedder": "dlib.dat", "mean": 1}, "mean"),
    ],
)
def test_descriptions_that_are_wrong_name_the_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidValue) as raised:
        describe({"name": "mine", "embedder": "some.onnx", **given})
    assert raised.value.field == field


def test_a_description_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "pack.toml"
    file.write_text('name = "mine"\nembedder = "some.onnx"\nmean = [1, 2, 3]\nsize = 160\nlicence = "MIT"\n')
    found = own_description.from_toml(file)
    assert (found.embedder, found.preprocessing.mean, found.licence) == (tmp_path / "some.onnx", (1, 2, 3), "MIT")
    eyes = found.align(160).places[0]
    assert eyes == pytest.approx((38.2946 * 160 / 112, 51.6963 * 160 / 112), abs=1e-3), "ArcFace's places, scaled"
    for text, says in (("name =", "is no TOML"), ('name = "A"\nembedder = "a.onnx"', "A pack's name has")):
        file.write_text(text)
        with pytest.raises(InvalidValue, match=says):
            own_description.from_toml(file)
    with pytest.raises(InvalidValue, match="can't be read"):
        own_description.from_toml(tmp_path / "none.toml")


def test_what_happens_to_an_installed_pack_is_told(settings: Settings, wide: Path) -> None:
    own_packs.add(settings, describe({"name": "wide", "embedder": str(wide)}), ignore)
    folder = settings.models_dir / "wide"
    file = folder / "embedder.onnx"
    whole = file.read_bytes()
    for data, says in ((whole[:-1], "wrong size"), (whole[:-1] + b"!", "was altered")):
        file.write_bytes(data)
        with pytest.raises(ModelMissing, match=f"{says}.*models remove wide.*models add"):
            registry.find(settings.models_dir, "wide")
        with pytest.raises(AlreadyExists, match="damaged"):
            own_packs.add(settings, describe({"name": "wide", "embedder": str(wide)}), ignore)
    file.write_bytes(whole)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["own"]["metric"] = "euclidean"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SettingError, match=r"can't be read\. Remove the pack and add it again"):
        registry.find(settings.models_dir, "wide")
    assert "wide" not in registry.list_packs(settings.models_dir)
    own_packs.remove(settings, "wide", ignore)
    assert not folder.exists()


def test_what_can_not_be_removed(settings: Settings, wide: Path) -> None:
    for name, error in (
        ("sface", InvalidValue),
        ("none", SettingError),
        ("../data", SettingError),
        ("samples", SettingError),
    ):
        with pytest.raises(error):
            own_packs.remove(settings, name, ignore)
    own_packs.add(settings, describe({"name": "wide", "embedder": str(wide)}), ignore)
    with pytest.raises(Conflict, match="PACK names 'wide'"):
        own_packs.remove(replace(settings, pack="wide"), "wide", ignore)
    assert (settings.models_dir / "wide").is_dir()


def test_a_full_disk_leaves_nothing(settings: Settings, wide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(install, "write", full)
    with pytest.raises(KenspeckleError, match=r"disk .* is full"):
        own_packs.add(settings, describe({"name": "wide", "embedder": str(wide)}), ignore)
    assert contents(settings) == {"sface", "centerface-dlib", "samples"}


def test_detectors_that_are_not_installed(settings: Settings, wide: Path) -> None:
    (settings.models_dir / "sface").unlink()
    with pytest.raises(ModelMissing, match="kenspeckle models pull sface"):
        own_packs.add(settings, describe({"name": "wide", "embedder": str(wide)}), ignore)


def test_an_embedder_that_answers_nan_later_is_an_error_and_no_template(
    settings: Settings, wide: Path, tmp_path: Path
) -> None:
    pack = own_packs.add(settings, describe({"name": "mine", "embedder": str(wide)}), ignore).pack
    broken = tmp_path / "broken"
    shutil.copytree(settings.models_dir / "mine", broken)
    (broken / "embedder.onnx").write_bytes(own_network.small(answer="nan"))
    samples = install.samples(settings.models_dir, ignore)
    engine = Engine(registry.find_installed(broken, pack), settings)
    photo = engine.open(samples.astronaut.read_bytes())
    with pytest.raises(ModelMissing, match="answers NaN for a face"):
        engine.embed(photo, engine.detect(photo)[:1])


def test_a_runtime_that_gives_other_templates_is_told(settings: Settings) -> None:
    samples = install.samples(settings.models_dir, ignore)
    one = Engine(registry.find(settings.models_dir, "sface"), settings)
    pack_trial.compare_runtimes(one, one, samples)
    broken = replace(registry.find(settings.models_dir, "sface"), pack=registry.CENTERFACE_DLIB)
    other = Engine(replace(broken, pack=replace(registry.SFACE, alignment=turned())), settings)
    with pytest.raises(InvalidValue, match="Set PRECISION=float32"):
        pack_trial.compare_runtimes(one, other, samples)


def turned() -> registry.Alignment:
    return registry.Alignment(112, tuple((112 - x, 112 - y) for x, y in registry.SFACE.alignment.places))
