"""Operations on collections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kenspeckle.domain.access import Of, Right, Scope
from kenspeckle.domain.collections import Collection, Page
from kenspeckle.domain.operations.base import ADMIN, READ, InCollection, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCollection(InCollection[Collection]):
    """`pack` is the name of the model pack that describes its faces; None: the default one."""

    right = ADMIN
    tags: Mapping[str, str] = field(default_factory=dict)
    pack: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeCollection(InCollection[Collection]):
    right = READ


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCollections(Operation[Page[Collection]]):
    """All collections; with `only` those of these names that exist: a key that is limited to collections learns nothing
    of others, nor how many there are."""

    right = Right(Scope.READ, Of.ANYTHING)
    limit: int = 100
    cursor: str | None = None
    only: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteCollection(InCollection[None]):
    right = ADMIN


@dataclass(frozen=True, slots=True, kw_only=True)
class RetainCollection(InCollection[Collection]):
    """Erase faces at this age; None keeps them indefinitely."""

    right = ADMIN
    days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTags(InCollection[Mapping[str, str]]):
    right = READ


@dataclass(frozen=True, slots=True, kw_only=True)
class TagCollection(InCollection[None]):
    right = ADMIN
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UntagCollection(InCollection[None]):
    right = ADMIN
    keys: Sequence[str]
