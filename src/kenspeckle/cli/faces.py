"""`kenspeckle faces`: list, show and delete stored faces, and cut one out of its photograph."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from kenspeckle.cli import options, output
from kenspeckle.cli.commands import Commands
from kenspeckle.cli.failures import FAILED, NEGATIVE, report_errors
from kenspeckle.client.pages import all_of
from kenspeckle.compose.target import open_target
from kenspeckle.domain import Face, display_name
from kenspeckle.domain import operations as ops
from kenspeckle.shapes import dump

app = Commands("Faces that are stored in a collection.")

FaceId = Annotated[str, typer.Argument(metavar="FACE_ID", help="Id of the face.")]


@app.command("list")
@report_errors(FAILED)
def list_(
    name: Annotated[
        str | None,
        typer.Option("--identity", "--name", help="Only faces indexed under this identity.", show_default="all"),
    ] = None,
    user: Annotated[str | None, typer.Option("--user", help="Only faces of this user.", show_default="all")] = None,
    limit: options.Limit = 1000,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """List the faces of a collection."""

    with open_target(url, api_key, data_dir, collection, lists=True) as target:
        found = list(
            all_of(
                lambda cursor: target.recognizer.handle(
                    ops.ListFaces(
                        collection_id=target.collection,
                        limit=min(limit + 1, 1000),
                        cursor=cursor,
                        user_id=user,
                        external_image_id=name,
                    )
                ),
                limit + 1,
            )
        )
    more, found = len(found) > limit, found[:limit]
    if json:
        output.emit([dump.stored_face(one) for one in found])
    elif found:
        _table(found)
    else:
        output.say("No faces.")
    if more:
        output.remark(f"There are more than these {limit:,}; --limit shows more.", "yellow")


@app.command()
@report_errors(FAILED)
def show(
    face_id: FaceId,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Show one face with what its photograph told of it."""

    with open_target(url, api_key, data_dir, collection, lists=True) as target:
        record = target.recognizer.handle(ops.GetFace(collection_id=target.collection, face_id=face_id))
    if json:
        output.emit(dump.with_person(dump.stored_face_record(record), record.person))
        return
    face, detail = record.face, record.detail
    output.table(
        ("", ""),
        [
            ("face", face.face_id),
            ("indexed as", face.external_image_id or ""),
            ("user", face.user_id or ""),
            ("image", face.image_id),
            ("created", output.moment(face.created_at)),
            ("pack", face.index_model),
            ("confidence", f"{face.confidence:.2f}"),
            ("pose", f"roll {detail.pose.roll:.0f}°, yaw {detail.pose.yaw:.0f}°, pitch {detail.pose.pitch:.0f}°"),
            ("quality", f"brightness {detail.quality.brightness:.0f}, sharpness {detail.quality.sharpness:.0f}"),
        ],
    )


@app.command()
@report_errors(FAILED)
def delete(
    face_ids: Annotated[list[str], typer.Argument(metavar="FACE_ID...", help="Ids of the faces.")],
    yes: options.Yes = False,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Delete faces, so that searches no longer find them. A photograph goes with its last face. Exit code 1 if one
    could not go."""

    if not yes:
        typer.confirm(f"Delete {len(face_ids)} face{'' if len(face_ids) == 1 else 's'}?", abort=True, err=True)
    with open_target(url, api_key, data_dir, collection) as target:
        answer = target.recognizer.handle(ops.DeleteFaces(collection_id=target.collection, face_ids=face_ids))
    if json:
        output.emit(dump.with_receipt(dump.delete_faces(answer), answer.receipt))
    else:
        output.say(f"Deleted {len(answer.deleted)} of {len(set(face_ids))}.")
        for one in answer.unsuccessful:
            output.remark(f"{one.face_id}: {', '.join(one.reasons)}", "yellow")
    if answer.unsuccessful:
        raise typer.Exit(NEGATIVE)


@app.command()
@report_errors(FAILED)
def thumbnail(
    face_id: FaceId,
    picture: Annotated[Path, typer.Argument(metavar="FILE", help="JPEG file to write; - for standard output.")],
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Save the face, cut out of its photograph, as JPEG; a new file is readable by its owner only."""

    with open_target(url, api_key, data_dir, collection) as target:
        data = target.recognizer.handle(ops.GetThumbnail(collection_id=target.collection, face_id=face_id))
    if str(picture) == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        with open(picture, "wb", opener=_for_its_owner) as file:
            file.write(data)


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _table(found: list[Face]) -> None:

    rows = [
        (
            display_name(one.external_image_id) if one.external_image_id else "",
            one.external_image_id or "",
            one.user_id or "",
            f"{one.confidence:.1f}",
            output.moment(one.created_at),
            one.face_id,
        )
        for one in found
    ]
    output.table(("who", "indexed as", "user", "confidence", "created", "face id"), rows, numbers=("confidence",))
