"""Kenspeckle: face recognition as a REST API, on your own machine."""

from __future__ import annotations

import os
import sys

__version__ = "0.1.0"

# No dependency reports to its maker. Each reads its switch when it is imported, so it has to be set before that; this
# file comes first in every way of starting (service, command, worker, Lambda), and child processes inherit it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # ONNX Runtime
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # Ray
# OpenVINO has no such variable: it goes without where its telemetry package can't be imported.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # None forbids the import, as documented

_LATE = {
    "AsyncClient": "kenspeckle.client.asynchronous",
    "Client": "kenspeckle.client.sync",
    "ClientError": "kenspeckle.client.errors",
    "KenspeckleError": "kenspeckle.errors",
    "Retries": "kenspeckle.client.retries",
    "ServerUnreachable": "kenspeckle.client.errors",
    "operations": "kenspeckle.domain",
}
"""What `kenspeckle.NAME` is, and the module that has it. It is imported when it is asked for: a service needs no
client. `__init__.pyi` has their types."""


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module 'kenspeckle' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_LATE[name]), name)
