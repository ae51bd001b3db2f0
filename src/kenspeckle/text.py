"""Text for people: counts with their nouns, and text that is safe on a terminal."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """`1 face`, `1,234 faces`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def printable(text: str) -> str:
    """Text that is safe on a terminal: control characters and undecodable bytes of file names are escaped."""
    return "".join(one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode() for one in text)
