"""Samples, a command and a server, as the tests of the command line have them."""

from __future__ import annotations

from tests.cli.conftest import command, samples, server, unused_port

__all__ = ["command", "samples", "server", "unused_port"]
