"""Secrets and signatures by the Standard Webhooks specification (symmetric, `v1`)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"
SECRET_BYTES = 32
"""The specification asks for 24 to 64."""


def new_secret() -> bytes:
    """256 random bits."""
    return secrets.token_bytes(SECRET_BYTES)


def show(secret: bytes) -> str:
    """The secret as receivers take it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secret).decode("ascii")


def headers(message_id: str, at: float, body: bytes, keys: Iterable[bytes]) -> dict[str, str]:
    """Headers of a message that is sent at `at`, with a signature for each of the keys: a receiver needs one of
    them."""
    moment = str(int(at))
    signed = b".".join((message_id.encode(), moment.encode(), body))
    signatures = (base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii") for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(f"v1,{one}" for one in signatures),
    }
