"""Progress of work on model packs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from kenspeckle.cli.output import err, remark
from kenspeckle.progress import Progress


@contextmanager
def bars() -> Iterator[Progress]:
    """A progress bar for each step on a terminal, one line for each elsewhere."""

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Bars(*columns, console=err(), disable=not err().is_terminal) as shown:
        tasks: dict[str, TaskID] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = shown.add_task(step, total=None)
                if not err().is_terminal:
                    remark(step)
            shown.update(tasks[step], completed=done, total=total or None)

        yield show
