"""Codes of large collections are kept in a file for the next start; the catalog's truth wins over it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.errors import StorageFull
from kenspeckle.index import exact, saved_codes
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.index.saved_codes import SavedCodes
from kenspeckle.ports import IN_FILE
from tests.catalogs import DIMENSION, gallery, new_face, photo, template

FAR = float("inf")


class Folder:
    """A catalog in a folder with a collection `people`, and indexes over it that save."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.catalog = SqlCatalog.open(f"sqlite:///{path / 'kenspeckle.db'}")
        self.saved = SavedCodes(path / "codes", self.catalog, self.catalog, least=1)
        self.read = 0
        self._open: list[FollowingIndex] = []
        self.seconds = 0.0
        snapshot = self.catalog.snapshot

        def counted(collection_id: str, kind: str):  # type: ignore[no-untyped-def]  # as the one that it wraps
            self.read += 1
            return snapshot(collection_id, kind)

        self.catalog.snapshot = counted  # type: ignore[method-assign]
        self.catalog.create_collection(gallery())

    def add(self, *seeds: int) -> list[str]:
        """A photograph with a face for each; their identifiers."""
        faces = [new_face(seed) for seed in seeds]
        self.catalog.add_faces(photo(seeds[0]), "ada", faces, "v1")
        return [one.face_id for one in faces]

    def index(self) -> FollowingIndex:
        self._open.append(FollowingIndex(self.catalog, lambda _: DIMENSION, 1, lambda: self.seconds, self.saved))
        return self._open[-1]

    def found(self, index: FollowingIndex, seed: int = 1) -> list[str]:
        matches = index.search("people", "face", template(seed), 4096, FAR)
        return [one.face.face_id for one, _ in matches if one.face]

    @property
    def files(self) -> list[Path]:
        return sorted((self.path / "codes").glob("*"))

    def close(self) -> None:
        for one in self._open:
            one.close()
        self.catalog.close()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path)
    yield made
    made.close()


@pytest.fixture
def kept(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """With 40 faces over several blocks, saved."""
    monkeypatch.setattr(exact, "BLOCK", 16)
    monkeypatch.setattr(saved_codes, "BLOCK", 16)
    folder.add(*range(40))
    first = folder.index()
    folder.found(first)
    first.upkeep()
    return folder


def test_a_start_loads_the_file_and_reads_no_template_of_the_catalog(kept: Folder) -> None:
    before, wanted = kept.read, kept.found(kept._open[0])
    assert kept.found(kept.index()) == wanted
    assert len(wanted) == 40
    assert kept.read == before
    assert [path.stat().st_mode & 0o777 for path in kept.files] == [0o600]
    assert (kept.path / "codes").stat().st_mode & 0o777 == 0o700


def test_what_came_and_went_since_is_replayed(kept: Folder) -> None:
    added = kept.add(100, 101)
    gone = kept.found(kept._open[0])[3]
    kept.catalog.delete_faces("people", [gone])
    before = kept.read
    found = kept.found(kept.index())
    assert set(added) < set(found)
    assert gone not in found
    assert len(found) == 41
    assert kept.read == before


def test_exact_answers_are_the_same_from_the_file(kept: Folder) -> None:
    fresh, old = kept.index(), kept._open[0]
    for seed in range(50, 60):
        probe = template(seed)
        assert [(one.row, distance) for one, distance in fresh.search("people", "face", probe, 5, 1.2)] == [
            (one.row, distance) for one, distance in old.search("people", "face", probe, 5, 1.2)
        ]
    # A component beyond the range makes all codes anew, also those that were read.
    large = replace(new_face(400), template=np.full(DIMENSION, 9.0, np.float32))
    kept.catalog.add_faces(photo(400), "bob", [large], "v1")
    assert kept.found(fresh)[-1] == large.face_id
    assert len(kept.found(fresh)) == 41


def test_changes_beyond_the_log_are_read_from_the_catalog(kept: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kenspeckle.index.follow.MOST_CHANGES", 3)
    kept.add(*range(200, 210))
    before = kept.read
    assert len(kept.found(kept.index())) == 50
    assert kept.read == before + 1


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def _rescaled(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[24:32] = np.float64(9.0).tobytes()
    path.write_bytes(data)


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _folder_there(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "harm", [_cut, _longer, _flipped, _rescaled, Path.unlink, _folder_there, _link], ids=lambda one: one.__name__
)
def test_a_damaged_file_is_said_and_the_catalog_is_read(
    kept: Folder, harm: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    harm(kept.files[0])
    before = kept.read
    assert len(kept.found(kept.index())) == 40
    assert kept.read == before + 1
    assert "'people'" in caplog.text
    assert "read from the catalog" in caplog.text


@pytest.mark.parametrize("harm", [_cut, _flipped, Path.unlink, _link, _folder_there], ids=lambda one: one.__name__)
def test_a_file_that_does_not_serve_is_saved_anew(kept: Folder, harm: Callable[[Path], None]) -> None:
    harm(kept.files[0])
    index = kept.index()
    assert len(kept.found(index)) == 40
    index.upkeep()
    before = kept.read
    assert len(kept.found(kept.index())) == 40
    assert kept.read == before, "the next start reads the file again"
    assert len(kept.files) == 1


def test_a_file_of_another_collection_or_pack_does_not_serve(kept: Folder) -> None:
    other = "other"
    kept.catalog.create_collection(gallery(other))
    kept.catalog.add_faces(photo(500, other), "ada", [new_face(seed) for seed in range(500, 540)], "v1")
    index = kept.index()
    index.search(other, "face", template(1), 1, FAR)
    index.upkeep()
    ours, theirs = (kept.catalog.describe_mirrored(name).mirrors[0] for name in ("people", other))
    path = kept.path / "codes"
    shutil.copy(saved_codes.path_of(path, theirs), saved_codes.path_of(path, ours))
    before = kept.read
    assert len(kept.found(kept.index())) == 40
    assert kept.read == before + 1
    assert kept.saved.load("people", "another contract", index.scanners_of(DIMENSION)) is None


def test_deleted_faces_leave_the_files_and_what_is_saved_later_has_none_of_them(kept: Folder) -> None:
    index, file = kept._open[0], kept.files[0]
    gone = kept.found(index)[0]
    kept.catalog.delete_faces("people", [gone])
    index.drop_outdated()
    assert kept.files == []
    assert not file.exists()
    assert kept.catalog.mirrors() == ()
    kept.seconds += 3600
    index.upkeep()
    [saved] = kept.catalog.describe_mirrored("people").mirrors
    assert saved.faces == 39
    assert saved.compacted == kept.catalog.revision("people")
    index.drop_outdated()
    assert len(kept.files) == 1, "what is up to date stays"


def test_a_deleted_collection_takes_its_file_along(kept: Folder) -> None:
    kept.catalog.delete_collection("people")
    kept._open[0].drop_outdated()
    assert kept.files == []
    assert kept.catalog.mirrors() == ()
    kept._open[0].upkeep()  # nothing of it is saved again
    assert kept.files == []


def test_one_made_anew_under_the_same_name_has_no_file(kept: Folder) -> None:
    kept.catalog.delete_collection("people")
    kept.catalog.create_collection(gallery())
    assert kept.found(kept.index()) == []


def test_it_is_saved_now_and_then_and_at_the_end(kept: Folder) -> None:
    index = kept._open[0]
    first = kept.files
    kept.add(300)
    index.upkeep()
    assert kept.files == first
    assert index.revision("people", "face") == kept.catalog.revision("people"), "but it follows at once"
    kept.seconds += 600
    index.upkeep()
    second = kept.files
    assert second != first
    assert len(second) == 1
    kept.add(301)
    index.upkeep(last=True)
    assert kept.files != second
    assert len(kept.files) == 1
    index.upkeep(last=True)
    assert len(kept.files) == 1


def test_a_full_disk_leaves_no_half_file_and_the_old_account(kept: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = kept.files
    kept.add(300)
    monkeypatch.setattr("kenspeckle.index.follow.write", full)
    with pytest.raises(StorageFull):
        kept._open[0].upkeep(last=True)
    assert kept.files == before
    assert len(kept.found(kept.index())) == 41


def test_files_that_the_catalog_does_not_know_are_removed(kept: Folder) -> None:
    known = kept.files
    stray = kept.path / "codes" / "0123.codes"
    stray.write_bytes(b"x")
    half = kept.path / "codes" / "4567.codes.partial"
    half.write_bytes(b"x")
    kept.saved.sweep()
    assert kept.files == known
    kept.saved.clear()
    assert kept.files == []
    assert [one for one, _ in kept.catalog.mirrors() if one.place == IN_FILE] == []
