"""What an examination finds: how bad it is, what it is, why that matters, and how to mend it."""

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
    """One thing. `code` is stable, the sentences are for people; `mend` is a command where there is one."""

    code: str
    severity: Severity
    what: str
    why: str
    mend: str

    def described(self) -> dict[str, str]:
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
    """One part of the instance. `summary` says in a few words how it is; `skipped` that it could not be looked at,
    for a reason that another part's finding explains."""

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
        """Not looked at, because of what another part's finding says."""
        self.skipped, self.summary = True, reason

    @contextmanager
    def guarded(self, code: str, what: str, why: str, mend: str) -> Iterator[None]:
        """A domain error of the block is a fault: `what`, and what the error says."""
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

    def described(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "check": self.check,
            "state": self.state,
            "summary": self.summary,
            "findings": [one.described() for one in self.findings],
        }


def on(command: str, place: Path) -> str:
    """The command with this path, to be pasted into a shell."""
    return f"{command} {quote(str(place))}"
