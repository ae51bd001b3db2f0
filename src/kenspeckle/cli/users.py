"""`kenspeckle users`: several faces under one id, and search for users."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kenspeckle.cli import options, output
from kenspeckle.cli.commands import Commands
from kenspeckle.cli.failures import FAILED, NEGATIVE, TROUBLE, report_errors
from kenspeckle.cli.recognize import read_image
from kenspeckle.client.errors import CommandFailed
from kenspeckle.client.pages import all_of
from kenspeckle.compose.target import open_target
from kenspeckle.domain import operations as ops
from kenspeckle.shapes import dump
from kenspeckle.text import plural

app = Commands("Users: several faces of one person under one id.")

UserId = Annotated[str, typer.Argument(metavar="USER_ID", help="Id of the user.")]
FaceIds = Annotated[list[str], typer.Argument(metavar="FACE_ID...", help="Ids of faces.")]


@app.command()
@report_errors(FAILED)
def create(
    user_id: UserId,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Create a user; `associate` gives it faces."""

    with open_target(url, api_key, data_dir, collection) as target:
        target.recognizer.handle(ops.CreateUser(collection_id=target.collection, user_id=user_id))
    output.say(f"Created user {user_id}.")


@app.command("list")
@report_errors(FAILED)
def list_(
    limit: options.Limit = 1000,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """List the users of a collection."""

    with open_target(url, api_key, data_dir, collection, lists=True) as target:
        found = list(
            all_of(
                lambda cursor: target.recognizer.handle(
                    ops.ListUsers(collection_id=target.collection, limit=min(limit, 500), cursor=cursor)
                ),
                limit,
            )
        )
    if json:
        output.emit([dump.user(one) for one in found])
    elif found:
        output.table(("user", "status"), [(one.user_id, one.status) for one in found])
    else:
        output.say("No users.")


@app.command()
@report_errors(FAILED)
def delete(
    user_id: UserId,
    yes: options.Yes = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Delete a user; its faces stay."""

    if not yes:
        typer.confirm(f"Delete user {user_id}?", abort=True, err=True)
    with open_target(url, api_key, data_dir, collection) as target:
        target.recognizer.handle(ops.DeleteUser(collection_id=target.collection, user_id=user_id))
    output.say(f"Deleted user {user_id}.")


@app.command()
@report_errors(FAILED)
def associate(
    user_id: UserId,
    face_ids: FaceIds,
    threshold: options.Threshold = 75.0,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Assign faces to the user. Those that don't resemble its other faces are refused; exit code 1 then."""

    with open_target(url, api_key, data_dir, collection) as target:
        answer = target.recognizer.handle(
            ops.AssociateFaces(
                collection_id=target.collection,
                user_id=user_id,
                face_ids=face_ids,
                threshold=75.0 if threshold is None else threshold,
            )
        )
    if json:
        output.emit(dump.associate_faces(answer))
    else:
        output.say(f"{len(answer.associated)} of {plural(len(set(face_ids)), 'face')} associated with {user_id}.")
        for one in answer.unsuccessful:
            output.remark(f"{one.face_id}: {', '.join(one.reasons)}", "yellow")
    if answer.unsuccessful:
        raise typer.Exit(NEGATIVE)


@app.command()
@report_errors(FAILED)
def disassociate(
    user_id: UserId,
    face_ids: FaceIds,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Remove faces from the user; they stay in the collection."""

    with open_target(url, api_key, data_dir, collection) as target:
        answer = target.recognizer.handle(
            ops.DisassociateFaces(collection_id=target.collection, user_id=user_id, face_ids=face_ids)
        )
    if json:
        output.emit(dump.disassociate_faces(answer))
    else:
        output.say(f"{len(answer.associated)} of {plural(len(set(face_ids)), 'face')} disassociated from {user_id}.")
        for one in answer.unsuccessful:
            output.remark(f"{one.face_id}: {', '.join(one.reasons)}", "yellow")
    if answer.unsuccessful:
        raise typer.Exit(NEGATIVE)


@app.command()
@report_errors(TROUBLE)
def search(
    image: Annotated[Path | None, typer.Argument(metavar="[IMAGE]", help="A photograph; - for standard input.")] = None,
    face: Annotated[str | None, typer.Option("--face", help="Search with this stored face instead.")] = None,
    user: Annotated[str | None, typer.Option("--user", help="Search with this user instead.")] = None,
    threshold: options.Threshold = None,
    max_users: Annotated[
        int | None, typer.Option("--max-users", min=1, max=500, help="At most so many.", show_default="MAX_FACES, 10")
    ] = None,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Find users that resemble a photograph, a stored face or a user. Exit code: 0 found, 1 none, 2 an error."""

    if sum(one is not None for one in (image, face, user)) != 1:
        raise CommandFailed("Name one thing to search with.", "A photograph, --face FACE_ID or --user USER_ID.")
    with open_target(url, api_key, data_dir, collection) as target:
        ask = target.recognizer
        if image is not None:
            data = read_image(image, target)
            by_image = ask.handle(
                ops.SearchUsersByImage(
                    collection_id=target.collection, image=data, threshold=threshold, max_users=max_users
                )
            )
            matches, shape = by_image.matches, dump.search_users_by_image(by_image)
        else:
            matches = ask.handle(
                ops.SearchUsers(
                    collection_id=target.collection,
                    user_id=user,
                    face_id=face,
                    threshold=threshold,
                    max_users=max_users,
                )
            )
            shape = {"UserMatches": dump.user_matches(matches)}
    if json:
        output.emit(shape)
    elif matches:
        rows = [(one.user.user_id, f"{one.similarity:.2f}", one.user.status) for one in matches]
        output.table(("user", "similarity", "status"), rows, numbers=("similarity",))
    else:
        output.say("No match: no user looks like this.")
    if not matches:
        raise typer.Exit(NEGATIVE)
