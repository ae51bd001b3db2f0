"""The file format of encrypted photographs in the image store and in backups, and its integrity check.

An unencrypted photograph is named by the SHA-256 of its bytes. An encrypted one has a keyed name, which does not reveal
which photograph it is. So it carries a digest over its name and content: damage can be found without the key. The
digest detects accidents; a deliberate exchange is detected only with the key.
"""

from __future__ import annotations

import hashlib
from typing import Final

MAGIC: Final = b"kenspeckle encrypted photograph 1\n"
"""Magic bytes of the format; no image format begins with them."""
_DIGEST_BYTES: Final = 32


def pack(name: str, body: bytes) -> bytes:
    """The file of an encrypted `body` that is to be stored under `name` (64 hexadecimal digits)."""
    head = MAGIC + body
    return head + _digest(name, memoryview(head))


def is_packed(data: bytes) -> bool:
    """Whether these bytes are an encrypted photograph."""
    return data.startswith(MAGIC)


def body(data: bytes) -> bytes:
    """The encrypted `body` that was given to `pack`."""
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
