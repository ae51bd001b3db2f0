"""Runs the networks of a pack in ONNX Runtime: on one thread each call, on two while no other call is under way."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime

from kenspeckle import cpu as cpu_
from kenspeckle.errors import ModelMissing

Floats: TypeAlias = npt.NDArray[np.float32]

ERRORS_ONLY: Final = 3
"""ONNX Runtime's severity level; its warnings speak of unused weights in the published file."""


class Activity:
    """Counts the photographs under way, and knows whether a second core has time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._cores = cpu_.cores()

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
        return self._cores > 1 and self._count <= 1 and cpu_.running() <= self._cores


class Network:
    """One network with one input; may be called from many threads at once.

    A call has the caller's thread, and one more while it is alone and a second core has time: 1.5 to 1.8 times
    faster then. Under load the same session would waste a sixth of both cores in waiting, so there is one of each.
    """

    def __init__(self, file: Path, activity: Activity | None = None) -> None:
        """Raises ModelMissing where the file can't be loaded."""
        self._activity = activity
        self._one = _session(file)
        self._split = cpu_.split()
        # 30 MB for the embedder
        self._two = _session(file, 2, self._split) if activity is not None and cpu_.cores() > 1 else None
        self._input = self._one.get_inputs()[0].name

    def __call__(self, pixels: Floats) -> list[Floats]:
        """All outputs, in the order of the file."""
        alone = self._activity is not None and self._activity.alone
        outputs: list[Floats]
        if alone and self._two is not None:
            with self._split.apart() if self._split is not None else nullcontext():
                outputs = self._two.run(None, {self._input: pixels})
        else:
            outputs = self._one.run(None, {self._input: pixels})
        return outputs


def share_memory() -> None:
    """Lets all sessions of this process draw on one pool, so that it holds what runs at once and not what ever ran.

    Call it before the first session is made; calling it again changes nothing.
    """
    cpu = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    defaults = {
        "max_mem": 0,
        "arena_extend_strategy": 0,
        "initial_chunk_size_bytes": -1,
        "max_dead_bytes_per_chunk": -1,
    }
    with suppress(Exception):  # its own class, where there is a pool already
        onnxruntime.create_and_register_allocator(cpu, onnxruntime.OrtArenaCfg(defaults))


def trim_memory() -> None:
    """Gives freed memory back to the system where the C library keeps it (glibc); loading frees some 50 MB."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _session(file: Path, threads: int = 1, split: cpu_.Split | None = None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    # A pattern is planned for each input size and never forgotten; sizes vary here.
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.use_env_allocators", "1")
    # The second thread waits actively within a call, or waking it would cost the gain, and not a moment longer.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if split is not None:
        options.add_session_config_entry("session.intra_op_thread_affinities", str(split.helper + 1))  # counts from 1
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own classes, that are not public
        raise ModelMissing(f"{file} can't be loaded. Run: kenspeckle models pull") from error
