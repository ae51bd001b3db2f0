"""Installing, finding and checking packs: interruption, races, damage. With small packs, and the real one once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from kenspeckle.errors import ModelMissing, SettingError
from kenspeckle.models import install, registry
from kenspeckle.models.install import FETCHED
from tests.models.package_index import Index, member, serving

SMALL = {"detector": b"finds" * 9000, "embedder": b"describes" * 9000}


def no_progress(name: str, done: int, size: int) -> None:
    """What has nothing to fetch tells of no progress."""
    pytest.fail(f"{name}: {done} of {size} bytes")


def small_pack(index: Index) -> registry.Pack:
    """A pack of two archives on `index`, as it would be but for the networks."""

    def part(kind: str) -> registry.Part:
        archive = index.add_wheel(kind, {f"{kind}.bin": SMALL[kind]})
        return registry.Part(f"{kind}.onnx", kind, "me", "CC0-1.0", "", archive, member(f"{kind}.bin", SMALL[kind]))

    detector, embedder = part("detector"), part("embedder")
    return replace(registry.CENTERFACE_DLIB, name="small", texts=(), detector=detector, embedder=embedder)


PROGRAM = """
import pathlib, pickle, sys
from kenspeckle.models import install, registry
pack = pickle.loads(bytes.fromhex(sys.argv[2]))
registry.PACKS[pack.name] = pack
install.pull(pathlib.Path(sys.argv[1]), pack.name, lambda *step: print(*step, flush=True))
"""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    with serving(Index()) as running:
        for name, value in running.environment(tmp_path / "cache").items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def small(index: Index, monkeypatch: pytest.MonkeyPatch) -> registry.Pack:
    pack = small_pack(index)
    monkeypatch.setitem(registry.PACKS, pack.name, pack)
    return pack


def ignore(*_: object) -> None:
    pass


def pulling(models: Path, pack: registry.Pack) -> subprocess.Popen[str]:
    import pickle

    command = [sys.executable, "-c", PROGRAM, str(models), pickle.dumps(pack).hex()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def contents(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_killed_pull_goes_on_where_it_was(index: Index, small: registry.Pack, tmp_path: Path) -> None:
    models = tmp_path / "models"
    index.stalled.add("embedder-1.0-py3-none-any.whl")
    with pulling(models, small) as process:
        assert index.reached.wait(30)
        os.killpg(process.pid, signal.SIGKILL)
    assert not (models / "small").exists()
    with pytest.raises(ModelMissing, match="kenspeckle models pull small"):
        registry.find(models, "small")
    assert any(path.name.startswith(".staging-") for path in (models / FETCHED).iterdir())
    index.stalled.clear()
    index.go_on.set()
    install.pull(models, "small", ignore)
    assert index.asked.count("detector-1.0-py3-none-any.whl") == 1
    assert contents(models) == {"small", ".lock"}


def test_two_at_once_fetch_once(index: Index, small: registry.Pack, tmp_path: Path) -> None:
    models = tmp_path / "models"
    index.stalled.add("embedder-1.0-py3-none-any.whl")
    with pulling(models, small) as first:
        assert index.reached.wait(30)
        with pulling(models, small) as second:
            assert second.stdout is not None
            assert second.stdout.readline().startswith("waiting for another pull")
            index.go_on.set()
    assert (first.returncode, second.returncode) == (0, 0)
    assert sorted(index.asked) == ["detector-1.0-py3-none-any.whl", "embedder-1.0-py3-none-any.whl"]
    assert registry.check(models, "small") == dict.fromkeys(("manifest.json", "detector.onnx", "embedder.onnx"), "")


def fetched(models: Path) -> None:
    """As after an interruption: the sources lie in `models`, verified, and no package index has to be asked."""
    (models / FETCHED).mkdir(parents=True)
    for kind, data in SMALL.items():
        (models / FETCHED / member(kind, data).sha256).write_bytes(data)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[registry.Pack, Path]:
    """A small pack, installed once for the tests of damage, which work on copies."""
    models = tmp_path_factory.mktemp("published")
    fetched(models)
    pack = small_pack(Index())
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.PACKS, pack.name, pack)
        install.pull(models, pack.name, ignore)
    return pack, models / pack.name


@pytest.fixture
def models(published: tuple[registry.Pack, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models with a copy of the small pack, to be damaged."""
    pack, folder = published
    monkeypatch.setitem(registry.PACKS, pack.name, pack)
    shutil.copytree(folder, tmp_path / "models" / pack.name)
    return tmp_path / "models"


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def shorten(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def replace_by_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (flip, "was altered"),
        (shorten, "has a wrong size"),
        (Path.unlink, "is not there"),
        (replace_by_folder, "has a wrong size"),
    ],
)
def test_damaged_file_is_found(models: Path, damage: object, problem: str) -> None:
    assert callable(damage)
    damage(models / "small" / "embedder.onnx")
    assert problem in registry.check(models, "small")["embedder.onnx"]
    with pytest.raises(ModelMissing, match=rf"embedder.onnx {problem}.* Run `kenspeckle models pull small`"):
        registry.find(models, "small")


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"recipe": 1}',
        b'{"recipe": "x", "files": 7}',
        b'{"recipe": "x", "files": {}}',
        b"[" * 100_000,
    ],
    ids=lambda data: data[:12].decode("latin-1"),
)
def test_damaged_manifest_is_found(models: Path, manifest: bytes) -> None:
    (models / "small" / "manifest.json").write_bytes(manifest)
    with pytest.raises(ModelMissing, match=r"manifest.json .*Run `kenspeckle models pull small`"):
        registry.find(models, "small")


@pytest.mark.parametrize("stated", [None, 7, {}, {"size": 1}, "size"])
def test_manifest_that_states_nonsense_is_found(models: Path, stated: object) -> None:
    file = models / "small" / "manifest.json"
    manifest = json.loads(file.read_bytes())
    manifest["files"]["embedder.onnx"] = stated
    file.write_text(json.dumps(manifest))
    with pytest.raises(ModelMissing, match=r"embedder.onnx .*Run `kenspeckle models pull small`"):
        registry.find(models, "small")


def test_pack_made_of_other_sources_is_not_taken(
    published: tuple[registry.Pack, Path], models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack, _ = published
    newer = replace(pack, detector=replace(pack.detector, member=member("detector.bin", b"newer")))
    monkeypatch.setitem(registry.PACKS, "small", newer)
    with pytest.raises(ModelMissing, match="another version of Kenspeckle"):
        registry.find(models, "small")


def test_pull_publishes_the_files_a_manifest_and_nothing_else(models: Path) -> None:
    installed = install.pull(models, "small", no_progress)
    assert installed == registry.find(models, "small")
    assert installed.detector.read_bytes() == SMALL["detector"]
    assert installed.embedder.read_bytes() == SMALL["embedder"]
    assert contents(models / "small") == {"detector.onnx", "embedder.onnx", "manifest.json"}


def test_pull_mends_a_damaged_pack_from_what_is_fetched_already(models: Path) -> None:
    flip(models / "small" / "embedder.onnx")
    (models / "small" / "stray").touch()
    fetched(models)
    install.pull(models, "small", ignore)
    assert registry.find(models, "small").embedder.read_bytes() == SMALL["embedder"]
    assert contents(models / "small") == {"detector.onnx", "embedder.onnx", "manifest.json"}
    assert contents(models) == {"small", ".lock"}


def test_missing_pack_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="Run `kenspeckle models pull sface`"):
        registry.find(tmp_path / "nothing", registry.DEFAULT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "other", "../centerface-dlib", "samples"])
def test_unknown_pack(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError, match="Packs are: sface, centerface-dlib"):
        registry.find(tmp_path, name)


def test_contract_depends_on_what_makes_templates_comparable_and_nothing_else() -> None:
    pack = registry.CENTERFACE_DLIB
    other = [
        replace(pack, embedder=replace(pack.embedder, member=member("x", b"other weights"))),
        replace(pack, dimension=512),
        replace(pack, preprocessing="bgr"),
        replace(pack, alignment=replace(pack.alignment, size=112)),
        replace(pack, metric="cosine"),
    ]
    assert len({pack.contract, *(one.contract for one in other)}) == len(other) + 1
    assert (
        replace(pack, version="2", calibration=replace(pack.calibration, distances=(0.0,) * 8)).contract
        == pack.contract
    )
    assert pack.info.contract == pack.contract


def test_calibration_is_strictly_decreasing_from_100_to_0() -> None:
    for pack in registry.PACKS.values():
        knots = list(zip(pack.calibration.distances, pack.calibration.similarities, strict=True))
        assert knots[0] == (0.0, 100.0)
        assert knots[-1][1] == 0.0
        assert all(a[0] < b[0] and a[1] > b[1] for a, b in pairwise(knots))


def test_a_start_reads_only_what_its_runtime_loads(pack: registry.InstalledPack, tmp_path: Path) -> None:
    """A form of the embedder that nobody here uses stops no start; who looks at everything finds it."""
    copied = tmp_path / pack.pack.name
    copied.mkdir()
    for file in pack.folder.iterdir():
        if file.name != "embedder.plain.onnx":
            (copied / file.name).symlink_to(file)
    shutil.copy(pack.folder / "embedder.plain.onnx", copied)
    flip(copied / "embedder.plain.onnx")
    assert registry.find(tmp_path, pack.pack.name, "onnxruntime").embedder == copied / "embedder.onnx"
    for runtime in ("openvino", None):
        with pytest.raises(ModelMissing, match=r"embedder\.plain\.onnx was altered"):
            registry.find(tmp_path, pack.pack.name, runtime)


def test_samples_are_whole_and_mended(samples: registry.Samples, models_dir: Path) -> None:
    people = (samples.grace_hopper, samples.astronaut)
    faceless = (samples.coffee, samples.chelsea, samples.rocket)
    assert all(path.is_file() for path in (*people, *faceless))
    assert install.samples(models_dir, no_progress) == samples
