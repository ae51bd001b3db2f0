"""Handlers of groups of faces without a name, and of duplicate people."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api import examples, jobs
from kenspeckle.api import people as people_
from kenspeckle.api.edge import Edge, answer
from kenspeckle.api.people import PersonAnswer, PersonFaces, PersonId
from kenspeckle.api.queries import CollectionId, PageQuery
from kenspeckle.api.route import HERE, LISTED, JsonBody, route
from kenspeckle.api.schemas import Percent, PersonReference, Shape
from kenspeckle.domain import operations as ops
from kenspeckle.serving import bodies
from kenspeckle.shapes import dump

_PATH = "/v1/collections/{collection_id}"
_HERE = (*HERE, "not_offered")

EXAMPLE: dict[str, Any] = {
    "group_id": "group-7e2b4c685f1d0c9a",
    "face_count": 4,
    "cover_face_id": examples.FACE_ID,
    "face_ids": [examples.FACE_ID],
    "first_seen": "2026-01-27T07:31:00.000Z",
    "last_seen": "2026-01-31T12:00:00.000Z",
}

GroupId = Annotated[str, Path(description="Id of the group.", max_length=128)]
PairId = Annotated[str, Path(description="Id of the pair.", max_length=257)]


class GroupAnswer(Shape):
    """Faces without a name that seem to show one person."""

    group_id: str
    face_count: int
    cover_face_id: str = Field(description="The best face.")
    face_ids: list[str] = Field(description="The best first, at most 4,096.")
    first_seen: str = Field(description="When the first of the photographs was stored.")
    last_seen: str


class GroupList(Shape):
    groups: list[GroupAnswer] = Field(description="The largest first.")
    NextToken: str | None = None


class GroupName(Shape):
    name: str


class PairAnswer(Shape):
    pair_id: str
    people: list[PersonAnswer]
    similarity: Percent = Field(description="Of all faces of the one with all of the other.")
    evidence: list[str] = Field(description="Of each the face that is most like one of the other.")


class MisplacedAnswer(Shape):
    face_id: str
    person: PersonReference = Field(description="Whose it is.")
    similarity: Percent = Field(description="With the other faces of this person.")
    other: PersonReference = Field(description="Whose faces it is more like.")
    other_similarity: Percent


class CopyAnswer(Shape):
    image_id: str
    external_image_id: str | None


class MixedAnswer(Shape):
    person: PersonReference
    face_ids: list[list[str]] = Field(description="Faces that go together, the most first.")
    similarity: Percent = Field(description="Of the faces of the first two sets, on average.")


class MixedList(Shape):
    people: list[MixedAnswer] = Field(description="The least alike first.")


class Identities(Shape):
    external_image_ids: list[str] = Field(
        min_length=1, max_length=1000, description="Identities (ExternalImageId) whose people are looked at."
    )


class DuplicateList(Shape):
    pairs: list[PairAnswer] = Field(description="People who may be one, the most similar first.")
    faces: list[MisplacedAnswer] = Field(description="Faces that may be under a wrong name; with the first page.")
    photographs: list[list[CopyAnswer]] = Field(description="The same photograph stored twice; with the first page.")
    mixed: list[MixedAnswer] = Field(description="People whose faces seem to show several; with the first page.")
    alike: list[list[CopyAnswer]] = Field(description="Nearly the same photograph; with the first page.")
    NextToken: str | None = None


class Groups:
    """`request.state.collection` is the collection of the path, for which the guard checked the right."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    @route(
        "POST",
        _PATH + "/people/{person_id}/not",
        tag="people",
        right=ops.KeepApart.right,
        body=JsonBody(PersonFaces, {"face_ids": [examples.FACE_ID]}),
        answer=PersonAnswer,
        example=lambda: people_.EXAMPLE,
        codes=(*_HERE, "person_not_found", "face_not_found", "storage_full"),
    )
    async def keep_apart(self, request: Request, collection_id: CollectionId, person_id: PersonId) -> Response:
        """Remember permanently that faces do not show this person. Those that were its go to the person of their
        identity, or to nobody, and grouping never brings them back; to move them there by hand takes it back."""
        wanted = await bodies.json(request, PersonFaces)
        found = await self.edge.handle(
            ops.KeepApart(collection_id=request.state.collection, person_id=person_id, face_ids=wanted.face_ids)
        )
        return answer(dump.person(found))

    @route(
        "POST",
        _PATH + "/groups",
        tag="people",
        right=ops.GroupFaces.right,
        answer=jobs.JobAnswer,
        example=lambda: {**jobs.EXAMPLE, "kind": "groups", "state": "queued", "done": 0, "total": 0},
        status=202,
        codes=(*_HERE, "conflict", "storage_full"),
    )
    async def group_faces(self, request: Request, collection_id: CollectionId) -> Response:
        """Group all faces without a name: a job. Faces that arrive are grouped at once without it."""
        started = await self.edge.handle(ops.GroupFaces(collection_id=request.state.collection))
        return answer(dump.job(started), 202)

    @route(
        "GET",
        _PATH + "/groups",
        tag="people",
        right=ops.ListGroups.right,
        answer=GroupList,
        example=lambda: {"groups": [EXAMPLE]},
        codes=(*_HERE, *LISTED),
    )
    async def list_groups(
        self, request: Request, collection_id: CollectionId, query: Annotated[PageQuery, Query()]
    ) -> Response:
        """Groups of faces without a name, the largest first."""
        page = await self.edge.handle(
            ops.ListGroups(collection_id=request.state.collection, limit=query.limit, cursor=query.cursor)
        )
        return answer(dump.groups(page))

    @route(
        "POST",
        _PATH + "/groups/{group_id}/name",
        tag="people",
        right=ops.NameGroup.right,
        body=JsonBody(GroupName, {"name": "Keanu Reeves"}),
        answer=PersonAnswer,
        example=lambda: people_.EXAMPLE,
        codes=(*_HERE, "person_not_found", "storage_full"),
    )
    async def name_group(self, request: Request, collection_id: CollectionId, group_id: GroupId) -> Response:
        """Name a group: it is a person from then on, and takes faces without a name that come later and fit."""
        wanted = await bodies.json(request, GroupName)
        made = await self.edge.handle(
            ops.NameGroup(collection_id=request.state.collection, group_id=group_id, person_name=wanted.name)
        )
        return answer(dump.person(made))

    @route(
        "GET",
        _PATH + "/duplicates",
        tag="people",
        right=ops.ListDuplicates.right,
        answer=DuplicateList,
        example=lambda: {
            "pairs": [
                {
                    "pair_id": "person-5f1d0c9a7e2b4c68.person-9a7e2b4c685f1d0c",
                    "people": [people_.EXAMPLE, {**people_.EXAMPLE, "person_id": "person-9a7e2b4c685f1d0c"}],
                    "similarity": 98.1,
                    "evidence": [examples.FACE_ID, examples.FACE_ID],
                }
            ],
            "faces": [],
            "photographs": [],
            "mixed": [],
            "alike": [],
        },
        codes=(*_HERE, "pack_mismatch", *LISTED),
    )
    async def list_duplicates(
        self, request: Request, collection_id: CollectionId, query: Annotated[PageQuery, Query()]
    ) -> Response:
        """People who may be one, each pair with a face of both; faces that are more like another person's; photographs
        that are stored under several names, or nearly the same; people whose faces seem to show several. At most 1,000
        of each."""
        found = await self.edge.handle(
            ops.ListDuplicates(collection_id=request.state.collection, limit=query.limit, cursor=query.cursor)
        )
        return answer(dump.duplicates(found))

    @route(
        "POST",
        _PATH + "/people/mixed",
        tag="people",
        right=ops.FindMixedPeople.right,
        body=JsonBody(Identities, {"external_image_ids": ["keanu-reeves.jpg"]}),
        answer=MixedList,
        example=lambda: {
            "people": [
                {
                    "person": {"person_id": people_.EXAMPLE["person_id"], "name": people_.EXAMPLE["name"]},
                    "face_ids": [[examples.FACE_ID], [examples.FACE_ID]],
                    "similarity": 12.5,
                }
            ]
        },
        codes=(*_HERE, "pack_mismatch"),
    )
    async def find_mixed_people(self, request: Request, collection_id: CollectionId) -> Response:
        """Those of the people of some identities whose faces seem to show several people: what was indexed under a
        wrong name, or a photograph of several people that was indexed as one. Of each the 64 best faces are looked
        at."""
        wanted = await bodies.json(request, Identities)
        found = await self.edge.handle(
            ops.FindMixedPeople(collection_id=request.state.collection, external_image_ids=wanted.external_image_ids)
        )
        return answer({"people": [dump.mixed(one) for one in found]})

    @route(
        "DELETE",
        _PATH + "/duplicates/{pair_id}",
        tag="people",
        right=ops.DismissDuplicate.right,
        status=204,
        codes=(*_HERE, "person_not_found", "storage_full"),
    )
    async def dismiss_duplicate(self, request: Request, collection_id: CollectionId, pair_id: PairId) -> Response:
        """Remember permanently that two people are not one."""
        await self.edge.handle(ops.DismissDuplicate(collection_id=request.state.collection, pair_id=pair_id))
        return Response(status_code=204)
