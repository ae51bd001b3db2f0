"""Templates are loaded at a start: few before the service listens, many beside requests, and readiness waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kenspeckle.domain import operations as ops
from kenspeckle.errors import PackMismatch, StorageUnavailable
from kenspeckle.usecases.recognition import loading
from kenspeckle.usecases.recognition.local import LocalRecognizer
from tests.erasure.test_erasure import HOME, Held
from tests.fakes import drawn


class Loads:
    """What was asked for, until it may go on; one collection can't be loaded."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.go_on = threading.Event()

    def __call__(self, collection_id: str, kind: str) -> int:
        self.asked.append((collection_id, kind))
        assert self.go_on.wait(60)
        if collection_id == "other-pack":
            raise PackMismatch("The collection belongs to another pack.")
        return 1


@pytest.fixture
def filled() -> Iterator[tuple[LocalRecognizer, Loads]]:
    local = drawn.recognizer()
    local.start()
    for name in ("other-pack", "people", "empty"):
        local.handle(ops.CreateCollection(collection_id=name))
    for name in ("other-pack", "people"):
        local.handle(ops.IndexFaces(collection_id=name, image=drawn.drawing(1.0), external_image_id="ada"))
    local.handle(ops.CreateUser(collection_id="people", user_id="ada"))
    loads = Loads()
    local.context.index.load = loads  # type: ignore[method-assign]
    yield local, loads
    local.close()


WANTED = [("other-pack", "face"), ("people", "face"), ("people", "user")]


def test_few_are_loaded_before_the_service_listens(filled: tuple[LocalRecognizer, Loads]) -> None:
    local, loads = filled
    local.ready()
    loads.go_on.set()
    local.loading.start()
    assert loads.asked == WANTED
    local.ready()
    local.loading.close()


def test_many_are_loaded_beside_requests_and_readiness_waits(
    filled: tuple[LocalRecognizer, Loads], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "BEFORE_LISTENING", 0)
    local, loads = filled
    local.loading.start()
    with pytest.raises(StorageUnavailable, match="being loaded") as refused:
        local.ready()
    assert refused.value.retry_after == 1
    loads.go_on.set()
    assert local.loading._thread is not None
    local.loading._thread.join(60)
    assert loads.asked == WANTED
    local.ready()
    local.loading.close()


def test_a_stop_loads_nothing_more(filled: tuple[LocalRecognizer, Loads], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "BEFORE_LISTENING", 0)
    monkeypatch.setattr(loading, "CLOSE_SECONDS", 0.0)
    local, loads = filled
    local.loading.start()
    local.loading.close()
    loads.go_on.set()
    assert local.loading._thread is not None
    local.loading._thread.join(60)
    assert len(loads.asked) <= 1


def test_the_operator_may_leave_it_to_the_first_search(filled: tuple[LocalRecognizer, Loads]) -> None:
    local, loads = filled
    object.__setattr__(local.context, "settings", replace(local.context.settings, load_at_start=False))
    local.loading.start()
    local.ready()
    assert loads.asked == []


def test_a_service_has_the_templates_when_it_listens(tmp_path: Path) -> None:
    held = Held(tmp_path / "data")
    try:
        held.store("ada", 1)
        assert held.service.index.revision(HOME, "face") is None
        held.service.serve()
        assert held.service.index.revision(HOME, "face") == held.service.catalog.revision(HOME)
        held.service.recognizer.ready()
    finally:
        held.service.close()
