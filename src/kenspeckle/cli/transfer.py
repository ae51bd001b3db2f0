"""`kenspeckle export` and `import`: one collection as lines of JSON, from and into the local data folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kenspeckle.atomic_file import whole_file
from kenspeckle.cli import options, output
from kenspeckle.cli.backup import open_file, software
from kenspeckle.cli.failures import FAILED, NEGATIVE, report_errors
from kenspeckle.cli.output import emit, remark, say
from kenspeckle.cli.progress import steps
from kenspeckle.client.errors import CommandFailed
from kenspeckle.text import plural

if TYPE_CHECKING:
    from kenspeckle.compose.transfers import Transfers
    from kenspeckle.usecases.transfer.storing import Imported

Source = Annotated[
    Path, typer.Argument(metavar="SRC", help="A file that `kenspeckle export` wrote; or the word compreface.")
]
Origin = Annotated[
    str | None,
    typer.Argument(
        metavar="URL|FOLDER", help="For compreface: its address, or a folder that has one for each subject."
    ),
]
Into = Annotated[
    str | None,
    typer.Option("--collection", metavar="ID", help="Collection to put the faces into instead of the one named."),
]
Encodings = Annotated[
    bool,
    typer.Option("--encodings", help="SRC holds encodings of face_recognition: .json, .csv, .npz, or .npy."),
]
Names = Annotated[
    Path | None,
    typer.Option("--names", help="With --encodings and .npy: a text file, one name a line.", show_default="none"),
]
CompreFaceKey = Annotated[
    str,
    typer.Option(
        "--compreface-key",
        envvar="COMPREFACE_API_KEY",
        help="Key of CompreFace's recognition service, with its URL.",
        show_default="none",
    ),
]
TITLES = {
    "verify": "Verifying",
    "faces": "Faces",
    "photographs": "Photographs",
    "users": "Users",
}


@report_errors(FAILED)
def export(
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="Id of the collection.")],
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="File to write, such as people.jsonl.")],
    images: Annotated[
        bool,
        typer.Option("--images", help="The photographs too: DEST becomes an archive (.tar) of lines and photographs."),
    ] = False,
    json: options.Json = False,
    data_dir: options.DataDir = None,
) -> None:
    """Write a collection with its templates as lines of JSON, while the service runs.

    Any program can read them (docs/moving.md); `kenspeckle import` checks their digest. It is biometric data. Exit
    code: 0 all is in it, 1 it failed, or photographs were missing in the store.
    """
    from kenspeckle.compose import transfers  # late: the catalog's libraries take a second

    if not destination.absolute().parent.is_dir():
        raise CommandFailed(f"There is no folder {destination.parent}.", "Make it first.")
    with transfers.open_transfers(data_dir, make=False) as folder:
        folder.catalog.collection(collection)  # before a file is begun
        scratch = destination.absolute().parent if images else None
        with whole_file(destination) as file, steps(**TITLES) as progress:
            # Recorded before the file has its name, so that every export has its row.
            done = folder.export(collection, file, software(), scratch=scratch, progress=progress)
    size = destination.stat().st_size
    if json:
        emit(
            {
                "path": str(destination),
                "bytes": size,
                "collection": collection,
                "faces": done.faces,
                "users": done.users,
                "photographs": done.photographs,
                "missing": done.missing,
            }
        )
    else:
        with_photographs = f", {plural(done.photographs, 'photograph')}" if images else ""
        what = f"{plural(done.faces, 'face')}, {plural(done.users, 'user')}{with_photographs}"
        say(f"{what} are in {destination} ({size / 1e6:,.1f} MB).")
    if done.missing:
        remark(
            f"{plural(len(done.missing), 'photograph')} missing or damaged in the store; the faces came along.", "red"
        )
        raise typer.Exit(NEGATIVE)


@report_errors(FAILED)
def import_(
    source: Source,
    origin: Origin = None,
    collection: Into = None,
    encodings: Encodings = False,
    names: Names = None,
    compreface_key: CompreFaceKey = "",
    json: options.Json = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Import an export, encodings of face_recognition, or people from CompreFace into a collection. An export's
    collection is created if it does not exist.

    The service may run. Everything is checked before anything is stored; run it again after an interruption: what is
    there already is not added twice. A folder for each person is what `kenspeckle index --by folder` takes.
    With compreface, photographs are described anew, by the local data folder or the server at --url; exit code 1 where
    some were skipped.
    """
    if str(source) == "compreface" and origin is not None:
        from kenspeckle.cli.compreface import bring  # late: it brings httpx
        from kenspeckle.compose.target import open_target  # late, as above

        with open_target(url, api_key, data_dir, collection) as target:
            if not bring(target, origin, compreface_key, json):
                raise typer.Exit(NEGATIVE)
        return
    if origin is not None:
        raise CommandFailed(
            f"{origin} is an argument too many.", "Give one file, or: kenspeckle import compreface URL|FOLDER."
        )
    from kenspeckle.compose import transfers  # late, as above

    if names is not None and not encodings:
        raise CommandFailed("--names goes with --encodings.", "See `kenspeckle import --help`.")
    with transfers.open_transfers(data_dir) as folder:
        with open_file(source) as file, steps(**TITLES) as progress:
            if encodings:
                from kenspeckle.intake.encodings import read  # late: it needs NumPy

                done = folder.import_encodings(lambda: read(source, names), collection, progress)
            else:
                done = folder.import_export(file, collection, progress)
        _print(done, json)
        _warn(folder, done)


def _warn(folder: Transfers, done: Imported) -> None:
    from kenspeckle.cli.disagreement import warn  # late: it brings what bulk indexing needs
    from kenspeckle.intake.agreement import Agreement  # late: only for that

    agreement = Agreement()
    for one in done.stored:
        several = len(one.face_ids) > 1
        ids = folder.of_one_person(done.collection, one.face_ids) if several else one.face_ids
        agreement.took(one.photograph, one.identity, ids)
    warn(agreement, lambda names: folder.find_mixed(done.collection, names))


def _print(done: Imported, json: bool) -> None:
    if json:
        output.emit(
            {
                "collection": done.collection,
                "faces": done.faces,
                "present": done.present,
                "without_photograph": done.without_photograph,
                "users": done.users,
                "unlinked": done.unlinked,
            }
        )
        return
    what = f"{plural(done.faces, 'face')} and {plural(done.users, 'user')} added to {done.collection}"
    output.say(f"{what}, {done.present:,} there already.")
    if done.unlinked:
        output.remark(
            f"{plural(done.unlinked, 'face')} left without a user: another has them here, or theirs has no room.",
            "yellow",
        )
