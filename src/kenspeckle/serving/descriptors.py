"""The limit of open files: how many connections it allows, and whether it is used up."""

from __future__ import annotations

import errno
import logging
import os
import resource
import time

log = logging.getLogger(__name__)

OTHERS = 256
"""Descriptors for everything else: databases of each thread, photographs, webhooks, child processes."""
USED_UP = frozenset({errno.EMFILE, errno.ENFILE})
TELL_SECONDS = 60.0
_told = float("-inf")


def affordable(connections: int) -> int:
    """`connections`, or as many as there are descriptors for. Raises the soft limit where the hard one allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHERS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
        except (OSError, ValueError):  # macOS raises this beyond its own limit
            pass
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    # If there are few, half of them are for everything else.
    found = max(soft - OTHERS, soft // 2)
    log.warning(
        "fewer connections than CONNECTIONS allows: allow the service more open files (ulimit -n, LimitNOFILE)",
        extra={"connections": found, "open_files": soft},
    )
    return found


def are_used_up(connections: int) -> bool:
    """Whether no descriptor is left, which is logged now and then, because a loop's server drops such connections
    silently."""
    global _told
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        if error.errno not in USED_UP:
            return False
        if time.monotonic() - _told >= TELL_SECONDS:
            _told = time.monotonic()
            log.error(
                "no descriptor is left for connections; allow the service more open files (ulimit -n, LimitNOFILE)",
                extra={"error": error.strerror, "connections": connections},
            )
        return True
    return False
