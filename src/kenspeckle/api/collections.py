"""Handlers of collections and of the faces in them: create, read, list, search by a stored face, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api.edge import Edge, answer
from kenspeckle.api.queries import FaceSearchQuery, FacesQuery, IdentityQuery, PageQuery, ReceiptQuery
from kenspeckle.api.recognition import FaceId
from kenspeckle.api.schemas import CollectionChange, FaceIds, NewCollection
from kenspeckle.domain import Collection, Scope, validation
from kenspeckle.domain import operations as ops
from kenspeckle.errors import AlreadyExists, Conflict, FaceNotFound
from kenspeckle.serving import bodies
from kenspeckle.shapes import dump

CollectionId = Annotated[
    str,
    Path(
        description="Name of the collection: 1 to 255 letters, digits, '_', '.' or '-'.",
        json_schema_extra={"pattern": "^[a-zA-Z0-9_.\\-]{1,255}$"},
        examples=["visitors"],
    ),
]
NOT_FOUND = "FACE_NOT_FOUND"


class Collections:
    """`request.state.collection` is the collection of the path, for which the guard checked the right."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    async def list_collections(self, request: Request, query: Annotated[PageQuery, Query()]) -> Response:
        """All collections. A key of single collections is shown those; its pages may be shorter than asked for."""
        page = await self.edge.handle(ops.ListCollections(limit=query.limit, cursor=query.cursor))
        shown = [one for one in page.items if request.state.principal.may(Scope.READ, one.collection_id)]
        content: dump.Json = {
            "CollectionIds": [one.collection_id for one in shown],
            "FaceModelVersions": [self.edge.face_model(one.pack) for one in shown],
            "Collections": [self._shape(one) for one in shown],
        }
        if page.cursor is not None:
            content["NextToken"] = page.cursor
        return answer(content)

    async def create_collection(self, request: Request) -> Response:
        """Create a collection; 409 where the name is taken. It belongs to the server's model pack for good."""
        wanted = await bodies.json(request, NewCollection)
        made = await self.edge.handle(ops.CreateCollection(collection_id=wanted.CollectionId, tags=wanted.Tags or {}))
        return answer(self._shape(made), 201)

    async def ensure_collection(self, request: Request, collection_id: CollectionId) -> Response:
        """Create a collection (201), or find that it exists (200).

        A body with `RetentionDays` sets the age at which its faces are erased; without a body that stays as it is."""
        recognizer, name = self.edge.recognizer, request.state.collection
        wanted = await bodies.json(request, CollectionChange)

        def ensure() -> tuple[Collection, int]:
            try:
                found, status = recognizer.handle(ops.CreateCollection(collection_id=name)), 201
            except AlreadyExists:
                found, status = recognizer.handle(ops.DescribeCollection(collection_id=name)), 200
            if "RetentionDays" in wanted.model_fields_set and found.retention_days != wanted.RetentionDays:
                found = recognizer.handle(ops.RetainCollection(collection_id=name, days=wanted.RetentionDays))
            return found, status

        made, status = await self.edge.threads.call(ensure)
        return answer(self._shape(made), status)

    async def describe_collection(self, request: Request, collection_id: CollectionId) -> Response:
        """A collection with its counts, its pack and its tags."""
        found = await self.edge.handle(ops.DescribeCollection(collection_id=request.state.collection))
        return answer(self._shape(found))

    async def delete_collection(
        self, request: Request, collection_id: CollectionId, query: Annotated[ReceiptQuery, Query()]
    ) -> Response:
        """Delete a collection with all its faces, users and photographs. There is no way back."""
        name = request.state.collection
        if query.receipt:
            return answer(dump.erased(await self.edge.handle(ops.EraseCollection(collection_id=name))))
        await self.edge.handle(ops.DeleteCollection(collection_id=name))
        return Response(status_code=204)

    async def list_faces(
        self, request: Request, collection_id: CollectionId, query: Annotated[FacesQuery, Query()]
    ) -> Response:
        """Faces in the order in which they were stored, of a user or an identity if one is named."""
        recognizer, name = self.edge.recognizer, request.state.collection

        def read() -> dump.Json:
            page = recognizer.handle(
                ops.ListFaces(
                    collection_id=name,
                    limit=query.limit,
                    cursor=query.cursor,
                    user_id=query.user_id,
                    external_image_id=query.external_image_id,
                )
            )
            return dump.list_faces(page.items, page.cursor, self._model(name))

        return answer(await self.edge.threads.call(read))

    async def get_face(self, request: Request, collection_id: CollectionId, face_id: FaceId) -> Response:
        """A stored face with everything that its photograph told."""
        record = await self.edge.handle(ops.GetFace(collection_id=request.state.collection, face_id=face_id))
        return answer(dump.face_record(record))

    async def delete_face(self, request: Request, collection_id: CollectionId, face_id: FaceId) -> Response:
        """Delete one face; 409 as long as it belongs to a user. Its photograph goes with the last of its faces."""
        done = await self.edge.handle(ops.DeleteFaces(collection_id=request.state.collection, face_ids=[face_id]))
        for one in done.unsuccessful:
            if NOT_FOUND in one.reasons:
                raise FaceNotFound(f"There is no face {face_id!r} in this collection.", field="face_id")
            raise Conflict(
                f"The face {face_id!r} belongs to a user. Take it from the user first, or delete the user.",
                field="face_id",
            )
        return answer(dump.with_receipt(dump.delete_faces(done), done.receipt))

    async def delete_faces(self, request: Request, collection_id: CollectionId) -> Response:
        """Delete up to 4,096 faces by id. The answer names those that stayed, and why."""
        wanted = await bodies.json(request, FaceIds)
        done = await self.edge.handle(
            ops.DeleteFaces(collection_id=request.state.collection, face_ids=wanted.FaceIds),
        )
        return answer(dump.with_receipt(dump.delete_faces(done), done.receipt))

    async def delete_identity(
        self, request: Request, collection_id: CollectionId, query: Annotated[IdentityQuery, Query()]
    ) -> Response:
        """Erase one identity: every face of one ExternalImageId, those of users too, and their photographs."""
        identity = validation.external_image_id(query.external_image_id)
        done = await self.edge.handle(
            ops.EraseIdentity(collection_id=request.state.collection, external_image_id=identity)
        )
        return answer(dump.erased(done))

    async def search_face(
        self,
        request: Request,
        collection_id: CollectionId,
        face_id: FaceId,
        query: Annotated[FaceSearchQuery, Query()],
    ) -> Response:
        """Find stored faces like a stored one, which is not among them. As SearchFaces of Rekognition."""
        recognizer, name = self.edge.recognizer, request.state.collection

        def search() -> dump.Json:
            matches = recognizer.handle(
                ops.SearchFaces(
                    collection_id=name, face_id=face_id, threshold=query.threshold, max_faces=query.max_faces
                )
            )
            return dump.search_faces(face_id, matches, self._model(name))

        return answer(await self.edge.threads.call(search))

    def _model(self, collection_id: str) -> str:
        return self.edge.face_model(
            self.edge.recognizer.handle(ops.DescribeCollection(collection_id=collection_id)).pack
        )

    def _shape(self, collection: Collection) -> dump.Json:
        return dump.collection(
            collection, self.edge.arn(collection.collection_id), self.edge.face_model(collection.pack)
        )
