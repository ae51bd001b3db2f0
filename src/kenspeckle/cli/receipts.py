"""`kenspeckle receipts`: checks receipts of erasure, and shows the key that they are checked with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from kenspeckle import settings
from kenspeckle.cli import options, output
from kenspeckle.cli.commands import Commands
from kenspeckle.cli.failures import FAILED, NEGATIVE, TROUBLE, reported
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.data_folder import master_key
from kenspeckle.errors import InvalidValue
from kenspeckle.text import plural
from kenspeckle.usecases.audit import receipts
from kenspeckle.usecases.audit.receipts import PURPOSE, Receipts

app = Commands("Receipts of erasure.")


@app.command()
@reported(TROUBLE)
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
        raise CommandFailed(f"{file} is no JSON ({error}).") from error
    if isinstance(document, dict) and "Receipt" in document:
        document = document["Receipt"]
    try:
        content = receipts.verified(document, public_key or _own_key(data_dir))
    except InvalidValue as error:
        output.remark(error.message, "red")
        raise typer.Exit(NEGATIVE) from error
    if json:
        output.emit(content)
        return
    name = f" {content['name']}" if content["name"] else ""
    output.say(f"Signed by the service, {content['at']}: {content['erased']}{name} of {content['collection']},")
    output.say(f"{plural(content['face_count'], 'face')}, {plural(content['image_count'], 'photograph')}.")


@app.command()
@reported(FAILED)
def key(data_dir: options.DataDir = None) -> None:
    """Show the public key of the local data folder, in base64."""

    output.say(_own_key(data_dir))


def _own_key(data_dir: Path | None) -> str:

    # None is made: a key that has signed nothing would have every receipt look forged.
    master = master_key(settings.load({"data_dir": data_dir}), create=False)
    return Receipts(master.derive(PURPOSE)).public_key
