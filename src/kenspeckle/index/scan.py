"""Scans blocks of 8-bit codes for those nearest to a probe: FAISS's kernel, on threads that all searches share."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from kenspeckle.domain import Vector

ZERO = 128
"""The code of zero."""

LEVELS = 127
"""The largest distance of a code from that of zero, in both directions."""

Codes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Found = tuple[Vector, Places]


class Scanners:
    """Kernels for codes of one dimension. `threads` is how many a scan uses at most, its own among them."""

    def __init__(self, dimension: int, threads: int = 1) -> None:
        import faiss  # late: it takes as long to load as all of NumPy, and most commands search nothing

        self.dimension = dimension
        self._faiss: Any = faiss
        self._quantizer: Any = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_8bit_direct_signed)
        self._helping = threads - 1
        self._helpers = ThreadPoolExecutor(self._helping, thread_name_prefix="index") if self._helping else None
        # FAISS's Python module never frees a scanner, so they are reused: there are as many as the most that ran at
        # once.
        self._idle: list[Any] = []

    def close(self) -> None:
        """End the threads."""
        if self._helpers:
            self._helpers.shutdown()

    def nearest(self, blocks: Sequence[Codes], probe: Vector, ask: int, within: float) -> tuple[Vector, Places, float]:
        """Codes near the probe, (dimension,), whose components are whole numbers from -128 to 127.

        Returns their squared distances, in no order; their places, for `split`; and the squared distance up to which
        none is left out, which is `within` where all are found that are nearer than this. Else there are `ask` or more.
        """
        turns = iter(enumerate(blocks))
        pointer = self._faiss.swig_ptr

        def scan() -> Found:
            squares = np.full(ask, within, np.float32)
            places = np.full(ask, -1, np.int64)
            scanner = self._take()
            scanner.set_query(pointer(probe))
            for number, codes in turns:
                scanner.set_list(number, 0.0)
                scanner.scan_codes(len(codes), pointer(codes), None, pointer(squares), pointer(places), ask)
            self._idle.append(scanner)
            return squares, places

        parts = self._share(scan, min(self._helping, len(blocks) - 1))
        # The largest of a heap comes first: what is farther may have been dropped.
        beyond = min(float(squares[0]) for squares, _ in parts)
        squares = np.concatenate([squares for squares, _ in parts])
        places = np.concatenate([places for _, places in parts])
        found = places >= 0
        return squares[found], places[found], beyond

    def _share(self, scan: Any, helping: int) -> list[Found]:
        """Results of this thread and of those that help it."""
        asked = [self._helpers.submit(scan) for _ in range(helping)] if self._helpers else []
        try:
            parts = [scan()]
        finally:
            # If helpers were busy with other searches, this thread has done their share.
            running = [one for one in asked if not one.cancel()]
            wait(running)
        return parts + [one.result() for one in running]

    def _take(self) -> Any:
        with suppress(IndexError):  # as another thread may take the last one
            return self._idle.pop()
        return self._quantizer.sq.select_InvertedListScanner(self._faiss.METRIC_L2, None, True, None, False)


def split(places: Places) -> tuple[Places, Places]:
    """Numbers of blocks, and places in them."""
    return places >> 32, places & 0xFFFFFFFF
