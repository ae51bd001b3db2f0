"""`kenspeckle video`: who is in a video, from when to when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from kenspeckle.cli import options, output
from kenspeckle.cli.failures import NEGATIVE, TROUBLE, report_errors
from kenspeckle.cli.jobs import wait_for_end
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.target import Target, open_target
from kenspeckle.domain import Appearance, JobState, VideoFace, VideoPage, VideoSource
from kenspeckle.domain import operations as ops
from kenspeckle.domain.similarity import tier
from kenspeckle.intake.files import refuse_same_file
from kenspeckle.shapes import dump

PAGE = 1000


@report_errors(TROUBLE)
def video(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A video: MP4, MOV, MKV, WebM, AVI or MPEG.")],
    threshold: options.Threshold = None,
    max_faces: options.MaxFaces = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            help="Write the video, without sound, with boxes and names to this file.",
            show_default="no video",
            dir_okay=False,
        ),
    ] = None,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Find out who is in a video, from when to when. Exit code: 0 someone was found, 1 nobody, 2 an error."""
    with open_target(url, api_key, data_dir, collection) as target:
        path = _check(file)
        if save is not None:
            from kenspeckle.intake.videos import check_name  # late: it draws pictures

            check_name(save)
            refuse_same_file(save, path)
        started = target.recognizer.handle(
            ops.StartVideo(
                collection_id=target.collection,
                source=VideoSource(path=str(path)),
                threshold=threshold,
                max_faces=max_faces,
            )
        )
        ended = wait_for_end(target, started)
        if ended.state is not JobState.SUCCEEDED:
            raise CommandFailed(ended.error or f"Job {ended.job_id} was cancelled.")
        page = target.recognizer.handle(ops.ListAppearances(job_id=ended.job_id, limit=PAGE))
        seen = tuple(_all(target, page, ended.job_id))
        if save is not None:
            from kenspeckle.intake.videos import save_video  # late: it draws pictures

            save_video(path, save, _faces(target, ended.job_id), target.settings)
    if json:
        output.emit(dump.appearances(VideoPage(page.video, appearances=seen)))
    else:
        _table(seen, str((ended.result or {}).get("remark", "")))
    if not any(one.matches for one in seen):
        raise typer.Exit(NEGATIVE)


def _table(seen: tuple[Appearance, ...], remark: str) -> None:
    rows = []
    for one in seen:
        best = one.matches[0] if one.matches else None
        name = "unknown" if best is None else best.name or best.face.face_id
        similarity = ("", "") if best is None else (f"{best.similarity:.2f}", tier(best.similarity))
        rows.append((_clock(one.first_ms), _clock(one.last_ms), str(one.person), name, *similarity))
    if rows:
        columns = ("from", "to", "person", "who", "similarity", "how sure")
        output.table(columns, rows, numbers=("from", "to", "person", "similarity"))
        people, unknown = {one.person for one in seen}, {one.person for one in seen if not one.matches}
        if unknown:
            output.say(f"No match for {len(unknown)} of {len(people)} {'person' if len(people) == 1 else 'people'}.")
    else:
        output.say("No face found.")
    if remark:
        output.remark(remark)


def _clock(at: int) -> str:
    minutes, seconds = divmod(at / 1000, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{seconds:04.1f}" if hours else f"{minutes}:{seconds:04.1f}"


def _all(target: Target, first: VideoPage, job_id: str) -> Iterator[Appearance]:
    def more(cursor: str) -> ops.ListAppearances:
        return ops.ListAppearances(job_id=job_id, limit=PAGE, cursor=cursor)

    return _pages(first, more, target, lambda page: page.appearances)


def _faces(target: Target, job_id: str) -> Iterator[VideoFace]:
    def more(cursor: str | None) -> ops.GetVideo:
        return ops.GetVideo(job_id=job_id, limit=PAGE, cursor=cursor)

    return _pages(target.recognizer.handle(more(None)), more, target, lambda page: page.faces)


def _pages(
    page: VideoPage, more: Callable[[str], Any], target: Target, items: Callable[[VideoPage], tuple[Any, ...]]
) -> Iterator[Any]:
    while True:
        yield from items(page)
        if page.cursor is None:
            return
        page = target.recognizer.handle(more(page.cursor))


def _check(path: Path) -> Path:
    if not path.is_file():
        raise CommandFailed(f"{path} is no file." if path.exists() else f"There is no file {path}.")
    return path.absolute()
