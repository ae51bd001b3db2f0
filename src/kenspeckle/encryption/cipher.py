"""Encodes a collection's biometric data for the database and the image store: unchanged, or encrypted.

Encrypted is AES-256-GCM with a random nonce of 96 bits, under one key for data in the database and another for
photographs, both derived from the collection's. By NIST SP 800-38D a key with random nonces is good for 2**32
encryptions, at which one nonce repeats with a probability of 2**-32; a collection of ten million faces has used 2**24.
What a ciphertext contains (such as the template of a certain face) is authenticated with it, so that a ciphertext in
another's place can't be decrypted.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kenspeckle.domain import encrypted_photograph
from kenspeckle.errors import StorageUnavailable

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
VERSION: Final = b"\x01"
"""First byte of all ciphertexts in the database."""

FACE: Final = "template of face"
USER: Final = "template of user"
THUMBNAIL: Final = "thumbnail of face"
ATTRIBUTES: Final = "attributes of face"
ORIGINAL: Final = "digest of image"
"""Kinds of encrypted data; with an id they say what a ciphertext contains."""
KINDS: Final = {"face": FACE, "user": USER}
"""Kinds of templates, by owner."""
_PHOTOGRAPH: Final = "photograph"


class Content(Protocol):
    """Converts a collection's data to its stored form and back. Raises StorageUnavailable for data that was altered."""

    encrypts: bool

    def seal(self, data: bytes, kind: str, name: str) -> bytes: ...
    def open(self, stored: bytes, kind: str, name: str) -> bytes: ...
    def name(self, digest: str) -> str:
        """As `ports.Vault.photograph_name`."""
        ...

    def original(self, digest: str, image_id: str) -> bytes | None:
        """What is stored beside the name to recover the digest; None where the name is the digest."""
        ...

    def digest(self, name: str, original: bytes | None, image_id: str) -> str:
        """The digest of a stored photograph."""
        ...

    def seal_photograph(self, digest: str, data: bytes) -> bytes: ...
    def open_photograph(self, digest: str, data: bytes) -> bytes: ...


class Plain:
    """Nothing is encrypted."""

    encrypts = False

    def seal(self, data: bytes, kind: str, name: str) -> bytes:
        return data

    def open(self, stored: bytes, kind: str, name: str) -> bytes:
        return stored

    def name(self, digest: str) -> str:
        return digest

    def original(self, digest: str, image_id: str) -> None:
        return None

    def digest(self, name: str, original: bytes | None, image_id: str) -> str:
        return name

    def seal_photograph(self, digest: str, data: bytes) -> bytes:
        return data

    def open_photograph(self, digest: str, data: bytes) -> bytes:
        if encrypted_photograph.is_packed(data):
            raise _damage(_PHOTOGRAPH, digest)
        return data


class Cipher:
    """Everything is encrypted under the key of one collection."""

    encrypts = True

    def __init__(self, key: bytes) -> None:
        self._rows = AESGCM(_derive(key, "rows, 1"))
        self._photographs = AESGCM(_derive(key, "photographs, 1"))
        self._names = _derive(key, "names, 1")

    def seal(self, data: bytes, kind: str, name: str) -> bytes:
        return VERSION + _encrypt(self._rows, data, f"{kind} {name}".encode())

    def open(self, stored: bytes, kind: str, name: str) -> bytes:
        try:
            if stored[:1] == VERSION:
                return self._rows.decrypt(stored[1:13], stored[13:], f"{kind} {name}".encode())
        except (InvalidTag, ValueError) as error:
            raise _damage(kind, name) from error
        raise _damage(kind, name)

    def name(self, digest: str) -> str:
        return hmac.digest(self._names, bytes.fromhex(digest), "sha256").hex()

    def original(self, digest: str, image_id: str) -> bytes:
        return self.seal(bytes.fromhex(digest), ORIGINAL, image_id)

    def digest(self, name: str, original: bytes | None, image_id: str) -> str:
        if original is None:
            raise _damage(ORIGINAL, image_id)
        return self.open(original, ORIGINAL, image_id).hex()

    def seal_photograph(self, digest: str, data: bytes) -> bytes:
        name = self.name(digest)
        return encrypted_photograph.pack(name, _encrypt(self._photographs, data, f"{_PHOTOGRAPH} {name}".encode()))

    def open_photograph(self, digest: str, data: bytes) -> bytes:
        name = self.name(digest)
        if not encrypted_photograph.is_packed(data):
            raise _damage(_PHOTOGRAPH, name)
        body = encrypted_photograph.body(data)
        try:
            return self._photographs.decrypt(
                body[:_NONCE_BYTES], memoryview(body)[_NONCE_BYTES:], f"{_PHOTOGRAPH} {name}".encode()
            )
        except (InvalidTag, ValueError) as error:
            raise _damage(_PHOTOGRAPH, name) from error


PLAIN: Final = Plain()

Of = Callable[[int], Content]
"""The content of the collection with this row number."""


def _encrypt(cipher: AESGCM, data: bytes, context: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, data, context)


def _derive(key: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, None, f"kenspeckle collection: {purpose}".encode()).derive(key)


def _damage(kind: str, name: str) -> StorageUnavailable:
    return StorageUnavailable(
        f"The {kind} '{name}' can't be decrypted: its stored bytes were damaged or altered, or are another's. "
        "Delete it, or restore a backup."
    )
