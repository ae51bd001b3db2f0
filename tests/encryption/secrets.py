"""Looks for biometric data in the raw bytes of files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

PIECE = 32
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF"
"""How every JPEG here begins. Three bytes of it are met by chance once in 16 million places of a cipher."""
PNG = b"\x89PNG\r\n"


def pieces(secret: bytes) -> list[bytes]:
    """Pieces all over it, so that not even a part of it can lie about."""
    return [secret[at : at + PIECE] for at in range(0, max(1, len(secret) - PIECE), PIECE)]


def raw(folder: Path) -> bytes:
    """All bytes of all files."""
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def found(secrets: Iterable[bytes], everything: bytes) -> int:
    """How many pieces of the secrets are in there."""
    return sum(piece in everything for secret in secrets for piece in pieces(secret))
