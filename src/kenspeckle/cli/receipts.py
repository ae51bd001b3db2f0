"""`kenspeckle receipts`: shows receipts of erasure, waits until they are complete, checks them, and shows the key that
they are checked with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from kenspeckle import settings
from kenspeckle.atomic_file import whole_file
from kenspeckle.cli import options, output
from kenspeckle.cli.commands import Commands
from kenspeckle.cli.failures import FAILED, NEGATIVE, TROUBLE, report_errors
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.data_folder import master_key
from kenspeckle.compose.target import open_target
from kenspeckle.domain import Receipt
from kenspeckle.domain.operations import GetReceipt
from kenspeckle.errors import InvalidValue
from kenspeckle.shapes import dump
from kenspeckle.text import plural
from kenspeckle.usecases.audit import receipts
from kenspeckle.usecases.audit.receipts import PURPOSE, Receipts

app = Commands("Receipts of erasure.")

ReceiptId = Annotated[str, typer.Argument(metavar="ID", help="Id of the receipt: its member `id`.")]
Kept = Annotated[
    Path | None,
    typer.Option("--receipt", metavar="FILE", help="Keep the signed receipt in this file.", show_default="no file"),
]


@app.command()
@report_errors(FAILED)
def show(
    receipt_id: ReceiptId,
    receipt: Kept = None,
    json: options.Json = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Show a receipt as it is now; it is kept for 30 days after it is complete."""
    with open_target(url, api_key, data_dir) as target:
        found = target.recognizer.handle(GetReceipt(receipt_id=receipt_id))
    _give(found, receipt, json)


@app.command()
@report_errors(FAILED)
def wait(
    receipt_id: ReceiptId,
    seconds: Annotated[float, typer.Option("--seconds", min=0, help="Longest wait.")] = 600.0,
    receipt: Kept = None,
    json: options.Json = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Wait until a receipt is complete: until no file of the service holds anything of what it names. Where nobody
    serves the data folder, the rest is removed here. Exit code 1 if it is still pending."""
    with open_target(url, api_key, data_dir) as target:
        found = target.completed(receipt_id, seconds)
    _give(found, receipt, json)
    if not found.complete:
        raise typer.Exit(NEGATIVE)


def _give(found: Receipt, file: Path | None, json: bool) -> None:
    document = dump.receipt(found)
    if file is not None:
        with whole_file(file) as written:
            written.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if json:
        output.emit(document)
        return
    _tell(found.content)
    if found.complete:
        output.say("Complete, except for copies in:" if found.remains else "Complete.")
    elif found.remains:
        output.say("Pending until `kenspeckle scrub` has rewritten the tables. Copies are left in:")
    else:
        output.say("Pending: files of the service may still hold bytes of it.")
    for one in found.remains:
        output.say(f"  {one}")


def _tell(content: Mapping[str, Any]) -> None:
    name = f" {content['name']}" if content["name"] else ""
    output.say(f"Signed by the service, {content['at']}: {content['erased']}{name} of {content['collection']},")
    output.say(f"{plural(content['face_count'], 'face')}, {plural(content['image_count'], 'photograph')}.")


@app.command()
@report_errors(TROUBLE)
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A receipt, or an answer that has one; JSON.")],
    public_key: Annotated[
        str | None,
        typer.Option(
            "--public-key",
            metavar="BASE64",
            help="Of the service that signed, as /v1/info shows it. Without it: that of the local data folder.",
        ),
    ] = None,
    json: options.Json = False,
    data_dir: options.DataDir = None,
) -> None:
    """Check that a receipt was signed by the service and not changed since. Exit code 1 if not."""

    if not file.is_file():
        raise CommandFailed(f"{file} does not exist.", "Name a file that `kenspeckle erase --receipt` wrote.")
    try:
        document = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise CommandFailed(
            f"{file} is no JSON ({error}).", "Name a file that `kenspeckle erase --receipt` wrote."
        ) from error
    if isinstance(document, dict) and "Receipt" in document:
        document = document["Receipt"]
    try:
        content = receipts.verify_receipt(document, public_key or _own_key(data_dir))
    except InvalidValue as error:
        output.remark(error.message, "red")
        raise typer.Exit(NEGATIVE) from error
    if json:
        output.emit(content)
        return
    _tell(content)


@app.command()
@report_errors(FAILED)
def key(data_dir: options.DataDir = None) -> None:
    """Show the public key of the local data folder, in base64."""

    output.say(_own_key(data_dir))


def _own_key(data_dir: Path | None) -> str:

    # None is made: a key that has signed nothing would have every receipt look forged.
    master = master_key(settings.load({"data_dir": data_dir}), create=False)
    return Receipts(master.derive(PURPOSE)).public_key
