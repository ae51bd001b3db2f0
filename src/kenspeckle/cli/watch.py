"""`kenspeckle watch`: a drop folder, whose photographs or videos are searched or indexed as they arrive; a camera."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from kenspeckle.cli import options, output
from kenspeckle.cli.failures import NEGATIVE, TROUBLE, report_errors
from kenspeckle.cli.index import REMOTE_BYTES, REMOTE_WORKERS
from kenspeckle.cli.output import err, remark
from kenspeckle.cli.until_signal import until_signal
from kenspeckle.cli.watch_camera import Asked, watch_camera
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.target import Target, open_target
from kenspeckle.domain import QualityFilter
from kenspeckle.intake.files import SUFFIXES, VIDEO_SUFFIXES
from kenspeckle.intake.watch.actions import Indexing, IndexingVideos, Searching, SearchingVideos
from kenspeckle.intake.watch.arrivals import Arrivals
from kenspeckle.intake.watch.camera_address import is_camera
from kenspeckle.intake.watch.ledger import NAME, Ledger
from kenspeckle.intake.watch.loop import Run
from kenspeckle.intake.watch.worker import FAILED, Action, Backoff, Outcome, Worker
from kenspeckle.text import plural

SETTLE_SECONDS = 2.0
ONCE_PATIENCE = 30.0
"""Seconds that `--once` waits for a server; the next run takes the files that are left."""
_WHEN = "When"
_CAMERA = "Of a camera"

_Where = Annotated[
    str,
    typer.Argument(
        metavar="FOLDER|CAMERA",
        help="Where files land, folders in it included; or a camera: rtsp://HOST/PATH, rtsps://HOST/PATH, /dev/video0.",
    ),
]
_Index = Annotated[
    bool, typer.Option("--index/--search", help="Store the faces under their names, or search for the people in them.")
]
_By = Annotated[
    Literal["file", "folder"],
    typer.Option("--by", help="With --index, what names a person: the file, or the folder that it lies in."),
]
_Videos = Annotated[bool, typer.Option("--videos", help="Take videos instead of photographs.")]
_Credentials = Annotated[
    Path | None,
    typer.Option(
        "--credentials",
        metavar="FILE",
        help="File with user:password of the camera.",
        show_default="KENSPECKLE_CAMERA_CREDENTIALS",
        rich_help_panel=_CAMERA,
    ),
]
_Name = Annotated[
    str | None,
    typer.Option("--name", help="What events call the camera.", show_default="its host", rich_help_panel=_CAMERA),
]
_AllFaces = Annotated[bool, typer.Option("--all-faces", help="Search every face, not only the largest.")]
_Save = Annotated[
    Path | None,
    typer.Option("--save", help="Write every photograph with its boxes into this folder.", show_default="no pictures"),
]
_Once = Annotated[
    bool, typer.Option("--once", help="Process the files that are there and end, for cron.", rich_help_panel=_WHEN)
]
_Poll = Annotated[
    float | None,
    typer.Option(
        "--poll",
        metavar="SECONDS",
        min=0.1,
        help="Scan this often, for network shares.",
        show_default="events of the file system",
        rich_help_panel=_WHEN,
    ),
]
_Settle = Annotated[
    float,
    typer.Option(
        "--settle",
        metavar="SECONDS",
        min=0,
        help="Time without a change after which a file counts as complete, where its closing was not seen.",
        rich_help_panel=_WHEN,
    ),
]
_State = Annotated[
    Path | None,
    typer.Option(
        "--state", help="File with the record of processed photographs.", show_default="FOLDER/.kenspeckle-watch.db"
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print a line of JSON for each photograph.")]


@report_errors(TROUBLE)
def watch(
    where: _Where,
    index: _Index = False,
    by: _By = "file",
    videos: _Videos = False,
    all_faces: _AllFaces = False,
    threshold: options.Threshold = None,
    max_faces: options.MaxFaces = None,
    quality: options.StoredQuality = None,
    save: _Save = None,
    once: _Once = False,
    poll: _Poll = None,
    settle: _Settle = SETTLE_SECONDS,
    state: _State = None,
    credentials: _Credentials = None,
    name: _Name = None,
    json: _Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Watch a folder: every photograph that lands there is searched (or, with `--index`, indexed), once; with
    `--videos` every video. Or watch a camera: one event for each appearance of a person.

    Its result lies beside it: `a.jpg` has `a.jpg.json`. The same photograph is not processed again, after a restart
    either. A file that is no photograph gets a result that says so and is left alone until it changes. When the server
    is away, the command waits. Ctrl-C and SIGTERM finish what is under way. Exit code: 0; with --once 1 where a file
    failed; 2 an error.
    """

    asked = Asked(index, threshold, max_faces, quality, once, json)
    if is_camera(where):
        _require_none(videos, all_faces, save, poll is not None, state, by != "file", settle != SETTLE_SECONDS)
        with open_target(url, api_key, data_dir, collection) as target:
            watch_camera(target, where, credentials, name, asked)
        return
    if credentials or name:
        raise CommandFailed("--credentials and --name are for a camera.", "Leave them out for a folder.")
    if videos and (all_faces or save):
        raise CommandFailed("Videos are searched as they are.", "Leave out --all-faces and --save.")
    if videos and not index and (quality or by != "file"):
        raise CommandFailed("--quality and --by are for what is stored.", "Leave them out, or give --index.")
    root, pictures = _places(Path(where), save)
    with open_target(url, api_key, data_dir, collection) as target:
        plan = _videos(target, by, asked) if videos else _photographs(target, by, all_faces, asked)
        with Ledger(state or root / NAME, _job(plan, target, url)) as ledger:
            failed = _watch_folder(Path(where), root, plan, ledger, pictures, settle, poll, once=once, json=json)
    if once and failed:
        raise typer.Exit(NEGATIVE)


def _require_none(*of_folders: object) -> None:
    """Raises CommandFailed where a camera is watched with an option of folders."""
    if any(of_folders):
        raise CommandFailed(
            "This is for folders, not for a camera.",
            "Leave out all but --index, --quality, --threshold, --max-faces, --once, --credentials and --name.",
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is done with each file, how many at once. `how` are the options that change a result."""

    action: Action
    how: tuple[object, ...]
    suffixes: frozenset[str]
    most_bytes: int
    workers: int


def _watch_folder(
    folder: Path,
    root: Path,
    plan: _Plan,
    ledger: Ledger,
    pictures: Path | None,
    settle: float,
    poll: float | None,
    *,
    once: bool,
    json: bool,
) -> bool:
    """Process files until a signal comes, or with `once` those that are there. Whether one failed."""
    stop, tell = threading.Event(), _Reporter(json)
    backoff = Backoff(stop, tell.remark, ONCE_PATIENCE if once else None)
    work = Worker(root, ledger, plan.action, backoff, plan.most_bytes, pictures)
    arrivals = Arrivals(root, settle, suffixes=plan.suffixes)
    run = Run(arrivals, work, plan.workers, stop, tell.outcome, tell.remark)
    with until_signal(run.stop), tell.progress(run, folder):
        try:
            run.once() if once else run.watch(poll)
        finally:
            tell.summary(run)
    return bool(tell.counts.get(FAILED))


def _places(folder: Path, save: Path | None) -> tuple[Path, Path | None]:
    """Both absolute. Raises CommandFailed where one can't be what it is named for."""
    if not folder.is_dir():
        raise CommandFailed(f"{folder} is no folder.", "Make it first, or check the name.")
    root = Path(os.path.abspath(folder))  # noqa: PTH100 - what a link is called counts, not where it leads
    pictures = Path(os.path.abspath(save)) if save else None  # noqa: PTH100 - as the folder
    if pictures is not None and pictures.is_relative_to(root):
        raise CommandFailed(
            f"{save} lies in {folder}: its pictures would be taken for photographs.", "Name a folder elsewhere."
        )
    return root, pictures


def _photographs(target: Target, by: Literal["file", "folder"], all_faces: bool, asked: Asked) -> _Plan:
    if asked.index and (all_faces or asked.threshold is not None):
        raise CommandFailed("--all-faces and --threshold are for searching.", "Leave them out with --index.")
    action: Action
    how: tuple[object, ...]
    if asked.index:
        action, how = Indexing(target, by, asked.max_faces, asked.bar), (by, asked.max_faces, asked.quality)
    else:
        bar = asked.bar or QualityFilter.NONE
        action = Searching(target, asked.threshold, asked.max_faces, all_faces, bar)
        how = (all_faces, asked.threshold, asked.max_faces, asked.quality)
    if target.remote:
        return _Plan(action, how, SUFFIXES, REMOTE_BYTES, REMOTE_WORKERS)
    return _Plan(action, how, SUFFIXES, target.settings.max_image_bytes, target.settings.workers)


def _videos(target: Target, by: Literal["file", "folder"], asked: Asked) -> _Plan:
    most = target.settings.max_video_bytes
    if not asked.index:
        action = SearchingVideos(target, asked.threshold, asked.max_faces)
        return _Plan(action, (asked.threshold, asked.max_faces), VIDEO_SUFFIXES, most, 1)
    if asked.threshold is not None or asked.max_faces is not None:
        raise CommandFailed(
            "--threshold and --max-faces are for searching: a video is stored as one person.",
            "Leave them out with --videos --index.",
        )
    return _Plan(IndexingVideos(target, by, asked.bar), ("video", by, asked.quality), VIDEO_SUFFIXES, most, 1)


def _job(plan: _Plan, target: Target, url: str | None) -> str:
    """Identifies the job: everything that changes a photograph's result. Another job processes the same photographs
    again."""
    where = url.rstrip("/") if url else str(target.settings.data_dir.resolve())
    return repr((plan.action.name, target.collection, where, *plan.how))


class _Reporter:
    """Output: a line for each photograph on standard output, the rest on standard error."""

    def __init__(self, json: bool) -> None:
        self._json = json
        self.counts: dict[str, int] = {}
        self._refresh: Callable[[], None] = lambda: None
        self._moving = False

    def outcome(self, outcome: Outcome) -> None:

        self.counts[outcome.status] = self.counts.get(outcome.status, 0) + 1
        path = os.fsencode(outcome.path).decode("utf-8", "surrogateescape")
        if self._json:
            output.emit({"path": path} | outcome.result | {"path": path}, line=True)
        else:
            # On a terminal with a progress line, output has to use the console that draws it.
            say = output.remark if self._moving and output.out().is_terminal else output.say
            line = f"{path}: {_sentence(outcome)}".replace("\n", "\\n")  # file names may contain any character
            say(line, "red" if outcome.status == "failed" else "")
        self._refresh()

    def remark(self, text: str) -> None:

        output.remark(text, "yellow")

    @contextmanager
    def progress(self, run: Run, folder: Path) -> Iterator[None]:

        remark(f"Watching {folder}. Ctrl-C ends it.")
        if not err().is_terminal:
            yield
            return
        with err().status("") as status:
            self._moving = True
            self._refresh = lambda: status.update(f"{self._sum_up()}; {run.in_line} in line")
            run.looked = self._refresh
            yield
        self._refresh, self._moving = lambda: None, False

    def summary(self, run: Run) -> None:

        left = f", {run.in_line} left for the next start" if run.in_line else ""
        output.remark(f"{self._sum_up()}{left}.", "bold")

    def _sum_up(self) -> str:
        return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in self.counts.items()) or "nothing new"


def _sentence(outcome: Outcome) -> str:
    # An existing result may have been altered.
    result = outcome.result
    names, records, error = (result.get(one) for one in ("matchedFaces", "FaceRecords", "error"))
    if outcome.status == "matched":
        return ", ".join(map(str, names)) if isinstance(names, list) and names else "someone without a name"
    if "same_as" in result:
        return f"the same photograph as {result['same_as']}"
    if outcome.status in ("indexed", "present"):
        faces = plural(len(records) if isinstance(records, list) else 0, "face")
        return f"{outcome.status} as {result.get('identity')}, {faces}"
    if isinstance(error, dict):
        return str(error.get("message"))
    return {"unknown": "nobody who is indexed", "not_indexed": "no face good enough"}.get(
        outcome.status, outcome.status
    )
