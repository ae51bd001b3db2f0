"""Receipts are verified by their public key alone; what is none, was changed or is of another version is refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kenspeckle.errors import InvalidValue
from kenspeckle.usecases.audit.receipts import FORMAT, VERSION, canonical, verify_receipt

KEY = Ed25519PrivateKey.generate()
PUBLIC = base64.b64encode(KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def signed(**content: Any) -> dict[str, Any]:
    receipt = {"format": FORMAT, "version": VERSION, **content}
    signature = base64.b64encode(KEY.sign(canonical(receipt))).decode()
    return {"receipt": receipt, "public_key": PUBLIC, "signature": signature}


def test_a_receipt_is_what_was_signed() -> None:
    right = signed(id="receipt-1")
    assert verify_receipt(right, PUBLIC)["id"] == "receipt-1"
    other = base64.b64encode(b"k" * 32).decode()
    changed = {**right, "receipt": {**right["receipt"], "id": "receipt-2"}}
    for document, key, why in (
        (changed, PUBLIC, "the receipt was changed"),
        ({**right, "signature": "no base64"}, PUBLIC, "the receipt was changed"),
        ({**right, "public_key": other}, other, "the receipt was changed"),
        (right, other, "another key"),
        (signed(version=VERSION + 1), PUBLIC, "another version"),
        (signed(format="other"), PUBLIC, "another version"),
        ({"receipt": "text"}, PUBLIC, "no receipt"),
        (["receipt"], PUBLIC, "no receipt"),
    ):
        with pytest.raises(InvalidValue, match=why):
            verify_receipt(document, key)
