"""Operations on Amazon's users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kenspeckle.domain.answers import (
    Associated,
    UserMatch,
    UserSearch,
)
from kenspeckle.domain.collections import Page, User
from kenspeckle.domain.detection import QualityFilter
from kenspeckle.domain.operations.base import DELETE, INDEX, READ, SEARCH, InCollection


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUser(InCollection[None]):
    right = INDEX
    user_id: str
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteUser(InCollection[None]):
    """The user's faces stay, no longer anyone's."""

    right = DELETE
    user_id: str
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUser(InCollection[User]):
    right = READ
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUsers(InCollection[Page[User]]):
    right = READ
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateFaces(InCollection[Associated]):
    """Assign faces to the user. Once the user has faces, others need a similarity of `threshold` to its template."""

    right = INDEX
    user_id: str
    face_ids: Sequence[str]
    threshold: float = 75.0
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisassociateFaces(InCollection[Associated]):
    """Remove faces from the user; they stay in the collection."""

    right = INDEX
    user_id: str
    face_ids: Sequence[str]
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchUsers(InCollection[tuple[UserMatch, ...]]):
    """Users like a stored user (who is not among them) or a stored face. Exactly one of the two ids."""

    right = SEARCH
    user_id: str | None = None
    face_id: str | None = None
    threshold: float | None = None
    max_users: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchUsersByImage(InCollection[UserSearch]):
    """Users like the photograph's largest face; without a face that passes the quality bar, an empty answer."""

    right = SEARCH
    image: bytes = field(repr=False)
    threshold: float | None = None
    max_users: int | None = None
    quality: QualityFilter = QualityFilter.NONE
