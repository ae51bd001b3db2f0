"""`kenspeckle webhooks`: endpoints of the local data folder or of a server: made, changed, tried out; and their log."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import typer

from kenspeckle.cli.commands import Commands
from kenspeckle.cli.failures import FAILED, NEGATIVE, TROUBLE, report_errors
from kenspeckle.cli.options import ApiKey, DataDir, Json
from kenspeckle.cli.output import emit, remark, say, table
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.administration import open_webhooks
from kenspeckle.domain import DeliveryState
from kenspeckle.text import plural

Shown: TypeAlias = dict[str, Any]

app = Commands("Webhooks: signed messages about events (Standard Webhooks), sent by `kenspeckle serve`.")

WebhookId = Annotated[str, typer.Argument(metavar="ID", help="Id, as `kenspeckle webhooks list` prints it.")]
Events = Annotated[
    list[str] | None,
    typer.Option(
        "--event",
        metavar="EVENT",
        help="faces.indexed, faces.matched, faces.deleted, erasure.completed, video.ended, camera.appearance or "
        "audit.anchored; repeat it for several. Without it: all but the last.",
    ),
]
Collections = Annotated[
    list[str] | None,
    typer.Option(
        "--collection", metavar="ID", help="Only of this collection; repeat it for several. Without it: all of them."
    ),
]
Description = Annotated[
    str | None, typer.Option("--description", metavar="TEXT", help="What it is for.", show_default="none")
]


_SERVER = "Ask the server at this address instead of the local data folder."
Server = Annotated[
    str | None,
    typer.Option("--url", "--server", envvar="KENSPECKLE_URL", help=_SERVER, show_default="the local data folder"),
]
OnlyServer = Annotated[
    str | None, typer.Option("--server", envvar="KENSPECKLE_URL", help=_SERVER, show_default="the local data folder")
]
"""Of `change`, where `--url` is the endpoint's."""


@app.command()
@report_errors(FAILED)
def create(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where messages are posted: https://host/path.")],
    event: Events = None,
    collection: Collections = None,
    description: Description = None,
    server: Server = None,
    api_key: ApiKey = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Create an endpoint. Its secret is printed once and never again.

    Addresses that are not public, or http, have to be listed in the setting WEBHOOK_HOSTS."""
    with open_webhooks(server, api_key, data_dir) as endpoints:
        made = endpoints.create(
            url=url, events=list(event or ()), collections=list(collection or ()), description=description or ""
        )
    _reveal(made, as_json)
    if not as_json:
        remark(f"`kenspeckle webhooks test {made['id']}` sends a message to try it out.")


@app.command("list")
@report_errors(FAILED)
def list_(server: Server = None, api_key: ApiKey = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List all endpoints, oldest first, without their secrets."""

    with open_webhooks(server, api_key, data_dir) as endpoints:
        rows = endpoints.list()
    if as_json:
        emit(rows)
    elif rows:
        columns = ("id", "url", "events", "collections", "state", "description")
        table(columns, ([_cell(row[column]) for column in columns] for row in rows))
    else:
        remark("There is no webhook; `kenspeckle webhooks create URL` makes one.")


@app.command()
@report_errors(FAILED)
def show(
    webhook_id: WebhookId,
    server: Server = None,
    api_key: ApiKey = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show one endpoint, without its secret."""
    with open_webhooks(server, api_key, data_dir) as endpoints:
        _describe(endpoints.show(webhook_id), as_json)


@app.command()
@report_errors(FAILED)
def change(
    webhook_id: WebhookId,
    url: Annotated[str | None, typer.Option("--url", help="Where messages are posted from now on.")] = None,
    event: Events = None,
    collection: Collections = None,
    all_collections: Annotated[bool, typer.Option("--all-collections", help="Of all collections again.")] = False,
    description: Description = None,
    server: OnlyServer = None,
    api_key: ApiKey = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Change an endpoint; what is not given stays as it is. Running servers follow within half a second."""
    if all_collections and collection:
        raise CommandFailed("--collection and --all-collections exclude each other.", "Leave one of them out.")
    with open_webhooks(server, api_key, data_dir) as endpoints:
        _describe(
            endpoints.change(
                webhook_id,
                url=url,
                events=event or None,
                collections=[] if all_collections else collection or None,
                description=description,
            ),
            as_json,
        )


@app.command()
@report_errors(FAILED)
def enable(
    webhook_id: WebhookId,
    server: Server = None,
    api_key: ApiKey = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Enable an endpoint again; pending messages are sent."""
    with open_webhooks(server, api_key, data_dir) as endpoints:
        _describe(endpoints.change(webhook_id, enabled=True), as_json)


@app.command()
@report_errors(FAILED)
def disable(
    webhook_id: WebhookId,
    server: Server = None,
    api_key: ApiKey = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Disable an endpoint; it gets no messages, and pending ones stay."""
    with open_webhooks(server, api_key, data_dir) as endpoints:
        _describe(endpoints.change(webhook_id, enabled=False), as_json)


@app.command()
@report_errors(FAILED)
def rotate(
    webhook_id: WebhookId,
    keep: Annotated[
        str, typer.Option("--keep", metavar="AGE", help="How long the old secret signs too: 12h, 7d, or 0.")
    ] = "24h",
    server: Server = None,
    api_key: ApiKey = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a new secret, printed once. Receivers have to change to it before the old one ends."""

    with open_webhooks(server, api_key, data_dir) as endpoints:
        _reveal(endpoints.rotate(webhook_id, keep), as_json)


@app.command()
@report_errors(FAILED)
def delete(webhook_id: WebhookId, server: Server = None, api_key: ApiKey = None, data_dir: DataDir = None) -> None:
    """Delete an endpoint, with its log and pending messages."""
    with open_webhooks(server, api_key, data_dir) as endpoints:
        endpoints.delete(webhook_id)
    remark(f"Deleted webhook {webhook_id}.")


@app.command("test")
@report_errors(TROUBLE)
def try_out(
    webhook_id: WebhookId,
    server: Server = None,
    api_key: ApiKey = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Send one test message now and show the result. Exit code: 0 it arrived, 1 it did not, 2 an error."""

    with open_webhooks(server, api_key, data_dir) as endpoints:
        sent = endpoints.test(webhook_id)
    arrived = sent["state"] == DeliveryState.DELIVERED.value
    if as_json:
        emit(sent)
    elif arrived:
        say(f"It arrived: {sent['status']} after {sent['milliseconds'] or 0:.0f} ms.")
    else:
        say(f"It did not arrive. {sent['error']}", "red")
    if not arrived:
        raise typer.Exit(NEGATIVE)


@app.command()
@report_errors(FAILED)
def log(
    webhook_id: WebhookId,
    state: Annotated[
        str | None, typer.Option("--state", help="Only pending, delivered, failed or erased ones.", show_default="all")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many rows.")] = 100,
    server: Server = None,
    api_key: ApiKey = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show the delivery log of an endpoint, newest first."""

    with open_webhooks(server, api_key, data_dir) as endpoints:
        rows = endpoints.deliveries(webhook_id, state, limit)
    if as_json:
        emit(rows)
    elif rows:
        columns = ("created_at", "event", "collection", "state", "attempts", "status", "error", "next_attempt_at")
        table(
            ("message_id", *columns),
            ([_cell(row[column]) for column in ("message_id", *columns)] for row in rows),
            numbers=("attempts", "status"),
        )
    else:
        remark("No messages.")


@app.command()
@report_errors(FAILED)
def retry(
    webhook_id: WebhookId,
    message_id: Annotated[
        str | None, typer.Argument(metavar="[MESSAGE]", help="Only this message; without it all that failed.")
    ] = None,
    server: Server = None,
    api_key: ApiKey = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Send failed messages again. The running server does it, within a second."""
    with open_webhooks(server, api_key, data_dir) as endpoints:
        count = endpoints.retry(webhook_id, message_id)
    if as_json:
        emit({"messages": count})
    else:
        say(f"{plural(count, 'message')} will be sent again.")


def _reveal(answer: Shown, as_json: bool) -> None:
    if as_json:
        emit(answer)
        return
    for name in ("id", "url", "events", "collections", "secret"):
        say(f"{name}: {_cell(answer[name])}")
    remark("Keep the secret now: it is not shown again.")


def _describe(answer: Shown, as_json: bool) -> None:
    if as_json:
        emit(answer)
        return
    for name, value in answer.items():
        say(f"{name}: {_cell(value)}")


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "all"
    return "-" if value in (None, "") else str(value)
