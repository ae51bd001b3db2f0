"""Every operation writes a row, or is on the list of those that need none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import (
    AppearanceSearch,
    Associated,
    Comparison,
    Deleted,
    Described,
    Duplicates,
    Erased,
    Face,
    Faceless,
    FaceMatch,
    FaceRecord,
    FaceSearch,
    Group,
    ImageSearch,
    Indexed,
    Job,
    JobKind,
    LineResult,
    LineStatus,
    Mixed,
    NamedFaces,
    Page,
    Pair,
    Person,
    PersonRef,
    Right,
    Scope,
    Undone,
    UnsuccessfulFace,
    UserMatch,
    UserSearch,
    Video,
    VideoPage,
    VideoSource,
)
from kenspeckle.domain import operations as ops
from kenspeckle.domain.audit import describe
from kenspeckle.errors import FaceNotFound, StorageFull, UnsupportedImage
from kenspeckle.usecases.audit.access import MOST_NAMED
from kenspeckle.usecases.audit.accesses import NOT_RECORDED, RECORDED
from kenspeckle.usecases.audit.receipts import Receipts
from kenspeckle.usecases.audit.recognizer import Audited
from kenspeckle.usecases.audit.recorder import Recorder
from tests.catalogs import detail, gallery, person, photo
from tests.domain.all_operations import OPERATIONS

KEY = b"k" * 32
RECEIPTS = Receipts(b"r" * 32)
PIXELS = b"these are the pixels of a photograph"
FACE = Face("face-1", "image-1", "people", "anna.jpg", detail(1).box, 99.0, "v1", 1.0)
RECORD = FaceRecord(FACE, detail(1))
TEMPLATE = np.ones(3, np.float32)
MATCHES = (FaceMatch(FACE, 98.0),)
USERS = (UserMatch(person("anna"), 97.0),)
UNSUCCESSFUL = (UnsuccessfulFace("face-2", ("FACE_NOT_FOUND",)),)

ERASED = Erased(("face-1",), ("digest-1",), ("anna",), face_count=1, image_count=1)

ANNA = Person("person-1", "people", "Anna", None, ("anna.jpg",), 1, "face-1", undo_id="undo-1")
LISTED: dict[str, object] = {"by_name": True, "people": ["person-1"], "people_count": 1}

SEEN = Video(Job("job-1", JobKind.VIDEO, "people", 1.0), VideoSource(), None, None, True)

CALLS: list[tuple[ops.Operation[Any], object, str, list[str], dict[str, object]]] = [
    (ops.CreateCollection(collection_id="people"), gallery(), "CreateCollection", [], {}),
    (ops.DeleteCollection(collection_id="people"), None, "DeleteCollection", [], {}),
    (ops.TagCollection(collection_id="people", tags={"site": "lobby"}), None, "TagResource", [], {"keys": ["site"]}),
    (ops.UntagCollection(collection_id="people", keys=["site"]), None, "UntagResource", [], {"keys": ["site"]}),
    (
        ops.IndexFaces(collection_id="people", image=PIXELS, external_image_id="anna.jpg"),
        Indexed("image-1", (RECORD,), (), "v1", True),
        "IndexFaces",
        ["face-1"],
        {"identity": "anna.jpg", "image": "image-1", "created": True, "unindexed": 0},
    ),
    (
        ops.StartIndexing(collection_id="people", path="/tmp/manifest"),
        Job("job-1", JobKind.INDEX, "people", 1.0),
        "StartIndexing",
        [],
        {"job": "job-1", "kind": "index", "state": "queued", "collection": "people"},
    ),
    (
        ops.ListIndexResults(job_id="job-1"),
        Page((LineResult(1, LineStatus.INDEXED, "image-1", "anna.jpg", ("face-1",)),)),
        "ListIndexResults",
        ["face-1"],
        {"job": "job-1", "lines": 1},
    ),
    (
        ops.IndexPhotographs(
            collection_id="people",
            photographs=[ops.IndexFaces(collection_id="people", image=PIXELS, external_image_id="anna.jpg")],
        ),
        (Indexed("image-1", (RECORD,), (), "v1", True),),
        "IndexFaces",
        ["face-1"],
        {"identity": "anna.jpg", "image": "image-1", "created": True, "unindexed": 0},
    ),
    (ops.GetFace(collection_id="people", face_id="face-1"), RECORD, "GetFace", ["face-1"], {}),
    (ops.ListFaces(collection_id="people"), Page((FACE,)), "ListFaces", ["face-1"], {}),
    (
        ops.DeleteFaces(collection_id="people", face_ids=["face-1", "face-2"]),
        Deleted(("face-1",), UNSUCCESSFUL, ("digest-1",)),
        "DeleteFaces",
        ["face-1"],
        {"unsuccessful": 1, "images": ["digest-1"]},
    ),
    (
        ops.EraseIdentity(collection_id="people", external_image_id="anna.jpg"),
        ERASED,
        "EraseIdentity",
        ["face-1"],
        {"name": "anna.jpg", "images": ["digest-1"], "image_count": 1, "users": ["anna"], "complete": True},
    ),
    (ops.RetainCollection(collection_id="people", days=30), gallery(), "RetainCollection", [], {"days": 30}),
    (ops.SearchFaces(collection_id="people", face_id="face-9"), MATCHES, "SearchFaces", ["face-1"], {"face": "face-9"}),
    (
        ops.SearchImage(collection_id="people", image=PIXELS),
        ImageSearch((FaceSearch(detail(2), MATCHES),), (), "v1"),
        "SearchFacesByImage",
        ["face-1"],
        {"searched": 1},
    ),
    (ops.DetectFaces(image=PIXELS), (detail(1),), "DetectFaces", [], {"detected": 1}),
    (
        ops.CompareFaces(source=PIXELS, target=PIXELS),
        Comparison(detail(1), ((detail(2), 99.0),), ()),
        "CompareFaces",
        [],
        {"matched": 1, "unmatched": 0},
    ),
    (
        ops.SyncCollection(collection_id="people", rebuild=True),
        Job("job-1", JobKind.SYNC, "people", 1.0),
        "SyncCollection",
        [],
        {"rebuild": True, "job": "job-1", "kind": "sync", "state": "queued", "collection": "people"},
    ),
    (
        ops.CancelJob(job_id="job-1"),
        Job("job-1", JobKind.UPGRADE, "people", 1.0),
        "CancelJob",
        [],
        {"job": "job-1", "kind": "upgrade", "state": "queued", "collection": "people"},
    ),
    (
        ops.UpgradeCollection(collection_id="people", pack="sface"),
        Job("job-1", JobKind.UPGRADE, "people", 1.0),
        "UpgradeCollection",
        [],
        {"pack": "sface", "job": "job-1", "kind": "upgrade", "state": "queued", "collection": "people"},
    ),
    (
        ops.StartVideo(collection_id="people", source=VideoSource(bucket="door", name="a.mp4")),
        Job("job-1", JobKind.VIDEO, "people", 1.0),
        "StartFaceSearch",
        [],
        {"bucket": "door", "name": "a.mp4", "job": "job-1", "kind": "video", "state": "queued", "collection": "people"},
    ),
    (
        ops.StartVideoDetection(source=VideoSource(upload="ab")),
        Job("job-1", JobKind.VIDEO, None, 1.0),
        "StartFaceDetection",
        [],
        {"upload": "ab", "job": "job-1", "kind": "video", "state": "queued", "collection": None},
    ),
    (
        ops.GetVideo(job_id="job-1"),
        VideoPage(SEEN),
        "GetFaceSearch",
        [],
        {"job": "job-1", "search": True, "collection": "people", "detected": 0},
    ),
    (
        ops.ListAppearances(job_id="job-1"),
        VideoPage(SEEN),
        "ListAppearances",
        [],
        {"job": "job-1", "collection": "people", "appearances": 0},
    ),
    (
        ops.SearchAppearance(
            collection_id="people", images=[PIXELS], camera="hall", first_at=1.0, last_at=2.0, frames=3
        ),
        AppearanceSearch(MATCHES, 1, "v1"),
        "SearchAppearance",
        ["face-1"],
        {"camera": "hall", "pictures": 1},
    ),
    (ops.EraseVideo(job_id="job-1"), None, "EraseVideo", [], {"job": "job-1"}),
    (ops.CreateUser(collection_id="people", user_id="anna"), None, "CreateUser", [], {"user": "anna"}),
    (ops.DeleteUser(collection_id="people", user_id="anna"), None, "DeleteUser", [], {"user": "anna"}),
    (ops.GetUser(collection_id="people", user_id="anna"), person("anna"), "GetUser", [], {"user": "anna"}),
    (
        ops.ListUsers(collection_id="people"),
        Page((person("anna"),)),
        "ListUsers",
        [],
        {"users": ["anna"], "user_count": 1},
    ),
    (
        ops.AssociateFaces(collection_id="people", user_id="anna", face_ids=["face-1", "face-2"]),
        Associated(("face-1",), UNSUCCESSFUL, "ACTIVE"),
        "AssociateFaces",
        ["face-1"],
        {"user": "anna", "unsuccessful": 1},
    ),
    (
        ops.DisassociateFaces(collection_id="people", user_id="anna", face_ids=["face-1"]),
        Associated(("face-1",), (), "CREATED"),
        "DisassociateFaces",
        ["face-1"],
        {"user": "anna", "unsuccessful": 0},
    ),
    (ops.SearchUsers(collection_id="people"), USERS, "SearchUsers", [], {"users": ["anna"], "user_count": 1}),
    (
        ops.SearchUsersByImage(collection_id="people", image=PIXELS),
        UserSearch(detail(1), USERS, (), "v1"),
        "SearchUsersByImage",
        [],
        {"users": ["anna"], "user_count": 1},
    ),
    (
        ops.GetImage(collection_id="people", key="1.jpg"),
        (photo(1), PIXELS),
        "GetImage",
        [],
        {"key": "1.jpg", "image": "image-1"},
    ),
    (
        ops.GetFaceImage(collection_id="people", face_id="face-1"),
        (photo(1), PIXELS),
        "GetFaceImage",
        ["face-1"],
        {"image": "image-1"},
    ),
    (
        ops.DescribeFaces(collection_id="people", image=PIXELS),
        Described(((detail(1), None),), 10, 10, "v1"),
        "DescribeFaces",
        [],
        {"templates": True, "detected": 1},
    ),
    (
        ops.SearchTemplates(collection_id="people", templates=[TEMPLATE]),
        (MATCHES,),
        "SearchTemplates",
        ["face-1"],
        {"searched": 1},
    ),
    (
        ops.CompareTemplates(collection_id="people", face_id="face-1", targets=[TEMPLATE]),
        (50.0,),
        "CompareTemplates",
        ["face-1"],
        {"targets": 1},
    ),
    (
        ops.GetImageById(collection_id="people", image_id="image-1"),
        (photo(1), PIXELS),
        "GetImage",
        [],
        {"image": "image-1"},
    ),
    (ops.ListPeople(collection_id="people", name="An"), Page((ANNA,)), "ListPeople", ["face-1"], LISTED),
    (ops.GetPerson(collection_id="people", person_id="person-1"), ANNA, "GetPerson", [], {"person": "person-1"}),
    (
        ops.ListPersonFaces(collection_id="people", person_id="person-1"),
        Page((FACE,)),
        "ListPersonFaces",
        ["face-1"],
        {"person": "person-1"},
    ),
    (
        ops.ChangePerson(collection_id="people", person_id="person-1", person_name="Anna", hidden=True),
        ANNA,
        "ChangePerson",
        [],
        {"person": "person-1", "renamed": True, "hidden": True},
    ),
    (
        ops.MoveFaces(collection_id="people", person_id="person-1", face_ids=["face-1"]),
        ANNA,
        "MoveFaces",
        ["face-1"],
        {"person": "person-1"},
    ),
    (
        ops.MergePeople(collection_id="people", person_id="person-2", into="person-1"),
        ANNA,
        "MergePeople",
        [],
        {"person": "person-2", "into": "person-1", "undo": "undo-1"},
    ),
    (
        ops.SplitPerson(collection_id="people", person_id="person-2", face_ids=["face-1"], person_name="Anna"),
        ANNA,
        "SplitPerson",
        ["face-1"],
        {"person": "person-2", "new": "person-1", "undo": "undo-1"},
    ),
    (
        ops.UndoPeople(collection_id="people"),
        Undone("merge", (ANNA,)),
        "UndoPeople",
        [],
        {"undone": "merge", "people": ["person-1"]},
    ),
    (
        ops.NameFaces(collection_id="people", face_ids=["face-1"], person_name="Anna"),
        NamedFaces(ANNA, ("face-1",), ()),
        "NameFaces",
        ["face-1"],
        {"person": "person-1", "named": 1},
    ),
    (
        ops.KeepApart(collection_id="people", person_id="person-1", face_ids=["face-1"]),
        ANNA,
        "KeepApart",
        ["face-1"],
        {"person": "person-1"},
    ),
    (
        ops.GroupFaces(collection_id="people"),
        Job("job-1", JobKind.GROUPS, "people", 1.0),
        "GroupFaces",
        [],
        {"job": "job-1", "kind": "groups", "state": "queued", "collection": "people"},
    ),
    (
        ops.ListGroups(collection_id="people"),
        Page((Group("group-1", 1, "face-1", ("face-1",), 1.0, 2.0),)),
        "ListGroups",
        ["face-1"],
        {"groups": 1},
    ),
    (
        ops.NameGroup(collection_id="people", group_id="group-1", person_name="Anna"),
        ANNA,
        "NameGroup",
        [],
        {"group": "group-1", "person": "person-1"},
    ),
    (
        ops.ListDuplicates(collection_id="people"),
        Duplicates((Pair("person-1.person-2", (ANNA, ANNA), 90.0, ("face-1", "face-2")),), (), ()),
        "ListDuplicates",
        ["face-1", "face-2"],
        {"pairs": 1, "faces": 0},
    ),
    (
        ops.FindMixedPeople(collection_id="people", external_image_ids=["anna", "bea"]),
        (Mixed(PersonRef("person-1", "Anna"), (("face-1",), ("face-2",)), 10.0),),
        "FindMixedPeople",
        [],
        {"identities": 2, "people": ["person-1"]},
    ),
    (
        ops.DismissDuplicate(collection_id="people", pair_id="person-1.person-2"),
        None,
        "DismissDuplicate",
        [],
        {"pair": "person-1.person-2"},
    ),
    (
        ops.ErasePerson(collection_id="people", person_id="person-1"),
        ERASED,
        "ErasePerson",
        ["face-1"],
        {"name": "person-1", "images": ["digest-1"], "image_count": 1, "users": ["anna"], "complete": True},
    ),
    (ops.GetThumbnail(collection_id="people", face_id="face-1"), PIXELS, "GetThumbnail", ["face-1"], {}),
    (
        ops.GetThumbnails(collection_id="people", face_ids=["face-1", "face-2"]),
        {"face-1": PIXELS},
        "GetThumbnails",
        ["face-1"],
        {},
    ),
    (
        ops.EraseImage(collection_id="people", key="anna.jpg"),
        ERASED,
        "EraseImage",
        ["face-1"],
        {"name": "anna.jpg", "images": ["digest-1"], "image_count": 1, "users": ["anna"], "complete": True},
    ),
    (
        ops.EraseUser(collection_id="people", user_id="anna.jpg"),
        ERASED,
        "EraseUser",
        ["face-1"],
        {"name": "anna.jpg", "images": ["digest-1"], "image_count": 1, "users": ["anna"], "complete": True},
    ),
    (
        ops.EraseCollection(collection_id="people"),
        ERASED,
        "EraseCollection",
        ["face-1"],
        {"name": "", "images": ["digest-1"], "image_count": 1, "users": ["anna"], "complete": True},
    ),
    (
        ops.EraseAged(collection_id="people", days=30),
        ERASED,
        "EraseAge",
        ["face-1"],
        {"name": "30", "images": ["digest-1"], "image_count": 1, "users": ["anna"], "complete": True},
    ),
]
EACH = pytest.mark.parametrize("call", CALLS, ids=lambda call: type(call[0]).__name__)


class Stub:
    """Answers every operation by `act`."""

    def __init__(self, act: Callable[[ops.Operation[Any]], object]) -> None:
        self.act = act

    def handle(self, operation: ops.Operation[Any]) -> Any:
        return self.act(operation)

    def info(self, only: object = None) -> dict[str, object]:
        return {"the": "answer"}

    def ready(self) -> None: ...


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    with closing(SqlCatalog.open(f"sqlite:///{tmp_path / 'kenspeckle.db'}")) as catalog:
        recorder = Recorder(catalog, KEY)
        recorder.begin()
        yield recorder


def audited(recorder: Recorder, act: Callable[[ops.Operation[Any]], object]) -> Audited:
    return Audited(Stub(act), recorder, RECEIPTS)


def rows(recorder: Recorder) -> list[dict[str, Any]]:
    return [describe(row) for row in recorder.trail.audit_rows(1)]


def test_every_operation_is_recorded_or_named() -> None:
    assert set(OPERATIONS) == set(RECORDED) | set(NOT_RECORDED)
    assert not set(RECORDED) & set(NOT_RECORDED)
    assert {type(call[0]) for call in CALLS} == set(RECORDED)
    assert all(len(reason) > 15 for reason in NOT_RECORDED.values())


@EACH
def test_an_answer_has_its_row(recorder: Recorder, call: Any, tmp_path: Path) -> None:
    asked, canned, name, faces, facts = call
    before = len(rows(recorder))
    answer = audited(recorder, lambda _: canned).handle(asked)
    if isinstance(answer, Deleted | Erased):
        assert answer.receipt is not None
        assert answer.receipt.content["faces"] == faces
        answer = replace(answer, receipt=None)
    assert answer == canned
    made = rows(recorder)
    assert len(made) == before + 1
    row = made[-1]
    assert (row["operation"], row["outcome"], row["who"]) == (name, "ok", "cli")
    assert (row["faces"], row["face_count"], row["facts"]) == (faces, len(faces), facts)
    assert row["collection"] == ("people" if isinstance(asked, ops.InCollection) else None)
    assert PIXELS not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


@EACH
@pytest.mark.parametrize(
    ("error", "code"), [(FaceNotFound("no"), "face_not_found"), (ValueError("no"), "internal_error")]
)
def test_a_failure_has_its_row(recorder: Recorder, call: Any, error: Exception, code: str) -> None:
    def fail(_: object) -> object:
        raise error

    with pytest.raises(type(error)):
        audited(recorder, fail).handle(call[0])
    assert [(row["operation"], row["outcome"]) for row in rows(recorder)] == [(call[2], code)]


@pytest.mark.parametrize("kind", NOT_RECORDED, ids=lambda kind: kind.__name__)
def test_what_needs_no_row_has_none(recorder: Recorder, kind: Any) -> None:
    needed: dict[Any, dict[str, str]] = {ops.ListCollections: {}, ops.ListJobs: {}, ops.GetJob: {"job_id": "job-1"}}
    needed[ops.GetReceipt] = {"receipt_id": "receipt-1"}
    asked = kind(**needed.get(kind, {"collection_id": "people"}))
    assert audited(recorder, lambda _: {"the": "answer"}).handle(asked)["the"] == "answer"
    assert rows(recorder) == []


def test_what_the_recognizer_says_of_itself_needs_no_row(recorder: Recorder) -> None:
    one = audited(recorder, lambda _: None)
    one.ready()
    told = one.info()
    assert told["the"] == "answer"
    assert "public_key" in str(told["receipts"])
    assert rows(recorder) == []


def test_an_operation_without_a_row_is_never_answered(recorder: Recorder) -> None:
    class Forgotten(ops.InCollection[int]):
        right = Right(Scope.READ)

    with pytest.raises(KeyError):
        audited(recorder, lambda _: 1).handle(Forgotten(collection_id="people"))


def test_nothing_that_old_needs_neither_row_nor_receipt(recorder: Recorder) -> None:
    asked = ops.EraseAged(collection_id="people", days=30)
    assert audited(recorder, lambda _: Erased(())).handle(asked).receipt is None
    assert rows(recorder) == []


def test_no_answer_without_its_row(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: SqlCatalog, link: object) -> None:
        raise StorageFull("The disk is full.")

    monkeypatch.setattr(SqlCatalog, "append_audit", full)
    with pytest.raises(StorageFull, match="record"):
        audited(recorder, lambda _: RECORD).handle(ops.GetFace(collection_id="people", face_id="face-1"))

    def unknown(_: object) -> object:
        raise FaceNotFound("There is no such face.")

    with pytest.raises(FaceNotFound):
        audited(recorder, unknown).handle(ops.GetFace(collection_id="people", face_id="face-1"))


def test_each_of_many_photographs_has_its_row(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one commit, by the actor of the whole; an error is the outcome of its photograph alone."""
    commits: list[object] = []
    append = SqlCatalog.append_audit

    def counted(self: SqlCatalog, link: Any) -> None:
        commits.append(link)
        append(self, link)

    monkeypatch.setattr(SqlCatalog, "append_audit", counted)
    names = ("a.jpg", "b.jpg", "c.jpg")
    photographs = [ops.IndexFaces(collection_id="people", image=PIXELS, external_image_id=one) for one in names]
    outcomes = (Indexed("image-1", (RECORD,), (), "v1", True), Faceless(()), UnsupportedImage("no photograph"))
    asked = ops.IndexPhotographs(collection_id="people", photographs=photographs)
    assert audited(recorder, lambda _: outcomes).handle(asked) == outcomes
    made = rows(recorder)
    assert [(row["facts"]["identity"], row["outcome"], row["faces"]) for row in made] == [
        ("a.jpg", "ok", ["face-1"]),
        ("b.jpg", "ok", []),
        ("c.jpg", "unsupported_image", []),
    ]
    assert {(row["operation"], row["who"], row["collection"]) for row in made} == {("IndexFaces", "cli", "people")}
    assert len(commits) == 1


def test_many_faces_are_a_count(recorder: Recorder) -> None:
    page = Page((FACE,) * 1000)
    audited(recorder, lambda _: page).handle(ops.ListFaces(collection_id="people", limit=1000))
    row = rows(recorder)[0]
    assert (len(row["faces"]), row["face_count"]) == (MOST_NAMED, 1000)
