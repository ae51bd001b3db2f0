"""`kenspeckle watch`: a drop folder, whose photographs (or videos) are searched or indexed as they arrive."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from kenspeckle.cli import options, output
from kenspeckle.cli.failures import NEGATIVE, TROUBLE, reported
from kenspeckle.cli.index import REMOTE_BYTES, REMOTE_WORKERS
from kenspeckle.cli.output import err, remark
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.target import Target, opened
from kenspeckle.domain import QualityFilter
from kenspeckle.intake.files import SUFFIXES, VIDEO_SUFFIXES
from kenspeckle.intake.watch.actions import Indexing, Searching, SearchingVideos
from kenspeckle.intake.watch.arrivals import Arrivals
from kenspeckle.intake.watch.ledger import NAME, Ledger
from kenspeckle.intake.watch.loop import Run
from kenspeckle.intake.watch.worker import FAILED, Action, Backoff, Outcome, Worker
from kenspeckle.text import plural

SETTLE_SECONDS = 2.0
ONCE_PATIENCE = 30.0
"""Seconds that `--once` waits for a server; the next run takes the files that are left."""
_WHEN = "When"

_Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where files land; folders in it count too.")]
_Index = Annotated[
    bool, typer.Option("--index/--search", help="Store the faces under their names, or search for the people in them.")
]
_By = Annotated[
    Literal["file", "folder"],
    typer.Option("--by", help="With --index, what names a person: the file, or the folder that it lies in."),
]
_Videos = Annotated[bool, typer.Option("--videos", help="Search videos instead of photographs.")]
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


@reported(TROUBLE)
def watch(
    folder: _Folder,
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
    json: _Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Watch a folder: every photograph that lands there is searched (or, with `--index`, indexed), once; with
    `--videos` every video.

    Its result lies beside it: `a.jpg` has `a.jpg.json`. The same photograph is not processed again, after a restart
    either. A file that is no photograph gets a result that says so and is left alone until it changes. When the server
    is away, the command waits. Ctrl-C and SIGTERM finish what is under way. Exit code: 0; with --once 1 where a file
    failed; 2 an error.
    """

    if videos and (index or all_faces or save or quality or by != "file"):
        raise CommandFailed("Videos are searched as they are.", "Leave out all options but --threshold, --max-faces.")
    root, pictures = _places(folder, save)
    stop, tell = threading.Event(), _Reporter(json)
    with opened(url, api_key, data_dir, collection) as target:
        action: Action
        how: tuple[object, ...]
        if videos:
            action, how = SearchingVideos(target, threshold, max_faces), (threshold, max_faces)
        else:
            action = _action(target, index, by, all_faces, threshold, max_faces, quality)
            how = (by, max_faces, quality) if index else (all_faces, threshold, max_faces, quality)
        with Ledger(state or root / NAME, _job(action, target, url, how)) as ledger:
            backoff = Backoff(stop, tell.remark, ONCE_PATIENCE if once else None)
            most, workers = (target.settings.max_video_bytes, 1) if videos else _bounds(target)
            work = Worker(root, ledger, action, backoff, most, pictures)
            arrivals = Arrivals(root, settle, suffixes=VIDEO_SUFFIXES if videos else SUFFIXES)
            run = Run(arrivals, work, workers, stop, tell.outcome, tell.remark)
            with _until_signal(run.stop), tell.progress(run, folder):
                try:
                    run.once() if once else run.watch(poll)
                finally:
                    tell.summary(run)
    if once and tell.counts.get(FAILED):
        raise typer.Exit(NEGATIVE)


def _places(folder: Path, save: Path | None) -> tuple[Path, Path | None]:
    """Both absolute. Raises CommandFailed where one can't be what it is named for."""
    if not folder.is_dir():
        raise CommandFailed(f"{folder} is no folder.", "Make it first, or check the name.")
    root = Path(os.path.abspath(folder))  # noqa: PTH100 - what a link is called counts, not where it leads
    pictures = Path(os.path.abspath(save)) if save else None  # noqa: PTH100
    if pictures is not None and pictures.is_relative_to(root):
        raise CommandFailed(
            f"{save} lies in {folder}: its pictures would be taken for photographs.", "Name a folder elsewhere."
        )
    return root, pictures


def _action(
    target: Target,
    index: bool,
    by: Literal["file", "folder"],
    all_faces: bool,
    threshold: float | None,
    max_faces: int | None,
    quality: str | None,
) -> Action:

    if index and (all_faces or threshold is not None):
        raise CommandFailed("--all-faces and --threshold are for searching.", "Leave them out with --index.")
    bar = QualityFilter(quality.upper()) if quality else None
    if index:
        return Indexing(target, by, max_faces, bar)
    return Searching(target, threshold, max_faces, all_faces, bar or QualityFilter.NONE)


def _job(action: Action, target: Target, url: str | None, how: tuple[object, ...]) -> str:
    """Identifies the job: everything that changes a photograph's result. Another job processes the same photographs
    again."""
    where = url.rstrip("/") if url else str(target.settings.data_dir.resolve())
    return repr((action.name, target.collection, where, *how))


def _bounds(target: Target) -> tuple[int, int]:
    """Most bytes of a photograph, and photographs at once."""

    if target.remote:
        return REMOTE_BYTES, REMOTE_WORKERS
    return target.settings.max_image_bytes, target.settings.workers


@contextmanager
def _until_signal(stop: Callable[[], object]) -> Iterator[None]:
    """The first SIGINT or SIGTERM ends the run after work under way, a second one at once."""
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}

    def first(number: int, frame: object) -> None:
        for one, handler in before.items():
            signal.signal(one, handler)
        stop()

    for one in before:
        signal.signal(one, first)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


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
            self._refresh = lambda: status.update(f"{self._summed()}; {run.in_line} in line")
            run.looked = self._refresh
            yield
        self._refresh, self._moving = lambda: None, False

    def summary(self, run: Run) -> None:

        left = f", {run.in_line} left for the next start" if run.in_line else ""
        output.remark(f"{self._summed()}{left}.", "bold")

    def _summed(self) -> str:
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
