"""The pieces of a body: what was sent comes out, and what is held leaves no gaps behind."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from kenspeckle.serving.pieces import BLOCK, SMALL, Pieces


@pytest.mark.parametrize("size", [0, 1, SMALL, SMALL + 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17])
def test_what_was_added_comes_out(size: int) -> None:
    dice = random.Random(size)
    data = dice.randbytes(size)
    pieces = Pieces()
    for start in range(0, size, max(1, size // 7)):
        pieces.add(data[start : start + max(1, size // 7)])
    assert pieces.size == size
    assert pieces.join() == data
    pieces.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_slow_bodies_leave_no_gaps() -> None:
    """Hundreds that grow side by side and end at times of their own; something that lives longer comes between."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    dice, kept = random.Random(5), []
    before = resident()
    open_bodies = [(Pieces(), dice.randint(5, 20)) for _ in range(200)]
    for _ in range(60):
        for at, (pieces, left) in enumerate(open_bodies):
            pieces.add(bytes(17 * 1024))
            kept.append(bytes(600))
            open_bodies[at] = (pieces, left - 1)
            if left <= 0:
                pieces.close()
                open_bodies[at] = (Pieces(), dice.randint(5, 20))
    for pieces, _ in open_bodies:
        pieces.close()
    assert resident() - before - len(kept) * 640 < 16 * 1024 * 1024
