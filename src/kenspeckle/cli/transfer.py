"""`kenspeckle export` and `import`: one collection as lines of JSON, from and into the local data folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kenspeckle.cli import options
from kenspeckle.cli.backup import opened_file, software
from kenspeckle.cli.failures import FAILED, NEGATIVE, reported
from kenspeckle.client.errors import CommandFailed
from kenspeckle.text import plural

if TYPE_CHECKING:
    from kenspeckle.catalog.sql import SqlCatalog
    from kenspeckle.settings import Settings
    from kenspeckle.usecases.transfer.export import Exported, Source
    from kenspeckle.usecases.transfer.import_ import Imported, Target

ENCODER = "dlib_face_recognition_resnet_model_v1.dat"
"""The network that face_recognition makes its encodings with."""

TITLES = {
    "verify": "Verifying",
    "faces": "Faces",
    "photographs": "Photographs",
    "users": "Users",
}


@reported(FAILED)
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
    from kenspeckle.atomic_file import whole_file
    from kenspeckle.cli.output import emit, remark, say
    from kenspeckle.cli.progress import steps
    from kenspeckle.usecases.transfer.export import export as write

    if not destination.absolute().parent.is_dir():
        raise CommandFailed(f"There is no folder {destination.parent}.", "Make it first.")
    with _catalog(data_dir, make=False) as (catalog, settings):
        source = _source(catalog, settings)
        catalog.collection(collection)  # before a file is begun
        scratch = destination.absolute().parent if images else None
        with whole_file(destination) as file, steps(**TITLES) as told:
            done: Exported = write(source, collection, file, scratch=scratch, told=told)
            # Before the file has its name: nothing leaves without its row.
            _record(catalog, settings, "ExportCollection", collection, done.faces, {"photographs": done.photographs})
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


@reported(FAILED)
def import_(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A file that `kenspeckle export` wrote.")],
    collection: Annotated[
        str | None,
        typer.Option("--collection", metavar="ID", help="Collection to put the faces into instead of the one named."),
    ] = None,
    encodings: Annotated[
        bool,
        typer.Option("--encodings", help="SRC holds encodings of face_recognition: .json, .csv, .npz, or .npy."),
    ] = False,
    names: Annotated[
        Path | None, typer.Option("--names", help="With --encodings and .npy: a text file, one name a line.")
    ] = None,
    json: options.Json = False,
    data_dir: options.DataDir = None,
) -> None:
    """Put an export, or encodings made by face_recognition, into a collection, which is made where it is not there.

    The service may run. Everything is checked before anything is stored; run it again after an interruption: what is
    there already is not added twice. A folder for each person is what `kenspeckle index --by folder` takes.
    """
    from kenspeckle.cli import output
    from kenspeckle.cli.progress import steps
    from kenspeckle.usecases.transfer import import_

    if names is not None and not encodings:
        raise CommandFailed("--names goes with --encodings.", "See `kenspeckle import --help`.")
    with _catalog(data_dir) as (catalog, settings), opened_file(source) as file, steps(**TITLES) as told:
        if encodings:
            from kenspeckle.intake.encodings import read

            name = collection or settings.collection
            target = _target(catalog, settings, for_encodings=name)
            done: Imported = import_.import_encodings(target, name, read(source, names), told)
        else:
            from kenspeckle.usecases.transfer.reader import ExportFile

            done = import_.import_export(_target(catalog, settings), ExportFile(file), collection, told)
        facts = {"present": done.present, "users": done.users}
        _record(catalog, settings, "ImportCollection", done.collection, done.faces, facts)
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


@contextmanager
def _catalog(data_dir: Path | None, *, make: bool = True) -> Iterator[tuple[SqlCatalog, Settings]]:
    """`make` the catalog where there is none."""
    from kenspeckle.catalog.maintenance.backup import file_of, see
    from kenspeckle.catalog.sql import SqlCatalog
    from kenspeckle.encryption.master_key import MasterKey
    from kenspeckle.settings import load

    settings = load({"data_dir": data_dir})
    if settings.recognizer != "local":
        raise CommandFailed(
            "Amazon Rekognition neither gives templates out nor takes any.",
            "Index the photographs anew; docs/managed.md says how to get at them.",
        )
    if not make:
        see(file_of(settings.catalog))
    catalog = SqlCatalog.of(settings, MasterKey.of(settings))
    try:
        yield catalog, settings
    finally:
        catalog.close()


def _record(
    catalog: SqlCatalog, settings: Settings, operation: str, collection: str, faces: int, facts: dict[str, int]
) -> None:
    from kenspeckle.compose.data_folder import recorder_of
    from kenspeckle.encryption.master_key import MasterKey

    recorder = recorder_of(settings, catalog, MasterKey.of(settings))
    recorder.record(recorder.entry(operation, collection, face_count=faces, facts=facts))
    recorder.close()


def _source(catalog: SqlCatalog, settings: Settings) -> Source:
    from kenspeckle.catalog.export import SqlDumps
    from kenspeckle.images.store import open_images
    from kenspeckle.models import registry
    from kenspeckle.usecases.recognition.originals import Photographs
    from kenspeckle.usecases.transfer.export import Source

    return Source(
        SqlDumps(catalog.database, catalog.ring),
        Photographs(open_images(settings.images), catalog),
        catalog,
        lambda pack: registry.get(pack).dimension,
        software(),
    )


def _target(catalog: SqlCatalog, settings: Settings, *, for_encodings: str | None = None) -> Target:
    """Where an import goes; `for_encodings` names a collection that face_recognition's encodings have to suit."""
    from kenspeckle.errors import CollectionNotFound, PackMismatch
    from kenspeckle.images.store import open_images
    from kenspeckle.models import registry
    from kenspeckle.usecases.transfer.import_ import Target
    from kenspeckle.vision.decode import Photograph

    pack = registry.get(settings.pack)
    if for_encodings is not None:
        with suppress(CollectionNotFound):  # then it will be made, of the pack that is set
            pack = registry.get(catalog.collection(for_encodings).pack)
        if not pack.embedder.member.path.endswith(ENCODER):
            raise PackMismatch(
                f"face_recognition's encodings are templates of dlib's ResNet; the pack '{pack.name}' has another "
                "embedder, and they can't be compared. Index the photographs instead.",
                field="collection",
            )
    most_bytes, most_pixels = settings.max_image_bytes, settings.max_image_pixels
    return Target(
        catalog,
        open_images(settings.images),
        pack.info,
        lambda data: Photograph(data, max_bytes=most_bytes, max_pixels=most_pixels),
        settings.keep_images,
        # Cut off before the end, the trail has this of it.
        lambda name: _record(catalog, settings, "ImportCollectionBegun", name, 0, {}),
    )
