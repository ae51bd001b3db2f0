"""The converted networks: golden templates of dlib, dlib itself where it is, and files that are damaged or hostile."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from kenspeckle.models import convert_centerface, convert_dlib, registry
from kenspeckle.models.dlib_format import FormatError
from kenspeckle.models.dlib_resnet import parse
from tests.models.dlib_writer import Writer, integer, integers, network
from tests.vision.make_golden import GOLDEN, PEERS, chips

Chips = dict[str, npt.NDArray[np.uint8]]


def session(model: Path | bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def embed(model: Any, *images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    found: npt.NDArray[np.float32] = model.run(
        None, {"image": np.stack(images).transpose(0, 3, 1, 2).astype(np.float32)}
    )[0]
    return found


@pytest.fixture(scope="module")
def cut(samples: registry.Samples) -> Chips:
    return chips(samples)


@pytest.fixture(scope="module")
def embedder(dlib_pack: registry.InstalledPack) -> Any:
    return session(dlib_pack.embedder)


@pytest.fixture(scope="module")
def written() -> Writer:
    return network()


@pytest.fixture(scope="module")
def converted(written: Writer) -> bytes:
    return convert_dlib.convert(written.data())


@pytest.mark.parametrize("name", ["grace_hopper.jpg", "astronaut.png", "pattern"])
def test_embedder_agrees_with_golden_templates(embedder: Any, cut: Chips, name: str) -> None:
    golden = np.array(json.loads(GOLDEN.read_text())[name])
    assert golden.shape == (128,)
    assert np.abs(embed(embedder, cut[name])[0] - golden).max() < 1e-3


def test_embedder_agrees_with_dlib(embedder: Any, cut: Chips, models_dir: Path) -> None:
    dlib = pytest.importorskip("dlib", reason="dlib is not installed (the `bench` extra brings it)")
    weights = models_dir / PEERS / registry.CENTERFACE_DLIB.embedder.member.sha256
    if not weights.exists():
        pytest.skip("dlib's own weights are not here; python -m tests.vision.make_golden fetches them")
    peer = dlib.face_recognition_model_v1(str(weights))
    images = [*cut.values(), 255 - cut["astronaut.png"], np.zeros((150, 150, 3), np.uint8)]
    theirs = np.array([peer.compute_face_descriptor(image) for image in images])
    assert np.abs(embed(embedder, *images) - theirs).max() < 1e-5


def test_dlib_reads_what_the_writer_of_these_tests_writes(
    written: Writer, converted: bytes, cut: Chips, tmp_path: Path
) -> None:
    dlib = pytest.importorskip("dlib", reason="dlib is not installed (the `bench` extra brings it)")
    (tmp_path / "net.dat").write_bytes(written.data())
    peer = dlib.face_recognition_model_v1(str(tmp_path / "net.dat"))
    theirs = np.array(peer.compute_face_descriptor(cut["pattern"]))
    ours = embed(session(converted), cut["pattern"])[0]
    assert np.abs(ours - theirs).max() < 1e-4 * np.abs(theirs).max()


def test_batch_gives_what_single_chips_give(embedder: Any, cut: Chips) -> None:
    batch = embed(embedder, *cut.values())
    singles = np.concatenate([embed(embedder, image) for image in cut.values()])
    assert np.abs(batch - singles).max() < 1e-5


def test_conversion_is_deterministic(dlib_pack: registry.InstalledPack, written: Writer, converted: bytes) -> None:
    """The installed files have these digests on every machine; other ones mean that RECIPE has to grow."""
    assert convert_dlib.convert(written.data()) == converted
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (dlib_pack.detector, dlib_pack.embedder)]
    assert digests == [
        "428e1b4623e2f0dcbadb7acac38a66b0559a09d00656edd96974a1e23fe9af97",
        "ae289f4cea4efd57ba5490c9d28cee6a6177d39871554b17c5149083da05b6ba",
    ]


def test_file_cut_off_anywhere_is_refused(written: Writer) -> None:
    data = written.data()
    draw = random.Random(1)
    for end in [
        0,
        1,
        *draw.sample(written.bounds[:-1], 12),
        *(draw.randrange(len(data)) for _ in range(12)),
        len(data) - 1,
    ]:
        with pytest.raises(FormatError):
            parse(data[:end])


def test_structure_that_differs_is_refused(written: Writer) -> None:
    """Each of the first bytes of the first layers in turn: names, versions, shapes."""
    data = bytearray(written.data()[: written.bounds[20]])
    structure = [at for start in [0, *written.bounds[:20]] for at in range(start, min(start + 10, len(data)))]
    for at in structure:
        data[at] ^= 0x41
        with pytest.raises(FormatError):
            parse(bytes(data))
        data[at] ^= 0x41


def test_bytes_left_over_are_refused(written: Writer) -> None:
    with pytest.raises(FormatError, match="left over"):
        parse(written.data() + b"\0")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(written: Writer, value: float) -> None:
    data = bytearray(written.data())
    at = (
        written.bounds[1] + len(integer(5) + b"con_4" + integers(2, 4736, 1, 1, 1)) + 400
    )  # a weight of the first layer
    data[at : at + 4] = np.float32(value).tobytes()
    with pytest.raises(FormatError, match="not finite"):
        parse(bytes(data))


@pytest.mark.parametrize(
    "shape",
    [(1 << 62, 1, 1, 1), (1 << 31, 1 << 31, 1 << 31, 1 << 31), (-1, -1, 1, 1), (4736, 1, 1, -1), (0, 1 << 62, 1, 1)],
)
def test_tensor_that_claims_too_much_is_refused_at_once(written: Writer, shape: tuple[int, ...]) -> None:
    start = written.data()[: written.bounds[1]]
    claim = b"\x01\x05con_4" + integer(2) + b"".join(integer(side) for side in shape)
    with pytest.raises(FormatError):
        parse(start + claim + bytes(4096))


def test_random_bytes_are_refused() -> None:
    draw = random.Random(2)
    for _ in range(300):
        with pytest.raises(FormatError):
            parse(b"\x01\x01" + draw.randbytes(draw.randrange(60)))


def fixed_detector() -> onnx.ModelProto:
    """As CenterFace is published: a fixed size, weights among the inputs, a weight that nothing uses."""
    image = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [10, 3, 32, 32])
    inputs, weights, nodes, outputs = [image], [], [], []
    draw = np.random.default_rng(3)
    for name, (_, channels) in convert_centerface.OUTPUTS.items():
        kernel = draw.standard_normal((channels, 3, 4, 4)).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel, f"w{name}"))
        inputs.append(helper.make_tensor_value_info(f"w{name}", TensorProto.FLOAT, kernel.shape))
        nodes.append(helper.make_node("Conv", ["input.1", f"w{name}"], [name], strides=[4, 4], kernel_shape=[4, 4]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [10, channels, 8, 8]))
    weights.append(numpy_helper.from_array(np.zeros(1, np.int64), "batches"))
    inputs.append(helper.make_tensor_value_info("batches", TensorProto.INT64, [1]))
    graph = helper.make_graph(nodes, "net", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=4)


def test_detector_takes_any_size_and_keeps_its_values() -> None:
    fixed = fixed_detector()
    images = np.random.default_rng(4).uniform(0, 255, (10, 3, 32, 32)).astype(np.float32)
    before = session(fixed.SerializeToString()).run(list(convert_centerface.OUTPUTS), {"input.1": images})
    free = session(convert_centerface.convert(fixed.SerializeToString()))
    names = [name for name, _ in convert_centerface.OUTPUTS.values()]
    assert [one.name for one in free.get_inputs()] == ["image"]
    assert [one.name for one in free.get_outputs()] == names
    for old, new in zip(before, free.run(names, {"image": images}), strict=True):
        np.testing.assert_allclose(old, new, rtol=1e-5, atol=0.01)
    assert free.run(["landmarks"], {"image": np.zeros((2, 3, 64, 96), np.float32)})[0].shape == (2, 10, 16, 24)


def test_real_detector_takes_any_size(pack: registry.InstalledPack) -> None:
    detector = session(pack.detector)
    for count, height, width in ((1, 32, 32), (1, 480, 640), (3, 96, 32)):
        maps = detector.run(
            ["heat", "scale", "offset", "landmarks"], {"image": np.zeros((count, 3, height, width), np.float32)}
        )
        assert [one.shape for one in maps] == [(count, channels, height // 4, width // 4) for channels in (1, 2, 2, 10)]


def test_other_networks_are_refused(converted: bytes) -> None:
    for data in (b"", b"no network", converted[:1000], converted):
        with pytest.raises(FormatError):
            convert_centerface.convert(data)
