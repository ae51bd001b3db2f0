"""Runs a network of a pack in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime

from kenspeckle.errors import ModelMissing

Floats: TypeAlias = npt.NDArray[np.float32]

ERRORS_ONLY = 3
"""ONNX Runtime's severity level; its warnings speak of unused weights in the published file."""


class Network:
    """One network with one input; may be called from many threads at once, each call on its own thread."""

    def __init__(self, file: Path, threads: int = 1) -> None:
        """Raises ModelMissing where the file can't be loaded."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = ERRORS_ONLY
        # A pattern is planned for each input size and never forgotten; sizes vary here.
        options.enable_mem_pattern = False
        try:
            self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its own classes, that are not public
            raise ModelMissing(f"{file} can't be loaded. Run: kenspeckle models pull") from error
        self._input = self._session.get_inputs()[0].name

    def __call__(self, pixels: Floats) -> list[Floats]:
        """All outputs, in the order of the file."""
        outputs: list[Floats] = self._session.run(None, {self._input: pixels})
        return outputs
