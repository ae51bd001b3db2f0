"""`kenspeckle keys`: keys of the local data folder or of a server."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from kenspeckle.cli.commands import Commands
from kenspeckle.cli.failures import FAILED, report_errors
from kenspeckle.cli.options import ApiKey, DataDir, Json, Url, Yes
from kenspeckle.cli.output import emit, remark, say, table
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.administration import open_keys, open_local_keys
from kenspeckle.text import printable
from kenspeckle.usecases.access.credentials import DEFAULT_SCOPES

app = Commands("Keys of clients. Once the first is made, every request to the service needs one.")

KeyId = Annotated[str, typer.Argument(metavar="ID", help="Id of the key, as `kenspeckle keys list` prints it.")]
Scopes = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        metavar="SCOPE",
        help="index, search, read, delete or admin; several with commas between. Without it: all but admin.",
    ),
]
Collections = Annotated[
    list[str] | None,
    typer.Option(
        "--collection", metavar="ID", help="Only this collection; repeat it for several. Without it: all of them."
    ),
]
Expires = Annotated[
    str | None,
    typer.Option("--expires", metavar="WHEN", help="12h, 30d, or an ISO date or time (UTC). Without it: never."),
]
Rate = Annotated[
    str | None, typer.Option("--rate", metavar="N", help="Requests a second, such as 10 or 0.5; 'none' for any.")
]
Burst = Annotated[int | None, typer.Option("--burst", metavar="N", help="Requests at once.")]
Quota = Annotated[
    str | None,
    typer.Option("--quota", metavar="N/PERIOD", help="Requests a day, week or month: 10000/day; 'none' for any."),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for; names need not be unique.")],
    scope: Scopes = None,
    collection: Collections = None,
    aws: Annotated[
        bool, typer.Option("--aws", help="Make a pair for AWS SDKs too (access key id and secret access key).")
    ] = False,
    expires: Expires = None,
    rate: Rate = None,
    burst: Burst = None,
    quota: Quota = None,
    url: Url = None,
    api_key: ApiKey = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Create a key. Its secret is printed once and never again. By default a key may send 10 requests a second and 25
    at once; one with the scope admin has no limits."""
    with report_errors(FAILED), open_keys(url, api_key, data_dir) as keys:
        first = keys.first()
        created = keys.create(
            name=name,
            scopes=_scopes(scope),
            collections=list(collection or ()),
            aws=aws,
            expires=expires,
            rate=rate,
            burst=burst,
            quota=quota,
        )
        _reveal(created, as_json)
        if first:
            remark("This is the first key: from now on every request needs one.")


@app.command()
def adopt(
    access_key_id: Annotated[
        str, typer.Argument(metavar="ACCESS_KEY_ID", help="Access key id of a pair that AWS, or another, has made.")
    ],
    name: Annotated[str, typer.Option("--name", help="What the key is for.")] = "adopted",
    scope: Scopes = None,
    collection: Collections = None,
    expires: Expires = None,
    rate: Rate = None,
    burst: Burst = None,
    quota: Quota = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Accept a pair of another issuer, so that a program with one set of AWS credentials runs as it is. Works where the
    service runs.

    The secret access key is asked for, or read from standard input where that is no terminal; never give it as an
    argument. It is stored encrypted. This service has its own grants for the pair, and does not learn when its issuer
    revokes it: revoke it here too. SESSION_TOKENS=on takes session tokens with it, ANY_REGION=on other regions."""
    with report_errors(FAILED), open_local_keys(data_dir) as keys:
        first = keys.first()
        adopted = keys.adopt(
            access_key_id,
            _secret(),
            name=name,
            scopes=_scopes(scope),
            collections=list(collection or ()),
            expires=expires,
            rate=rate,
            burst=burst,
            quota=quota,
        )
        _describe(adopted, as_json)
        if first:
            remark("This is the first key: from now on every request needs one.")


def _secret() -> str:
    """The secret access key, which is shown nowhere."""
    if sys.stdin.isatty():
        return str(typer.prompt("Secret access key", hide_input=True, err=True)).strip()
    return sys.stdin.readline().strip()


def _scopes(given: list[str] | None) -> list[str]:
    return [part.strip() for one in given or DEFAULT_SCOPES for part in one.split(",")]


@app.command("list")
def list_(url: Url = None, api_key: ApiKey = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List all keys, oldest first, without their secrets."""
    with report_errors(FAILED), open_keys(url, api_key, data_dir) as keys:
        rows = keys.list()
        if as_json:
            emit(rows)
        elif rows:
            columns = ("id", "name", "state", "scopes", "collections", "rate", "burst", "quota", "used", "last_used_at")
            shown = ([_cell(row[column]) for column in columns] for row in rows)
            table([column.removesuffix("_at").replace("_", " ") for column in columns], shown)
        else:
            remark("There is no key; `kenspeckle keys create NAME` makes one.")


@app.command()
def show(
    key_id: KeyId, url: Url = None, api_key: ApiKey = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Show one key, without its secret."""
    with report_errors(FAILED), open_keys(url, api_key, data_dir) as keys:
        _describe(keys.show(key_id), as_json)


@app.command()
def revoke(
    key_id: KeyId,
    yes: Yes = False,
    url: Url = None,
    api_key: ApiKey = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Revoke a key permanently; running servers follow within half a second."""
    with report_errors(FAILED), open_keys(url, api_key, data_dir) as keys:
        if not yes:
            name = keys.show(key_id)["name"]
            asked = f"Revoke the key {key_id} ({name})? Requests with it will be refused."
            typer.confirm(printable(asked), abort=True, err=True)
        _describe(keys.revoke(key_id), as_json)


@app.command()
def limit(
    key_id: KeyId,
    rate: Rate = None,
    burst: Burst = None,
    quota: Quota = None,
    url: Url = None,
    api_key: ApiKey = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Change the limits of a key; running servers follow within half a second. Limits that are not given stay as
    they are."""
    with report_errors(FAILED), open_keys(url, api_key, data_dir) as keys:
        if rate is None and burst is None and quota is None:
            raise CommandFailed("No change was given.", "Give --rate, --burst or --quota.")
        _describe(keys.limit(key_id, rate, burst, quota), as_json)


@app.command()
def rotate(
    key_id: KeyId, url: Url = None, api_key: ApiKey = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Replace a key by a new one with the same rights and expiry; the old one is revoked at once.

    To change keys without a gap, create a second key, move the clients over, then revoke the first."""
    with report_errors(FAILED), open_keys(url, api_key, data_dir) as keys:
        _reveal(keys.rotate(key_id), as_json)


def _reveal(answer: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        emit(answer)
        return
    for name, value in answer.items():
        say(f"{name}: {_cell(value)}")
    remark("Keep the secret now: it is not shown again.")


def _describe(answer: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        emit(answer)
        return
    for name, value in answer.items():
        say(f"{name}: {_cell(value)}")


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "all"
    return "-" if value is None else str(value)
