"""`kenspeckle collections`: list, create, show and delete collections."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kenspeckle.cli import jobs, options, output
from kenspeckle.cli.commands import Commands
from kenspeckle.cli.failures import FAILED, report_errors
from kenspeckle.client.errors import CommandFailed
from kenspeckle.client.pages import all_of
from kenspeckle.compose.target import open_target
from kenspeckle.domain import Collection, JobState
from kenspeckle.domain import operations as ops
from kenspeckle.text import plural

app = Commands("Collections: sets of faces, searched separately.")

MOST_DIGITS = 10
"""Most digits of a number of days; longer text is refused as no number."""

Name = Annotated[str, typer.Argument(metavar="ID", help="Id of the collection.")]


@app.command("list")
@report_errors(FAILED)
def list_(
    json: options.Json = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """List all collections."""

    with open_target(url, api_key, data_dir, lists=True) as target:
        found = list(all_of(lambda cursor: target.recognizer.handle(ops.ListCollections(limit=100, cursor=cursor))))
    if json:
        output.emit([shape(one) for one in found])
    elif found:
        _table(found)
    else:
        output.say("No collections.")


@app.command()
@report_errors(FAILED)
def create(
    name: Name,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="A tag; repeatable.", show_default="none")
    ] = None,
    pack: Annotated[
        str | None, typer.Option("--pack", metavar="NAME", help="Model pack of its faces.", show_default="PACK, sface")
    ] = None,
    json: options.Json = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Create a collection."""

    tags = dict(_tag(one) for one in tag or ())
    with open_target(url, api_key, data_dir) as target:
        made = target.recognizer.handle(ops.CreateCollection(collection_id=name, tags=tags, pack=pack))
    if json:
        output.emit(shape(made))
    else:
        output.say(f"Created collection {made.collection_id}.")


@app.command()
@report_errors(FAILED)
def show(
    name: Name,
    json: options.Json = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Show one collection."""

    with open_target(url, api_key, data_dir, lists=True) as target:
        found = target.recognizer.handle(ops.DescribeCollection(collection_id=name))
    if json:
        output.emit(shape(found))
    else:
        _table([found])


@app.command()
@report_errors(FAILED)
def delete(
    name: Name,
    yes: options.Yes = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Delete a collection with all its faces, users and photographs."""

    with open_target(url, api_key, data_dir) as target:
        found = target.recognizer.handle(ops.DescribeCollection(collection_id=name))
        if not yes:
            what = f"{plural(found.face_count, 'face')} and {plural(found.user_count, 'user')}"
            typer.confirm(f"Delete {name} with {what}?", abort=True)
        target.recognizer.handle(ops.DeleteCollection(collection_id=name))
    output.say(f"Deleted collection {name}.")


@app.command()
@report_errors(FAILED)
def upgrade(
    name: Name,
    pack: Annotated[str, typer.Option("--pack", metavar="NAME", help="Model pack that is to describe its faces.")],
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Start the job and leave it to a service.")] = False,
    json: options.Json = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Bring a collection to another model pack: every face is described anew, from its photograph or thumbnail.

    Ids, names, users and boxes stay, and searches go on with the old pack until all faces are described."""
    with open_target(url, api_key, data_dir) as target:
        job = target.recognizer.handle(ops.UpgradeCollection(collection_id=name, pack=pack))
        ended = job if no_wait else jobs.wait_for_end(target, job)
    jobs.print_job(ended, json)
    if not no_wait and ended.state is not JobState.SUCCEEDED:
        raise typer.Exit(FAILED)


@app.command()
@report_errors(FAILED)
def sync(
    name: Name,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build it anew; the old one is used meanwhile.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Start the job and leave it to a service.")] = False,
    json: options.Json = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Build a large collection's index at INDEX_URL, or compare it with the catalog and repair it.

    A service does both by itself; this does it now."""
    with open_target(url, api_key, data_dir) as target:
        job = target.recognizer.handle(ops.SyncCollection(collection_id=name, rebuild=rebuild))
        ended = job if no_wait else jobs.wait_for_end(target, job)
    jobs.print_job(ended, json)
    if not no_wait and ended.state is not JobState.SUCCEEDED:
        raise typer.Exit(FAILED)


@app.command()
@report_errors(FAILED)
def retain(
    name: Name,
    days: Annotated[str, typer.Argument(metavar="DAYS", help="Age in days at which faces are erased; off keeps them.")],
    json: options.Json = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Set how long a collection keeps faces. The service erases older ones within an hour, and at its next start."""

    if days != "off" and not (days.isdecimal() and len(days) <= MOST_DIGITS):
        raise CommandFailed(
            f"'{days}' is neither a number of days nor off.", "Write 30, or off to keep faces indefinitely."
        )
    with open_target(url, api_key, data_dir) as target:
        found = target.recognizer.handle(
            ops.RetainCollection(collection_id=name, days=None if days == "off" else int(days))
        )
    if json:
        output.emit(shape(found))
    else:
        kept = "indefinitely" if found.retention_days is None else f"for {plural(found.retention_days, 'day')}"
        output.say(f"{name} keeps faces {kept}.")


def shape(one: Collection) -> dict[str, Any]:
    """A collection as JSON, in the member names of DescribeCollection."""
    return {
        "CollectionId": one.collection_id,
        "FaceCount": one.face_count,
        "UserCount": one.user_count,
        "FaceModelVersion": one.pack,
        "CreationTimestamp": one.created_at,
        "Tags": dict(one.tags),
        "RetentionDays": one.retention_days,
    }


def _table(found: list[Collection]) -> None:

    rows = [
        (
            one.collection_id,
            f"{one.face_count:,}",
            f"{one.user_count:,}",
            one.pack,
            output.moment(one.created_at),
            "" if one.retention_days is None else plural(one.retention_days, "day"),
            ", ".join(f"{key}={value}" for key, value in one.tags.items()),
        )
        for one in found
    ]
    output.table(("collection", "faces", "users", "pack", "created", "kept", "tags"), rows, numbers=("faces", "users"))


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise typer.BadParameter(f"'{text}' is not KEY=VALUE.", param_hint="--tag")
    return key, value
