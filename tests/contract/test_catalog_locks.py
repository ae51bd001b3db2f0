"""The contract of `Catalog.lock`; and what SQLite's locks do besides. Between processes: `tests/side_by_side`."""

from __future__ import annotations

import hashlib
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.sqlite.locks import STRIPES, NameLocks
from kenspeckle.errors import StorageUnavailable
from kenspeckle.ports import Catalog
from tests.catalogs import Whole

NAMES = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(4)]


def held_by_another(catalog: Catalog, names: list[str]) -> bool:
    """Whether a thread that wants these names has to wait."""
    got = threading.Event()

    def take() -> None:
        with catalog.lock(names):
            got.set()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    return not got.wait(timeout=0.3)


def test_who_holds_a_name_keeps_others_from_it_alone(catalog: Whole) -> None:
    with catalog.lock(NAMES[:2]):
        assert not held_by_another(catalog, NAMES[2:])
        assert not held_by_another(catalog, [])
        assert held_by_another(catalog, [NAMES[1], NAMES[3]])
    with catalog.lock(reversed(NAMES)):  # who waited is done, or was so a moment later
        pass


def test_names_are_free_again_after_an_error(catalog: Whole) -> None:
    with pytest.raises(ZeroDivisionError), catalog.lock(NAMES):
        raise ZeroDivisionError
    assert not held_by_another(catalog, NAMES)


def test_two_catalogs_of_one_database_share_the_locks(url: str, path: Path) -> None:
    with closing(SqlCatalog.open(url)) as one, closing(SqlCatalog.open(url)) as other:
        with one.lock(NAMES):
            assert held_by_another(other, NAMES[:1])
        with other.lock(NAMES):
            pass
    assert stat.S_IMODE(path.with_name(path.name + "-locks").stat().st_mode) == 0o600


def test_who_waits_too_long_is_told_to_come_again(tmp_path: Path) -> None:
    locks = NameLocks(tmp_path / "some.db", seconds=0.05)
    with (
        locks.hold(NAMES[:1]),
        pytest.raises(StorageUnavailable, match="too long") as caught,
        NameLocks(tmp_path / "some.db", seconds=0.05).hold(NAMES),
    ):
        pass
    assert caught.value.retry_after == 1
    with locks.hold(f"{number:08x}" + 56 * "0" for number in range(STRIPES)):
        pass


def test_where_no_file_can_be_made_no_lock_is_had(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageUnavailable, match="-locks can't be opened"),
        NameLocks(tmp_path / "absent" / "some.db", seconds=1).hold(NAMES),
    ):
        pass
