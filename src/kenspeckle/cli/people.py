"""`kenspeckle people`: people listed, named, merged, split, erased."""

from __future__ import annotations

from typing import Annotated

import typer

from kenspeckle.cli import options, output
from kenspeckle.cli.commands import Commands
from kenspeckle.cli.erase import erase as erase_
from kenspeckle.cli.failures import FAILED, FINE, report_errors
from kenspeckle.cli.jobs import print_job, wait_for_end
from kenspeckle.client.pages import all_of
from kenspeckle.compose.target import open_target
from kenspeckle.domain import JobState, Person
from kenspeckle.domain import operations as ops
from kenspeckle.shapes import dump
from kenspeckle.text import plural

app = Commands("People: names, and the faces that are theirs.")

PersonId = Annotated[str, typer.Argument(metavar="PERSON_ID", help="Id, as `kenspeckle people list` prints it.")]
FaceIds = Annotated[list[str], typer.Argument(metavar="FACE_ID...", help="Ids of faces.")]
MOST = 1000


@app.command("list")
@report_errors(FAILED)
def list_(
    name: Annotated[
        str | None, typer.Option("--name", help="Only people in whose name this occurs. Without it: everybody.")
    ] = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="Also people who are hidden.")] = False,
    limit: options.Limit = MOST,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """List the people of a collection, by name."""
    with open_target(url, api_key, data_dir, collection, lists=True) as target:
        some = min(limit, MOST)
        found = list(
            all_of(
                lambda cursor: target.recognizer.handle(
                    ops.ListPeople(collection_id=target.collection, limit=some, cursor=cursor, name=name, hidden=hidden)
                ),
                limit,
            )
        )
    if json:
        output.emit([dump.person(one) for one in found])
    elif found:
        output.table(
            ("name", "faces", "indexed as", "user", "person id"), [_row(one) for one in found], numbers=("faces",)
        )
    else:
        output.say("No people.")


@app.command()
@report_errors(FAILED)
def show(
    person_id: PersonId,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Show one person with its faces."""
    with open_target(url, api_key, data_dir, collection, lists=True) as target:
        ask, name = target.recognizer, target.collection
        person = ask.handle(ops.GetPerson(collection_id=name, person_id=person_id))
        faces = list(
            all_of(
                lambda cursor: ask.handle(
                    ops.ListPersonFaces(collection_id=name, person_id=person_id, limit=MOST, cursor=cursor)
                )
            )
        )
    if json:
        output.emit({**dump.person(person), "Faces": [dump.face(one) for one in faces]})
        return
    _tell(person, False)
    rows = [(one.face_id, one.external_image_id or "", output.moment(one.created_at)) for one in faces]
    output.table(("face id", "indexed as", "created"), rows)


@app.command()
@report_errors(FAILED)
def rename(
    person_id: PersonId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name, in any script; empty: that of its identity.")],
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Give a person a name. What its faces were indexed as stays."""
    with open_target(url, api_key, data_dir, collection) as target:
        _tell(
            target.recognizer.handle(
                ops.ChangePerson(collection_id=target.collection, person_id=person_id, person_name=name)
            ),
            json,
        )


@app.command()
@report_errors(FAILED)
def hide(
    person_id: PersonId,
    show: Annotated[bool, typer.Option("--show", help="Show it again.")] = False,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Leave a person out of lists. Searches find it all the same."""
    with open_target(url, api_key, data_dir, collection) as target:
        _tell(
            target.recognizer.handle(
                ops.ChangePerson(collection_id=target.collection, person_id=person_id, hidden=not show)
            ),
            json,
        )


@app.command()
@report_errors(FAILED)
def move(
    person_id: PersonId,
    face_ids: FaceIds,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Move faces to a person, whomever they belonged to."""
    with open_target(url, api_key, data_dir, collection) as target:
        _tell(
            target.recognizer.handle(
                ops.MoveFaces(collection_id=target.collection, person_id=person_id, face_ids=face_ids)
            ),
            json,
        )


@app.command()
@report_errors(FAILED)
def merge(
    person_id: PersonId,
    into: Annotated[str, typer.Argument(metavar="INTO", help="Id of the person who gets everything.")],
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Merge a person into another, who keeps its name. `undo` undoes it."""
    with open_target(url, api_key, data_dir, collection) as target:
        _tell(
            target.recognizer.handle(ops.MergePeople(collection_id=target.collection, person_id=person_id, into=into)),
            json,
        )


@app.command()
@report_errors(FAILED)
def split(
    person_id: PersonId,
    face_ids: FaceIds,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the new person. Without it: that of the other.")
    ] = None,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Split some of a person's faces off into another person. `undo` undoes it."""
    with open_target(url, api_key, data_dir, collection) as target:
        _tell(
            target.recognizer.handle(
                ops.SplitPerson(
                    collection_id=target.collection, person_id=person_id, face_ids=face_ids, person_name=name
                )
            ),
            json,
        )


@app.command("not")
@report_errors(FAILED)
def not_(
    person_id: PersonId,
    face_ids: FaceIds,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Remember permanently that faces do not show a person."""
    with open_target(url, api_key, data_dir, collection) as target:
        _tell(
            target.recognizer.handle(
                ops.KeepApart(collection_id=target.collection, person_id=person_id, face_ids=face_ids)
            ),
            json,
        )


@app.command()
@report_errors(FAILED)
def group(
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Group all faces without a name: start a job and wait for its end."""
    with open_target(url, api_key, data_dir, collection) as target:
        ended = wait_for_end(target, target.recognizer.handle(ops.GroupFaces(collection_id=target.collection)))
    print_job(ended, json)
    raise typer.Exit(FINE if ended.state is JobState.SUCCEEDED else FAILED)


@app.command()
@report_errors(FAILED)
def groups(
    limit: options.Limit = MOST,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """List groups of faces without a name, the largest first. `name` makes a person of one."""
    with open_target(url, api_key, data_dir, collection, lists=True) as target:
        some = min(limit, MOST)
        found = list(
            all_of(
                lambda cursor: target.recognizer.handle(
                    ops.ListGroups(collection_id=target.collection, limit=some, cursor=cursor)
                ),
                limit,
            )
        )
    if json:
        output.emit([dump.group(one) for one in found])
    elif found:
        rows = [
            (one.group_id, str(one.face_count), output.moment(one.first_seen), output.moment(one.last_seen))
            for one in found
        ]
        output.table(("group", "faces", "first seen", "last seen"), rows, numbers=("faces",))
    else:
        output.say("No faces without a name.")


@app.command()
@report_errors(FAILED)
def name(
    group_id: Annotated[str, typer.Argument(metavar="GROUP_ID", help="Id, as `people groups` prints it.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name, in any script.")],
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Name a group: it is a person from then on, and takes faces that come later."""
    with open_target(url, api_key, data_dir, collection) as target:
        _tell(
            target.recognizer.handle(
                ops.NameGroup(collection_id=target.collection, group_id=group_id, person_name=name)
            ),
            json,
        )


@app.command()
@report_errors(FAILED)
def duplicates(
    dismiss: Annotated[
        str | None,
        typer.Option("--dismiss", metavar="PAIR_ID", help="These two are not one. Without it: pairs are listed."),
    ] = None,
    limit: options.Limit = MOST,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """List people who may be one, faces that may be under a wrong name, and photographs that are stored twice."""
    with open_target(url, api_key, data_dir, collection) as target:
        ask, name = target.recognizer, target.collection
        if dismiss is not None:
            ask.handle(ops.DismissDuplicate(collection_id=name, pair_id=dismiss))
            output.say("Remembered: these two are not one.")
            return
        found = ask.handle(ops.ListDuplicates(collection_id=name, limit=min(limit, MOST)))
    if json:
        output.emit(dump.duplicates(found))
        return
    rows = [
        (one.people[0].name, one.people[1].name, f"{one.similarity:.1f}", one.pair_id, *one.evidence)
        for one in found.pairs
    ]
    if rows:
        output.table(("person", "perhaps also", "similarity", "pair id", "face", "and face"), rows)
    for face in found.faces:
        output.say(f"Face {face.face_id} of {face.person.name} is more like {face.other.name}.")
    for copies in found.photographs:
        output.say(f"One photograph, stored as {', '.join(identity or image for image, identity in copies)}.")
    for same in found.alike:
        output.say(f"Nearly one photograph, stored as {', '.join(identity or image for image, identity in same)}.")
    for one in found.mixed:
        sets = "; ".join(", ".join(some) for some in one.face_ids)
        output.say(f"{one.person.name} may be several people (similarity {one.similarity:.1f}): {sets}.")
    if not (rows or found.faces or found.photographs or found.alike or found.mixed):
        output.say("Nobody seems to be there twice.")


@app.command()
@report_errors(FAILED)
def undo(
    undo_id: Annotated[
        str | None, typer.Argument(metavar="[UNDO_ID]", help="What merge or split printed; without it the newest.")
    ] = None,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Undo a merge or split."""
    with open_target(url, api_key, data_dir, collection) as target:
        done = target.recognizer.handle(ops.UndoPeople(collection_id=target.collection, undo_id=undo_id))
    if json:
        output.emit(dump.undone(done))
        return
    output.say(f"Undone: {done.kind}.")
    for one in done.people:
        _tell(one, False)


@app.command()
@report_errors(FAILED)
def erase(
    person_id: PersonId,
    yes: options.Yes = False,
    json: options.Json = False,
    collection: options.Collection = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Erase a person: its faces with everything derived from them, and its name. As `kenspeckle erase --person`."""
    erase_(person=person_id, yes=yes, json=json, collection=collection, url=url, api_key=api_key, data_dir=data_dir)


def _row(one: Person) -> tuple[str, str, str, str, str]:
    identities = ", ".join(one.external_image_ids[:3]) + (", ..." if len(one.external_image_ids) > 3 else "")
    return (
        one.name + (" (hidden)" if one.hidden else ""),
        str(one.face_count),
        identities,
        one.user_id or "",
        one.person_id,
    )


def _tell(one: Person, json: bool) -> None:
    if json:
        output.emit(dump.person(one))
        return
    user = f", user {one.user_id}" if one.user_id else ""
    output.say(
        f"{one.name} ({one.person_id}): {plural(one.face_count, 'face')}{user}{', hidden' if one.hidden else ''}."
    )
    if one.undo_id is not None:
        output.remark(f"To undo it: kenspeckle people undo {one.undo_id}")
