"""What is freed is given back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

GAPS = """
from kenspeckle import memory

MIB = 1024 * 1024
trimmer = memory.Trimmer()
early = trimmer.is_due
memory.PAUSE_SECONDS = 0.0
before = memory.resident()
held, gaps = [], []
for _ in range(800):
    gaps.append(bytearray(100 * 1024))
    held.append(bytes(600))
due = trimmer.is_due
gaps.clear()
kept = memory.resident() - before
trimmer.trim()
print(early, due, kept > 40 * MIB, memory.resident() - before < 20 * MIB, trimmer.is_due)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc keeps what is freed")
def test_gaps_between_what_lives_on_are_given_back() -> None:
    """In a process of its own, whose memory has no gaps yet."""
    told = subprocess.run([sys.executable, "-c", GAPS], capture_output=True, text=True, check=True, timeout=60).stdout
    assert told.split() == ["False", "True", "True", "True", "False"]
