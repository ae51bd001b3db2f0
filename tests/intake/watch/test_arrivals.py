"""The parts of the drop folder by themselves: when a file is whole, how long is waited, what is remembered."""

from __future__ import annotations

import stat
import threading
from pathlib import Path
from unittest.mock import Mock

import pytest
from watchdog.events import FileClosedEvent, FileCreatedEvent, FileMovedEvent

from kenspeckle.client.errors import CommandFailed, ServerUnreachable
from kenspeckle.intake.watch import results
from kenspeckle.intake.watch.arrivals import Arrivals, FileState
from kenspeckle.intake.watch.ledger import Ledger
from kenspeckle.intake.watch.loop import Run
from kenspeckle.intake.watch.tree import Tree
from kenspeckle.intake.watch.worker import Backoff
from tests.intake.watch.conftest import until


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def names(arrivals: Arrivals) -> list[str]:
    return [path.name for path, _ in arrivals.ready()]


def test_a_file_is_whole_when_it_was_closed_or_stays_as_it_is(tmp_path: Path) -> None:
    clock = Clock()
    arrivals = Arrivals(tmp_path, 2.0, clock=clock)
    file = tmp_path / "a.jpg"
    file.write_bytes(b"1")
    arrivals.on_any_event(FileCreatedEvent(str(file)))
    clock.now += 1.9
    assert names(arrivals) == []
    file.write_bytes(b"12")
    clock.now += 0.2
    assert names(arrivals) == []  # it changed: its time begins anew
    clock.now += 2.0
    assert names(arrivals) == ["a.jpg"]
    assert names(arrivals) == []
    arrivals.on_any_event(FileClosedEvent(str(file)))
    assert names(arrivals) == ["a.jpg"]
    arrivals.on_any_event(FileMovedEvent(str(tmp_path / ".part"), str(file)))
    assert names(arrivals) == ["a.jpg"]
    for name in (".hidden.jpg", "~a.jpg", "a.txt", ".deep/a.jpg", "gone.jpg", "@eaDir/a.jpg", "b/#Recycle/c/a.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if name != "gone.jpg":
            (tmp_path / name).touch()
        arrivals.on_any_event(FileClosedEvent(str(tmp_path / name)))
    assert names(arrivals) == []
    assert arrivals.waiting == 0
    arrivals.scan()
    clock.now += 2.1
    assert names(arrivals) == ["a.jpg"]


def test_a_folder_that_is_away_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Arrivals(tmp_path / "absent", 0).scan()


def test_waits_grow_and_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout or 0.0)
            return self.is_set()

    said: list[str] = []
    stop, gone = Stop(), ServerUnreachable("No server answers.")
    backoff = Backoff(stop, said.append)
    assert all(backoff.pause(attempt, gone) for attempt in range(10))
    for attempt, one in enumerate(waited):
        assert 0.8 * min(60, 2**attempt) <= one <= 1.2 * min(60, 2**attempt)
    assert len(said) == 1
    backoff.reset()
    backoff.reset()
    assert len(said) == 2
    stop.set()
    assert not backoff.pause(0, gone)
    patient = Backoff(Stop(), said.append, 30.0)
    assert [patient.pause(attempt, gone) for attempt in range(5)] == [True] * 5
    with pytest.raises(ServerUnreachable):
        patient.pause(5, gone)


def test_what_is_remembered_outlives_the_process(tmp_path: Path) -> None:
    file, facts = tmp_path / "ledger.db", FileState(1, 2, 3)
    odd = Path("\udcff.jpg")
    with Ledger(file, "search") as ledger:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert not ledger.knows(odd, facts)
        ledger.record(odd, facts, "digest", "", "matched")
        assert ledger.name_of("Ada", "Ada") == ledger.name_of("Ada", "Ädä") == "Ada"
        with pytest.raises(CommandFailed, match="Another"):
            Ledger(file, "index")
    with Ledger(file, "search") as ledger:
        assert ledger.knows(odd, FileState(9, 2, 3))
        assert not ledger.knows(odd, FileState(1, 2, 4))
        assert ledger.find_done("digest", "") == (odd, "matched")
    with Ledger(file, "index") as ledger:
        assert ledger.find_done("digest", "") is None


def test_results_replace_links_and_never_follow_them(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    photograph, tree = tmp_path / "a.jpg", Tree(tmp_path)
    results.place(photograph).symlink_to(secret)
    assert results.read(tree, photograph) is None
    results.write(tree, photograph, {"status": "matched"})
    assert secret.read_text() == "mine"
    assert results.read(tree, photograph) == {"status": "matched"}
    assert not results.place(photograph).is_symlink()
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def _became_a_link(root: Path, elsewhere: Path) -> Path:
    """A photograph in a folder that is a link by now; a file of the same state lies where it leads."""
    (root / "sub").rmdir()
    (root / "sub").symlink_to(elsewhere)
    return root / "sub" / "a.jpg"


def test_a_folder_that_becomes_a_link_is_not_followed(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    (root / "sub").mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "a.jpg").write_bytes(b"not yours")
    arrivals, tree = Arrivals(root, 0.0), Tree(root)
    photograph = _became_a_link(root, elsewhere)
    arrivals.note(photograph, whole=True)  # as the file system told before
    assert list(arrivals.ready()) == []
    with pytest.raises(FileNotFoundError):
        tree.open(photograph)
    with pytest.raises(results.ResultBlocked, match="behind a link"):
        results.write(tree, photograph, {"status": "matched"})
    assert results.read(tree, photograph) is None
    assert [one.name for one in elsewhere.iterdir()] == ["a.jpg"]


def test_nor_is_the_whole_folder_if_it_becomes_one(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    for one in (root, elsewhere):
        one.mkdir()
    (elsewhere / "a.jpg").write_bytes(b"not yours")
    arrivals = Arrivals(root, 0.0)
    root.rmdir()
    root.symlink_to(elsewhere)
    with pytest.raises(FileNotFoundError):
        arrivals.scan()
    arrivals.note(root / "a.jpg", whole=True)
    assert list(arrivals.ready()) == []
    chosen = Arrivals(root, 0.0)  # one that is a link from the beginning was meant
    chosen.scan()
    assert [path for path, _ in chosen.ready()] == [root / "a.jpg"]


def test_a_link_in_the_place_of_a_folder_is_told_and_not_followed(tmp_path: Path) -> None:
    root, elsewhere, said = tmp_path / "root", tmp_path / "elsewhere", list[str]()
    (root / "sub").mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "a.jpg").write_bytes(b"not yours")
    arrivals, work = Arrivals(root, 0.0), Mock()
    run = Run(arrivals, work, 1, threading.Event(), Mock(), said.append)
    watching = threading.Thread(target=run.watch, args=(None,))
    watching.start()
    try:
        _became_a_link(root, elsewhere)
        until(lambda: len(said) == 1)
        root.rename(tmp_path / "moved")
        root.symlink_to(elsewhere)
        until(lambda: len(said) == 2)
    finally:
        run.stop()
        watching.join()
    assert said[0] == f"{root / 'sub'} is a link to a folder. Links are not followed."
    assert said[1].startswith(f"{root} can't be read: It lies behind a link.")
    work.one.assert_not_called()
