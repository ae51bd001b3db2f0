"""Progress of long commands: a bar for each step on a terminal, one line for each elsewhere, on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from kenspeckle import progress
from kenspeckle.cli.output import err


@contextmanager
def steps(**titles: str) -> Iterator[progress.Progress]:
    """Yields the callback for progress of use cases, `(step, done, total)`. `titles` are the titles of the steps."""

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err(), disable=not err().is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def report(step: str, done: int, total: int) -> None:
            if step not in tasks:
                title = titles.get(step, step)
                tasks[step] = bars.add_task(title, total=None)
                if not err().is_terminal:
                    err().print(title, markup=False)
            bars.update(tasks[step], completed=done, total=total or 1)

        yield report
