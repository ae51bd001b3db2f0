"""Moments and ages as text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kenspeckle import moments

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()


def test_moments_are_written_in_utc_and_cut_off() -> None:
    assert moments.iso(NOON + 0.9876) == "2026-01-31T12:00:00Z"
    assert moments.iso(NOON + 0.9876, "milliseconds") == "2026-01-31T12:00:00.987Z"
    assert moments.iso(0.0) == "1970-01-01T00:00:00Z"
    assert moments.iso(None) is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("12h", 43200), ("30d", 2592000), ("4w", 2419200), ("0h", 0)]
)
def test_ages_are_read(text: str, seconds: int) -> None:
    assert moments.age(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "1", "-1h", "1.5h", "1y", "1 h", "1h ", "1h\n", "1234567s", "\u0661h"])
def test_what_is_no_age_is_none(text: str) -> None:
    assert moments.age(text) is None


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-31T12:00:00Z", NOON),
        ("2026-01-31T12:00:00", NOON),
        ("2026-01-31T14:00:00+02:00", NOON),
        ("2026-01-31", NOON - 43200),
    ],
)
def test_moments_are_read(text: str, at: float) -> None:
    assert moments.parse_moment(text) == at


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "31.1.2026"])
def test_what_is_no_moment_raises(text: str) -> None:
    with pytest.raises(ValueError):
        moments.parse_moment(text)
