"""Sessions: a second thread only where a core has time for it, and the same answers either way."""

from __future__ import annotations

import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from kenspeckle import cpu
from kenspeckle.errors import SettingError
from kenspeckle.models import registry
from kenspeckle.settings import Settings
from kenspeckle.vision import onnx_runtime, openvino_runtime, sessions
from kenspeckle.vision.engine import Engine
from kenspeckle.vision.sessions import Activity, Network, Runtime, choose

needs_openvino = pytest.mark.skipif(not openvino_runtime.is_installed(), reason="OpenVINO is for Linux on x86-64")
OPENVINO = Runtime("openvino")


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of two cores on which nothing else runs."""
    monkeypatch.setattr(cpu, "cores", lambda: 2)
    monkeypatch.setattr(cpu, "running", lambda: 1)


def alone(activity: Activity) -> bool:
    """What it says now: the type checker takes a property that was looked at once for a constant."""
    return activity.alone


@pytest.mark.usefixtures("idle")
def test_one_photograph_is_alone_and_two_are_not() -> None:
    activity = Activity()
    assert alone(activity)
    with activity.busy():
        assert alone(activity)
        with activity.busy():
            assert not alone(activity)
        assert alone(activity)
    with pytest.raises(ValueError, match="x"), activity.busy(), activity.busy():
        raise ValueError("x")
    assert alone(activity)


@pytest.mark.usefixtures("idle")
def test_other_programs_count_and_so_does_a_single_core(monkeypatch: pytest.MonkeyPatch) -> None:
    for count, alone in ((2, True), (3, False)):
        monkeypatch.setattr(cpu, "running", lambda count=count: count)
        assert Activity().alone is alone
    monkeypatch.setattr(cpu, "running", lambda: 1)
    monkeypatch.setattr(cpu, "cores", lambda: 1)
    assert not Activity().alone


@pytest.mark.usefixtures("idle")
def test_two_threads_answer_as_one_does(dlib_pack: registry.InstalledPack) -> None:
    pixels = np.random.default_rng(4).uniform(0, 255, (1, 3, 150, 150)).astype(np.float32)
    one, two = Network(dlib_pack.embedder), Network(dlib_pack.embedder, Activity())
    assert two(pixels)[0] == pytest.approx(one(pixels)[0], abs=1e-5)


def test_bfloat16_decides_between_the_runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    for has, kernels, precision, expected in (
        (False, True, "auto", Runtime("onnxruntime")),
        (True, True, "auto", Runtime("openvino", bfloat16=True)),
        (True, False, "auto", Runtime("onnxruntime")),
        (True, True, "float32", Runtime("onnxruntime")),
    ):
        monkeypatch.setattr(sessions, "_has_bfloat16", lambda has=has: has)
        monkeypatch.setattr(openvino_runtime, "is_installed", lambda: True)
        monkeypatch.setattr(openvino_runtime, "computes_bfloat16", lambda kernels=kernels: kernels)
        assert choose("cpu", precision) == expected


def test_flags_of_the_processor(tmp_path: Path) -> None:
    for flags, expected in (("fpu avx2", False), ("fpu avx512_bf16 x", True), ("fpu amx_bf16 amx_tile", True)):
        file = tmp_path / "cpuinfo"
        file.write_text(f"processor : 0\nflags\t\t: {flags}\n")
        assert sessions._has_bfloat16(file) is (expected and platform.machine() == "x86_64")
    assert not sessions._has_bfloat16(tmp_path / "absent")


def test_cuda_is_taken_where_it_is_and_else_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_runtime, "has_cuda", lambda: True)
    assert choose("auto", "auto") == choose("cuda", "float32") == Runtime("onnxruntime", cuda=True)
    assert not choose("cpu", "float32").cuda
    monkeypatch.setattr(onnx_runtime, "has_cuda", lambda: False)
    assert not choose("auto", "float32").cuda
    with pytest.raises(SettingError, match=r"kenspeckle\[cuda\]"):
        choose("cuda", "auto")


@needs_openvino
@pytest.mark.usefixtures("idle")
def test_both_runtimes_answer_alike(sface_pack: registry.InstalledPack) -> None:
    random = np.random.default_rng(5)
    for ours, theirs, shapes in (
        (sface_pack.finder, sface_pack.finder, [(160, 192), (320, 256)]),
        (sface_pack.detector, sface_pack.detector, [(96, 96), (128, 128)]),
        (sface_pack.embedder, sface_pack.plain_embedder, [(112, 112)]),
    ):
        assert ours is not None
        assert theirs is not None
        one, other = Network(ours), Network(theirs, Activity(), runtime=OPENVINO)
        for shape in shapes:
            pixels = random.uniform(0, 255, (1, 3, *shape)).astype(np.float32)
            for expected, found in zip(one(pixels), other(pixels), strict=True):
                assert found == pytest.approx(expected, abs=2e-3)


@needs_openvino
def test_openvino_serves_many_callers_at_once(sface_pack: registry.InstalledPack) -> None:
    assert sface_pack.plain_embedder is not None
    network = Network(sface_pack.plain_embedder, runtime=OPENVINO)
    inputs = [np.full((1, 3, 112, 112), value, np.float32) for value in range(0, 250, 25)]
    expected = [network(pixels)[0] for pixels in inputs]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda pixels: network(pixels)[0], inputs * 3))
    assert all(np.array_equal(one, other) for one, other in zip(found, expected * 3, strict=True))


FIRST = """
import faulthandler, sys, threading
from pathlib import Path
import numpy as np
from kenspeckle.vision.openvino_runtime import Session

faulthandler.dump_traceback_later(100, exit=True)
session = Session(Path(sys.argv[1]), 1, 4)
sys.setswitchinterval(1e-6)
together = threading.Barrier(4)

def run():
    pixels = np.zeros((1, 3, 112, 112), np.float32)
    together.wait()
    session(pixels)

threads = [threading.Thread(target=run) for _ in range(4)]
for one in threads:
    one.start()
for one in threads:
    one.join()
"""


@needs_openvino
def test_the_first_photographs_of_a_process_may_come_at_once(sface_pack: registry.InstalledPack) -> None:
    """They stopped it for ever, with Python's lock held."""
    command = [sys.executable, "-c", FIRST, str(sface_pack.plain_embedder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr


@needs_openvino
def test_templates_of_both_precisions_are_comparable(
    sface_pack: registry.InstalledPack, sface: Engine, samples: registry.Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From bytes to template; in bfloat16 where this processor has it, and else OpenVINO's float32."""
    bfloat16 = openvino_runtime.computes_bfloat16()
    monkeypatch.setattr("kenspeckle.vision.engine.choose", lambda *_: Runtime("openvino", bfloat16=bfloat16))
    other = Engine(sface_pack, Settings())
    for file in (samples.grace_hopper, samples.astronaut):
        templates = []
        for engine in (sface, other):
            photo = engine.open(file.read_bytes())
            templates.append(engine.embed(photo, engine.detect(photo, largest_only=True))[0])
        assert templates[0] @ templates[1] > 0.998
