"""Several model packs in one process: loaded once, at the first use; let go when idle; never more than asked for."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from kenspeckle.compose.engines import IDLE, PackEngines
from kenspeckle.domain import Collection
from kenspeckle.errors import InvalidValue, ModelMissing, PackMismatch
from kenspeckle.ports import Engine
from tests.fakes.drawn import DrawnEngine

SMALL = Collection("small", "small", "s" * 64, 1.0)
LARGE = Collection("large", "large", "l" * 64, 1.0)
LOST = Collection("lost", "lost", "x" * 64, 1.0)


class Loader:
    """Packs that can be loaded, and what was. `hold` keeps a load waiting."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.missing: set[str] = set()
        self.seconds = 0.0
        self.go = threading.Event()
        self.go.set()
        packs = {one.pack.name: one.pack for one in (self._made("large"), self._made("absent"))}
        self.engines = PackEngines(self._made("small"), lambda: packs, self._load, self._find, lambda: self.seconds)

    def _made(self, name: str) -> DrawnEngine:
        return DrawnEngine(contract=name[0] * 64, name=name, dimension=512 if name == "large" else 2)

    def _find(self, name: str) -> None:
        if name in self.missing:
            raise ModelMissing(f"Model pack '{name}' is missing. Run `kenspeckle models pull {name}`.")

    def _load(self, name: str) -> Engine:
        self._find(name)
        assert self.go.wait(10)
        self.loaded.append(name)
        return self._made(name)


@pytest.fixture
def loader() -> Iterator[Loader]:
    made = Loader()
    with closing(made.engines):
        yield made


def test_a_pack_is_loaded_once_at_its_first_use(loader: Loader) -> None:
    assert loader.engines.of(SMALL) is loader.engines.default
    assert loader.engines.pack_of(LARGE).dimension == 512
    assert loader.engines.find_pack("large").contract == LARGE.contract
    assert loader.loaded == [], "to know a pack needs none of its networks"
    loader.go.clear()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(loader.engines.of, LARGE) for _ in range(8)]
        assert loader.engines.of(SMALL) is loader.engines.default, "a load keeps no other pack waiting"
        loader.go.set()
        assert len({id(one.result()) for one in asked}) == 1
    assert loader.loaded == ["large"]
    assert loader.engines.list_loaded() == ("small", "large")


def test_idle_packs_go_and_come_back(loader: Loader) -> None:
    engine = loader.engines.of(LARGE)
    gone = weakref.ref(engine)
    loader.seconds = IDLE
    loader.engines.release()
    assert loader.engines.list_loaded() == ("small", "large"), "not idle for long enough"
    loader.engines.of(LARGE)
    loader.seconds += IDLE
    loader.engines.release()
    assert loader.engines.of(LARGE) is engine, "asked for meanwhile"
    loader.seconds += IDLE + 1
    loader.engines.release()
    assert loader.engines.list_loaded() == ("small",), "the default pack stays, however idle it is"
    assert engine.pack.name == "large", "who has it goes on with it"
    del engine
    gc.collect()
    assert gone() is None, "then its memory is free"
    assert loader.engines.of(LARGE).pack == loader.engines.pack_of(LARGE)
    assert loader.loaded == ["large", "large"]


def test_packs_that_are_not_there(loader: Loader) -> None:
    for ask in (loader.engines.of, loader.engines.pack_of):
        with pytest.raises(PackMismatch, match=r"pack 'lost' .*index the photographs into a new collection"):
            ask(LOST)
    with pytest.raises(InvalidValue, match="Packs are: small, large, absent"):
        loader.engines.find_pack("lost")
    loader.missing = {"large"}
    for _ in range(2):
        with pytest.raises(ModelMissing, match="kenspeckle models pull large"):
            loader.engines.of(LARGE)
    with pytest.raises(ModelMissing):
        loader.engines.find_pack("large")
    assert loader.engines.pack_of(LARGE).name == "large", "known, whether it is installed or not"
    loader.missing = set()
    assert loader.engines.of(LARGE).pack.name == "large", "once installed it is used, without a new start"


def test_a_pack_of_another_name_with_the_same_contract_is_the_same(loader: Loader) -> None:
    assert loader.engines.of(Collection("old", "the old name of small", SMALL.contract, 1.0)) is loader.engines.default
