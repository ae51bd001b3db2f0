"""What is open while a service runs: closed in the reverse order, each whatever becomes of the others."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from kenspeckle.compose.embedded import build
from kenspeckle.compose.runners import Runners
from kenspeckle.settings import load

BESIDE = {"housekeeping", "dispatcher", "quotas", "refusals", "jobs"}


class Noted:
    """Notes what becomes of it; fails at what it is told to."""

    def __init__(self, name: str, notes: list[str], fails: str = "") -> None:
        self.name, self.notes, self.fails = name, notes, fails

    def start(self) -> None:
        self._note("start")

    def close(self) -> None:
        self._note("close")

    def _note(self, what: str) -> None:
        self.notes.append(f"{what} {self.name}")
        if what == self.fails:
            raise OSError(f"{what} {self.name}")


def test_runners_close_in_the_reverse_order() -> None:
    notes: list[str] = []
    runners = Runners()
    runners.hold(Noted("catalog", notes))
    runners.start(Noted("dispatcher", notes))
    assert notes == ["start dispatcher"]
    runners.close()
    assert notes == ["start dispatcher", "close dispatcher", "close catalog"]
    runners.close()
    assert len(notes) == 3


def test_an_error_of_one_keeps_no_other_open(caplog: pytest.LogCaptureFixture) -> None:
    notes: list[str] = []
    runners = Runners()
    for name, fails in (("catalog", ""), ("recorder", "close"), ("index", ""), ("dispatcher", "close")):
        runners.hold(Noted(name, notes, fails))
    with pytest.raises(OSError, match="close dispatcher"):
        runners.close()
    assert [one.getMessage() for one in caplog.records] == ["closing Noted failed: close recorder"]
    assert notes == ["close dispatcher", "close index", "close recorder", "close catalog"]


def test_one_that_fails_to_start_is_closed_too() -> None:
    notes: list[str] = []
    runners = Runners()
    runners.hold(Noted("catalog", notes))
    with pytest.raises(OSError, match="start dispatcher"):
        runners.start(Noted("dispatcher", notes, "start"))
    runners.close()
    assert notes == ["start dispatcher", "close dispatcher", "close catalog"]


def beside(others: set[threading.Thread]) -> set[str]:
    """Names of threads that work beside requests, but for those of `others`: of servers that other tests share."""
    return {thread.name for thread in set(threading.enumerate()) - others} & BESIDE


def test_what_runs_beside_requests_runs_while_a_service_serves(tmp_path: Path) -> None:
    others = set(threading.enumerate())
    service = build(load({"data_dir": tmp_path, "host": "127.0.0.1"}))
    assert service.settings.data_dir == tmp_path
    assert service.housekeeping is service.housekeeping
    assert beside(others) == set()
    service.serve()
    assert beside(others) == BESIDE
    service.close()
    assert beside(others) == set()
