"""Cores: how many there are, what runs on them, and two threads that never share one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kenspeckle import cpu
from kenspeckle.cpu import Split


@pytest.mark.parametrize(("quota", "count"), [("max 100000", 8), ("150000 100000", 1), ("50000 100000", 1), ("", 8)])
def test_a_containers_quota_counts(quota: str, count: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cpu.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(cpu, "QUOTA", tmp_path / "cpu.max")
    if quota:
        cpu.QUOTA.write_text(quota)
    assert cpu.cores() == count


def test_running_reads_the_kernels_count_or_says_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cpu, "LOAD", tmp_path / "loadavg")
    assert cpu.running() == 1
    for text, count in (("0.10 0.20 0.30 5/420 31337\n", 5), ("nonsense", 1)):
        cpu.LOAD.write_text(text)
        assert cpu.running() == count


@pytest.mark.parametrize(
    ("allowed", "quota", "found"),
    [
        ({0, 1}, "max 100000", Split(0, 1)),
        ({7, 4}, "", Split(4, 7)),
        ({3}, "", None),
        ({0, 1, 2}, "", None),
        ({0, 1}, "100000 100000", None),
        (set(range(8)), "200000 100000", None),
    ],
)
def test_only_a_machine_of_two_cores_is_split(
    allowed: set[int], quota: str, found: Split | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cpu.os, "sched_getaffinity", lambda _: allowed, raising=False)
    monkeypatch.setattr(cpu, "QUOTA", tmp_path / "cpu.max")
    if quota:
        cpu.QUOTA.write_text(quota)
    assert cpu.split() == found


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads can't be kept to a core here")
def test_the_caller_stays_on_its_core_for_the_length_of_a_call() -> None:
    before = os.sched_getaffinity(0)
    if len(before) < 2:
        pytest.skip("needs two cores")
    caller, helper = sorted(before)[:2]
    try:
        with Split(caller, helper).apart():
            assert os.sched_getaffinity(0) == {caller}
        assert os.sched_getaffinity(0) == {caller, helper}
        with Split(1023, helper).apart():  # a core that is not ours
            assert os.sched_getaffinity(0) == {caller, helper}
    finally:
        os.sched_setaffinity(0, before)
