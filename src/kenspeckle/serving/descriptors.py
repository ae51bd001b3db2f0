"""Open files of this process: how many connections their limit leaves room for, and whether any is left."""

from __future__ import annotations

import errno
import logging
import os
import resource
import time

log = logging.getLogger(__name__)

OTHERS = 256
"""Descriptors for all else: databases of each thread, photographs, webhooks, child processes."""
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


def are_used_up(connections: int) -> bool:
    """Whether the system gives no descriptor any more, which is logged now and then: a loop's server drops what it
    can't take, and says nothing."""
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
