"""A data folder goes on with the pack that it has; a new one takes the default."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from kenspeckle.compose import pack_choice
from kenspeckle.compose.embedded import build
from kenspeckle.compose.service import Service
from kenspeckle.domain import Collection
from kenspeckle.errors import CollectionNotFound
from kenspeckle.models import registry
from kenspeckle.settings import Settings, load


class Catalog:
    """One collection, of the pack with that contract; "": none yet."""

    def __init__(self, contract: str) -> None:
        self.contract = contract

    def collection(self, collection_id: str) -> Collection:
        if not self.contract:
            raise CollectionNotFound(collection_id)
        return Collection(collection_id, "whatever-it-was-called", self.contract, 1.0)


OLD = registry.CENTERFACE_DLIB


@pytest.mark.parametrize(
    ("contract", "pack", "taken"),
    [
        (OLD.contract, "sface", "centerface-dlib"),
        (OLD.contract, "centerface-dlib", "centerface-dlib"),
        (registry.SFACE.contract, "sface", "sface"),
        (registry.SFACE.contract, "centerface-dlib", "centerface-dlib"),
        ("0" * 64, "sface", "sface"),
        ("", "sface", "sface"),
    ],
)
def test_the_pack_of_the_default_collection_where_nothing_else_is_set(contract: str, pack: str, taken: str) -> None:
    said: list[str] = []
    chosen = pack_choice.keep_pack(replace(Settings(), pack=pack), Catalog(contract), said.append)
    assert chosen == replace(Settings(), pack=taken)
    assert len(said) == (pack != taken)


def test_a_pack_that_somebody_has_set_is_taken_even_if_it_is_the_default() -> None:
    said: list[str] = []
    chosen = pack_choice.keep_pack(load(environ={"KENSPECKLE_PACK": "sface"}), Catalog(OLD.contract), said.append)
    assert (chosen.pack, said) == ("sface", [])


def test_an_old_folder_is_opened_with_its_pack_and_says_what_is_new(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = {"data_dir": tmp_path, "host": "127.0.0.1"}
    for pack, others in (("centerface-dlib", 0), (None, 1), ("centerface-dlib", 0)):
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="kenspeckle"):
            service = build(load({**chosen, "pack": pack}, environ={}))
        assert isinstance(service, Service)
        try:
            engines = service.local.context.engines
            assert engines.default.pack.name == "centerface-dlib"
            assert engines.find_pack(None).name == "centerface-dlib", "new collections of this folder too"
            assert service.catalog.collection("kenspeckle").contract == OLD.contract
            assert next(iter(service.face_models)) == "centerface-dlib"
        finally:
            service.close()
        said = [one for one in caplog.messages if "goes on with 'centerface-dlib'" in one]
        assert len(said) == others
        assert all("--pack sface" in one for one in said)
