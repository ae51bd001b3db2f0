"""Cores: how many there are, what runs on them, and two threads that never share one."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from kenspeckle import cpu
from kenspeckle.cpu import Split
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.ports import Catalog
from kenspeckle.settings import Settings
from kenspeckle.vision.sessions import Activity


@pytest.fixture
def cgroup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file system of cgroups on a machine of eight cores; `own` beside it says where this process is."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(cpu, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(cpu, "OWN_CGROUP", tmp_path / "own")
    (tmp_path / "own").write_text("0::/\n")
    (tmp_path / "cgroup").mkdir()
    return tmp_path / "cgroup"


@pytest.mark.parametrize(
    ("quota", "count"),
    [
        ("max 100000", 8),
        ("150000 100000", 1),
        ("50000 100000", 1),
        ("", 8),
        ("400000 100000", 4),
        ("1600000 100000", 8),
    ],
)
def test_a_containers_quota_counts(quota: str, count: int, cgroup: Path) -> None:
    if quota:
        (cgroup / "cpu.max").write_text(quota)
    assert cpu.cores() == count


@pytest.mark.parametrize(("quota", "count"), [("-1", 8), ("300000", 3), ("10000", 1), ("", 8), ("nonsense", 8)])
@pytest.mark.parametrize("name", ["cpu", "cpu,cpuacct"])
def test_a_quota_of_the_first_version_of_cgroups_counts(name: str, quota: str, count: int, cgroup: Path) -> None:
    (cgroup.parent / "own").write_text(f"5:memory:/pod\n4:{name}:/pod/one\n")
    folder = cgroup / name / "pod" / "one"
    folder.mkdir(parents=True)
    if quota:
        (folder / "cpu.cfs_quota_us").write_text(quota)
        (folder / "cpu.cfs_period_us").write_text("100000")
    assert cpu.cores() == count


def test_the_least_quota_of_the_cgroups_around_a_process_holds(cgroup: Path) -> None:
    (cgroup.parent / "own").write_text("0::/system.slice/kenspeckle.service\n")
    inner = cgroup / "system.slice" / "kenspeckle.service"
    inner.mkdir(parents=True)
    (inner / "cpu.max").write_text("500000 100000")
    assert cpu.cores() == 5
    (inner.parent / "cpu.max").write_text("200000 100000")
    assert cpu.cores() == 2


def test_every_pool_follows_the_one_count(cgroup: Path) -> None:
    (cgroup / "cpu.max").write_text("300000 100000")
    assert Settings().workers == 3
    assert Activity()._cores == 3
    with closing(FollowingIndex(cast(Catalog, None), lambda _: 2)) as index:  # no catalog is read here
        assert index.scanners_of(128)._helping == 2  # and the thread that searches


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
    allowed: set[int], quota: str, found: Split | None, monkeypatch: pytest.MonkeyPatch, cgroup: Path
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: allowed, raising=False)
    if quota:
        (cgroup / "cpu.max").write_text(quota)
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
