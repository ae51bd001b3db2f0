"""Counts in words."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """`1 face`, `1,234 faces`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
