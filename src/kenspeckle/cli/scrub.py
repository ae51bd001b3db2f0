"""`kenspeckle scrub`: what erasure has left in the database's files is rewritten."""

from __future__ import annotations

import typer

from kenspeckle.cli import options
from kenspeckle.cli.failures import FAILED, NEGATIVE, report_errors
from kenspeckle.cli.output import emit, remark, say
from kenspeckle.cli.progress import steps
from kenspeckle.settings import load
from kenspeckle.text import plural


@report_errors(FAILED)
def scrub(json: options.Json = False, data_dir: options.DataDir = None) -> None:
    """Rewrite what erasure has left in the database's files, and say what is left elsewhere.

    SQLite: unallocated space and the write-ahead log are overwritten, which services do after each deletion themselves.
    PostgreSQL: every table is rewritten without the rows that were deleted. Services wait for each table meanwhile, and
    the disk needs space for a second copy of the largest. Its write-ahead log, archives and standbys can't be rewritten
    from here; the command says which there are. Receipts of erasure that were pending become complete; they name what
    is left. Exits with 1 where deleted rows are left in tables.
    """
    from kenspeckle.compose.scrubbing import scrub_files  # late: the catalog's libraries take a second

    with steps(tables="Tables") as progress:
        done, receipts = scrub_files(load({"data_dir": data_dir}), progress)
    if json:
        emit({"complete": done.complete, "left": list(done.left), "receipts": receipts})
    else:
        say("No deleted row is left in the tables." if done.complete else "Deleted rows are left in the tables.")
        for one in done.left:
            remark(f"Left: {one}.", "yellow")
        if receipts:
            say(f"{plural(receipts, 'receipt')} of erasure became complete.")
    if not done.complete:
        raise typer.Exit(NEGATIVE)
