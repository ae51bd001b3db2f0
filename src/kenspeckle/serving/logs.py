"""Structured logs: one JSON object a line, one line a request, each with the request id. Never pixels or vectors."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import TextIO

from pythonjsonlogger.orjson import OrjsonFormatter

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""Id of the request that this code works for; empty outside of one."""

access = logging.getLogger("kenspeckle.access")
errors = logging.getLogger("kenspeckle.errors")


class _WithRequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        request_id = REQUEST_ID.get()
        if request_id and not hasattr(record, "request_id"):
            record.request_id = request_id
        return True


def configure(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send the service's and uvicorn's log records to `stream` (standard error) as JSON lines; again replaces."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        OrjsonFormatter(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
        )
    )
    handler.addFilter(_WithRequestId())
    for name in ("kenspeckle", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [] if name == "uvicorn.error" else [handler]
        logger.propagate = name == "uvicorn.error"
        logger.setLevel(level)
    # The access line here says more than uvicorn's, and both would be two lines a request.
    logging.getLogger("uvicorn.access").disabled = True
