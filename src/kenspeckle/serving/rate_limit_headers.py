"""Headers with a key's limits: RateLimit-Policy and RateLimit of the IETF's HTTPAPI group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kenspeckle.usecases.access.rate_limits import Standing


def headers(standings: Sequence[Standing]) -> list[tuple[bytes, bytes]]:
    """Both fields (draft-ietf-httpapi-ratelimit-headers-11), a policy for each limit.

    The policy `rate` is a token bucket: `q` is what it holds, `w` the seconds in which it fills up, `r` what is in it,
    `t` the seconds until it is full, or until there is one again."""
    policy = ", ".join(f'"{one.name}";q={one.allowed};w={one.window}' for one in standings)
    now = ", ".join(f'"{one.name}";r={one.left};t={one.resets}' for one in standings)
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", now.encode())]
