"""How many connections the system's limit on open files leaves room for."""

from __future__ import annotations

import logging
import resource

log = logging.getLogger(__name__)

OTHERS = 256
"""Descriptors for all else: databases of each thread, photographs, webhooks, child processes."""


def affordable(connections: int) -> int:
    """`connections`, or as many as there are descriptors for. Raises the soft limit where the hard one allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHERS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
        except (OSError, ValueError):  # as macOS has it beyond its own limit
            pass
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    # Where there are few, half of them are for all else.
    found = max(soft - OTHERS, soft // 2)
    log.warning(
        "fewer connections than CONNECTIONS allows: allow the service more open files (ulimit -n, LimitNOFILE)",
        extra={"connections": found, "open_files": soft},
    )
    return found
