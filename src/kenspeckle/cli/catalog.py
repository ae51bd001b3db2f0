"""`kenspeckle catalog`: the whole catalog copied into another database, and what it has for all services on it."""

from __future__ import annotations

from typing import Annotated

import typer

from kenspeckle.cli import options
from kenspeckle.cli.commands import Commands
from kenspeckle.cli.failures import FAILED, report_errors
from kenspeckle.cli.output import emit, say, table
from kenspeckle.cli.progress import steps
from kenspeckle.settings import load
from kenspeckle.text import plural

catalog = Commands(
    "The catalog as a whole: copy it into another database; set what all its services have alike; forget copies."
)


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


@catalog.command("settings")
@report_errors(FAILED)
def show_settings(json: options.Json = False, data_dir: options.DataDir = None) -> None:
    """Show the settings and calibrations that all services on the catalog have alike.

    The first service that serves a catalog in PostgreSQL stores its values there, and later ones follow them. A data
    folder has some only where it was copied from such a catalog; what environment or file set wins there.
    """
    from kenspeckle.compose import shared_settings  # late: the catalog's libraries take a second

    settings, calibrations = shared_settings.show_shared(load({"data_dir": data_dir}))
    if json:
        emit({"settings": settings, "calibrations": {name: one.sample for name, one in calibrations.items()}})
        return
    if not settings and not calibrations:
        say("The catalog has no settings of its own; each service takes those that it is given.")
        return
    rows = [*settings.items(), *((f"calibration of {name}", one.sample) for name, one in calibrations.items())]
    table(("for all services", "value"), rows)


@catalog.command("set")
@report_errors(FAILED)
def set_setting(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A setting, as `kenspeckle catalog settings` lists it.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="What it is to be.")],
    json: options.Json = False,
    data_dir: options.DataDir = None,
) -> None:
    """Give all services on a catalog in PostgreSQL another value of a setting.

    Those that run go on with the old value, and say so in their logs, until they are started again; start them one
    after another. One that is given another value by its environment or file does not start. The audit trail records
    who changed it.
    """
    from kenspeckle.compose import shared_settings  # late: the catalog's libraries take a second

    before, after = shared_settings.set_setting(load({"data_dir": data_dir}), name, value)
    if json:
        emit({"name": name.upper(), "before": before, "after": after})
        return
    was = "" if before is None else f" (it was {before})"
    say(f"{name.upper()} is {after}{was} for all services on the catalog, from the next start of each on.")


@catalog.command("forget-calibration")
@report_errors(FAILED)
def forget_calibration(
    pack: Annotated[str, typer.Argument(metavar="PACK", help="The pack, by its name or its contract.")],
    json: options.Json = False,
    data_dir: options.DataDir = None,
) -> None:
    """Take what was measured of a pack out of the catalog, for all services on it.

    What `kenspeckle models calibrate` has stored in the models folder of a machine, or the pack's own calibration,
    holds there again within a second or two. Remove those files first: the next service to start stores its own.
    """
    from kenspeckle.compose import shared_settings  # late: the catalog's libraries take a second

    shared_settings.remove_calibration(load({"data_dir": data_dir}), pack)
    if json:
        emit({"pack": pack, "removed": True})
        return
    say(f"The catalog has no calibration of '{pack}' any more.")


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
