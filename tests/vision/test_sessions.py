"""Sessions: a second thread only where a core has time for it, and the same answers either way."""

from __future__ import annotations

import numpy as np
import pytest

from kenspeckle import cpu
from kenspeckle.models import registry
from kenspeckle.vision.sessions import Activity, Network


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of two cores on which nothing else runs."""
    monkeypatch.setattr(cpu, "cores", lambda: 2)
    monkeypatch.setattr(cpu, "running", lambda: 1)


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
    for count, alone in ((2, True), (3, False)):
        monkeypatch.setattr(cpu, "running", lambda count=count: count)
        assert Activity().alone is alone
    monkeypatch.setattr(cpu, "running", lambda: 1)
    monkeypatch.setattr(cpu, "cores", lambda: 1)
    assert not Activity().alone


@pytest.mark.usefixtures("idle")
def test_two_threads_answer_as_one_does(pack: registry.InstalledPack) -> None:
    pixels = np.random.default_rng(4).uniform(0, 255, (1, 3, 150, 150)).astype(np.float32)
    one, two = Network(pack.embedder), Network(pack.embedder, Activity())
    assert two(pixels)[0] == pytest.approx(one(pixels)[0], abs=1e-5)
