"""Ports for what listens later than its address is known."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

PORTS = range(20_000, 30_000)
"""Below those that systems give to connections (Linux 32,768 and up): one of these is somebody else's a moment later
where many connections are made."""


def unused_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    for port in random.sample(PORTS, 100):
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
    raise OSError(f"Of a hundred ports from {PORTS.start} to {PORTS.stop} none is free.")
