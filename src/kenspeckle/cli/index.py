"""`kenspeckle index`: photographs and folders of them, with a progress bar and a summary of what was skipped."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import Annotated, Any, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kenspeckle.cli import options
from kenspeckle.cli.disagreement import find_mixed_people, warn
from kenspeckle.cli.failures import INTERRUPTED, NEGATIVE, TROUBLE, report_errors
from kenspeckle.cli.output import emit, err, remark
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.target import Target, open_target
from kenspeckle.domain import Attribute, Indexed, QualityFilter
from kenspeckle.domain.attributes import parse_names
from kenspeckle.intake.agreement import Agreement
from kenspeckle.intake.bulk import AT_ONCE, Enrolment, Outcome, Tally, Xmp
from kenspeckle.intake.files import Photograph, Search, find
from kenspeckle.intake.identities import Identities
from kenspeckle.intake.manifests import bucket_of, is_manifest
from kenspeckle.shapes import dump
from kenspeckle.text import plural, printable

REMOTE_BYTES = 256 * 1024 * 1024
REMOTE_WORKERS = 4

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH...", help="Photographs, and folders of them; or a manifest (.jsonl), or s3://bucket/prefix."
    ),
]
By = Annotated[
    Literal["file", "folder", "xmp"],
    typer.Option("--by", help="What names a person: the file, the folder that it lies in, or the face regions in XMP."),
]
Unnamed = Annotated[
    bool, typer.Option("--unnamed", help="Nobody is named: faces get no identity, whatever files are called.")
]
WriteXmp = Annotated[
    bool, typer.Option("--write-xmp", help="Write who is where into a sidecar beside each photograph.")
]
Save = Annotated[
    Path | None,
    typer.Option("--save", help="Write every photograph with its boxes into this folder.", show_default="no pictures"),
]
Again = Annotated[
    bool, typer.Option("--again", help="Look again at photographs that are known to have no face good enough.")
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="auto|ADDRESS",
        help="Look at photographs on a Ray cluster: at this address, or the one that is found or started here.",
        show_default="no cluster",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print a line of JSON for each photograph.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the options say of photographs."""

    by: By
    named: bool
    max_faces: int | None
    quality: QualityFilter | None
    attributes: frozenset[Attribute] | None
    write_xmp: bool
    save: Path | None
    again: bool
    json: bool


@report_errors(TROUBLE)
def index(
    paths: Paths,
    by: By = "file",
    unnamed: Unnamed = False,
    write_xmp: WriteXmp = False,
    max_faces: options.MaxFaces = None,
    quality: options.StoredQuality = None,
    attributes: options.Attributes = None,
    save: Save = None,
    again: Again = False,
    ray: Ray = None,
    json: Json = False,
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
    asked = _Asked(
        by=by,
        named=not unnamed and by != "xmp",
        max_faces=max_faces,
        quality=QualityFilter(quality.upper()) if quality else None,
        attributes=parse_names(attributes.split(",")) if attributes else None,
        write_xmp=write_xmp,
        save=save,
        again=again,
        json=json,
    )
    if any(is_manifest(one) or bucket_of(one) for one in paths):
        with open_target(url, api_key, data_dir, collection) as target, _on_ray(target, ray):
            raise typer.Exit(_index_manifest(target, paths, asked))
    search = Search()
    found = _find_photographs(paths, by, search)
    with open_target(url, api_key, data_dir, collection) as target, _on_ray(target, ray) as at_once:
        raise typer.Exit(_index_files(target, found, search, paths, asked, at_once))


def _index_manifest(target: Target, paths: Sequence[Path], asked: _Asked) -> int:
    """The exit code. Raises CommandFailed where a manifest or a bucket comes with more than it takes."""
    if len(paths) > 1 or asked.by == "xmp" or asked.write_xmp or asked.save or asked.again:
        raise CommandFailed(
            "A manifest or a bucket is indexed alone, without --by xmp, --write-xmp, --save and --again.",
            "Leave the others out.",
        )
    from kenspeckle.cli.index_manifest import index_manifest  # late: few need it

    return index_manifest(
        target,
        paths[0],
        asked.by,
        asked.max_faces,
        asked.quality,
        asked.attributes,
        named=asked.named,
        json=asked.json,
    )


def _enrolment(target: Target, paths: Sequence[Path], asked: _Asked, at_once: int) -> Enrolment:
    reads_xmp = asked.by == "xmp"
    return Enrolment(
        recognizer=target.recognizer,
        collection=target.collection,
        most_bytes=REMOTE_BYTES if target.remote else target.settings.max_image_bytes,
        max_faces=asked.max_faces,
        quality=asked.quality,
        attributes=asked.attributes,
        picture=_pictures(asked.save, paths) if asked.save else None,
        named=asked.named,
        xmp=_xmp(target.collection, reads_xmp, asked.write_xmp) if reads_xmp or asked.write_xmp else None,
        again=asked.again,
        at_once=at_once,
    )


def _find_photographs(paths: Sequence[Path], by: str, search: Search) -> Iterator[Photograph]:
    """Photographs of files and folders, as they are found. Raises CommandFailed, at once, where there are none."""
    found = find(paths, by, search)
    first = next(found, None)
    if first is None and not search.missing:
        raise CommandFailed(f"No photographs there ({search.ignored} other files).", "Name files or a folder of them.")
    return chain([first] if first else [], found)


def _index_files(
    target: Target,
    found: Iterable[Photograph],
    search: Search,
    paths: Sequence[Path],
    asked: _Asked,
    at_once: int,
) -> int:
    """Index photographs of `paths` as they are found, report, and return the exit code."""
    enrolment = _enrolment(target, paths, asked, at_once)
    with closing(Identities()) as identities:
        photographs = _tell_apart(found, search, identities if enrolment.named else None)
        if target.batches:
            outcomes = enrolment.in_batches(photographs)
        else:
            workers = REMOTE_WORKERS if target.remote else target.settings.workers
            outcomes = enrolment.one_by_one(photographs, workers)
        agreement = Agreement()
        code = _run(outcomes, search, lambda: sum(1 for _ in find(paths, asked.by, Search())), asked.json, agreement)
        warn(agreement, find_mixed_people(target.recognizer, target.collection))
        if identities.shared and asked.by == "file":
            several = f"{identities.shared} file names lie in several folders"
            remark(f"{several} and count as one person each; see --by folder.", "yellow")
    return code


def _on_ray(target: Target, address: str | None) -> AbstractContextManager[int]:
    """Batches under way; for the length of the block a Ray cluster looks at photographs, where one is named."""
    if address is None:
        return nullcontext(AT_ONCE)
    if target.on_ray is None:
        raise CommandFailed(
            "--ray is for the local data folder or catalog, with RECOGNIZER=local.",
            "Leave --url out, and set KENSPECKLE_CATALOG_URL and KENSPECKLE_IMAGES_URL where the service has others.",
        )
    return target.on_ray(address)


def _tell_apart(
    found: Iterable[Photograph], search: Search, identities: Identities | None
) -> Iterator[Photograph | Outcome]:
    """Photographs as they are found; outcomes of those that can't be indexed, and of what can't be read."""
    for photograph in found:
        yield from _missing(search)
        refused = identities.refusal(photograph) if identities is not None else ""
        yield Outcome(photograph, photograph.identity, "skipped", refused) if refused else photograph
    yield from _missing(search)


def _missing(search: Search) -> Iterator[Outcome]:
    while search.missing:
        path, reason = search.missing.pop(0)
        yield Outcome(Photograph(path, path.name), "", "skipped", reason)


def _run(
    outcomes: Generator[Outcome, None, None],
    search: Search,
    count: Callable[[], int],
    json: bool,
    agreement: Agreement,
) -> int:
    """Index, report, and return the exit code. The summary is shown also if the run ends early. `count` finds out how
    many photographs there are, for the progress bar."""

    tally, ended, there = Tally(), False, False
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
            closing(outcomes),
        ):
            task = progress.add_task("", total=None)
            if err().is_terminal:
                counting = Thread(target=lambda: progress.update(task, total=count()), name="count", daemon=True)
                counting.start()
            for outcome in outcomes:
                tally.add(outcome)
                agreement.add(outcome)
                there = there or outcome.photograph.path.exists()
                name = printable(outcome.photograph.path.name).replace("[", "\\[")
                progress.update(task, advance=1, description=name)
                if json:
                    emit(_line(outcome), line=True)
            ended = True
    except KeyboardInterrupt:
        code = INTERRUPTED
    finally:
        summary(tally, search, time.monotonic() - start, ended=ended)
    return code or (NEGATIVE if there and tally.skipped else TROUBLE if tally.skipped else 0)


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


def summary(tally: Tally, search: Search, seconds: float, *, ended: bool = True) -> None:
    """Say on standard error what became of the photographs; not `ended`: there are more, which were not reached."""
    done = tally.indexed + tally.present
    parts = [f"{tally.indexed} indexed with {plural(tally.faces, 'face')}"]
    if tally.present:
        parts.append(f"{tally.present} there already")
    if tally.skipped_count:
        parts.append(f"{tally.skipped_count} skipped")
    if not ended:
        parts.append("the others not reached")
    pace = f", {done / seconds:.1f} a second" if done and seconds > 0.5 else ""
    remark(f"{plural(tally.reached, 'photograph')}: {', '.join(parts)} ({seconds:.1f} s{pace}).", "bold")
    if tally.unindexed:
        remark(f"{plural(tally.unindexed, 'face')} not indexed (too small, blurred, dark, turned away or too many).")
    _tell_xmp(tally)
    if search.folders:
        remark(f"{plural(search.folders, 'folder')} passed over: a system's own (thumbnails, deleted files).")
    if search.ignored:
        remark(f"{plural(search.ignored, 'file')} passed over: no photograph by name.")
    for path, reason in tally.skipped:
        remark(f"  skipped {path}: {reason}", "yellow")
    if tally.skipped_count > len(tally.skipped):
        remark(f"  and {tally.skipped_count - len(tally.skipped)} more; --json lists all.", "yellow")


def _tell_xmp(tally: Tally) -> None:
    if tally.named:
        remark(f"{plural(tally.named, 'face')} named by XMP.")
    if tally.written:
        remark(f"{plural(tally.written, 'face')} written into sidecars.")
    for path, reason in tally.remarks:
        remark(f"  {path}: {reason}", "yellow")
    if tally.remarks_count > len(tally.remarks):
        remark(f"  and {tally.remarks_count - len(tally.remarks)} more remarks; --json lists all.", "yellow")


def _xmp(collection: str, read: bool, write: bool) -> Xmp:
    from kenspeckle.intake.xmp.enrolment import XmpNames  # late: few read XMP

    return XmpNames(collection, read, write)


def _pictures(folder: Path, sources: Sequence[Path]) -> Callable[[Photograph, bytes, Indexed], None]:
    """Saves each photograph as JPEG in the folder, by its identity; others of one name get a number."""
    from kenspeckle.intake.pictures import PictureFolder, draw_indexed  # late: Pillow draws

    pictures = PictureFolder(folder, sources)

    def save(photograph: Photograph, data: bytes, answer: Indexed) -> None:
        draw_indexed(pictures.place(photograph), data, answer)

    return save
