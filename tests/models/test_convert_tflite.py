"""Conversion of MediaPipe's networks: golden outputs of Google's own runtime, that runtime where it is, other files."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kenspeckle.errors import ModelMissing
from kenspeckle.models import attributes, convert_tflite, install, registry
from kenspeckle.models.attributes import ATTRIBUTES
from kenspeckle.models.dlib_format import FormatError
from tests.models.test_convert_dlib import session
from tests.vision.make_golden_attributes import GOLDEN, Floats, by_litert, crops, sources

NETWORKS = ("mesh", "iris")
CONVERTERS = {
    "mesh": (convert_tflite.convert_mesh, convert_tflite.convert_mesh_plain),
    "iris": (convert_tflite.convert_iris, convert_tflite.convert_iris_plain),
}


@pytest.fixture(scope="module")
def folder(models_dir: Path) -> Path:
    return install.pull_attributes(models_dir, lambda *_: None)


@pytest.fixture(scope="module")
def published(models_dir: Path) -> dict[str, Path]:
    return sources(models_dir)


def outputs(model: Any, picture: Floats) -> list[Floats]:
    found = model.run(None, {"image": np.ascontiguousarray(picture.transpose(2, 0, 1)[None])})
    return sorted((np.ravel(one) for one in found), key=len, reverse=True)


@pytest.mark.parametrize("form", [".onnx", ".plain.onnx"])
@pytest.mark.parametrize("network", NETWORKS)
def test_installed_networks_answer_what_the_published_ones_do(
    folder: Path, samples: registry.Samples, network: str, form: str
) -> None:
    """In pixels of the input, to less than a thousandth; of another converter, or with an axis turned, it is tens."""
    golden = json.loads(GOLDEN.read_text())[network]
    model = session(folder / f"{network}{form}")
    for name, picture in crops(samples, network).items():
        for ours, theirs in zip(outputs(model, picture), golden[name], strict=True):
            assert len(ours) == len(theirs)
            assert np.abs(ours - np.array(theirs)).max() < 1e-3


@pytest.mark.parametrize("network", NETWORKS)
def test_networks_agree_with_the_runtime_they_were_made_for(
    folder: Path, published: dict[str, Path], network: str
) -> None:
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed (the `bench` extra brings it)")
    model = session(folder / f"{network}.onnx")
    side = 192 if network == "mesh" else 64
    for picture in np.random.default_rng(0).random((3, side, side, 3), np.float32):
        for ours, theirs in zip(outputs(model, picture), by_litert(published[network], picture), strict=True):
            assert np.abs(ours - theirs).max() < 1e-3


@pytest.mark.parametrize("network", NETWORKS)
def test_conversion_is_deterministic(folder: Path, published: dict[str, Path], network: str) -> None:
    """What is installed is what the source becomes now; if it is not, RECIPE has to grow."""
    data = published[network].read_bytes()
    for convert, form in zip(CONVERTERS[network], (".onnx", ".plain.onnx"), strict=True):
        assert convert(data) == (folder / f"{network}{form}").read_bytes()


@pytest.mark.parametrize("data", [b"", b"no network", b"\0\0\0\0TFL3", b"\x08\0\0\0TFL3" + b"\xff" * 64])
@pytest.mark.parametrize("network", NETWORKS)
def test_what_is_no_network_is_refused(network: str, data: bytes) -> None:
    for convert in CONVERTERS[network]:
        with pytest.raises(FormatError):
            convert(data)


def test_another_network_is_refused(published: dict[str, Path]) -> None:
    with pytest.raises(FormatError, match="other inputs or outputs"):
        convert_tflite.convert_mesh(published["iris"].read_bytes())


def test_damaged_networks_are_refused_or_another(published: dict[str, Path]) -> None:
    """A table whose offsets are wrong ends in our error and in no other, wherever it was damaged."""
    data, draw = published["iris"].read_bytes(), random.Random(1)
    for end in (len(data) // 100, len(data) // 2, len(data) - 1000):
        with pytest.raises(FormatError):
            convert_tflite.convert_iris(data[:end])
    for _ in range(20):
        altered = bytearray(data)
        for at in draw.sample(range(40_000), 40) + draw.sample(range(len(data) - 40_000, len(data)), 40):
            altered[at] ^= 1 << draw.randrange(8)
        try:
            convert_tflite.convert_iris_plain(bytes(altered))
        except FormatError:
            continue


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(published: dict[str, Path], value: float) -> None:
    data = published["iris"].read_bytes()
    # The largest tensor lies in one piece somewhere; a float in the middle of the file is one of its weights.
    at = len(data) // 2 // 4 * 4
    altered = data[:at] + np.float32(value).tobytes() + data[at + 4 :]
    with pytest.raises(FormatError, match="not finite"):
        convert_tflite.convert_iris(altered)


def test_networks_that_are_missing_name_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="kenspeckle models pull attributes"):
        registry.find_attributes(tmp_path, "onnxruntime")


def test_a_damaged_file_is_found_only_where_it_is_used(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / ATTRIBUTES.name
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "iris.plain.onnx").write_bytes(b"!")
    assert registry.find_attributes(tmp_path, "onnxruntime") == attributes.find_installed(copy, "onnxruntime")
    with pytest.raises(ModelMissing, match=r"iris\.plain\.onnx has a wrong size"):
        registry.find_attributes(tmp_path, "openvino")
