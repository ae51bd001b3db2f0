"""The servers of the REST edge's tests serve these too."""

from __future__ import annotations

from tests.api.conftest import _server, http, server

__all__ = ["_server", "http", "server"]
