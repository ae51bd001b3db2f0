"""Findings of an examination: severity, problem, consequence, and remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import Any

from kenspeckle.errors import KenspeckleError


class Severity(StrEnum):
    """Warnings and faults need action; notes are worth knowing."""

    NOTE = "note"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `code` is stable, the sentences are for people; `mend` is a command where there is one."""

    code: str
    severity: Severity
    what: str
    why: str
    mend: str

    def describe(self) -> dict[str, str]:
        """JSON-ready."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "what": self.what,
            "why": self.why,
            "mend": self.mend,
        }


@dataclass(slots=True)
class Examined:
    """The result of one check. `summary` is its state in a few words; `skipped` is why it was not run, which another
    check's finding explains."""

    check: str
    title: str
    summary: str = ""
    findings: list[Finding] = field(default_factory=list)
    skipped: bool = False

    def note(self, code: str, what: str, why: str, mend: str = "") -> None:
        self.findings.append(Finding(code, Severity.NOTE, what, why, mend))

    def warn(self, code: str, what: str, why: str, mend: str) -> None:
        self.findings.append(Finding(code, Severity.WARNING, what, why, mend))

    def fault(self, code: str, what: str, why: str, mend: str) -> None:
        self.findings.append(Finding(code, Severity.FAULT, what, why, mend))

    def skip(self, reason: str) -> None:
        """Mark the check as not run, because of another check's finding."""
        self.skipped, self.summary = True, reason

    @contextmanager
    def guard(self, code: str, what: str, why: str, mend: str) -> Iterator[None]:
        """Makes a domain error of the block a fault: `what`, and the error's message."""
        try:
            yield
        except KenspeckleError as error:
            self.fault(code, f"{what}{error.message}", why, mend)

    @property
    def state(self) -> str:
        """`sound`, `skipped`, or the worst severity found."""
        for severity in (Severity.FAULT, Severity.WARNING, Severity.NOTE):
            if any(one.severity is severity for one in self.findings):
                return severity.value
        return "skipped" if self.skipped else "sound"

    @property
    def needs_action(self) -> bool:
        return any(one.severity is not Severity.NOTE for one in self.findings)

    def describe(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "check": self.check,
            "state": self.state,
            "summary": self.summary,
            "findings": [one.describe() for one in self.findings],
        }


def on(command: str, place: Path) -> str:
    """The command with this path, to be pasted into a shell."""
    return f"{command} {quote(str(place))}"
