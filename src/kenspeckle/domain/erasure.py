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


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased, when and for whom. `signature` is Ed25519 (RFC 8032) over the content as JSON with sorted keys
    and no spaces; both it and the public key are base64."""

    content: Mapping[str, object]
    public_key: str
    signature: str


@dataclass(frozen=True, slots=True)
class Erased:
    """Answer of erasure. `images` are digests of photographs that were removed; `complete` says that the database's
    side files hold no remains either. The lists of faces and images are cut off where they are very long; the counts
    are not."""

    face_ids: tuple[str, ...]
    images: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    complete: bool = True
    face_count: int = 0
    image_count: int = 0
    receipt: Receipt | None = None
