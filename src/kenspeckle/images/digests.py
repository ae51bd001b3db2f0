"""Digests as names: only the lower-case hexadecimal form of a SHA-256 ever becomes a path or a key.

The name of an encrypted photograph has the same form, but is computed with a key (`encryption.cipher`).
"""

from __future__ import annotations

import re
import secrets

from kenspeckle.domain import encrypted_photograph
from kenspeckle.errors import StorageUnavailable

_DIGEST = re.compile(r"[0-9a-f]{64}")
_STAGED = re.compile(r"([0-9a-f]{64})\.[0-9a-f]{16}")

DAMAGED = (
    "The stored photograph {} is damaged: its bytes no longer have the digest they were stored under. "
    "Restore it from a backup, or index the photograph again."
)

OLD_SECONDS = 3600.0
"""Staged bytes without a reference may belong to another process at work; older ones do not."""


def is_digest(name: object) -> bool:
    """Whether a photograph can have this name."""
    return isinstance(name, str) and _DIGEST.fullmatch(name) is not None


def check(digest: str) -> str:
    """The digest itself. Raises StorageUnavailable for anything else, which only a damaged catalog contains."""
    if not is_digest(digest):
        raise StorageUnavailable(
            f"The catalog has {str(digest)[:80]!r} where the digest of a photograph belongs, 64 lower-case hexadecimal "
            "digits: its database is damaged. `kenspeckle doctor` says what is; restore it from a backup."
        )
    return digest


def place(digest: str) -> str:
    """A photograph's path within the store: two levels of folders, 65,536 in all."""
    check(digest)
    return f"{digest[:2]}/{digest[2:4]}/{digest}"


def make_staged_name(digest: str) -> str:
    """A new name for a staged photograph."""
    return f"{check(digest)}.{secrets.token_hex(8)}"


def of_staged(name: str) -> str | None:
    """The digest in such a name; None for a file of another program."""
    found = _STAGED.fullmatch(name)
    return found[1] if found else None


def matches(digest: str, data: bytes) -> bool:
    """Whether these bytes were stored under this name."""
    return encrypted_photograph.whole(digest, data)
