"""Subjects and identities: a subject may be any text, an identity (ExternalImageId) is of a small alphabet.

A subject that is a valid identity is stored as it is. Of any other every byte (UTF-8) outside the alphabet, and every
colon, is written `:XX` in hexadecimal: "Anna Müller" is stored as `Anna:20M:C3:BCller`. Both ways are exact: what was
stored by other edges has a subject, and every subject an identity.
"""

from __future__ import annotations

import re

from kenspeckle.compreface.errors import CONSTRAINT, Refusal

LONGEST = 255
"""Characters of an identity."""

_PLAIN = re.compile(r"[a-zA-Z0-9_.\-:]+\Z")
_TO_ESCAPE = re.compile(rb"[^a-zA-Z0-9_.\-]")
_ESCAPED = re.compile(r":([0-9A-F]{2})")


def identity_of(subject: str) -> str:
    """The identity that a subject is stored under. Raises Refusal where it would be too long, or is empty."""
    found = subject if _PLAIN.match(subject) and subject_of(subject) == subject else _escape(subject)
    if not subject.strip():
        raise Refusal(CONSTRAINT, "The subject is empty; give it a name.")
    if len(found) > LONGEST:
        raise Refusal(
            CONSTRAINT,
            f"The subject is too long: {len(found)} characters where what is no letter, digit, '_', '.' or '-' counts "
            f"three a byte; {LONGEST} are allowed.",
        )
    return found


def subject_of(identity: str) -> str:
    """The subject that an identity is shown as; one that `identity_of` did not write is shown as it is."""
    if ":" not in identity:
        return identity
    try:
        text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), identity).encode("latin-1").decode()
    except UnicodeError:
        return identity
    if _escape(text) != identity:
        return identity
    # Of plain text only what would be taken for something else is escaped.
    return text if not _PLAIN.match(text) or subject_of(text) != text else identity


def _escape(text: str) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return _TO_ESCAPE.sub(lambda found: b":%02X" % found[0][0], data).decode("ascii")
