"""`kenspeckle audit`: shows, verifies and exports the audit trail of the local data folder."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from kenspeckle.atomic_file import replace_file, whole_file
from kenspeckle.cli import options, output
from kenspeckle.cli.commands import Commands
from kenspeckle.cli.failures import FAILED, NEGATIVE, TROUBLE, report_errors
from kenspeckle.compose.data_folder import anchors_of, locked_anchors_of, open_folder
from kenspeckle.domain.audit import describe
from kenspeckle.errors import SettingError
from kenspeckle.ports import AuditQuery
from kenspeckle.text import plural
from kenspeckle.usecases.audit import verification

MOST_ROWS = (1 << 63) - 1
"""No database has more, or takes a larger number."""

app = Commands("The audit trail: who did what with whose faces.")


@app.command()
@report_errors(FAILED)
def show(
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="WHEN",
            help="Only rows since then: 12h, 30d, or an ISO date or time (UTC).",
            show_default="all",
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", metavar="ID", help="Only rows of this key: its id, or open, cli, nobody.", show_default="all"
        ),
    ] = None,
    collection: Annotated[
        str | None, typer.Option("--collection", metavar="ID", help="Only this collection.", show_default="all")
    ] = None,
    operation: Annotated[
        str | None,
        typer.Option(
            "--operation", metavar="NAME", help="Only this operation, such as IndexFaces.", show_default="all"
        ),
    ] = None,
    outcome: Annotated[
        str | None,
        typer.Option(
            "--outcome",
            metavar="OUTCOME",
            help="Only ok, failed (all that is not ok), or an error's code.",
            show_default="all",
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many rows.")] = 100,
    json: options.Json = False,
    data_dir: options.DataDir = None,
) -> None:
    """Show the newest rows, newest first. The query is recorded too."""

    begin = verification.moment(since, time.time()) if since else None
    query = AuditQuery(begin, key, collection, operation, outcome=outcome)
    with open_folder(data_dir, make=False) as instance:
        rows = [describe(row) for row in verification.read_rows(instance.recorder, query, min(limit, MOST_ROWS))]
    if json:
        output.emit(rows)
    elif rows:
        _table(rows)
    else:
        output.say("No rows.")


@app.command()
@report_errors(TROUBLE)
def verify(
    anchor: Annotated[
        str | None,
        typer.Option(
            "--anchor",
            metavar="NUMBER:HASH|FILE",
            help="An anchor that was kept elsewhere (NUMBER:HASH, or a file of `audit anchor`); its row has to exist.",
        ),
    ] = None,
    json: options.Json = False,
    data_dir: options.DataDir = None,
) -> None:
    """Check every row's hash, seal and place, and that the row named by the anchor file beside the database, and by
    the newest anchor of AUDIT_ANCHORS_URL, exists. Exit code 1 if any was changed, removed or put in; it is named.

    Keep the anchor that this prints where nobody can change it, and give it to the next run: it finds what the trail
    itself can't show, such as a trail that was put back to an older state as a whole."""
    given = _anchor(anchor) if anchor is not None else None
    with open_folder(data_dir, make=False, any_key=True) as instance:
        key, kept = instance.recorder.key, anchors_of(instance.settings).read()
        bucket = locked_anchors_of(instance.settings, key)
        found = verification.verify(instance.catalog, key, given, kept, bucket.read() if bucket else ())
    if json:
        output.emit(found.describe())
    else:
        for one in found.findings:
            output.say(f"row {one.number}: {one.what}", "red")
        if found.more:
            output.say(f"and {found.more:,} more", "red")
        if found.sound:
            output.say(f"{plural(found.rows, 'row')}, all sound.")
        if found.former:
            output.say(f"Rows up to {found.former:,} are sealed under a former master key; their hashes confirm them.")
        if not kept:
            output.remark(
                "No anchor file beside the database: only --anchor can show that the newest rows were cut off.",
                "yellow",
            )
        output.say(f"anchor: {found.anchor}")
    if not found.sound:
        raise typer.Exit(NEGATIVE)


@app.command()
@report_errors(FAILED)
def anchor(
    destination: Annotated[Path, typer.Argument(metavar="FILE", help="File to write; - for standard output.")] = Path(
        "-"
    ),
    data_dir: options.DataDir = None,
) -> None:
    """Write the newest row's number and hash, sealed under the master key, for a place where nobody can change them.

    `kenspeckle audit verify --anchor FILE` then finds any row up to it that was changed or cut off since. Recorded."""
    with open_folder(data_dir, make=False) as instance:
        made = verification.anchor(instance.recorder, anchors_of(instance.settings).read())
    if str(destination) == "-":
        sys.stdout.buffer.write(made)
        sys.stdout.buffer.flush()
        return
    replace_file(destination, made)
    output.say(f"Written to {destination}.")


@app.command("new-key")
@report_errors(FAILED)
def new_key(yes: options.Yes = False, data_dir: options.DataDir = None) -> None:
    """Continue under another master key, where the one that the catalog was written under is lost.

    Makes a key where there is none. Earlier rows stay verifiable: by their chain, which a row that records the change
    continues, and by the old key if it is found again. Lists what was encrypted under the old key and has to be
    replaced."""
    try:
        with open_folder(data_dir, make=False):
            output.say("The catalog is written under this master key; there is nothing to do.")
            return
    except SettingError as error:
        if error.field != "master_key":
            raise
    if not yes:
        typer.confirm("Is the former master key lost?", abort=True, err=True)
    with open_folder(data_dir, make=False, new_key=True) as instance:
        instance.recorder.renew()
        every = instance.catalog.keys()
        pairs = [one.key_id for one in every if one.kind == "aws" and one.revoked_at is None]
        hooks = [one.webhook_id for one in instance.catalog.webhooks()]
    output.say("The audit trail goes on under this master key. Keep a copy of it in another place.")
    for what, lost, how in (("AWS pair", pairs, "keys rotate"), ("webhook", hooks, "webhooks rotate")):
        if lost:
            output.say(f"The secrets of {plural(len(lost), what)} are lost; `kenspeckle {how}` makes new ones:")
            for one in lost:
                output.say(f"  {one}")
    output.say("Receipts of erasure are signed with another key from now on; keep the old public key for old ones.")


@app.command()
@report_errors(FAILED)
def export(
    destination: Annotated[
        Path, typer.Argument(metavar="FILE", help="File to write, one row of JSON a line; - for standard output.")
    ] = Path("-"),
    after: Annotated[int, typer.Option("--after", min=0, help="Only rows above this number.")] = 0,
    json: options.Json = False,
    data_dir: options.DataDir = None,
) -> None:
    """Export rows as lines of JSON, oldest first, with the hashes that chain them. Exporting is recorded too."""

    after = min(after, MOST_ROWS)
    count, last = 0, after
    with open_folder(data_dir, make=False) as instance:
        instance.recorder.record(instance.recorder.entry(verification.EXPORTED, facts={"after": after}))
        if str(destination) == "-":
            for row in verification.lines(instance.catalog, after):
                sys.stdout.buffer.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            sys.stdout.buffer.flush()
            return
        with whole_file(destination) as file:
            for row in verification.lines(instance.catalog, after):
                file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
                count, last = count + 1, row["number"]
    if json:
        output.emit({"path": str(destination), "rows": count, "last": last})
    else:
        output.say(f"{plural(count, 'row')} written to {destination}.")


def _anchor(text: str) -> str:
    """The anchor itself: what was given, or the content of the file of that name."""
    path = Path(text)
    if verification.ANCHOR.match(text) or not path.is_file():
        return text
    with path.open("rb") as file:
        return file.read(4096).decode("utf-8", "replace")


def _table(rows: list[dict[str, Any]]) -> None:

    shown = [
        (
            str(row["number"]),
            output.moment(row["at"]),
            f"{row['who']} ({row['name']})" if row["name"] else row["who"],
            row["operation"],
            row["outcome"],
            row["collection"] or "",
            f"{row['face_count']:,}",
            row["address"],
        )
        for row in rows
    ]
    columns = ("number", "time", "who", "operation", "outcome", "collection", "faces", "address")
    output.table(columns, shown, numbers=("number", "faces"))
