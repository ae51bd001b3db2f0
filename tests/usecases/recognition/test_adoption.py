"""Faces that an older version stored are given to people before anything of people is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.errors import NotOffered, Overloaded
from kenspeckle.usecases.recognition import adoption
from tests.catalogs import gallery


def test_who_asks_while_many_are_left_is_told_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = SqlCatalog.open(f"sqlite:///{tmp_path / 'kenspeckle.db'}")
    try:
        catalog.create_collection(gallery("people"))
        assert adoption.adopt(catalog, "people") is catalog
        monkeypatch.setattr(adoption, "PATIENCE", -1.0)
        monkeypatch.setattr(SqlCatalog, "adopt", lambda *_: (2000, 5000))
        with pytest.raises(Overloaded, match="2,000 of 5,000 are done") as refused:
            adoption.adopt(catalog, "people")
        assert refused.value.retry_after == 1.0
    finally:
        catalog.close()


def test_a_catalog_without_people_offers_none() -> None:
    with pytest.raises(NotOffered):
        adoption.adopt(None, "people")
