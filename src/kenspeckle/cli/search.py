"""`kenspeckle search`: who is on a photograph; or, of many photographs and folders, who is on which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kenspeckle.cli import options, output
from kenspeckle.cli.failures import FINE, INTERRUPTED, NEGATIVE, TROUBLE, report_errors
from kenspeckle.cli.index import REMOTE_BYTES, REMOTE_WORKERS
from kenspeckle.cli.recognize import quality_of, read_image
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.target import Target, open_target
from kenspeckle.domain import GroupRef, ImageSearch, QualityFilter
from kenspeckle.domain import operations as ops
from kenspeckle.domain.similarity import among, tier
from kenspeckle.errors import KenspeckleError
from kenspeckle.intake.bulk import SHOWN
from kenspeckle.intake.files import Photograph, Search, find, refuse_same_file
from kenspeckle.intake.lookup import FOUND, NO_FACE, SKIPPED, UNKNOWN, Looked, Lookup, by_person, name_of
from kenspeckle.shapes.dump import searched
from kenspeckle.text import plural


@report_errors(TROUBLE)
def search(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="A photograph, or - for standard input; or several, and folders."),
    ],
    threshold: options.Threshold = None,
    max_faces: options.MaxFaces = None,
    all_faces: Annotated[bool, typer.Option("--all-faces", help="Search every face, not only the largest.")] = False,
    quality: options.Quality = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            help="Write the photograph with boxes and names to this picture file; of several, into this folder.",
            show_default="no picture",
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON for programs; of several photographs, a line for each.")
    ] = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Find out who is in a photograph, or in many. Of several photographs, or of a folder, the answer is grouped by
    person. Exit code: 0 someone was found, 1 no match, 2 an error, also where one of many could not be searched."""

    how = (threshold, max_faces, quality_of(quality), all_faces)
    with open_target(url, api_key, data_dir, collection) as target:
        if len(paths) == 1 and not paths[0].is_dir():
            code = _one(target, paths[0], *how, save, json)
        else:
            code = _many(target, paths, *how, save, json)
    raise typer.Exit(code)


def _one(
    target: Target,
    path: Path,
    threshold: float | None,
    max_faces: int | None,
    quality: QualityFilter,
    all_faces: bool,
    save: Path | None,
    json: bool,
) -> int:
    refuse_same_file(save, path)
    data = read_image(path, target)
    answer = target.recognizer.handle(
        ops.SearchImage(
            collection_id=target.collection,
            image=data,
            threshold=threshold,
            max_faces=max_faces,
            quality=quality,
            every_face=all_faces,
            groups=True,
        )
    )
    similarities = [match.similarity for one in answer.searches for match in one.matches]
    if json:
        output.emit(searched(answer, all_faces))
    else:
        _show(answer, all_faces, _among(target, min(similarities)) if similarities else "")
    if save:
        from kenspeckle.intake.pictures import search_picture  # late: Pillow draws

        search_picture(save, data, answer)
    return FINE if similarities else NEGATIVE


def _show(answer: ImageSearch, all_faces: bool, chance: str) -> None:
    rows = [
        (
            str(number) if all_faces else "",
            name_of(match),
            f"{match.similarity:.2f}",
            tier(match.similarity),
            match.face.external_image_id or "",
            match.face.face_id,
        )
        for number, one in enumerate(answer.searches, 1)
        for match in one.matches
    ]
    if rows:
        first = 0 if all_faces else 1
        columns = ("face", "who", "similarity", "how sure", "indexed as", "face id")
        output.table(columns[first:], [row[first:] for row in rows], numbers=("face", "similarity"))
        if chance:
            output.say(chance)
    if all_faces:
        unknown = sum(not one.matches for one in answer.searches)
        if unknown:
            output.say(f"No match for {unknown} of {plural(len(answer.searches), 'face')}.")
    elif not rows:
        output.say("No match: nobody who is indexed looks like the largest face of this photograph.")
    for number, one in enumerate(answer.searches, 1):
        if one.group is not None:
            output.say((f"Face {number}: " if all_faces else "") + _how_often_seen(one.group))


def _how_often_seen(group: GroupRef) -> str:
    """How often somebody without a name was seen."""
    first, last = output.moment(group.first_seen), output.moment(group.last_seen)
    when = f"on {first}" if group.face_count == 1 else f"since {first}, last on {last}"
    return (
        f"Seen before without a name: {plural(group.face_count, 'time')} {when}. To name them: kenspeckle people name "
        f"{group.group_id} NAME"
    )


def _among(target: Target, similarity: float) -> str:
    """How often a stranger reaches the similarity in the collection, as a sentence; "" where its size may not be read,
    and over Amazon Rekognition, whose scale is its own: a number stands for the pack there."""
    with suppress(KenspeckleError, CommandFailed):
        name = target.collection
        if not name and target.remote:
            from kenspeckle.client.http import Remote  # late: it brings httpx

            name = target.recognizer.default_collection() if isinstance(target.recognizer, Remote) else name
        found = target.recognizer.handle(ops.DescribeCollection(collection_id=name))
        return "" if found.pack.replace(".", "").isdigit() else among(similarity, found.face_count)
    return ""


def _many(
    target: Target,
    paths: list[Path],
    threshold: float | None,
    max_faces: int | None,
    quality: QualityFilter,
    all_faces: bool,
    save: Path | None,
    json: bool,
) -> int:
    """Search all, report, and return the exit code. What was found is shown also if the run ends early."""
    if any(str(path) == "-" for path in paths):
        raise CommandFailed("- is standard input, one photograph.", "Search it alone.")
    places = Search()
    photographs = list(find(paths, "file", places))
    done = [Looked(Photograph(path, path.name), SKIPPED, reason) for path, reason in places.missing]
    if not photographs and not done:
        raise CommandFailed(f"No photographs there ({places.ignored} other files).", "Name files or a folder of them.")
    lookup = Lookup(
        target.recognizer,
        target.collection,
        REMOTE_BYTES if target.remote else target.settings.max_image_bytes,
        threshold,
        max_faces,
        quality,
        all_faces,
        _pictures(save, paths) if save else None,
    )

    def tell(one: Looked) -> None:
        if json:
            output.emit(_line(one, all_faces), line=True)

    for one in done:
        tell(one)
    stopped = _run(lookup, photographs, REMOTE_WORKERS if target.remote else target.settings.workers, done, tell)
    if not json:
        _print_grouped(done)
    _remarks(done, len(photographs) + len(places.missing))
    if stopped:
        return INTERRUPTED
    seen = {one.status for one in done}
    return TROUBLE if SKIPPED in seen else FINE if FOUND in seen else NEGATIVE


def _run(
    lookup: Lookup,
    photographs: list[Photograph],
    workers: int,
    done: list[Looked],
    tell: Callable[[Looked], None],
) -> bool:
    """Fill `done`; whether Ctrl-C ended the run."""
    columns = (TextColumn("Searching"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = Progress(*columns, console=output.err(), disable=not output.err().is_terminal, transient=True)
    try:
        with shown as progress, closing(lookup.many(photographs, workers)) as outcomes:
            task = progress.add_task("", total=len(photographs))
            for one in outcomes:
                done.append(one)
                progress.update(task, advance=1)
                tell(one)
    except KeyboardInterrupt:
        return True
    return False


def _line(one: Looked, all_faces: bool) -> dict[str, Any]:
    line: dict[str, Any] = {"path": str(one.photograph.path), "status": one.status}
    if one.reason:
        line["reason"] = one.reason
    return line | (searched(one.answer, all_faces) if one.answer is not None else {})


def _print_grouped(done: list[Looked]) -> None:
    """A line for each photograph of each person; the name stands before the first."""
    rows = [
        (name if first else "", str(one.photograph.path), f"{match.similarity:.2f}", tier(match.similarity))
        for name, theirs in by_person(done).items()
        for first, (one, match) in zip((True, *[False] * len(theirs)), theirs, strict=False)
    ]
    if rows:
        output.table(("who", "photograph", "similarity", "how sure"), rows, numbers=("similarity",))
    for status, title in ((UNKNOWN, "Nobody who is indexed"), (NO_FACE, "No face")):
        theirs = sorted(str(one.photograph.path) for one in done if one.status == status)
        if theirs:
            output.say(f"{title}: {', '.join(theirs)}")


def _remarks(done: list[Looked], total: int) -> None:
    counts = [
        (sum(one.status == status for one in done), words)
        for status, words in (
            (FOUND, "with someone known"),
            (UNKNOWN, "with nobody known"),
            (NO_FACE, "without a face"),
            (SKIPPED, "skipped"),
        )
    ]
    if len(done) < total:
        counts.append((total - len(done), "not reached"))
    told = ", ".join(f"{count} {words}" for count, words in counts if count)
    output.remark(f"{plural(total, 'photograph')}: {told}.", "bold")
    skipped = [one for one in done if one.status == SKIPPED]
    for one in skipped[:SHOWN]:
        output.remark(f"  skipped {one.photograph.path}: {one.reason}", "yellow")
    if len(skipped) > SHOWN:
        output.remark(f"  and {len(skipped) - SHOWN} more; --json lists all.", "yellow")


def _pictures(folder: Path, sources: Sequence[Path]) -> Callable[[Photograph, bytes, ImageSearch], None]:
    from kenspeckle.intake.pictures import PictureFolder, search_picture  # late: Pillow draws

    pictures = PictureFolder(folder, sources)

    def save(photograph: Photograph, data: bytes, answer: ImageSearch) -> None:
        search_picture(pictures.place(photograph), data, answer)

    return save
