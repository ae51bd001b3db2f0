"""The store of photographs does not answer, or a commit is lost: what was answered holds, and the rest follows by
itself once it is back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import operations as ops
from kenspeckle.errors import ImageNotFound, StorageUnavailable
from kenspeckle.images import folder
from kenspeckle.images.folder import FolderImages
from kenspeckle.usecases.recognition import completion
from tests.erasure.test_completion import content_of, now_of, until
from tests.erasure.test_erasure import HOME, Held, variation


def away(*_: object, **__: object) -> Any:
    raise StorageUnavailable("The bucket can't be reached.", retry_after=1)


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    monkeypatch.setattr(completion, "AGAIN_SECONDS", 0.05)
    held = Held(tmp_path / "data", keep_images=True)
    held.service.serve()
    yield held
    held.service.close()


def delete(held: Held, face: str) -> Any:
    return held.service.recognizer.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[face]))


def erase(held: Held, _: str) -> Any:
    return held.service.recognizer.handle(ops.EraseIdentity(collection_id=HOME, external_image_id="goes"))


@pytest.mark.parametrize("remove", [delete, erase])
def test_faces_are_deleted_and_the_receipt_waits_for_the_photograph(
    remove: Callable[[Held, str], Any], held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    face = held.store("goes", 1)
    with monkeypatch.context() as patch:
        patch.setattr(FolderImages, "delete", away)
        pending = content_of(remove(held, face), held)
        assert (pending["state"], pending["faces"]) == ("pending", [face])
        held.service.local.completion.round()
        assert now_of(held, pending["id"])["state"] == "pending"
        assert held.kept() == {"goes"}
    until(lambda: bool(now_of(held, pending["id"])["complete"]))
    assert held.kept() == set()


def kept(held: Held, name: str) -> bytes | None:
    try:
        return held.service.recognizer.handle(ops.GetImage(collection_id=HOME, key=name))[1]
    except ImageNotFound:
        return None


def test_a_photograph_that_can_not_be_moved_into_its_place_comes_there_later(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(folder._Staged, "publish", away)
        held.store("stays", 1)
        assert kept(held, "stays") is None
    until(lambda: kept(held, "stays") == variation(1))


def test_a_photograph_outlives_a_commit_of_which_the_answer_was_lost(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = SqlCatalog.add_faces

    def cut(self: SqlCatalog, *words: Any, **named: Any) -> Any:
        stored(self, *words, **named)
        lost = StorageUnavailable("It may be stored or not.", retry_after=1)
        lost.uncertain = True
        raise lost

    with monkeypatch.context() as patch:
        patch.setattr(SqlCatalog, "add_faces", cut)
        with pytest.raises(StorageUnavailable):
            held.store("stays", 1)
    until(lambda: kept(held, "stays") == variation(1))


def test_a_start_does_not_wait_for_photographs_but_says_where_their_place_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object, **__: object) -> None:
        raise StorageUnavailable("There is no bucket 'photos'.")

    monkeypatch.setattr(FolderImages, "recover", wrong)
    with pytest.raises(StorageUnavailable, match="no bucket"):
        Held(tmp_path / "data")
    monkeypatch.setattr(FolderImages, "recover", away)
    started = Held(tmp_path / "data")
    started.service.close()
