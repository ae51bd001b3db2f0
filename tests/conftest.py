"""What a whole test run says at its end."""

from __future__ import annotations

import pytest

from tests import soak


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the kills of a soak."""
    if soak.SOAK:
        terminalreporter.section("kill -9")
        for line in soak.summary():
            terminalreporter.line(line)
