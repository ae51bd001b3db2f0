"""Page tokens: encrypted and authenticated, valid only for the list that they were issued for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kenspeckle.errors import InvalidCursor

_VERSION = b"\x02"
"""Version of the token format; tokens of the first version showed the position in plain text."""
_NONCE_BYTES = 12
_POSITION_BYTES = 8


class Cursors:
    """Makes and reads page tokens of 52 characters. They are encrypted because positions are row numbers, which would
    show how many rows the database has. `key` (32 bytes) is the same in all processes of a service."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(hashlib.blake2b(key=key, digest_size=32, person=b"cursors 2").digest())

    def make(self, position: int, *bound: object) -> str:
        """A token for what follows row `position` of the list that `bound` (name, collection, filters) describes."""
        return self._seal(position.to_bytes(_POSITION_BYTES, "big"), bound)

    def make_place(self, key: str, position: int, *bound: object) -> str:
        """As `make`, of a list that is ordered by a text and then by row; as much longer as the text is."""
        return self._seal(position.to_bytes(_POSITION_BYTES, "big") + key.encode(), bound)

    def read(self, cursor: str | None, *bound: object) -> int:
        """The position, 0 for None. Raises InvalidCursor for a token that is forged or of another list."""
        return 0 if cursor is None else int.from_bytes(self._open(cursor, bound)[:_POSITION_BYTES], "big")

    def read_place(self, cursor: str | None, *bound: object) -> tuple[str, int]:
        """Text and position of `make_place`, before all others for None. Raises as `read`."""
        raw = b"" if cursor is None else self._open(cursor, bound)
        return raw[_POSITION_BYTES:].decode(), int.from_bytes(raw[:_POSITION_BYTES], "big")

    def _seal(self, raw: bytes, bound: tuple[object, ...]) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return base64.urlsafe_b64encode(_VERSION + nonce + self._cipher.encrypt(nonce, raw, _context(bound))).decode()

    def _open(self, cursor: str, bound: tuple[object, ...]) -> bytes:
        try:
            token = base64.b64decode(cursor, altchars=b"-_", validate=True)
            if token[:1] != _VERSION:
                raise InvalidTag
            nonce = token[1 : 1 + _NONCE_BYTES]
            return self._cipher.decrypt(nonce, token[1 + _NONCE_BYTES :], _context(bound))
        except (ValueError, binascii.Error, InvalidTag) as error:
            raise InvalidCursor(
                "This page token was not handed out for this list, or by an earlier version; begin again without one.",
                field="cursor",
            ) from error


def _context(bound: tuple[object, ...]) -> bytes:
    return json.dumps(bound).encode()
