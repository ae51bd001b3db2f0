"""Log lines: JSON for machines, text on a terminal, nothing that controls it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable

import pytest

from kenspeckle.serving import logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


Said = Callable[[io.StringIO, str], str]


@pytest.fixture
def said() -> Said:
    """What a line with a fact and an error looks like."""

    def one(stream: io.StringIO, form: str) -> str:
        logs.configure("INFO", stream, form=form)
        logging.getLogger("kenspeckle.test").info("found %s", "A\x1b[31mnn", extra={"path": "a\x07b", "nothing": None})
        return stream.getvalue()

    return one


@pytest.mark.parametrize(("stream", "form"), [(Terminal, "auto"), (Terminal, "text"), (io.StringIO, "text")])
def test_text_for_people(said: Said, stream: type[io.StringIO], form: str) -> None:
    line = said(stream(), form)
    assert "INFO    found A\\x1b[31mnn  path=a\\x07b\n" in line
    assert "\x1b" not in line
    assert "nothing" not in line


@pytest.mark.parametrize(("stream", "form"), [(io.StringIO, "auto"), (io.StringIO, "json"), (Terminal, "json")])
def test_json_for_machines(said: Said, stream: type[io.StringIO], form: str) -> None:
    line = json.loads(said(stream(), form))
    assert (line["level"], line["message"], line["path"]) == ("INFO", "found A\x1b[31mnn", "a\x07b")


def test_an_unexpected_error_has_its_traceback() -> None:
    stream = Terminal()
    logs.configure("INFO", stream)
    try:
        raise RuntimeError("why\x1b")
    except RuntimeError:
        logging.getLogger("kenspeckle.test").exception("failed")
    assert "Traceback" in stream.getvalue()
    assert "RuntimeError: why\\x1b" in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_line_has_escape_codes_of_the_servers(form: str) -> None:
    stream = io.StringIO()
    logs.configure("INFO", stream, form=form)
    logging.getLogger("uvicorn.error").info("Started", extra={"color_message": "\x1b[36mStarted\x1b[0m"})
    assert "Started" in stream.getvalue()
    assert "color_message" not in stream.getvalue()
    assert "x1b" not in stream.getvalue()
    assert "u001b" not in stream.getvalue()
