"""Finding photographs and making identities of their names."""

from __future__ import annotations

import os
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenspeckle.client.errors import CommandFailed
from kenspeckle.domain import display_name
from kenspeckle.domain.validation import external_image_id
from kenspeckle.intake import walk
from kenspeckle.intake.files import SUFFIXES, Photograph, Search, find, read, safe_name
from kenspeckle.intake.identities import Identities
from kenspeckle.intake.watch.arrivals import is_taken


def _found(*paths: Path, by: str = "file") -> tuple[list[str], Search]:
    search = Search()
    return [photograph.identity for photograph in find(paths, by, search)], search


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("ada-king.jpg", "ada-king.jpg"),
        ("Ada King.jpg", "Ada_King.jpg"),
        ("Zoë Brontë (2).jpeg", "Zoe_Bronte_2_.jpeg"),
        ("Zoe\u0308.jpg", "Zoe.jpg"),
        ("Łukasz Groß.jpg", "Lukasz_Gross.jpg"),
        ("Søren.jpg", "Soren.jpg"),
        ("李小龙.jpg", "7d70ebd4.jpg"),
        (os.fsdecode(b"caf\xe9.jpg"), "caf-c588637f.jpg"),
    ],
)
def test_names_are_made_safe_the_same_way_every_time(name: str, identity: str) -> None:
    assert safe_name(name) == identity


@given(st.text(st.characters(exclude_categories=()), min_size=1, max_size=300))
def test_every_name_becomes_an_identity_that_the_service_takes(name: str) -> None:
    assert external_image_id(safe_name(name))


def test_different_letters_never_become_one_identity_unnoticed() -> None:
    names = ["李小龙.jpg", "成龙.jpg", os.fsdecode(b"\xff.jpg"), os.fsdecode(b"\xfe.jpg"), "a" * 300, "a" * 299 + "b"]
    assert len({safe_name(name) for name in names}) == len(names)


def test_folders_are_searched_for_photographs_only(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.jpg", "deep/er/c.webp", ".git/d.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found, search = _found(tmp_path)
    assert found == ["a.png", "b.JPG", "c.webp"]
    assert search.ignored == 2
    assert _found(tmp_path, by="folder")[0][-1] == "er"


@pytest.mark.parametrize(
    "folder",
    [
        "@eaDir",
        "#recycle",
        "$RECYCLE.BIN",
        "lost+found",
        ".Trash-1000",
        "System Volume Information",
        "@Recycle",
        "found.000",
        "__MACOSX",
        "#snapshot",
        "RECYCLER",
        ".@__thumb",
    ],
)
def test_folders_of_systems_are_passed_over(tmp_path: Path, folder: str) -> None:
    for name in ("Ada/a.jpg", f"Ada/{folder}/a.jpg/THUMB_XL.jpg", f"{folder}/Ada/deleted.jpg", f"{folder} 2/b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found, search = _found(tmp_path)
    assert sorted(found) == (["a.jpg"] if folder.startswith(".") else ["a.jpg", "b.jpg"])
    assert search.folders == (0 if folder.startswith(".") else 2)
    assert _found(tmp_path / folder)[0]  # whoever names it means it


@pytest.mark.parametrize("name", ["a.HIF", "a.heif", "a.HEIC"])
def test_every_ending_of_a_format_is_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert _found(tmp_path)[0] == [name]
    assert is_taken(name, SUFFIXES)
    assert display_name(name) == "A"


def test_a_file_given_by_name_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "portrait").touch()
    assert _found(tmp_path / "portrait", tmp_path / "portrait")[0] == ["portrait"]


def test_loops_of_links_end_and_links_to_folders_are_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "linked.jpg").touch()
    (inside / "own.jpg").touch()
    (inside / "loop").symlink_to(inside)
    (inside / "up").symlink_to(tmp_path)
    (inside / "elsewhere").symlink_to(outside)
    (inside / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    found, search = _found(inside)
    assert sorted(found) == ["linked.jpg", "own.jpg"]
    assert [path.name for path, _ in search.missing] == ["broken.jpg"]


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    found, search = _found(tmp_path / "nothing.jpg")
    assert found == []
    assert search.missing == [(tmp_path / "nothing.jpg", "No such file or folder")]


def test_two_names_that_would_become_one_are_told_apart(tmp_path: Path) -> None:
    names = [("x", "Zoë.jpg"), ("x", "Zoe.jpg"), ("x", "Ada King.jpg"), ("x", "Ada_King.jpg"), ("y", "Ada King.jpg")]
    photographs = [Photograph(tmp_path / folder / name, name) for folder, name in names]
    with closing(Identities()) as identities:
        refused = {str(one.path): why for one in photographs if (why := identities.refusal(one))}
    assert list(refused) == [str(tmp_path / "x" / "Zoe.jpg")]
    assert f"as that of {tmp_path / 'x' / 'Zoë.jpg'}; rename" in refused[str(tmp_path / "x" / "Zoe.jpg")]
    assert identities.shared == 1


def test_names_that_are_no_text_are_told_apart_too(tmp_path: Path) -> None:
    names = [os.fsdecode(b"\xff.jpg"), os.fsdecode(b"\xff.jpg"), "\u674e.jpg"]
    with closing(Identities()) as identities:
        assert [identities.refusal(Photograph(tmp_path / name, name)) for name in names] == ["", "", ""]


def test_folders_that_were_named_twice_are_walked_once(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "a/deep/2.jpg", "b/3.jpg", "b/.hidden/4.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    inner, outer, hidden = tmp_path / "a", tmp_path, tmp_path / "b" / ".hidden"
    every = ["1.jpg", "2.jpg", "3.jpg"]
    assert sorted(_found(inner, outer)[0]) == every
    assert sorted(_found(outer, inner, outer, inner / "1.jpg")[0]) == every
    assert sorted(_found(inner / "1.jpg", outer)[0]) == every
    assert sorted(_found(outer, hidden)[0]) == [*every, "4.jpg"]


def test_two_links_to_one_folder_are_one_folder(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "1.jpg").touch()
    (tmp_path / "album" / ".kept").mkdir(parents=True)
    (tmp_path / "album" / ".kept" / "2.jpg").touch()
    for name, target in (("x", "elsewhere"), ("y", "elsewhere"), ("z", "album/.kept")):
        (tmp_path / "album" / name).symlink_to(tmp_path / target)
    assert _found(tmp_path / "album")[0] == ["1.jpg", "2.jpg"]


def test_a_large_folder_is_walked_in_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "SLICE", 3)
    for number in range(10):
        (tmp_path / f"{number}.jpg").touch()
        (tmp_path / f"f{number}").mkdir()
        (tmp_path / f"f{number}" / "in.jpg").touch()
    assert sorted(_found(tmp_path)[0]) == sorted([*(f"{number}.jpg" for number in range(10)), *["in.jpg"] * 10])


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    """Names of a folder are read in slices, and nothing is kept of those that were found."""

    def most(count: int) -> int:
        folder = tmp_path / str(count)
        folder.mkdir()
        for number in range(count):
            (folder / f"{number}.jpg").touch()
        return min(once(folder) for _ in range(3))  # threads of other tests may still end meanwhile

    def once(folder: Path) -> int:
        tracemalloc.start()
        with closing(Identities()) as identities:
            for one in find([folder], "file", Search()):
                identities.refusal(one)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    slice_, walk.SLICE = walk.SLICE, 200
    try:
        assert most(4000) < 1.5 * most(400)
    finally:
        walk.SLICE = slice_


def test_what_can_not_be_read_is_said_in_words(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(b"12345")
    for name, words in (
        ("pipe", "no regular file"),
        ("empty", "is empty"),
        ("large", "more than 4 bytes"),
        ("absent", "does not exist"),
        (".", "is a folder"),
    ):
        with pytest.raises(CommandFailed, match=words):
            read(tmp_path / name, 4)
