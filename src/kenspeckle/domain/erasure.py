"""Erasure and its receipts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Erasure(StrEnum):
    """What an erasure removes, with everything derived from it."""

    FACES = "faces"
    IMAGE = "image"
    IDENTITY = "identity"
    USER = "user"
    PERSON = "person"
    COLLECTION = "collection"
    AGE = "age"


class ReceiptState(StrEnum):
    """Of a receipt: `pending` as long as bytes of what it names may be left in files of the service."""

    PENDING = "pending"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased, when and for whom. `signature` is Ed25519 (RFC 8032) over the content as JSON with sorted keys
    and no spaces; both it and the public key are base64."""

    content: Mapping[str, object]
    public_key: str
    signature: str

    @property
    def receipt_id(self) -> str:
        """Empty for a receipt of a version that gave none."""
        return str(self.content.get("id", ""))

    @property
    def complete(self) -> bool:
        """Whether no file of the service holds bytes of what was erased."""
        return bool(self.content.get("complete"))

    @property
    def remains(self) -> tuple[str, ...]:
        """Where copies are left that the service does not overwrite by itself, and until when."""
        named = self.content.get("remains")
        return tuple(map(str, named)) if isinstance(named, (list, tuple)) else ()


@dataclass(frozen=True, slots=True)
class KeptReceipt:
    """A receipt as the catalog keeps it. `what` was erased; `completed_at` is None as long as it is pending."""

    receipt_id: str
    collection_id: str
    what: Erasure
    created_at: float
    completed_at: float | None
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Rewritten:
    """Whether no deleted row is left in the database's tables, and where copies of some may still be."""

    complete: bool
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Erased:
    """Answer of erasure. `images` are digests of photographs that were removed; `complete` says that no file of the
    service holds remains either, False that they are still being removed. The lists of faces and images are cut off
    where they are very long; the counts are not."""

    face_ids: tuple[str, ...]
    images: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    complete: bool = True
    face_count: int = 0
    image_count: int = 0
    receipt: Receipt | None = None
