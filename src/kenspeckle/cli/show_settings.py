"""`kenspeckle settings`: every setting, its value, and where the value comes from."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from kenspeckle import settings as settings_
from kenspeckle.cli import options, output
from kenspeckle.cli.failures import FAILED, report_errors
from kenspeckle.client.errors import CommandFailed

_SECRET_IN_URL = re.compile(r"(://[^:/@]*:)[^@/]+@")


@report_errors(FAILED)
def settings(
    json: options.Json = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 where the environment has KENSPECKLE_ names that are none.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option("--config", exists=True, help="File of settings to read.", show_default="kenspeckle.toml"),
    ] = None,
) -> None:
    """Show every setting with its value and its source: default, file or environment."""

    values = settings_.load(file=config)
    path = config or Path(os.environ.get(settings_.PREFIX + "CONFIG", settings_.FILE))
    in_file = set(tomllib.loads(path.read_text("utf-8"))) if path.is_file() else set()
    rows: list[dict[str, Any]] = []
    for one in settings_.list_settings():
        variable = settings_.PREFIX + one.name.upper()
        source = "environment" if os.environ.get(variable, "") else str(path) if one.name in in_file else "default"
        rows.append(
            {
                "name": one.name,
                "value": _show(one.name, getattr(values, one.name)),
                "source": source,
                "variable": variable,
                "about": one.metadata["doc"],
            }
        )
    if json:
        output.emit(rows)
    else:
        output.table(
            ("setting", "value", "source", "about"),
            [(row["variable"], str(row["value"]), row["source"], row["about"]) for row in rows],
        )
    sentences = settings_.unknown_messages(settings_.unknown())
    if sentences and strict:
        raise CommandFailed(" ".join(sentences), "Correct or unset it.")
    for sentence in sentences:
        typer.echo(sentence, err=True)


def _show(name: str, value: Any) -> Any:
    """The value, JSON-ready; of secrets only whether they are set."""
    if name in ("admin_key", "master_key"):
        return "(set)" if value else ""
    if isinstance(value, bool | int | float):
        return value
    return _SECRET_IN_URL.sub(r"\1***@", str(value))
