"""Structured logs: one JSON object a line, or text on a terminal; one line a request, each with the request id.

Never pixels or vectors.
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import TextIO

from pythonjsonlogger.orjson import OrjsonFormatter

from kenspeckle.text import printable

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""Id of the present request; empty outside of requests."""

log = logging.getLogger("kenspeckle")
access = logging.getLogger("kenspeckle.access")
errors = logging.getLogger("kenspeckle.errors")


class _OurFacts(logging.Filter):
    """Adds the request id, and takes out what uvicorn adds for terminals: its message again, with escape codes."""

    def filter(self, record: logging.LogRecord) -> bool:
        vars(record).pop("color_message", None)
        request_id = REQUEST_ID.get()
        if request_id and not hasattr(record, "request_id"):
            record.request_id = request_id
        return True


_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes that every record has; the others are facts."""


class _TextFormatter(logging.Formatter):
    """A line for people: time, level, message, and the facts that the JSON line would have. Text from clients or file
    names is escaped, so that it can't control the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        at = self.formatTime(record, "%H:%M:%S")
        facts = {name: value for name, value in vars(record).items() if name not in _OWN and value is not None}
        told = "".join(f"  {name}={value}" for name, value in facts.items())
        line = printable(f"{at} {record.levelname:7} {record.getMessage()}{told}")
        return line if record.exc_info is None else f"{line}\n{printable(self.formatException(record.exc_info))}"


def configure(level: str = "INFO", stream: TextIO | None = None, *, form: str = "auto") -> None:
    """Send the service's and uvicorn's log records to `stream` (standard error); again replaces. `form` is `json`,
    `text`, or `auto`: text on a terminal, JSON elsewhere."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    as_text = form == "text" or (form == "auto" and stream.isatty())
    handler.setFormatter(
        _TextFormatter()
        if as_text
        else OrjsonFormatter(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
        )
    )
    handler.addFilter(_OurFacts())
    for name in ("kenspeckle", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [] if name == "uvicorn.error" else [handler]
        logger.propagate = name == "uvicorn.error"
        logger.setLevel(level)
    # The log line of a request here has more than uvicorn's access line, which is turned off.
    logging.getLogger("uvicorn.access").disabled = True
