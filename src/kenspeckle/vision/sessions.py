"""Chooses the runtime of this machine and runs networks in it: on one thread each call, on two while it is alone."""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from kenspeckle import cpu
from kenspeckle.errors import SettingError

Floats: TypeAlias = npt.NDArray[np.float32]
Run: TypeAlias = Callable[[Floats], list[Floats]]

BFLOAT16: Final = {"amx_bf16", "avx512_bf16"}
"""Flags of /proc/cpuinfo that say that the processor multiplies in bfloat16."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """The inference runtime of a process, the same for all networks (docs/architecture.md has the measurements)."""

    name: str
    """`onnxruntime` or `openvino`."""
    cuda: bool = False
    bfloat16: bool = False
    """Whether embedders compute in it; detectors never do, so that landmarks are the same on every machine."""

    @property
    def label(self) -> str:
        """Runtime, device and precision as text for people."""
        return f"{self.name} {'cuda' if self.cuda else 'cpu'} {'bfloat16' if self.bfloat16 else 'float32'}"

    def prepare(self) -> None:
        """Call it before the first network is loaded; calling it again changes nothing."""
        if self.name == "onnxruntime":
            from kenspeckle.vision import onnx_runtime

            onnx_runtime.share_memory()

    def load(self, file: Path, threads: int, *, embedder: bool) -> Run:
        """The network, for calls that take so many threads. Raises ModelMissing."""
        if self.name == "openvino":
            from kenspeckle.vision import openvino_runtime

            callers = 1 if threads > 1 else cpu.cores()
            return openvino_runtime.Session(file, threads, callers, bfloat16=self.bfloat16 and embedder)
        from kenspeckle.vision import onnx_runtime

        return onnx_runtime.Session(file, threads, cuda=self.cuda)


def choose(device: str, precision: str) -> Runtime:
    """The runtime for DEVICE (`auto`, `cpu`, `cuda`) and PRECISION (`auto`, `float32`).

    A GPU where one is available, or else OpenVINO in bfloat16 where the processor supports it, or else ONNX Runtime.
    Raises SettingError where `cuda` is set and not available.
    """
    if device != "cpu":
        from kenspeckle.vision import onnx_runtime

        if onnx_runtime.has_cuda():
            return Runtime("onnxruntime", cuda=True)
        if device == "cuda":
            raise SettingError(
                "DEVICE=cuda needs ONNX Runtime with CUDA, which is not installed. "
                "Run: pip uninstall onnxruntime; pip install 'kenspeckle[cuda]'",
                field="device",
            )
    if precision == "auto" and _has_bfloat16():
        from kenspeckle.vision import openvino_runtime

        if openvino_runtime.is_installed() and openvino_runtime.computes_bfloat16():
            return Runtime("openvino", bfloat16=True)
    return Runtime("onnxruntime")


def _has_bfloat16(file: Path = Path("/proc/cpuinfo")) -> bool:
    if platform.machine() != "x86_64":
        return False
    try:
        with file.open() as lines:
            flags = next((line for line in lines if line.startswith("flags")), "")
    except OSError:
        return False
    return bool(BFLOAT16 & set(flags.split()))


class Activity:
    """Counts the photographs under way, and says whether a second core is free."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._cores = cpu.cores()

    @contextmanager
    def busy(self) -> Iterator[None]:
        with self._lock:
            self._count += 1
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1

    @property
    def alone(self) -> bool:
        """Whether one photograph at most is under way here, and other threads keep less than all cores busy.

        With as many as there are cores beside it, two threads are slower than one; with one fewer, no slower."""
        return self._cores > 1 and self._count <= 1 and cpu.running() <= self._cores


class Network:
    """One network with one input; may be called from many threads at once.

    A call has one thread, and a second one while it is the only call and a second core is free: 1.5 to 1.8 times faster
    then. Under load the same session would waste a sixth of both cores in waiting, so there is one of each.
    """

    def __init__(
        self,
        file: Path,
        activity: Activity | None = None,
        *,
        runtime: Runtime = Runtime("onnxruntime"),
        embedder: bool = False,
    ) -> None:
        """Raises ModelMissing where the file can't be loaded."""
        self._activity = activity
        self._one = runtime.load(file, 1, embedder=embedder)
        twice = activity is not None and cpu.cores() > 1 and not runtime.cuda
        self._two = runtime.load(file, 2, embedder=embedder) if twice else None

    def __call__(self, pixels: Floats) -> list[Floats]:
        """All outputs, in the order of the file."""
        if self._two is not None and self._activity is not None and self._activity.alone:
            return self._two(pixels)
        return self._one(pixels)
