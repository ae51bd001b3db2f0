"""Receipts of erasure: what was erased, signed so that anyone can verify it with the service's public key."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kenspeckle.domain import Erased, Receipt, ReceiptState
from kenspeckle.domain.audit import AuditRow
from kenspeckle.errors import InvalidValue
from kenspeckle.usecases.audit.actor import Actor

PURPOSE = "kenspeckle receipts, 1"
"""Purpose (HKDF info) for which the signing key is derived from the master key."""

FORMAT = "kenspeckle-receipt"
VERSION = 1
ALGORITHM = "Ed25519"
REMAINS = "remains"
"""Member of a receipt: where copies are left. Absent where none is."""


class Receipts:
    """Signs with a key made of a seed of 32 bytes."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    def receipt(
        self,
        what: str,
        name: str,
        collection_id: str,
        erased: Erased,
        actor: Actor,
        row: AuditRow | None,
        at: float,
        remains: Sequence[str] = (),
    ) -> Receipt:
        """The receipt of an erasure by `actor`; `row` is its row of the audit trail. `remains`: as
        `ports.ReceiptStore.remains`."""
        content: dict[str, object] = {
            "format": FORMAT,
            "version": VERSION,
            "id": f"receipt-{uuid.uuid4()}",
            "at": _moment(at),
            "erased": what,
            "name": name,
            "collection": collection_id,
            "faces": list(erased.face_ids),
            "face_count": erased.face_count,
            "images": list(erased.images),
            "image_count": erased.image_count,
            "users": list(erased.users),
            "state": ReceiptState.COMPLETE.value if erased.complete else ReceiptState.PENDING.value,
            "complete": erased.complete,
            "completed_at": _moment(at) if erased.complete else None,
            "by": {"key": actor.key, "name": actor.name},
            "request_id": actor.request_id,
            "audit": None if row is None else {"number": row.number, "hash": row.hash.hex()},
        }
        return self._sign(content | _remains(() if erased.complete else remains))

    def complete(self, receipt: Receipt, at: float, remains: Sequence[str] = ()) -> Receipt:
        """The complete form of a pending receipt; `remains` is what is left beyond the catalog's tables."""
        content = {name: value for name, value in receipt.content.items() if name != REMAINS}
        done = {"state": ReceiptState.COMPLETE.value, "complete": True, "completed_at": _moment(at)}
        return self._sign(content | done | _remains(remains))

    def _sign(self, content: Mapping[str, object]) -> Receipt:
        return Receipt(content, self.public_key, base64.b64encode(self._key.sign(canonical(content))).decode())


def _remains(remains: Sequence[str]) -> dict[str, object]:
    return {REMAINS: list(remains)} if remains else {}


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def canonical(content: Mapping[str, Any]) -> bytes:
    """The bytes that are signed: JSON in UTF-8, keys sorted, no spaces."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def verify_receipt(document: object, public_key: str) -> dict[str, Any]:
    """The content of a receipt whose signature was made with the key that belongs to `public_key` (base64).

    Raises InvalidValue for any other."""
    if not isinstance(document, dict) or not isinstance(document.get("receipt"), dict):
        raise InvalidValue("This is no receipt of Kenspeckle.", field="receipt")
    content: dict[str, Any] = document["receipt"]
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(str(document.get("signature")), validate=True), canonical(content))
    except (InvalidSignature, binascii.Error, ValueError):
        other = document.get("public_key") != public_key
        raise InvalidValue(
            "This receipt was signed with another key than the one it is checked with."
            if other
            else "The signature does not fit: the receipt was changed.",
            field="receipt",
        ) from None
    if content.get("format") != FORMAT or content.get("version") != VERSION:
        raise InvalidValue("This is a receipt of another version of Kenspeckle.", field="receipt")
    return content
