"""Page tokens: opaque, signed, good only for the list that they were handed out for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json

from kenspeckle.errors import InvalidCursor

_MAC_BYTES = 16
_POSITION_BYTES = 8


class Cursors:
    """Makes and reads page tokens of 32 characters. `key` (32 bytes) is the same in all processes of a service."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, position: int, *bound: object) -> str:
        """A token for what follows row `position` of the list that `bound` (name, collection, filters) describes."""
        raw = position.to_bytes(_POSITION_BYTES, "big")
        return base64.urlsafe_b64encode(raw + self._mac(raw, bound)).decode()

    def read(self, cursor: str | None, *bound: object) -> int:
        """The position, 0 for None. Raises InvalidCursor for a token that is not ours or for another list."""
        if cursor is None:
            return 0
        try:
            token = base64.b64decode(cursor, altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            token = b""
        raw, mac = token[:_POSITION_BYTES], token[_POSITION_BYTES:]
        if not hmac.compare_digest(mac, self._mac(raw, bound)):
            raise InvalidCursor(
                "This page token was not handed out for this list; begin again without one.", field="cursor"
            )
        return int.from_bytes(raw, "big")

    def _mac(self, raw: bytes, bound: tuple[object, ...]) -> bytes:
        message = raw + json.dumps(bound).encode()
        return hashlib.blake2b(message, key=self._key, digest_size=_MAC_BYTES).digest()
