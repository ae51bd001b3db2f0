"""Exports beside a service at work: who is erased meanwhile, and what is not yet in its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kenspeckle.usecases.transfer import export
from tests.moving.conftest import Command
from tests.moving.folders import PEOPLE, digest, face_id, make, numbers_of, opened


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make(tmp_path / "data", range(4))


def test_who_is_erased_while_photographs_are_exported_is_gone_at_once(
    command: Command, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines are of one moment; the photographs take long, and hold no state of the database meanwhile."""
    complete: list[bool] = []
    original = export._photograph

    def while_exporting(*words: Any) -> None:
        with opened(data) as folder:
            complete.append(folder.catalog.scrub(thorough=True))
        original(*words)

    monkeypatch.setattr(export, "_photograph", while_exporting)
    assert command("export", PEOPLE, "people.tar", "--images", "--data-dir", data).code == 0
    assert complete == [True] * 4


def _first(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Have this done after the lines of an export were written, and before its first photograph is."""
    original = export._photograph

    def once(*words: Any) -> None:
        monkeypatch.setattr(export, "_photograph", original)
        act()
        original(*words)

    monkeypatch.setattr(export, "_photograph", once)


def test_what_is_erased_meanwhile_is_not_called_missing(
    command: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def erase() -> None:
        with opened(data) as folder:
            _, gone = folder.catalog.delete_faces(PEOPLE, [face_id(one) for one in numbers_of(2)])
            folder.images.delete(gone)

    _first(monkeypatch, erase)
    made = command("export", PEOPLE, "people.tar", "--images", "--data-dir", data, "--json")
    assert (made.code, made.json["photographs"], made.json["missing"]) == (0, 3, []), made.err


def test_a_photograph_that_is_not_yet_in_its_place_comes_along(command: Command, data: Path) -> None:
    """The service was stopped between the commit and the move."""
    name = digest(2)
    place = data / "images" / name[:2] / name[2:4] / name
    place.rename(data / "images" / "staged" / f"{name}.{'1' * 16}")
    made = command("export", PEOPLE, "people.tar", "--images", "--data-dir", data, "--json")
    assert (made.code, made.json["photographs"], made.json["missing"]) == (0, 4, []), made.err
    assert command("import", "people.tar", "--data-dir", "new", "--json").json["without_photograph"] == 0


def test_an_export_of_a_folder_that_is_not_there_makes_none(command: Command, tmp_path: Path) -> None:
    for words in (("export", PEOPLE, "people.jsonl"), ("audit", "verify"), ("audit", "show"), ("audit", "export")):
        refused = command(*words, "--data-dir", "typo")
        assert refused.code != 0
        assert "There is no catalog" in refused.err
    assert list(tmp_path.iterdir()) == []
