"""The commands of `kenspeckle`: module and help line of each. None is loaded before it is chosen."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from kenspeckle import __version__
from kenspeckle.cli.commands import WIDTH, Commands, Entry, Root

PREFIX = "KENSPECKLE_"
VERBS = "Recognize"
MANAGE = "Manage"
ABOUT = "About"
# The help line is the first sentence of the command's docstring; a test compares them.
ENTRIES = (
    Entry("serve", "kenspeckle.cli.serve:serve", VERBS, "Run the service."),
    Entry(
        "index",
        "kenspeckle.cli.index:index",
        VERBS,
        "Index photographs: every face in them is stored with its identity, and can be found from then on.",
    ),
    Entry("search", "kenspeckle.cli.search:search", VERBS, "Find out who is in a photograph, or in many."),
    Entry("compare", "kenspeckle.cli.recognize:compare", VERBS, "Check whether the largest face of A is in B."),
    Entry("detect", "kenspeckle.cli.recognize:detect", VERBS, "Find the faces of a photograph and describe them."),
    Entry("video", "kenspeckle.cli.video:video", VERBS, "Find out who is in a video, from when to when."),
    Entry(
        "watch",
        "kenspeckle.cli.watch:watch",
        VERBS,
        "Watch a folder: every photograph that lands there is searched (or, with `--index`, indexed), once; with "
        "`--videos` every video.",
    ),
    Entry(
        "encode",
        "kenspeckle.cli.encode:encode",
        VERBS,
        "Encode an image as base64, in one line, as /v1/index and /v1/search take it with content-type text/plain.",
    ),
    Entry(
        "demo",
        "kenspeckle.cli.demo:demo",
        VERBS,
        "Demonstrate recognition: a real server, two photographs indexed, a dozen searched.",
    ),
    Entry(
        "erase",
        "kenspeckle.cli.erase:erase",
        MANAGE,
        "Erase faces with everything derived from them: templates, thumbnails, photographs, and the bytes in "
        "the database.",
    ),
    Entry(
        "scrub",
        "kenspeckle.cli.scrub:scrub",
        MANAGE,
        "Rewrite what erasure has left in the database's files, and say what is left elsewhere.",
    ),
    Entry(
        "doctor",
        "kenspeckle.cli.doctor:doctor",
        MANAGE,
        "Examine this instance and explain what is wrong and how to mend it.",
    ),
    Entry(
        "settings",
        "kenspeckle.cli.show_settings:settings",
        MANAGE,
        "Show every setting with its value and its source: default, file or environment.",
    ),
    Entry(
        "backup",
        "kenspeckle.cli.backup:backup",
        MANAGE,
        "Back up everything into one file, while the service runs.",
    ),
    Entry(
        "restore",
        "kenspeckle.cli.restore:restore",
        MANAGE,
        "Restore a backup into the local data folder, with the service stopped.",
    ),
    Entry(
        "catalog",
        "kenspeckle.cli.catalog:catalog",
        MANAGE,
        "The catalog as a whole: copy it into another database; set what all its services have alike; forget copies.",
    ),
    Entry(
        "encrypt",
        "kenspeckle.cli.encryption:encrypt",
        MANAGE,
        "Encrypt all data in the local data folder, with the service stopped.",
    ),
    Entry(
        "decrypt",
        "kenspeckle.cli.encryption:decrypt",
        MANAGE,
        "Undo `kenspeckle encrypt`, with the service stopped and KENSPECKLE_ENCRYPTION=off.",
    ),
    Entry(
        "export",
        "kenspeckle.cli.transfer:export",
        MANAGE,
        "Write a collection with its templates as lines of JSON, while the service runs.",
    ),
    Entry(
        "import",
        "kenspeckle.cli.transfer:import_",
        MANAGE,
        "Import an export, encodings of face_recognition, or people from CompreFace into a collection.",
    ),
    Entry("collections", "kenspeckle.cli.collections:app", MANAGE, "Collections: sets of faces, searched separately."),
    Entry("faces", "kenspeckle.cli.faces:app", MANAGE, "Faces that are stored in a collection."),
    Entry("users", "kenspeckle.cli.users:app", MANAGE, "Users: several faces of one person under one id."),
    Entry("people", "kenspeckle.cli.people:app", MANAGE, "People: names, and the faces that are theirs."),
    Entry("jobs", "kenspeckle.cli.jobs:app", MANAGE, "Jobs: long work on collections."),
    Entry("keys", "kenspeckle.cli.keys:app", MANAGE, "Keys of clients."),
    Entry(
        "webhooks",
        "kenspeckle.cli.webhooks:app",
        MANAGE,
        "Webhooks: signed messages about events (Standard Webhooks), sent by `kenspeckle serve`.",
    ),
    Entry("receipts", "kenspeckle.cli.receipts:app", MANAGE, "Receipts of erasure."),
    Entry("audit", "kenspeckle.cli.audit:app", MANAGE, "The audit trail: who did what with whose faces."),
    Entry(
        "models",
        "kenspeckle.cli.models:app",
        MANAGE,
        "Model packs: the detector and the embedder that the service runs.",
    ),
    Entry("help", "kenspeckle.cli.about:help_", ABOUT, "Show the help of a command."),
    Entry("version", "kenspeckle.cli.about:version", ABOUT, "Show the version."),
)


EXIT_CODES = (
    "`kenspeckle help COMMAND` shows examples. Exit codes: 0 fine; 1 no match, or an error; 2 wrong usage, or an error "
    "of a command whose 1 means no match; 130 interrupted."
)


class Kenspeckle(Root):
    """The root group with all commands."""

    entries = ENTRIES


app = Commands(
    "Face recognition on your own machine: index a photograph, search with another.",
    name="kenspeckle",
    cls=Kenspeckle,
    add_completion=True,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDTH},
)


_THAT_CHECK_SETTINGS = ("serve", "settings", "doctor")
"""Commands that say themselves what is wrong with the settings."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kenspeckle {__version__}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options before the command."""
    if debug:
        os.environ["KENSPECKLE_DEBUG"] = "1"
    if context.invoked_subcommand not in _THAT_CHECK_SETTINGS and any(one.startswith(PREFIX) for one in os.environ):
        from kenspeckle.settings import unknown, unknown_messages  # late: help does without the domain

        for sentence in unknown_messages(unknown()):
            typer.echo(sentence, err=True)


def run() -> None:
    """Run the command of `sys.argv`; an error that no command reported becomes one line and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names need not be text
    try:
        app()
    except Exception as error:
        from kenspeckle.cli.failures import FAILED, show  # late: errors are shown by Rich, which help does without

        show(error)
        sys.exit(FAILED)
