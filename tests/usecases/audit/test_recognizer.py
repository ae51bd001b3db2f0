"""Every method of the recognizer's port writes a row, or is on the list of those that need none."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import (
    Associated,
    Comparison,
    Deleted,
    Erased,
    Erasure,
    Face,
    FaceMatch,
    FaceRecord,
    FaceSearch,
    ImageSearch,
    Indexed,
    Page,
    UnsuccessfulFace,
    UserMatch,
    UserSearch,
)
from kenspeckle.domain.audit import described
from kenspeckle.errors import FaceNotFound, StorageFull
from kenspeckle.ports import Recognizer
from kenspeckle.usecases.audit.receipts import Receipts
from kenspeckle.usecases.audit.recognizer import NOT_RECORDED, Audited
from kenspeckle.usecases.audit.recognizer.recording import MOST_NAMED
from kenspeckle.usecases.audit.recorder import Recorder
from tests.catalogs import detail, gallery, person, photo

KEY = b"k" * 32
RECEIPTS = Receipts(b"r" * 32)
PIXELS = b"these are the pixels of a photograph"
FACE = Face("face-1", "image-1", "people", "anna.jpg", detail(1).box, 99.0, "v1", 1.0)
RECORD = FaceRecord(FACE, detail(1))
MATCHES = (FaceMatch(FACE, 98.0),)
USERS = (UserMatch(person("anna"), 97.0),)
UNSUCCESSFUL = (UnsuccessfulFace("face-2", ("FACE_NOT_FOUND",)),)

CALLS: dict[str, tuple[tuple[Any, ...], object, str, list[str], dict[str, object]]] = {
    "create_collection": (("people",), gallery(), "CreateCollection", [], {}),
    "delete_collection": (("people",), None, "DeleteCollection", [], {}),
    "tag": (("people", {"site": "lobby"}), None, "TagResource", [], {"keys": ["site"]}),
    "untag": (("people", ["site"]), None, "UntagResource", [], {"keys": ["site"]}),
    "index_faces": (
        ("people", PIXELS, "anna.jpg"),
        Indexed("image-1", (RECORD,), (), "v1", True),
        "IndexFaces",
        ["face-1"],
        {"identity": "anna.jpg", "image": "image-1", "created": True, "unindexed": 0},
    ),
    "get_face": (("people", "face-1"), RECORD, "GetFace", ["face-1"], {}),
    "list_faces": (("people",), Page((FACE,)), "ListFaces", ["face-1"], {}),
    "delete_faces": (
        ("people", ["face-1", "face-2"]),
        Deleted(("face-1",), UNSUCCESSFUL, ("digest-1",)),
        "DeleteFaces",
        ["face-1"],
        {"unsuccessful": 1, "images": ["digest-1"]},
    ),
    "erase": (
        ("people", Erasure.IDENTITY, "anna.jpg"),
        Erased(("face-1",), ("digest-1",), ("anna",), face_count=1, image_count=1),
        "EraseIdentity",
        ["face-1"],
        {"name": "anna.jpg", "images": ["digest-1"], "image_count": 1, "users": ["anna"], "complete": True},
    ),
    "retain": (("people", 30), gallery(), "RetainCollection", [], {"days": 30}),
    "search_faces": (("people", "face-9"), MATCHES, "SearchFaces", ["face-1"], {"face": "face-9"}),
    "search_image": (
        ("people", PIXELS),
        ImageSearch((FaceSearch(detail(2), MATCHES),), (), "v1"),
        "SearchFacesByImage",
        ["face-1"],
        {"searched": 1},
    ),
    "detect_faces": ((PIXELS,), (detail(1),), "DetectFaces", [], {"detected": 1}),
    "compare_faces": (
        (PIXELS, PIXELS),
        Comparison(detail(1), ((detail(2), 99.0),), ()),
        "CompareFaces",
        [],
        {"matched": 1, "unmatched": 0},
    ),
    "create_user": (("people", "anna"), None, "CreateUser", [], {"user": "anna"}),
    "delete_user": (("people", "anna"), None, "DeleteUser", [], {"user": "anna"}),
    "get_user": (("people", "anna"), person("anna"), "GetUser", [], {"user": "anna"}),
    "list_users": (
        ("people",),
        Page((person("anna"),)),
        "ListUsers",
        [],
        {"users": ["anna"], "user_count": 1},
    ),
    "associate_faces": (
        ("people", "anna", ["face-1", "face-2"]),
        Associated(("face-1",), UNSUCCESSFUL, "ACTIVE"),
        "AssociateFaces",
        ["face-1"],
        {"user": "anna", "unsuccessful": 1},
    ),
    "disassociate_faces": (
        ("people", "anna", ["face-1"]),
        Associated(("face-1",), (), "CREATED"),
        "DisassociateFaces",
        ["face-1"],
        {"user": "anna", "unsuccessful": 0},
    ),
    "search_users": (("people",), USERS, "SearchUsers", [], {"users": ["anna"], "user_count": 1}),
    "search_users_by_image": (
        ("people", PIXELS),
        UserSearch(detail(1), USERS, (), "v1"),
        "SearchUsersByImage",
        [],
        {"users": ["anna"], "user_count": 1},
    ),
    "image": (("people", "1.jpg"), (photo(1), PIXELS), "GetImage", [], {"key": "1.jpg", "image": "image-1"}),
    "thumbnail": (("people", "face-1"), PIXELS, "GetThumbnail", ["face-1"], {}),
}
METHODS = [name for name, _ in inspect.getmembers(Recognizer, inspect.isfunction) if not name.startswith("_")]


class Stub:
    """Answers every method by `act`."""

    def __init__(self, act: Callable[[str], object]) -> None:
        self.act = act

    def __getattr__(self, name: str) -> Callable[..., object]:
        return lambda *words, **more: self.act(name)


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    with closing(SqlCatalog.open(f"sqlite:///{tmp_path / 'kenspeckle.db'}")) as catalog:
        recorder = Recorder(catalog, KEY)
        recorder.begin()
        yield recorder


def audited(recorder: Recorder, act: Callable[[str], object]) -> Audited:
    inner: Any = Stub(act)
    return Audited(inner, recorder, RECEIPTS)


def rows(recorder: Recorder) -> list[dict[str, Any]]:
    return [described(row) for row in recorder.trail.audit_rows(1)]


def test_every_method_is_recorded_or_named() -> None:
    assert set(METHODS) == set(CALLS) | set(NOT_RECORDED)
    assert not set(CALLS) & set(NOT_RECORDED)
    assert all(len(reason) > 15 for reason in NOT_RECORDED.values())


@pytest.mark.parametrize("name", CALLS)
def test_an_answer_has_its_row(recorder: Recorder, name: str, tmp_path: Path) -> None:
    arguments, canned, operation, faces, facts = CALLS[name]
    before = len(rows(recorder))
    answer = getattr(audited(recorder, lambda _: canned), name)(*arguments)
    if isinstance(answer, Deleted | Erased):
        assert answer.receipt is not None
        assert answer.receipt.content["faces"] == faces
        answer = replace(answer, receipt=None)
    assert answer == canned
    made = rows(recorder)
    assert len(made) == before + 1
    row = made[-1]
    assert (row["operation"], row["outcome"], row["who"]) == (operation, "ok", "cli")
    assert (row["faces"], row["face_count"], row["facts"]) == (faces, len(faces), facts)
    assert row["collection"] == (None if name in ("detect_faces", "compare_faces") else "people")
    assert PIXELS not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("error", "code"), [(FaceNotFound("no"), "face_not_found"), (ValueError("no"), "internal_error")]
)
def test_a_failure_has_its_row(recorder: Recorder, name: str, error: Exception, code: str) -> None:
    def fail(_: str) -> object:
        raise error

    with pytest.raises(type(error)):
        getattr(audited(recorder, fail), name)(*CALLS[name][0])
    assert [(row["operation"], row["outcome"]) for row in rows(recorder)] == [(CALLS[name][2], code)]


@pytest.mark.parametrize("name", NOT_RECORDED)
def test_what_needs_no_row_has_none(recorder: Recorder, name: str) -> None:
    arguments = ("people",) if name in ("describe_collection", "tags") else ()
    answer = getattr(audited(recorder, lambda _: {"the": "answer"}), name)(*arguments)
    assert name == "ready" or answer["the"] == "answer"
    assert rows(recorder) == []


def test_no_answer_without_its_row(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: SqlCatalog, link: object) -> None:
        raise StorageFull("The disk is full.")

    monkeypatch.setattr(SqlCatalog, "append_audit", full)
    with pytest.raises(StorageFull, match="record"):
        audited(recorder, lambda _: RECORD).get_face("people", "face-1")

    def unknown(_: str) -> object:
        raise FaceNotFound("There is no such face.")

    with pytest.raises(FaceNotFound):
        audited(recorder, unknown).get_face("people", "face-1")


def test_many_faces_are_a_count(recorder: Recorder) -> None:
    page = Page((FACE,) * 1000)
    audited(recorder, lambda _: page).list_faces("people", 1000)
    row = rows(recorder)[0]
    assert (len(row["faces"]), row["face_count"]) == (MOST_NAMED, 1000)
