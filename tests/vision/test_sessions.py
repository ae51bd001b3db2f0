"""Sessions: a second thread only where a core idles, and the same answers either way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kenspeckle.vision import packs, sessions
from kenspeckle.vision.sessions import Activity, Network


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of two cores on which nothing else runs."""
    monkeypatch.setattr(sessions, "cores", lambda: 2)
    monkeypatch.setattr(sessions, "running", lambda: 1)


@pytest.mark.usefixtures("idle")
def test_one_photograph_is_alone_and_two_are_not() -> None:
    activity = Activity()
    assert activity.alone
    with activity.busy():
        assert activity.alone
        with activity.busy():
            assert not activity.alone
        assert activity.alone
    with pytest.raises(ValueError, match="x"), activity.busy(), activity.busy():
        raise ValueError("x")
    assert activity.alone


@pytest.mark.usefixtures("idle")
def test_other_programs_count_and_so_does_a_single_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "running", lambda: 2)
    assert not Activity().alone
    monkeypatch.setattr(sessions, "running", lambda: 1)
    monkeypatch.setattr(sessions, "cores", lambda: 1)
    assert not Activity().alone


@pytest.mark.parametrize(("quota", "cores"), [("max 100000", 8), ("150000 100000", 1), ("50000 100000", 1), ("", 8)])
def test_a_containers_quota_counts(quota: str, cores: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sessions.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(sessions, "QUOTA", tmp_path / "cpu.max")
    if quota:
        sessions.QUOTA.write_text(quota)
    assert sessions.cores() == cores


def test_running_reads_the_kernels_count_or_says_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sessions, "LOAD", tmp_path / "loadavg")
    assert sessions.running() == 1
    for text, count in (("0.10 0.20 0.30 5/420 31337\n", 5), ("nonsense", 1)):
        sessions.LOAD.write_text(text)
        assert sessions.running() == count


@pytest.mark.usefixtures("idle")
def test_two_threads_answer_as_one_does(pack: packs.InstalledPack) -> None:
    pixels = np.random.default_rng(4).uniform(0, 255, (1, 3, 150, 150)).astype(np.float32)
    one, two = Network(pack.embedder), Network(pack.embedder, Activity())
    assert two(pixels)[0] == pytest.approx(one(pixels)[0], abs=1e-5)
