"""The form of an encrypted photograph, as the image store and backups hold it, and how to see that it is whole.

A photograph in the clear lies under the SHA-256 of its bytes. An encrypted one lies under a keyed name that tells
nobody which photograph it is, so it carries a digest over that name and itself: whoever copies or keeps it sees damage
without the key. The digest finds accidents; that nobody put another photograph there, only the key can tell.
"""

from __future__ import annotations

import hashlib
from typing import Final

MAGIC: Final = b"kenspeckle encrypted photograph 1\n"
"""What the form begins with; no image format does."""
_DIGEST_BYTES: Final = 32


def packed(name: str, body: bytes) -> bytes:
    """The form of an encrypted `body` that is to lie under `name` (64 hexadecimal digits)."""
    head = MAGIC + body
    return head + _digest(name, memoryview(head))


def is_packed(data: bytes) -> bool:
    """Whether this is such a form, and no photograph in the clear."""
    return data.startswith(MAGIC)


def body(data: bytes) -> bytes:
    """What `packed` was given."""
    return data[len(MAGIC) : -_DIGEST_BYTES]


def whole(name: str, data: bytes) -> bool:
    """Whether the bytes, in the clear or encrypted, are those that were stored under this name."""
    if is_packed(data):
        view = memoryview(data)
        return _digest(name, view[:-_DIGEST_BYTES]) == view[-_DIGEST_BYTES:]
    return hashlib.sha256(data).hexdigest() == name


def _digest(name: str, data: memoryview) -> bytes:
    digest = hashlib.sha256(bytes.fromhex(name))
    digest.update(data)
    return digest.digest()
