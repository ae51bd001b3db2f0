"""Runs networks in ONNX Runtime: on any CPU, and on a GPU by CUDA."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime

from kenspeckle import cpu as cpu_
from kenspeckle.errors import ModelMissing

Floats: TypeAlias = npt.NDArray[np.float32]

ERRORS_ONLY: Final = 3
"""ONNX Runtime's severity level; its warnings speak of unused weights in the published file."""

CUDA: Final = "CUDAExecutionProvider"


class Session:
    """One network with one input, on `threads` threads of the CPU or on the GPU; for many callers at once."""

    def __init__(self, file: Path, threads: int, *, cuda: bool = False) -> None:
        """Raises ModelMissing where the file can't be loaded."""
        self._split = cpu_.split() if threads > 1 else None
        self._session = _session(file, threads, self._split, cuda=cuda)
        self._input = self._session.get_inputs()[0].name

    def __call__(self, pixels: Floats) -> list[Floats]:
        apart: AbstractContextManager[None] = self._split.apart() if self._split is not None else nullcontext()
        with apart:
            outputs: list[Floats] = self._session.run(None, {self._input: pixels})
        return outputs


def has_cuda() -> bool:
    """Whether the build that is installed computes on NVIDIA's GPUs."""
    return CUDA in onnxruntime.get_available_providers()


def share_memory() -> None:
    """Makes all sessions of this process share one memory pool, so that it is as large as what runs at once and not as
    what ever ran.

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


def _session(file: Path, threads: int, split: cpu_.Split | None, *, cuda: bool) -> onnxruntime.InferenceSession:
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
    # Tensor cores would round to ten bits of mantissa (TF32), and templates would no longer be comparable.
    providers: list[Any] = [(CUDA, {"use_tf32": 0})] if cuda else []
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=[*providers, "CPUExecutionProvider"])
    except Exception as error:  # its own classes, that are not public
        raise ModelMissing(f"{file} can't be loaded. Run: kenspeckle models pull") from error
