"""What an operation is, the rights that operations need, and the tables of handlers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, Self, TypeAlias, TypeVar

from kenspeckle.domain.access import Right, Scope
from kenspeckle.errors import NotOffered

A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)
O_co = TypeVar("O_co", covariant=True)
A_contra = TypeVar("A_contra", contravariant=True)


READ = Right(Scope.READ)
SEARCH = Right(Scope.SEARCH)
INDEX = Right(Scope.INDEX)
DELETE = Right(Scope.DELETE)
ADMIN = Right(Scope.ADMIN)


class Operation(Generic[A_co]):
    """A request to a recognizer; the type in brackets is that of its answer. `right` is the right it needs."""

    __slots__ = ()

    right: ClassVar[Right]

    @classmethod
    def by(cls, run: Callable[[Self], A_co]) -> tuple[type[Operation[Any]], Callable[[Any], Any]]:
        """A row of a table of handlers: `run` handles this operation. The type checker compares their types."""
        return cls, run


Handlers: TypeAlias = Mapping[type[Operation[Any]], Callable[[Any], Any]]
"""Handlers by class of operation; made of rows of `Operation.by`."""


def dispatch(handlers: Handlers, operation: Operation[A]) -> A:
    """The answer of the operation's handler. Raises NotOffered where there is none."""
    run = handlers.get(type(operation))
    if run is None:
        raise NotOffered(f"{type(operation).__name__} is not offered here; docs/managed.md says what is offered where.")
    answer: A = run(operation)
    return answer


class Kind(Protocol[O_co, A_contra]):
    """A class of operations, for tables whose rows the type checker compares with the operation and its answer."""

    def by(self, run: Callable[[O_co], A_contra]) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InCollection(Operation[A_co]):
    """An operation on one collection, for which its right has to be granted."""

    collection_id: str
