"""`kenspeckle index`: photographs and folders of them, with a progress bar and a summary of what was skipped."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kenspeckle.cli import options
from kenspeckle.cli.failures import INTERRUPTED, NEGATIVE, TROUBLE, reported
from kenspeckle.cli.output import emit, err, remark
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.target import opened
from kenspeckle.domain import Indexed, QualityFilter
from kenspeckle.domain.attributes import wanted
from kenspeckle.intake.bulk import Enrolment, Outcome, Tally, Xmp, distinguished
from kenspeckle.intake.files import Photograph, Search, find
from kenspeckle.shapes import dump
from kenspeckle.text import plural, printable

SHOWN = 20
"""Most skipped photographs that the summary names."""
REMOTE_BYTES = 256 * 1024 * 1024
REMOTE_WORKERS = 4


@reported(TROUBLE)
def index(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Photographs, and folders of them.")],
    by: Annotated[
        Literal["file", "folder", "xmp"],
        typer.Option(
            "--by", help="What names a person: the file, the folder that it lies in, or the face regions in XMP."
        ),
    ] = "file",
    unnamed: Annotated[
        bool, typer.Option("--unnamed", help="Nobody is named: faces get no identity, whatever files are called.")
    ] = False,
    write_xmp: Annotated[
        bool, typer.Option("--write-xmp", help="Write who is where into a sidecar beside each photograph.")
    ] = False,
    max_faces: options.MaxFaces = None,
    quality: options.StoredQuality = None,
    attributes: options.Attributes = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save", help="Write every photograph with its boxes into this folder.", show_default="no pictures"
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each photograph.")] = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Index photographs: every face in them is stored with its identity, and can be found from then on.

    The file name is the identity (`Ada_King.jpg`), or the folder's with `--by folder`. Characters that
    an identity can't have become _; the name that is shown keeps them, in any script. Indexing the same again adds
    nothing. With `--by xmp` each face has the name of the region that digiKam, Picasa, Lightroom or PhotoPrism has
    written around it, into the photograph or its sidecar; faces without one are stored without a name. Exit code: 0 all
    fine, 1 some were skipped, 2 nothing could be done.
    """

    if by == "xmp" and unnamed:
        raise CommandFailed("--by xmp names people and --unnamed nobody.", "Leave one of them out.")
    unnamed = unnamed or by == "xmp"
    search = Search()
    found = find(paths, by, search)
    good, skipped, shared = (list(found), [], 0) if unnamed else distinguished(found)
    skipped += [Outcome(Photograph(path, path.name), "", "skipped", reason) for path, reason in search.missing]
    if not good and not skipped:
        raise CommandFailed(f"No photographs there ({search.ignored} other files).", "Name files or a folder of them.")
    if shared and by == "file":
        remark(f"{shared} file names lie in several folders and count as one person each; see --by folder.", "yellow")
    with opened(url, api_key, data_dir, collection) as target:
        settings = target.settings
        enrolment = Enrolment(
            target.recognizer,
            target.collection,
            REMOTE_BYTES if target.remote else settings.max_image_bytes,
            max_faces,
            QualityFilter(quality.upper()) if quality else None,
            wanted(attributes.split(",")) if attributes else None,
            _pictures(save) if save else None,
            named=not unnamed,
            xmp=_xmp(target.collection, by == "xmp", write_xmp) if by == "xmp" or write_xmp else None,
        )
        workers = REMOTE_WORKERS if target.remote else settings.workers
        code = _run(enrolment, good, skipped, search, workers, json)
    raise typer.Exit(code)


def _run(
    enrolment: Enrolment,
    good: list[Photograph],
    skipped: list[Outcome],
    search: Search,
    workers: int,
    json: bool,
) -> int:
    """Index, report, and return the exit code. The summary is shown also if the run ends early."""

    tally, total = Tally(), len(good) + len(skipped)
    start = time.monotonic()
    code = 0
    columns = (
        TextColumn("Indexing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    try:
        with (
            Progress(*columns, console=err(), disable=not err().is_terminal, transient=True) as progress,
            closing(enrolment.many(good, workers)) as outcomes,
        ):
            task = progress.add_task("", total=total)
            for outcome in chain(skipped, outcomes):
                tally.add(outcome)
                name = printable(outcome.photograph.path.name).replace("[", "\\[")
                progress.update(task, advance=1, description=name)
                if json:
                    emit(_line(outcome), line=True)
    except KeyboardInterrupt:
        code = INTERRUPTED
    finally:
        summary(tally, total, search, time.monotonic() - start)
    nothing = not good and all(not outcome.photograph.path.exists() for outcome in skipped)
    return code or (TROUBLE if nothing else NEGATIVE if tally.skipped else 0)


def _line(outcome: Outcome) -> dict[str, Any]:

    line: dict[str, Any] = {
        "path": str(outcome.photograph.path),
        "identity": outcome.identity,
        "status": outcome.status,
    }
    if outcome.reason:
        line["reason"] = outcome.reason
    if outcome.answer is not None:
        line.update(dump.index_faces(outcome.answer))
    if outcome.people:
        line["people"] = [
            {"person_id": one.person.person_id, "name": one.person.name, "face_ids": list(one.face_ids)}
            for one in outcome.people
            if one.person is not None
        ]
    if outcome.remarks:
        line["remarks"] = list(outcome.remarks)
    return line


def summary(tally: Tally, total: int, search: Search, seconds: float) -> None:
    """Say on standard error what became of `total` photographs."""
    done = tally.indexed + tally.present
    parts = [f"{tally.indexed} indexed with {plural(tally.faces, 'face')}"]
    if tally.present:
        parts.append(f"{tally.present} there already")
    if tally.skipped:
        parts.append(f"{len(tally.skipped)} skipped")
    if tally.reached < total:
        parts.append(f"{total - tally.reached} not reached")
    pace = f", {done / seconds:.1f} a second" if done and seconds > 0.5 else ""
    remark(f"{plural(total, 'photograph')}: {', '.join(parts)} ({seconds:.1f} s{pace}).", "bold")
    if tally.unindexed:
        remark(f"{plural(tally.unindexed, 'face')} not indexed (too small, blurred, dark, turned away or too many).")
    _tell_xmp(tally)
    if search.folders:
        remark(f"{plural(search.folders, 'folder')} passed over: a system's own (thumbnails, deleted files).")
    if search.ignored:
        remark(f"{plural(search.ignored, 'file')} passed over: no photograph by name.")
    if tally.groups:
        names = ", ".join(f"{name} ({count})" for name, count in list(tally.groups.items())[:SHOWN])
        remark(
            f"Several faces of one photograph became one person: {names}. Where others are in the picture, delete "
            "their faces, or index it again with --max-faces 1 under another name.",
            "yellow",
        )
    for path, reason in tally.skipped[:SHOWN]:
        remark(f"  skipped {path}: {reason}", "yellow")
    if len(tally.skipped) > SHOWN:
        remark(f"  and {len(tally.skipped) - SHOWN} more; --json lists all.", "yellow")


def _tell_xmp(tally: Tally) -> None:
    if tally.named:
        remark(f"{plural(tally.named, 'face')} named by XMP.")
    if tally.written:
        remark(f"{plural(tally.written, 'face')} written into sidecars.")
    for path, reason in tally.remarks[:SHOWN]:
        remark(f"  {path}: {reason}", "yellow")
    if len(tally.remarks) > SHOWN:
        remark(f"  and {len(tally.remarks) - SHOWN} more remarks; --json lists all.", "yellow")


def _xmp(collection: str, read: bool, write: bool) -> Xmp:
    from kenspeckle.intake.xmp.enrolment import XmpNames  # late: few read XMP

    return XmpNames(collection, read, write)


def _pictures(folder: Path) -> Callable[[Photograph, bytes, Indexed], None]:
    """Saves each photograph as JPEG in the folder, by its identity; others of one name get a number."""
    from kenspeckle.intake.pictures import PictureFolder, indexed_picture  # late: Pillow draws

    pictures = PictureFolder(folder)

    def save(photograph: Photograph, data: bytes, answer: Indexed) -> None:
        indexed_picture(pictures.place(photograph), data, answer)

    return save
