"""`kenspeckle doctor`: examines the local instance and explains what is wrong with it; changes nothing."""

from __future__ import annotations

import logging
import os
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from kenspeckle.cli import options, output
from kenspeckle.cli.failures import DEBUG, NEGATIVE, TROUBLE, report_errors
from kenspeckle.cli.output import PIPE_WIDTH, out, say
from kenspeckle.cli.progress import steps
from kenspeckle.doctor.findings import Examined, Finding
from kenspeckle.settings import Settings, load
from kenspeckle.text import plural, printable

TITLES = {
    "database": "Checking the database",
    "templates": "Reading templates",
    "index": "Searching faces by themselves",
    "photographs": "Reading photographs",
    "audit": "Verifying the audit trail",
}
MARKS = {
    "sound": ("ok", "green"),
    "note": ("ok", "green"),
    "skipped": ("skipped", "dim"),
    "warning": ("warning", "yellow"),
    "fault": ("FAULT", "red"),
}
STYLES = {"note": "dim", "warning": "yellow", "fault": "red"}
INDENT = " " * 11
WIDEST = 110


@report_errors(TROUBLE)
def doctor(
    thorough: Annotated[
        bool,
        typer.Option(
            "--thorough",
            help="Read every photograph, not 200; search more faces; compare the database's indexes with tables.",
        ),
    ] = False,
    json: options.Json = False,
    data_dir: Annotated[
        Path | None,
        # A folder that can't be read is explained by the doctor.
        typer.Option(
            "--data-dir",
            help="The local data folder to examine.",
            show_default="DATA_DIR",
            readable=False,
            rich_help_panel="Where to",
        ),
    ] = None,
) -> None:
    """Examine this instance and explain what is wrong and how to mend it.

    Looks at settings, data folder, disk space, model files, database, collections, templates, the search index,
    photographs, master key, encryption, audit trail, webhooks, clock and network. Changes nothing, and may run beside
    the service. Exit code: 0 sound, 1 something needs action, 2 it could not begin.
    """
    from kenspeckle.doctor.runner import examine  # late: it needs the catalog's and the index's libraries

    if os.environ.get(DEBUG):
        logging.basicConfig(level=logging.DEBUG)
    else:  # the findings say what adapters would log
        logging.getLogger("kenspeckle").addHandler(logging.NullHandler())
    settings = load({"data_dir": data_dir})
    with steps(**TITLES) as progress:
        seen = list(examine(settings, thorough=thorough, progress=progress))
    if json:
        output.emit(_describe(settings, thorough, seen))
    else:
        _show(seen)
    if any(one.needs_action for one in seen):
        raise typer.Exit(NEGATIVE)


def _describe(settings: Settings, thorough: bool, seen: Iterable[Examined]) -> dict[str, object]:
    checks = [one.describe() for one in seen]
    return {
        "sound": not any(one.needs_action for one in seen),
        "data_dir": str(settings.data_dir),
        "thorough": thorough,
        "checks": checks,
    }


def _show(seen: list[Examined]) -> None:

    for one in seen:
        mark, style = MARKS[one.state]
        _line(f"{mark:9}  ", style, f"{one.title:15}", one.summary)
        for finding in one.findings:
            _explain(finding)
    faults = sum(1 for one in seen for finding in one.findings if finding.severity == "fault")
    warnings = sum(1 for one in seen for finding in one.findings if finding.severity == "warning")
    if faults or warnings:
        say(f"{plural(faults, 'fault')}, {plural(warnings, 'warning')}.", "red" if faults else "yellow")
    else:
        say("Nothing needs action.", "green")


def _line(mark: str, style: str, title: str, summary: str) -> None:

    line = Text.assemble((mark, style), (title, "bold"), f"  {printable(summary)}")
    out().print(line, soft_wrap=True)


def _explain(finding: Finding) -> None:
    """The finding indented under its check, folded to the width of the terminal."""

    width = min(out().width, WIDEST) if out().is_terminal else PIPE_WIDTH
    for text, style, first in (
        (finding.what, STYLES[finding.severity.value], ""),
        (finding.why, "", ""),
        (finding.mend, "", "→ "),
    ):
        if text:
            say(textwrap.fill(text, width, initial_indent=INDENT + first, subsequent_indent=INDENT), style)
