"""The commands of `kenspeckle`, put together."""

from __future__ import annotations

import inspect
import io
import os
import sys
from typing import Annotated

import typer

from kenspeckle.cli import (
    audit,
    backup,
    collections,
    demo,
    doctor,
    encode,
    encryption,
    erase,
    faces,
    index,
    keys,
    models,
    receipts,
    recognize,
    restore,
    serve,
    show_settings,
    transfer,
    users,
    watch,
    webhooks,
)
from kenspeckle.cli.failures import DEBUG, FAILED, show

VERBS = "Recognize"
MANAGE = "Manage"

app = typer.Typer(
    name="kenspeckle",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"kenspeckle {version('kenspeckle')}")
        raise typer.Exit


@app.callback()
def common(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Face recognition on your own machine: index a photograph, search with another."""
    if debug:
        os.environ[DEBUG] = "1"


app.command(rich_help_panel=VERBS)(serve.serve)
app.command(rich_help_panel=VERBS)(index.index)
app.command(rich_help_panel=VERBS)(recognize.search)
app.command(rich_help_panel=VERBS)(recognize.compare)
app.command(rich_help_panel=VERBS)(recognize.detect)
app.command(rich_help_panel=VERBS)(watch.watch)
app.command(rich_help_panel=VERBS)(encode.encode)
app.command(rich_help_panel=VERBS)(demo.demo)
app.add_typer(collections.app, name="collections", rich_help_panel=MANAGE)
app.add_typer(faces.app, name="faces", rich_help_panel=MANAGE)
app.add_typer(users.app, name="users", rich_help_panel=MANAGE)
app.add_typer(keys.app, name="keys", rich_help_panel=MANAGE)
app.add_typer(webhooks.app, name="webhooks", rich_help_panel=MANAGE)
app.command(rich_help_panel=MANAGE)(erase.erase)
app.add_typer(receipts.app, name="receipts", rich_help_panel=MANAGE)
app.add_typer(audit.app, name="audit", rich_help_panel=MANAGE)
app.add_typer(models.app, name="models", rich_help_panel=MANAGE)
app.command(rich_help_panel=MANAGE)(doctor.doctor)
app.command(rich_help_panel=MANAGE)(show_settings.settings)
app.command(rich_help_panel=MANAGE)(backup.backup)
app.command(rich_help_panel=MANAGE)(restore.restore)
app.command(rich_help_panel=MANAGE)(encryption.encrypt)
app.command(rich_help_panel=MANAGE)(encryption.decrypt)
app.command(rich_help_panel=MANAGE)(transfer.export)
app.command("import", rich_help_panel=MANAGE)(transfer.import_)


def _flow(commands: typer.Typer) -> None:
    """Have help texts fit any terminal: Typer would keep the lines of our docstrings."""
    for one in commands.registered_commands:
        text = inspect.getdoc(one.callback) or ""
        one.help = "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
    for group in commands.registered_groups:
        if group.typer_instance is not None:
            _flow(group.typer_instance)


_flow(app)


def run() -> None:
    """Run the command of `sys.argv`; an error that no command reported becomes one line and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names need not be text
    try:
        app()
    except Exception as error:
        show(error)
        sys.exit(FAILED)
