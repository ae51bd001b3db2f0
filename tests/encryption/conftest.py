"""The command as a function, as tests of moving have it."""

from __future__ import annotations

from tests.moving.conftest import command, commands

__all__ = ["command", "commands"]
