"""Anchors of the audit trail: its newest row, noted and sealed outside of the table, so that removal of the newest rows
is found."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Any

import orjson

from kenspeckle.domain.audit import AuditHead

FORMAT = "kenspeckle-audit-anchor"
VERSION = 1

_DIGEST = re.compile(r"[0-9a-f]{64}")
_LARGEST = 2**63


@dataclass(frozen=True, slots=True)
class AuditAnchor:
    """Number and hash of a row that was the newest. `counter` grows with every anchor that a service writes, so that of
    two the later is known. `seal` is HMAC-SHA-256 of all of it under the key that seals the trail."""

    counter: int
    number: int
    hash: bytes
    seal: bytes


def make_anchor(counter: int, head: AuditHead, key: bytes) -> AuditAnchor:
    """The anchor of the row that `head` names."""
    return AuditAnchor(counter, head.number, head.hash, _seal(counter, head.number, head.hash, key))


def is_anchor(anchor: AuditAnchor, key: bytes) -> bool:
    """Whether this anchor was sealed with the key."""
    return hmac.compare_digest(anchor.seal, _seal(anchor.counter, anchor.number, anchor.hash, key))


def to_line(anchor: AuditAnchor) -> bytes:
    """The anchor as one line of JSON."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "counter": anchor.counter,
        "number": anchor.number,
        "hash": anchor.hash.hex(),
        "seal": anchor.seal.hex(),
    }
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def read(data: bytes) -> AuditAnchor | None:
    """The anchor that `to_line` wrote, under whatever key it was sealed; None for anything else."""
    try:
        document: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict) or document.get("format") != FORMAT or document.get("version") != VERSION:
        return None
    numbers = [document.get(name) for name in ("counter", "number")]
    digests = [document.get(name) for name in ("hash", "seal")]
    if not all(type(one) is int and 0 <= one < _LARGEST for one in numbers):
        return None
    if not all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in digests):
        return None
    made, seal = (bytes.fromhex(str(one)) for one in digests)
    return AuditAnchor(int(numbers[0] or 0), int(numbers[1] or 0), made, seal)


def _seal(counter: int, number: int, made: bytes, key: bytes) -> bytes:
    # The first word keeps it apart from the seals of rows and heads.
    return hmac.digest(key, f"anchor {counter} {number} {made.hex()}".encode(), "sha256")
