"""No operation is forgotten: each has a right, an answer, and a handler in every recognizer or a reason why not."""

from __future__ import annotations

from typing import Any, cast, get_args, get_type_hints

import pytest

from kenspeckle.aws.recognizer import ManagedRecognizer
from kenspeckle.client.requests import NOT_OFFERED, REQUESTS
from kenspeckle.domain import Of, Right
from kenspeckle.domain import operations as ops
from kenspeckle.errors import NotOffered
from tests.api.fake import FakeRecognizer
from tests.domain.all_operations import OPERATIONS
from tests.fakes import drawn

EACH = pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.__name__)


def _handlers() -> dict[str, ops.Handlers]:
    local = drawn.recognizer()
    local.close()
    return {"local": local.handlers, "managed": ManagedRecognizer(cast(Any, None)).handlers}


HANDLERS = _handlers()

_NO_TEMPLATES = "Amazon gives no templates out, and takes none"
_NO_JOBS = "long work is on collections that lie here"
NOT_MANAGED: dict[type[ops.Operation[Any]], str] = {
    ops.ListJobs: _NO_JOBS,
    ops.GetJob: _NO_JOBS,
    ops.CancelJob: _NO_JOBS,
    ops.IndexPhotographs: "Amazon takes photographs one by one",
    ops.StartIndexing: _NO_JOBS,
    ops.ListIndexResults: _NO_JOBS,
    ops.StartVideo: _NO_JOBS,
    ops.StartVideoDetection: _NO_JOBS,
    ops.GetVideo: _NO_JOBS,
    ops.ListAppearances: _NO_JOBS,
    ops.EraseVideo: _NO_JOBS,
    ops.SearchAppearance: "Amazon searches one photograph at a time",
    ops.DescribeFaces: _NO_TEMPLATES,
    ops.SearchTemplates: _NO_TEMPLATES,
    ops.CompareTemplates: _NO_TEMPLATES,
    ops.GetImageById: "photographs are read by their key there",
    ops.ChangePerson: "people are Amazon's users, which have neither display names nor a mark that hides them",
    **dict.fromkeys((ops.GroupFaces, ops.ListGroups, ops.NameGroup), "Amazon gives no templates out to group by"),
    **dict.fromkeys(
        (ops.ListDuplicates, ops.DismissDuplicate, ops.FindMixedPeople, ops.KeepApart),
        "no templates to compare people by",
    ),
    ops.UndoPeople: "Amazon keeps nothing to undo by",
    ops.GetReceipt: "receipts are complete when they are given there, and nothing keeps them",
    ops.GetFaceImage: "photographs are read by their key there",
    ops.SyncCollection: "Amazon searches its collections itself",
    ops.UpgradeCollection: "Amazon Rekognition has one model, which it changes itself",
}
"""Operations that are not offered over Amazon Rekognition, each with the reason."""


@EACH
def test_each_operation_says_its_right(kind: type[ops.Operation[Any]]) -> None:
    """An operation on a collection needs its right for that one; the others can't say for which."""
    assert isinstance(kind.right, Right)
    assert kind.right.scope is not None
    assert (kind.right.of is Of.COLLECTION) == issubclass(kind, ops.InCollection)


@EACH
@pytest.mark.parametrize("recognizer", HANDLERS)
def test_each_recognizer_handles_each_operation(recognizer: str, kind: type[ops.Operation[Any]]) -> None:
    assert (kind in HANDLERS[recognizer]) is not (recognizer == "managed" and kind in NOT_MANAGED)
    if kind not in HANDLERS[recognizer]:
        return
    hints = get_type_hints(HANDLERS[recognizer][kind])
    assert hints["operation"] is kind
    assert hints["return"] == _answer(kind)


def test_the_remote_client_handles_each_operation_or_says_why_not() -> None:
    assert set(REQUESTS) | set(NOT_OFFERED) == set(OPERATIONS)
    assert not set(REQUESTS) & set(NOT_OFFERED)


def test_the_fake_of_the_edges_handles_what_edges_ask_for() -> None:
    """Those of CompreFace's protocol alone (tests/compreface/) and people (tests/api/test_people.py) are tested over
    the real recognizer."""
    people = {kind for kind in OPERATIONS if "Person" in kind.__name__ or "People" in kind.__name__}
    people |= {ops.MoveFaces, ops.NameFaces, ops.GetImageById, ops.KeepApart, ops.ListDuplicates, ops.DismissDuplicate}
    people |= {ops.GroupFaces, ops.ListGroups, ops.NameGroup}
    bulk = {ops.IndexPhotographs}
    compreface = {ops.DescribeFaces, ops.SearchTemplates, ops.CompareTemplates, ops.GetFaceImage}
    assert set(OPERATIONS) - set(FakeRecognizer().handlers()) == {ops.EraseAged} | compreface | people | bulk


def test_an_operation_that_nobody_handles_is_not_offered() -> None:
    with pytest.raises(NotOffered, match="DetectFaces"):
        ops.dispatch({}, ops.DetectFaces(image=b""))


def test_photographs_are_not_shown_by_a_representation() -> None:
    """So that none gets into a log by way of an operation."""
    secret = b"pixels of a face"
    for asked in (
        ops.IndexFaces(collection_id="c", image=secret),
        ops.IndexPhotographs(collection_id="c", photographs=[ops.IndexFaces(collection_id="c", image=secret)]),
        ops.SearchImage(collection_id="c", image=secret),
        ops.SearchUsersByImage(collection_id="c", image=secret),
        ops.DetectFaces(image=secret),
        ops.DescribeFaces(collection_id="c", image=secret),
        ops.CompareFaces(source=secret, target=secret),
    ):
        assert "pixels" not in repr(asked)


def _answer(kind: type[Any]) -> Any:
    """The type in the brackets of the base class."""
    for base in kind.__orig_bases__:
        (answer,) = get_args(base) or (None,)
        if answer is not None:
            return answer
        if base is ops.Erase:
            return _answer(base)
    raise AssertionError(f"{kind.__name__} names no answer")
