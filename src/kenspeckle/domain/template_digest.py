"""Digests of templates, by which a mirror is compared with the catalog."""

from __future__ import annotations

import hashlib

import numpy as np

from kenspeckle.domain.detection import Vector


def digest(template: Vector) -> int:
    """A signed number of 64 bits of a template's float32 numbers."""
    packed = np.ascontiguousarray(template, "<f4").tobytes()
    return int.from_bytes(hashlib.blake2b(packed, digest_size=8).digest(), "little", signed=True)
