"""Handlers of people: names, and the faces that are theirs; merge, split, undo, erase."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AliasChoices, Field, StrictBool
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api import examples, schemas
from kenspeckle.api.edge import Edge, answer
from kenspeckle.api.queries import CollectionId, PageQuery
from kenspeckle.api.route import HERE, LISTED, JsonBody, route
from kenspeckle.api.schemas import Shape
from kenspeckle.domain import operations as ops
from kenspeckle.domain import validation
from kenspeckle.domain.people import MAX_NAME
from kenspeckle.errors import InvalidValue
from kenspeckle.serving import bodies
from kenspeckle.shapes import dump

EXAMPLE: dict[str, Any] = {
    "person_id": "person-5f1d0c9a7e2b4c68",
    "name": "Keanu Reeves",
    "user_id": None,
    "external_image_ids": ["keanu-reeves.jpg"],
    "face_count": 3,
    "cover_face_id": examples.FACE_ID,
    "hidden": False,
}
UNDONE = {"undo_id": "undo-0b6c1f2d3e4a5968"}

PersonId = Annotated[str, Path(description="Id of the person.", max_length=128)]
_PATH = "/v1/collections/{collection_id}/people"
_HERE = (*HERE, "not_offered")
_OF_ONE = (*_HERE, "person_not_found")
_CHANGES = (*_OF_ONE, "storage_full")

FaceIdList = Annotated[
    list[str],
    Field(min_length=1, max_length=validation.MAX_FACE_IDS, validation_alias=AliasChoices("face_ids", "FaceIds")),
]


class PersonAnswer(Shape):
    """A person of a collection."""

    person_id: str
    name: str = Field(description="Display name, in any script: as given, else made of the identity or user.")
    user_id: str | None = Field(description="The user (UserId) that it is, by AssociateFaces.")
    external_image_ids: list[str] = Field(description="Identities of its faces; the first 100.")
    face_count: int
    cover_face_id: str | None = Field(description="Its best face; null where it has none.")
    hidden: bool = Field(description="Left out of lists.")
    undo_id: str | None = Field(default=None, description="After a merge or split: what undoes it.")


class PeopleList(Shape):
    people: list[PersonAnswer] = Field(description="By name.")
    NextToken: str | None = None


class UndoneAnswer(Shape):
    undone: str = Field(description="`merge` or `split`.")
    people: list[PersonAnswer] = Field(description="As they are now.")


class PeopleQuery(PageQuery):
    name: Annotated[
        str | None, Field(max_length=MAX_NAME, description="Only people in whose name this occurs; case is ignored.")
    ] = None
    hidden: Annotated[bool, Field(description="Also people who are hidden.")] = False


class PersonChange(Shape):
    name: str | None = Field(default=None, description="Another name; null: that of its identity again.")
    hidden: StrictBool | None = Field(default=None, description="Leave it out of lists, or show it.")


class PersonFaces(Shape):
    face_ids: FaceIdList


class Merge(Shape):
    into: str = Field(max_length=128, description="Id of the person who gets everything.")


class Split(Shape):
    face_ids: FaceIdList
    name: str | None = Field(default=None, description="Name of the new person; without it, that of the other.")


class NewPerson(Shape):
    name: str = Field(description="Who the faces show.")
    face_ids: FaceIdList
    external_image_id: str | None = Field(
        default=None,
        description="An identity (ExternalImageId): its person is meant, whatever it is called by now. Whoever is "
        "indexed under it from then on is this person.",
    )


class NamedFacesAnswer(Shape):
    person: PersonAnswer | None = Field(description="Who has faces of these now; null for nobody.")
    face_ids: list[str] = Field(description="Those of the faces that are this person's.")
    others: list[str] = Field(description="Those that stayed as they were: another person's, or kept apart.")


class Undo(Shape):
    undo_id: str | None = Field(
        default=None, max_length=128, description="The merge or split; without it the newest of the collection."
    )


class People:
    """`request.state.collection` is the collection of the path, for which the guard checked the right."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    @route(
        "GET",
        _PATH,
        tag="people",
        right=ops.ListPeople.right,
        answer=PeopleList,
        example=lambda: {"people": [EXAMPLE]},
        codes=(*_HERE, *LISTED),
    )
    async def list_people(
        self, request: Request, collection_id: CollectionId, query: Annotated[PeopleQuery, Query()]
    ) -> Response:
        """People of a collection, by name."""
        page = await self.edge.handle(
            ops.ListPeople(
                collection_id=request.state.collection,
                limit=query.limit,
                cursor=query.cursor,
                name=query.name,
                hidden=query.hidden,
            )
        )
        return answer(dump.people(page))

    @route(
        "POST",
        _PATH,
        tag="people",
        right=ops.NameFaces.right,
        body=JsonBody(NewPerson, {"name": "Ada King", "face_ids": [examples.FACE_ID]}),
        answer=NamedFacesAnswer,
        example=lambda: {"person": EXAMPLE, "face_ids": [examples.FACE_ID], "others": []},
        codes=(*_HERE, "face_not_found", "conflict", "storage_full"),
    )
    async def name_faces(self, request: Request, collection_id: CollectionId) -> Response:
        """Give faces without a name to the person of this name, who is made where there is none. Faces that are
        somebody's stay there. 409 where several people have the name."""
        wanted = await bodies.json(request, NewPerson)
        done = await self.edge.handle(
            ops.NameFaces(
                collection_id=request.state.collection,
                face_ids=wanted.face_ids,
                person_name=wanted.name,
                external_image_id=wanted.external_image_id,
            )
        )
        return answer(dump.named_faces(done))

    @route(
        "POST",
        _PATH + "/undo",
        tag="people",
        right=ops.UndoPeople.right,
        body=JsonBody(Undo, UNDONE),
        answer=UndoneAnswer,
        example=lambda: {"undone": "merge", "people": [EXAMPLE, {**EXAMPLE, "person_id": "person-9a7e2b4c685f1d0c"}]},
        codes=(*_HERE, "conflict", "storage_full"),
    )
    async def undo_people(self, request: Request, collection_id: CollectionId) -> Response:
        """Undo a merge or split: the one that is named, else the newest of the collection. 409 where there is none,
        or a later one has to be undone first."""
        wanted = await bodies.json(request, Undo)
        done = await self.edge.handle(ops.UndoPeople(collection_id=request.state.collection, undo_id=wanted.undo_id))
        return answer(dump.undone(done))

    @route(
        "GET",
        _PATH + "/{person_id}",
        tag="people",
        right=ops.GetPerson.right,
        answer=PersonAnswer,
        example=lambda: EXAMPLE,
        codes=_OF_ONE,
    )
    async def get_person(self, request: Request, collection_id: CollectionId, person_id: PersonId) -> Response:
        """One person."""
        found = await self.edge.handle(ops.GetPerson(collection_id=request.state.collection, person_id=person_id))
        return answer(dump.person(found))

    @route(
        "PATCH",
        _PATH + "/{person_id}",
        tag="people",
        right=ops.ChangePerson.right,
        body=JsonBody(PersonChange, {"name": "Keanu Reeves"}),
        answer=PersonAnswer,
        example=lambda: EXAMPLE,
        codes=_CHANGES,
    )
    async def change_person(self, request: Request, collection_id: CollectionId, person_id: PersonId) -> Response:
        """Rename, hide or show a person. Identities (ExternalImageId) of its faces stay as they are."""
        wanted = await bodies.json(request, PersonChange)
        name = wanted.name
        if name == "":
            raise InvalidValue("A name needs at least one character that can be seen.", field="name")
        if name is None and "name" in wanted.model_fields_set:
            name = ""
        changed = await self.edge.handle(
            ops.ChangePerson(
                collection_id=request.state.collection, person_id=person_id, person_name=name, hidden=wanted.hidden
            )
        )
        return answer(dump.person(changed))

    @route(
        "DELETE",
        _PATH + "/{person_id}",
        tag="people",
        right=ops.ErasePerson.right,
        answer=schemas.DeletedFaces,
        example=examples.deleted,
        codes=_OF_ONE,
    )
    async def erase_person(self, request: Request, collection_id: CollectionId, person_id: PersonId) -> Response:
        """Erase a person: all its faces with everything derived from them, and its name. The answer has a receipt."""
        done = await self.edge.handle(ops.ErasePerson(collection_id=request.state.collection, person_id=person_id))
        return answer(dump.erased(done))

    @route(
        "GET",
        _PATH + "/{person_id}/faces",
        tag="people",
        right=ops.ListPersonFaces.right,
        answer=schemas.FaceList,
        example=examples.faces,
        codes=(*_OF_ONE, *LISTED),
    )
    async def list_person_faces(
        self, request: Request, collection_id: CollectionId, person_id: PersonId, query: Annotated[PageQuery, Query()]
    ) -> Response:
        """Faces of a person, in the order in which they were stored."""
        recognizer, name = self.edge.recognizer, request.state.collection

        def find() -> dump.Json:
            page = recognizer.handle(
                ops.ListPersonFaces(collection_id=name, person_id=person_id, limit=query.limit, cursor=query.cursor)
            )
            model = self.edge.face_model(recognizer.handle(ops.DescribeCollection(collection_id=name)).pack)
            return dump.stored_faces(page.items, page.cursor, model)

        return answer(await self.edge.threads.call(find))

    @route(
        "POST",
        _PATH + "/{person_id}/faces",
        tag="people",
        right=ops.MoveFaces.right,
        body=JsonBody(PersonFaces, {"face_ids": [examples.FACE_ID]}),
        answer=PersonAnswer,
        example=lambda: EXAMPLE,
        codes=(*_CHANGES, "face_not_found"),
    )
    async def move_faces(self, request: Request, collection_id: CollectionId, person_id: PersonId) -> Response:
        """Move faces to this person, whomever they belonged to. A person without faces is deleted; whoever is indexed
        under its identity from then on is this one."""
        wanted = await bodies.json(request, PersonFaces)
        found = await self.edge.handle(
            ops.MoveFaces(collection_id=request.state.collection, person_id=person_id, face_ids=wanted.face_ids)
        )
        return answer(dump.person(found))

    @route(
        "POST",
        _PATH + "/{person_id}/merge",
        tag="people",
        right=ops.MergePeople.right,
        body=JsonBody(Merge, {"into": EXAMPLE["person_id"]}),
        answer=PersonAnswer,
        example=lambda: {**EXAMPLE, **UNDONE},
        codes=(*_CHANGES, "conflict"),
    )
    async def merge_people(self, request: Request, collection_id: CollectionId, person_id: PersonId) -> Response:
        """Merge a person into another one, who keeps its name and gets all faces. Whoever is indexed under the
        identities of either is that person from then on. 409 where both have a UserId. `people/undo` undoes it."""
        wanted = await bodies.json(request, Merge)
        merged = await self.edge.handle(
            ops.MergePeople(collection_id=request.state.collection, person_id=person_id, into=wanted.into)
        )
        return answer(dump.person(merged))

    @route(
        "POST",
        _PATH + "/{person_id}/split",
        tag="people",
        right=ops.SplitPerson.right,
        body=JsonBody(Split, {"face_ids": [examples.FACE_ID], "name": "Johnny Silverhand"}),
        answer=PersonAnswer,
        example=lambda: {**EXAMPLE, **UNDONE},
        status=201,
        codes=(*_CHANGES, "face_not_found", "conflict"),
    )
    async def split_person(self, request: Request, collection_id: CollectionId, person_id: PersonId) -> Response:
        """Split some of a person's faces off into another person; answers the new one. `people/undo` undoes it."""
        wanted = await bodies.json(request, Split)
        made = await self.edge.handle(
            ops.SplitPerson(
                collection_id=request.state.collection,
                person_id=person_id,
                face_ids=wanted.face_ids,
                person_name=wanted.name,
            )
        )
        return answer(dump.person(made), 201)
