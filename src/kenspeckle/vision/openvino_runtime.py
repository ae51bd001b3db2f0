"""Runs networks in OpenVINO, which computes in bfloat16 where the processor does: three to four times as fast."""

from __future__ import annotations

import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kenspeckle.errors import ModelMissing

Floats: TypeAlias = npt.NDArray[np.float32]

_lock = threading.Lock()
_core: list[Any] = []
_begun = threading.Event()
"""Set once a network has run in this process."""


def is_installed() -> bool:
    return find_spec("openvino") is not None


def computes_bfloat16() -> bool:
    """Whether OpenVINO has kernels in bfloat16 for this processor."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def core() -> Any:
    """OpenVINO itself, once a process, loaded at the first use."""
    with _lock:
        if not _core:
            import openvino

            _core.append(openvino.Core())
    return _core[0]


class Session:
    """One network with one input; for many callers at once, each of which has `threads` threads."""

    def __init__(self, file: Path, threads: int, callers: int, *, bfloat16: bool = False) -> None:
        """`callers` are served at once; more wait. Raises ModelMissing where the file can't be loaded."""
        try:
            model = core().read_model(str(file))
            shape = model.input(0).partial_shape
            if shape[0].is_dynamic:  # a batch of one, always: kernels are made for it
                shape[0] = 1
                model.reshape(shape)
            self._model = core().compile_model(
                model,
                "CPU",
                {
                    "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",
                    "INFERENCE_NUM_THREADS": threads * callers,
                    "NUM_STREAMS": callers,
                    "ENABLE_CPU_PINNING": False,
                },
            )
        except RuntimeError as error:
            raise ModelMissing(f"{file} can't be loaded. Run: kenspeckle models pull") from error
        self._idle: list[Any] = []

    def __call__(self, pixels: Floats) -> list[Floats]:
        """The network's outputs for (1, 3, height, width)."""
        if not _begun.is_set():
            # The first run alone: OpenVINO fills tables of types then, behind a lock of C++ that the one thread waits
            # for with Python's lock, which the other needs to go on; neither would, nor any thread of the process.
            with _lock:
                found = self._run(pixels)
                _begun.set()
            return found
        return self._run(pixels)

    def _run(self, pixels: Floats) -> list[Floats]:
        request = None
        with suppress(IndexError):  # as another thread may take the last one
            request = self._idle.pop()
        request = request or self._model.create_infer_request()
        try:
            found = request.infer({0: pixels}, share_inputs=True)
            return [np.array(found[place]) for place in range(len(found))]  # the request's own go with the next call
        finally:
            self._idle.append(request)
