"""The fixtures of the plugin, also where the package was installed before it had the entry point."""

from __future__ import annotations

from kenspeckle.testing.plugin import kenspeckle, kenspeckle_server

__all__ = ["kenspeckle", "kenspeckle_server"]
