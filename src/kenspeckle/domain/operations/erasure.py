"""Operations that erase, and their receipts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from kenspeckle.domain.access import Of, Right, Scope
from kenspeckle.domain.erasure import Erased, Erasure, Receipt
from kenspeckle.domain.operations.base import ADMIN, DELETE, InCollection, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Erase(InCollection[Erased]):
    """Faces, also those of users, with everything derived from them. Nothing finds them any more when the answer
    arrives; once its receipt is complete, no file of the service holds any of it. Raises IdentityNotFound,
    ImageNotFound, UserNotFound or CollectionNotFound where the thing named does not exist: nothing was erased, so there
    is no receipt. `name` is its name in the audit trail and the receipt."""

    what: ClassVar[Erasure]

    @property
    def name(self) -> str:
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseImage(Erase):
    """Every photograph under this key."""

    right, what = DELETE, Erasure.IMAGE
    key: str

    @property
    def name(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseIdentity(Erase):
    right, what = DELETE, Erasure.IDENTITY
    external_image_id: str

    @property
    def name(self) -> str:
        return self.external_image_id


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseUser(Erase):
    """A user with all its faces."""

    right, what = DELETE, Erasure.USER
    user_id: str

    @property
    def name(self) -> str:
        return self.user_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasePerson(Erase):
    """A person with all its faces, and its user where that has no other faces. Raises PersonNotFound."""

    right, what = DELETE, Erasure.PERSON
    person_id: str

    @property
    def name(self) -> str:
        return self.person_id


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseCollection(Erase):
    """A collection with all its faces, users and photographs."""

    right, what = ADMIN, Erasure.COLLECTION


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseAged(Erase):
    """A batch of the faces that are older than `days`. The service's own housekeeping sends it."""

    right, what = ADMIN, Erasure.AGE
    days: int

    @property
    def name(self) -> str:
        return str(self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetReceipt(Operation[Receipt]):
    """The receipt of an erasure as it is now. Raises ReceiptNotFound also where its collection is not in `only`."""

    right = Right(Scope.DELETE, Of.ANYTHING)
    receipt_id: str
    only: Sequence[str] | None = None
