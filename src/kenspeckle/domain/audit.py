"""Rows of the audit trail: their content, and how each is chained to the row before and sealed.

A row's `hash` is SHA-256 over the hash of the row before it and its own content; anyone can recompute that. Its `seal`
is HMAC-SHA-256 (RFC 2104) of the hash under a key that follows from the instance's master key: someone who can write to
the database but has no master key can't make rows that pass verification.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

PURPOSE = "kenspeckle audit trail, 1"
"""Purpose (HKDF info) for which the seals' key is derived from the master key."""

NO_HASH = bytes(32)
"""Hash before the first row."""

LONGEST = 255
"""Characters of a text that are kept. Clients may send longer texts, in requests that are then refused."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One access, to be recorded. Never pixels, templates or secrets.

    `who` is the id of a key, or `open`, `cli`, `nobody`, `service`; `name` the key's name or the system's user.
    `outcome` is `ok` or the code of an error. `face_ids` may be fewer than `face_count`. `facts` are JSON-ready."""

    at: float
    operation: str
    outcome: str
    who: str
    name: str = ""
    request_id: str = ""
    address: str = ""
    collection_id: str | None = None
    face_ids: Sequence[str] = ()
    face_count: int = 0
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row as it is stored; `faces` and `facts` are JSON text, of which the hash is made."""

    number: int
    at: float
    operation: str
    outcome: str
    who: str
    name: str
    request_id: str
    address: str
    collection_id: str | None
    face_count: int
    faces: str
    facts: str
    hash: bytes = b""
    seal: bytes = b""

    def content(self) -> bytes:
        """What the hash covers beside the hash before: a JSON list of all other columns, in their order."""
        columns = (
            self.number,
            self.at,
            self.operation,
            self.outcome,
            self.who,
            self.name,
            self.request_id,
            self.address,
            self.collection_id,
            self.face_count,
            self.faces,
            self.facts,
        )
        return orjson.dumps(columns)


@dataclass(frozen=True, slots=True)
class AuditHead:
    """Both ends of the trail: number and hash of its newest row, and of the newest row that was removed by age."""

    number: int = 0
    hash: bytes = NO_HASH
    floor: int = 0
    floor_hash: bytes = NO_HASH
    seal: bytes = b""

    @property
    def begun(self) -> bool:
        """Whether any row was ever recorded."""
        return bool(self.seal)


def chain(entry: AuditEntry, head: AuditHead, key: bytes) -> AuditRow:
    """The row of an entry, next after `head`."""
    row = AuditRow(
        number=head.number + 1,
        at=float(entry.at),
        operation=_clean(entry.operation),
        outcome=_clean(entry.outcome),
        who=_clean(entry.who),
        name=_clean(entry.name),
        request_id=_clean(entry.request_id),
        address=_clean(entry.address),
        collection_id=None if entry.collection_id is None else _clean(entry.collection_id),
        face_count=entry.face_count,
        faces=orjson.dumps([_clean(one) for one in entry.face_ids]).decode(),
        facts=orjson.dumps(_clean_value(dict(entry.facts)), option=orjson.OPT_SORT_KEYS).decode(),
    )
    made = row_hash(head.hash, row)
    return replace(row, hash=made, seal=seal_of(key, made))


def row_hash(before: bytes, row: AuditRow) -> bytes:
    """SHA-256 of the hash before and the row's content."""
    return hashlib.sha256(before + row.content()).digest()


def seal_of(key: bytes, made: bytes) -> bytes:
    """HMAC-SHA-256 of a row's hash."""
    return hmac.digest(key, made, "sha256")


def seal_head(head: AuditHead, key: bytes) -> AuditHead:
    """The head with its seal, which is computed so that it differs from the seal of any row."""
    return replace(head, seal=_head_seal(head, key))


def is_sealed(head: AuditHead, key: bytes) -> bool:
    """Whether this head was sealed with the key."""
    return hmac.compare_digest(head.seal, _head_seal(head, key))


def describe(row: AuditRow) -> dict[str, Any]:
    """A row as JSON, for people and for export."""
    return {
        "number": row.number,
        "at": row.at,
        "operation": row.operation,
        "outcome": row.outcome,
        "who": row.who,
        "name": row.name,
        "request_id": row.request_id,
        "address": row.address,
        "collection": row.collection_id,
        "face_count": row.face_count,
        "faces": _parse(row.faces),
        "facts": _parse(row.facts),
        "hash": row.hash.hex(),
        "seal": row.seal.hex(),
    }


def _head_seal(head: AuditHead, key: bytes) -> bytes:
    text = f"head {head.number} {head.hash.hex()} floor {head.floor} {head.floor_hash.hex()}"
    return hmac.digest(key, text.encode(), "sha256")


def _parse(text: str) -> Any:
    # A row that was tampered with has to be shown too.
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _clean(text: str) -> str:
    """Bounded, and such that every database and JSON can hold it."""
    if len(text) <= LONGEST and text.isascii() and "\0" not in text:
        return text
    return text[:LONGEST].replace("\0", "?").encode("utf-8", "replace").decode()


def _clean_value(value: object) -> object:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, Mapping):
        return {_clean(str(name)): _clean_value(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_clean_value(one) for one in value]
    return value
