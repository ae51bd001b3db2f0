"""`kenspeckle erase`: everything of an identity, a user, a photograph or a collection, with a signed receipt."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import orjson
import typer

from kenspeckle.atomic_file import whole_file
from kenspeckle.cli import options, output
from kenspeckle.cli.failures import FAILED, NEGATIVE, report_errors
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.target import Target, open_target
from kenspeckle.domain import Erased, Erasure, Receipt
from kenspeckle.domain import operations as ops
from kenspeckle.domain.operations import Erase, ListFaces
from kenspeckle.errors import Forbidden, IdentityNotFound, KenspeckleError
from kenspeckle.ports import Recognizer
from kenspeckle.shapes import dump
from kenspeckle.text import plural

PAGE = 4096
MOST_PAGES = 25
"""Most pages of faces that are searched for names similar to an unknown one."""

SUGGESTED = 3

WAIT_SECONDS = 20.0
"""Longest wait for the complete receipt."""


@report_errors(FAILED)
def erase(
    identity: Annotated[
        str | None, typer.Option("--identity", metavar="NAME", help="All faces indexed under this name, users' too.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="This user and all its faces.")] = None,
    person: Annotated[
        str | None, typer.Option("--person", metavar="ID", help="This person, with all its faces and its name.")
    ] = None,
    image: Annotated[
        str | None, typer.Option("--image", metavar="KEY", help="The photographs stored under this file name.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="The whole collection, with its users and photographs.")
    ] = False,
    receipt: Annotated[
        Path | None,
        typer.Option("--receipt", metavar="FILE", help="Keep the signed receipt in this file.", show_default="no file"),
    ] = None,
    yes: options.Yes = False,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Erase faces with everything derived from them: templates, thumbnails, photographs, and the bytes in the database.

    This can't be undone, except from backups, which have to be erased too. Waits until the receipt is complete: until
    no file of the service holds anything of it. On PostgreSQL, dead rows and the write-ahead log still hold it; the
    receipt and the command name them, and `kenspeckle scrub` rewrites the tables and completes the receipt. Exit code 1
    if it failed, if nothing was there to erase (then there is no receipt), or if the receipt is still pending after 20
    seconds where the service finishes by itself.
    """

    what, name = _choose(identity, user, person, image, everything)
    done, signed, document = _erase(open_target(url, api_key, data_dir, collection), what, name, receipt, yes)
    if json:
        output.emit(document)
    else:
        output.say(f"Erased {plural(done.face_count, 'face')} and {plural(done.image_count, 'photograph')}.")
        if receipt is not None:
            output.remark(f"The receipt is in {receipt}.")
    _end(done, signed)


def _erase(
    place: AbstractContextManager[Target], what: Erasure, name: str, receipt: Path | None, yes: bool
) -> tuple[Erased, Receipt | None, dict[str, Any]]:
    """What was erased, its receipt, and the receipt as JSON, which is shown also where its file can't be written."""
    document: dict[str, Any] = {}
    try:
        with (
            place as target,
            whole_file(receipt) if receipt is not None else nullcontext() as file,  # before anything is erased
        ):
            if not yes:
                _confirm(what, name, target.collection or "the default collection")
            try:
                done = target.recognizer.handle(_operation(what, name, target.collection))
            except IdentityNotFound as error:
                raise CommandFailed(error.message, _near(target.recognizer, target.collection, name)) from error
            document = dump.receipt(done.receipt) if done.receipt is not None else {}
            signed = _wait_for_receipt(target, done)
            if signed is not None:
                document = dump.receipt(signed)
            if file is not None:
                file.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    except KenspeckleError:
        if document:  # there is no second receipt
            output.emit(document)
            output.remark("It is erased; this is the receipt, which could not be written.", "red")
        raise
    return done, signed, document


def _end(done: Erased, signed: Receipt | None) -> None:
    """Say what is left, if anything. Raises Exit where the service has still to remove it."""
    if signed is not None and signed.remains:
        _tell_remains(signed)
    elif not (done.complete if signed is None else signed.complete):
        output.remark("Files of the service may still hold bytes of it, which it removes.", "yellow")
        if signed is not None and signed.receipt_id:
            output.remark(f"Ask for the complete receipt: kenspeckle receipts wait {signed.receipt_id}", "yellow")
        raise typer.Exit(NEGATIVE)


def _wait_for_receipt(target: Target, done: Erased) -> Receipt | None:
    """The receipt, complete if that comes in time. What the service does not overwrite by itself is not waited for."""
    if done.receipt is None or done.complete or not done.receipt.receipt_id or done.receipt.remains:
        return done.receipt
    try:
        return target.completed(done.receipt.receipt_id, WAIT_SECONDS)
    except KenspeckleError as error:
        output.remark(f"The complete receipt could not be read: {error.message}", "yellow")
        return done.receipt


def _tell_remains(receipt: Receipt) -> None:
    """What is left of it, and what to do."""
    output.remark("It is gone from the live data: nothing finds, lists or exports it. Copies are left in:", "yellow")
    for one in receipt.remains:
        output.remark(f"  {one}", "yellow")
    if not receipt.complete:
        output.remark("Run `kenspeckle scrub` next: it rewrites the tables and completes the receipt.", "yellow")


def _operation(what: Erasure, name: str, collection: str) -> Erase:

    if what is Erasure.IDENTITY:
        return ops.EraseIdentity(collection_id=collection, external_image_id=name)
    if what is Erasure.USER:
        return ops.EraseUser(collection_id=collection, user_id=name)
    if what is Erasure.PERSON:
        return ops.ErasePerson(collection_id=collection, person_id=name)
    if what is Erasure.IMAGE:
        return ops.EraseImage(collection_id=collection, key=name)
    return ops.EraseCollection(collection_id=collection)


def _near(recognizer: Recognizer, collection: str, name: str) -> str:
    """A hint with similar identities, by the normal list operation, so that a key without the scope read learns
    none."""

    stems: dict[str, list[str]] = {}
    cursor: str | None = None
    try:
        for _ in range(MOST_PAGES):
            page = recognizer.handle(ListFaces(collection_id=collection, limit=PAGE, cursor=cursor))
            for identity in dict.fromkeys(one.external_image_id for one in page.items if one.external_image_id):
                same = stems.setdefault(_stem(identity), [])
                if identity not in same:
                    same.append(identity)
            cursor = page.cursor
            if cursor is None:
                break
    except Forbidden:
        return ""
    near = [one for stem in get_close_matches(_stem(name), stems, n=SUGGESTED) for one in stems[stem]][:SUGGESTED]
    if not near:
        return "`kenspeckle faces list` shows the identities that exist."
    return f"Near it: {', '.join(near)}. Capitals and the extension belong to the name."


def _stem(identity: str) -> str:
    """The name in lower case, without extension, and with all kinds of space made alike."""
    return PurePosixPath(identity).stem.casefold().replace("_", "-")


def _confirm(what: Erasure, name: str, collection: str) -> None:
    subject = f"all of {collection}" if what == "collection" else f"{what} {name} of {collection}"
    typer.confirm(f"Erase {subject} permanently?", abort=True, err=True)


def _choose(
    identity: str | None, user: str | None, person: str | None, image: str | None, everything: bool
) -> tuple[Erasure, str]:

    named = [
        (kind, name)
        for kind, name in (
            (Erasure.IDENTITY, identity),
            (Erasure.USER, user),
            (Erasure.PERSON, person),
            (Erasure.IMAGE, image),
        )
        if name is not None
    ]
    if everything:
        named.append((Erasure.COLLECTION, ""))
    if len(named) != 1:
        raise CommandFailed(
            "Name what to erase, one thing at a time.",
            "Give one of --identity, --user, --person, --image, --everything.",
        )
    return named[0]
