"""What a row of the table of accesses says: how an operation is recorded in the audit trail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from kenspeckle.domain import Erased, Erasure
from kenspeckle.domain import operations as ops
from kenspeckle.domain.operations import Kind, Operation

A = TypeVar("A")
OpT = TypeVar("OpT")
EraseT = TypeVar("EraseT", bound=ops.Erase)
Facts: TypeAlias = Mapping[str, object]
Erasing: TypeAlias = tuple[Erasure, str, Erased]
"""What was erased, by which name, and the erasure that a receipt attests."""

MOST_NAMED = 100
"""Ids and names of one row; there is a count of all."""

MOST_DELETED = 4096
"""Face ids of the row of a deletion; of any other row MOST_NAMED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How an operation is recorded. Of the request: `facts`, and the ids of the faces that are `named` in it; the row
    has these where the operation fails or `faces` is None. Of its answer: `faces`, at `most` so many, their `count`
    where the answer does not name all of them, further facts (`told`), and whether it is `worth` a row. `erasure` is
    what a receipt attests, if anything. `each` takes an operation apart that is many: each has its own row, and an
    answer or an error."""

    name: str
    facts: Callable[[Any], Facts]
    named: Callable[[Any], Sequence[str]]
    faces: Callable[[Any], Sequence[str]] | None
    count: Callable[[Any], int] | None
    told: Callable[[Any], Facts]
    most: int
    worth: Callable[[Any], bool]
    erasure: Callable[[Any, Any], Erasing | None] | None
    each: Callable[[Any, Any], Sequence[tuple[Operation[Any], Any]]] | None


def row(
    kind: Kind[OpT, A],
    name: str,
    facts: Callable[[OpT], Facts] = lambda _: {},
    *,
    named: Callable[[OpT], Sequence[str]] = lambda _: (),
    faces: Callable[[A], Sequence[str]] | None = None,
    count: Callable[[A], int] | None = None,
    told: Callable[[A], Facts] = lambda _: {},
    most: int = MOST_NAMED,
    worth: Callable[[A], bool] = lambda _: True,
    erasure: Callable[[OpT, A], Erasing | None] | None = None,
    each: Callable[[OpT, A], Sequence[tuple[Operation[Any], Any]]] | None = None,
) -> tuple[Any, Access]:
    """A row of the table, as `Access` explains it. The type checker compares it with the operation and its answer."""
    access = Access(
        name=name,
        facts=facts,
        named=named,
        faces=faces,
        count=count,
        told=told,
        most=most,
        worth=worth,
        erasure=erasure,
        each=each,
    )
    return kind, access


def erasure_row(
    kind: Kind[EraseT, Erased], name: str, worth: Callable[[Erased], bool] = lambda _: True
) -> tuple[Any, Access]:
    """The row of an operation that erases, which a receipt attests."""
    return row(
        kind,
        name,
        lambda op: {"name": op.name},
        faces=lambda erased: erased.face_ids,
        count=lambda erased: erased.face_count,
        told=lambda erased: {
            "images": list(erased.images[:MOST_NAMED]),
            "image_count": erased.image_count,
            "users": list(erased.users[:MOST_NAMED]),
            "complete": erased.complete,
        },
        most=MOST_DELETED,
        worth=worth,
        erasure=lambda op, erased: (op.what, op.name, erased),
    )
