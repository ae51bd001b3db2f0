"""`kenspeckle catalog`: copies the whole catalog into another database."""

from __future__ import annotations

from typing import Annotated

import typer

from kenspeckle.cli import options
from kenspeckle.cli.commands import Commands
from kenspeckle.cli.failures import FAILED, report_errors
from kenspeckle.cli.output import emit, say
from kenspeckle.cli.progress import steps
from kenspeckle.settings import load
from kenspeckle.text import plural

catalog = Commands("The catalog as a whole: copy it into another database; forget copies of its templates elsewhere.")


@catalog.command("copy")
@report_errors(FAILED)
def copy(
    to: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Empty database that the catalog is copied into: postgresql+psycopg://... or sqlite:////FILE. A "
            "password is better kept in a file that PGPASSFILE names.",
        ),
    ],
    json: options.Json = False,
    data_dir: options.DataDir = None,
) -> None:
    """Copy the catalog into another database, with all services stopped.

    From the data folder's SQLite file into PostgreSQL, or back: collections, faces, users, keys, audit trail, webhooks
    and jobs, with their ids and numbers. The two are compared at the end, row by row. If it is interrupted, run it
    again; it continues where it stopped, and until it has ended no service accepts the new database. The old catalog
    stays as it was. Photographs and the master key stay where they are.
    """
    from kenspeckle.compose.catalog_copy import copy_to  # late: the catalog's libraries take a second

    settings = load({"data_dir": data_dir})
    with steps(rows="Rows") as progress:
        done = copy_to(settings, to, progress)
    if json:
        emit({"rows": done.rows, "resumed": done.resumed})
        return
    say(
        f"{plural(done.rows['faces'], 'face')} of {plural(done.rows['collections'], 'collection')} copied and compared."
    )
    say("Start services with that URL in KENSPECKLE_CATALOG_URL from now on, and with the same master key.")


@catalog.command("forget-index")
@report_errors(FAILED)
def forget_index(
    place: Annotated[
        str, typer.Argument(metavar="HOST:PORT/DATABASE", help="The vector database, as the doctor names it.")
    ],
    json: options.Json = False,
    data_dir: options.DataDir = None,
) -> None:
    """Forget the copies of templates in a vector database that no longer exists.

    Receipts of erasure wait until what they name is removed there too. Where the server and its disks are gone, nothing
    is left to be removed, and receipts need not wait for it; the audit trail records who said so. Of a database that
    still exists, name it in INDEX_URL instead: then services remove the copies.
    """
    from kenspeckle.compose.mirrors import forget_index as forget  # late: the catalog's libraries take a second

    count = forget(load({"data_dir": data_dir}), place)
    if json:
        emit({"place": place, "copies": count})
        return
    say(f"Copies of {plural(count, 'collection')} at {place} are forgotten.")
