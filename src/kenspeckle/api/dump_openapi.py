"""The OpenAPI document without a service behind it: `python -m kenspeckle.api.dump_openapi > docs/openapi.json`."""

from __future__ import annotations

import sys
from typing import Any, cast

import orjson

from kenspeckle.api.app import create_app
from kenspeckle.api.audit import Audit
from kenspeckle.api.keys import Keys
from kenspeckle.api.webhooks import Webhooks
from kenspeckle.settings import Settings
from kenspeckle.usecases.recognition.admission import Gate

MORE = (Keys, Audit, Webhooks)
"""Groups of handlers that a server with keys, an audit trail and webhooks of its own has besides."""


def text() -> str:
    """The document of all routes, keys, audit and webhooks included, as indented JSON."""
    nobody = cast(Any, None)
    app = create_app(
        recognizer=nobody,
        settings=Settings(),
        gate=Gate(1, 0, 1.0),
        authenticate=nobody,
        more=[group(nobody) for group in MORE],
    )
    return orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


if __name__ == "__main__":
    sys.stdout.write(text())
