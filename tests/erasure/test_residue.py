"""Erased bytes are in no file of the data folder: templates, photographs, thumbnails, right after the call."""

from __future__ import annotations

import hashlib
import itertools
import random
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.sqlite import residue, scrub
from kenspeckle.domain import Vector
from kenspeckle.ports import NewFace
from kenspeckle.usecases.recognition.scrubber import Scrubber
from kenspeckle.usecases.recognition.users import combine
from tests.catalogs import detail, gallery, person, photo

DIMENSION = 128


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kenspeckle.db"


@pytest.fixture
def catalog(path: Path) -> Iterator[SqlCatalog]:
    with closing(SqlCatalog.open(f"sqlite:///{path}")) as catalog:
        yield catalog


class Grams:
    """All runs of 16 bytes in the files of a folder, for many questions at once."""

    def __init__(self, folder: Path) -> None:
        text = b"".join(file.read_bytes() + bytes(16) for file in folder.rglob("*") if file.is_file())
        halves = np.lib.stride_tricks.sliding_window_view(np.frombuffer(text, np.uint8), 8)
        words = np.ascontiguousarray(halves).view("<u8").ravel()
        # Most of a file that was scrubbed is zeros, which are sought once.
        self.words = np.sort(np.append(words[words != 0], np.uint64(0)))

    def holds(self, secret: bytes) -> bool:
        """Whether any aligned run of 8 bytes of the secret is in some file, wherever it lies there."""
        wanted = np.frombuffer(secret[: len(secret) // 8 * 8], "<u8")
        found = np.searchsorted(self.words, wanted)
        return bool((self.words[np.minimum(found, len(self.words) - 1)] == wanted).any())


def made(number: int, size: int) -> bytes:
    return random.Random(number).randbytes(size)


def template(number: int) -> Vector:
    return np.random.default_rng(number).standard_normal(DIMENSION).astype(np.float32)


def test_the_search_for_bytes_finds_them(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 13 + made(1, 512) + b"y" * 5)
    grams = Grams(tmp_path)
    assert grams.holds(made(1, 512))
    assert grams.holds(made(1, 512)[40:48])
    assert not grams.holds(made(2, 512))


def test_erasure_at_random_leaves_nothing_in_the_database(catalog: SqlCatalog, path: Path) -> None:
    """Pages are split, merged and filled anew between; secure_delete has to hold through all of it."""
    chance = random.Random(7)
    catalog.create_collection(gallery())
    for number in range(20):
        catalog.create_user(person(f"user-{number}"))
    alive: dict[str, tuple[bytes, bytes]] = {}
    gone: dict[str, tuple[bytes, bytes]] = {}
    number = 0
    for _ in range(5):
        for _ in range(60):
            number += 1
            jpeg = made(number, chance.randrange(500, 12_000))
            face = NewFace(f"face-{number}", detail(number), template(number), jpeg)
            catalog.add_faces(photo(number, kept=False), f"{number}.jpg", [face], "v1")
            alive[face.face_id] = (template(number).tobytes(), jpeg)
        for face_id in chance.sample(sorted(alive), 8):
            user = f"user-{chance.randrange(20)}"
            members = dict(catalog.user_templates("people", user))
            new = np.frombuffer(alive[face_id][0], np.float32)
            if catalog.face("people", face_id)[0].face.user_id is None:
                mean = combine([*members.values(), new])
                catalog.link_faces("people", user, [face_id], mean, 100, among=list(members))
        leaving = chance.sample(sorted(alive), 45)
        catalog.erase_faces("people", leaving[:30], combine)
        catalog.delete_faces("people", leaving[30:])
        for face_id in leaving:
            if face_id in leaving[:30] or not catalog.faces("people", 1, None, face_ids=[face_id]).items:
                gone[face_id] = alive.pop(face_id)
        assert catalog.scrub()
        grams = Grams(path.parent)
        assert [one for one, (vector, jpeg) in gone.items() if grams.holds(vector) or grams.holds(jpeg)] == []
        assert all(grams.holds(vector) for vector, _ in alive.values())
    with closing(sqlite3.connect(path)) as driver:
        assert driver.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def moved(catalog: SqlCatalog, folder: Path) -> list[int]:
    """Of faces deleted at random among many of odd sizes, so that SQLite moves others about: those still found."""
    chance = random.Random(3)
    catalog.create_collection(gallery())
    alive: set[int] = set()
    gone: set[int] = set()
    for number in range(0, 1800, 30):
        some = range(number, number + 30)
        faces = [
            NewFace(f"face-{one}", detail(one), template(one), made(one, chance.randrange(10, 600))) for one in some
        ]
        catalog.add_faces(photo(number, kept=False), f"{number}.jpg", faces, "v1")
        alive |= set(some)
        if number % 600 == 570:
            leaving = chance.sample(sorted(alive), 450)
            catalog.erase_faces("people", [f"face-{one}" for one in leaving], combine)
            alive -= set(leaving)
            gone |= set(leaving)
    assert catalog.scrub()
    grams = Grams(folder)
    assert all(grams.holds(template(one).tobytes()) for one in alive)
    return [one for one in gone if grams.holds(template(one).tobytes()) or grams.holds(made(one, 600)[:8])]


def test_copies_of_moved_rows_go_too(catalog: SqlCatalog, path: Path) -> None:
    assert moved(catalog, path.parent) == []
    with closing(sqlite3.connect(path)) as driver:
        assert driver.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_without_that_they_would_stay(catalog: SqlCatalog, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residue, "suspects", lambda path, page_bytes, among=None: [])
    assert moved(catalog, path.parent) != []


def test_what_was_wiped_does_not_come_back(catalog: SqlCatalog, path: Path) -> None:
    """From pages that other connections had in memory."""
    with closing(SqlCatalog.open(f"sqlite:///{path}")) as other:
        catalog.create_collection(gallery())
        for number in range(0, 900, 30):
            faces = [NewFace(f"face-{one}", detail(one), template(one)) for one in range(number, number + 30)]
            catalog.add_faces(photo(number, kept=False), f"{number}.jpg", faces, "v1")
        chance = random.Random(5)
        left = list(range(900))
        gone: list[int] = []
        for turn in range(6):
            for reader in (catalog, other):
                assert len(list(reader.snapshot("people", "face")[1])) == 1
                reader.faces("people", 4096, None)
            leaving = chance.sample(left, 100)
            left = [one for one in left if one not in leaving]
            writer, scrubber = (catalog, other) if turn % 2 else (other, catalog)
            writer.erase_faces("people", [f"face-{one}" for one in leaving], combine)
            assert scrubber.scrub()
            gone += leaving
            # Many pages are written again, and nobody scrubs before the search but to empty the log.
            writer.erase_faces("people", [f"face-{one}" for one in left[::40]], combine)
            left = [one for one in left if one not in left[::40]]
            with closing(sqlite3.connect(path)) as driver:
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            grams = Grams(path.parent)
            assert [one for one in gone if grams.holds(template(one).tobytes())] == []


def test_writers_and_readers_go_on_meanwhile(catalog: SqlCatalog, path: Path) -> None:
    """Connections that have old pages in memory must not bring back what was wiped, nor see anything damaged."""
    catalog.create_collection(gallery())
    catalog.create_collection(gallery("others"))
    stop = threading.Event()
    wrong: list[BaseException] = []
    numbers, written = itertools.count(100_000), []

    def write() -> None:
        try:
            while not stop.is_set():
                number = next(numbers)
                face = NewFace(f"face-{number}", detail(1), template(number), made(number, 300))
                catalog.add_faces(photo(number, "others", kept=False), f"{number}.jpg", [face], "v1")
                catalog.faces("others", 100, None)
                written.append(number)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    gone: list[int] = []
    try:
        for start in range(0, 400, 40):
            for number in range(start, start + 40):
                face = NewFace(f"face-{number}", detail(number), template(number), made(number, 300))
                catalog.add_faces(photo(number, kept=False), f"{number}.jpg", [face], "v1")
            some = list(range(start, start + 40, 2))
            catalog.erase_faces("people", [f"face-{number}" for number in some], combine)
            assert catalog.scrub()
            gone += some
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert len(written) > 10
    assert catalog.counts()["faces"] == len(written) + 200
    grams = Grams(path.parent)
    assert [number for number in gone if grams.holds(template(number).tobytes())] == []
    with closing(sqlite3.connect(path)) as driver:
        assert driver.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_templates_of_users_follow_their_faces(catalog: SqlCatalog, path: Path) -> None:
    catalog.create_collection(gallery())
    for number in range(3):
        face = NewFace(f"face-{number}", detail(number), template(number))
        catalog.add_faces(photo(number), f"{number}.jpg", [face], "v1")
    catalog.create_user(person("anna"))
    all_three = combine([template(number) for number in range(3)])
    catalog.link_faces("people", "anna", [f"face-{number}" for number in range(3)], all_three, 100)
    gone = catalog.erase_faces("people", ["face-0", "unknown"], combine)
    assert (gone.face_ids, gone.users, gone.digests) == (("face-0",), ("anna",), (photo(0).digest,))
    assert catalog.removals(10) == (photo(0).digest,)
    user, kept = catalog.user("people", "anna")
    assert (user.face_count, user.status) == (2, "ACTIVE")
    assert kept is not None
    assert np.allclose(kept, combine([template(1), template(2)]))
    catalog.scrub()
    grams = Grams(path.parent)
    assert not grams.holds(all_three.tobytes())
    assert grams.holds(kept.tobytes())
    gone = catalog.erase_faces("people", [], combine, user_id="anna")
    assert (sorted(gone.face_ids), gone.users) == (["face-1", "face-2"], ("anna",))
    catalog.scrub()
    assert not Grams(path.parent).holds(kept.tobytes())
    collection = catalog.collection("people")
    assert (collection.face_count, collection.user_count) == (0, 0)


def test_a_reader_keeps_the_log_until_it_is_done(
    catalog: SqlCatalog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrub, "SECONDS", 0.1)
    catalog.create_collection(gallery())
    catalog.add_faces(photo(1), "1.jpg", [NewFace("face-1", detail(1), template(1))], "v1")
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM faces").fetchone()
        catalog.delete_faces("people", ["face-1"])
        assert not catalog.scrub()
        reader.execute("COMMIT")
        assert catalog.scrub()
    assert not Grams(path.parent).holds(template(1).tobytes())


def test_a_file_that_can_not_be_cut_back_is_tried_again(catalog: SqlCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog.create_collection(gallery())
    catalog.add_faces(photo(1), "1.jpg", [NewFace("face-1", detail(1), template(1))], "v1")
    catalog.delete_faces("people", ["face-1"])
    scrubber = Scrubber()

    def refused(*_: object) -> list[int]:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as cut:
        cut.setattr(residue, "suspects", refused)
        assert not scrubber.scrub(catalog)
    assert scrubber.pending
    assert scrubber.scrub(catalog)
    assert not scrubber.pending


def test_removals_are_noted_with_the_deletion(catalog: SqlCatalog) -> None:
    catalog.create_collection(gallery())
    catalog.create_collection(gallery("others"))
    for name in ("people", "others"):
        catalog.add_faces(photo(1, name), "1.jpg", [NewFace("face-1", detail(1), template(1))], "v1")
    catalog.delete_faces("people", ["face-1"])
    assert catalog.removals(10) == ()
    catalog.delete_collection("others")
    assert catalog.removals(10) == (photo(1).digest,)
    catalog.forget_removals([photo(1).digest, hashlib.sha256(b"unknown").hexdigest()])
    assert catalog.removals(10) == ()


def test_age_and_retention(catalog: SqlCatalog) -> None:
    catalog.create_collection(gallery())
    for number in range(4):
        catalog.add_faces(photo(number), f"{number}.jpg", [NewFace(f"face-{number}", detail(1), template(1))], "v1")
    assert catalog.collection("people").retention_days is None
    catalog.set_retention("people", 30)
    assert catalog.collection("people").retention_days == 30
    assert [one.retention_days for one in catalog.collections(10, None).items] == [30]
    assert catalog.find_aged("people", 2002.0, 10) == ("face-0", "face-1")
    assert catalog.find_aged("people", 2002.0, 1) == ("face-0",)
    assert catalog.faces_of_key("people", "2.jpg", 10) == ("face-2",)


def test_a_file_too_large_to_tell_its_pages_apart_is_never_called_clean(
    catalog: SqlCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.create_collection(gallery())
    assert catalog.scrub()
    monkeypatch.setattr(residue, "_MOST_PAGES", 2)
    assert not catalog.scrub()
    assert not catalog.scrub(thorough=True)
    monkeypatch.undo()
    assert catalog.scrub()


def test_pages_are_told_apart_up_to_where_numbers_begin_with_a_kind_of_page() -> None:
    assert residue._MOST_PAGES - 1 < min(residue._TREE_HEADS) << 24 <= residue._MOST_PAGES
