"""Handlers of collections and of the faces in them: create, read, list, search by a stored face, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api import examples, schemas
from kenspeckle.api.body_schemas import CollectionChange, FaceIds, NewCollection, ThumbnailIds
from kenspeckle.api.edge import Edge, answer
from kenspeckle.api.queries import (
    CollectionId,
    FaceId,
    FaceSearchQuery,
    FacesQuery,
    IdentityQuery,
    PageQuery,
    ReceiptQuery,
)
from kenspeckle.api.route import ADMIN, BOUND, HERE, LISTED, JsonBody, route
from kenspeckle.domain import Collection, validation
from kenspeckle.domain import operations as ops
from kenspeckle.errors import AlreadyExists, Conflict, FaceNotFound, PackMismatch
from kenspeckle.serving import bodies
from kenspeckle.shapes import dump

NOT_FOUND = "FACE_NOT_FOUND"


class Collections:
    """`request.state.collection` is the collection of the path, for which the guard checked the right."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    @route(
        "GET",
        "/v1/collections",
        tag="collections",
        right=ops.ListCollections.right,
        answer=schemas.CollectionList,
        example=examples.collections,
        codes=LISTED,
    )
    async def list_collections(self, request: Request, query: Annotated[PageQuery, Query()]) -> Response:
        """All collections. A key that is limited to collections sees only those."""
        only = request.state.principal.only
        page = await self.edge.handle(ops.ListCollections(limit=query.limit, cursor=query.cursor, only=only))
        shown = page.items
        content: dump.Json = {
            "CollectionIds": [one.collection_id for one in shown],
            "FaceModelVersions": [self.edge.face_model(one.pack) for one in shown],
            "Collections": [self._shape(one) for one in shown],
        }
        if page.cursor is not None:
            content["NextToken"] = page.cursor
        return answer(content)

    @route(
        "POST",
        "/v1/collections",
        tag="collections",
        right=ADMIN,  # the body names the collection, so the key must be one for all collections
        body=JsonBody(NewCollection, {"CollectionId": "visitors", "Tags": {"site": "lobby"}}),
        answer=schemas.Collection,
        example=examples.collection,
        status=201,
        codes=("already_exists", "storage_full", "model_missing", "not_offered"),
    )
    async def create_collection(self, request: Request) -> Response:
        """Create a collection; 409 where the name is taken. It is bound to `Pack`, or to the default model pack."""
        wanted = await bodies.json(request, NewCollection)
        made = await self.edge.handle(
            ops.CreateCollection(collection_id=wanted.CollectionId, tags=wanted.Tags or {}, pack=wanted.Pack)
        )
        return answer(self._shape(made), 201)

    @route(
        "PUT",
        "/v1/collections/{collection_id}",
        tag="collections",
        right=ops.CreateCollection.right,
        body=JsonBody(CollectionChange, {"RetentionDays": 30}),
        answer=schemas.Collection,
        example=examples.collection,
        also=(201,),
        codes=("storage_full", "pack_mismatch", "model_missing", "not_offered"),
    )
    async def ensure_collection(self, request: Request, collection_id: CollectionId) -> Response:
        """Create a collection (201), or find that it exists (200).

        A body with `RetentionDays` sets the age at which its faces are erased; without a body that stays as it is. With
        `Pack`, 409 where the collection exists and belongs to another model pack."""
        recognizer, name = self.edge.recognizer, request.state.collection
        wanted = await bodies.json(request, CollectionChange)

        def ensure() -> tuple[Collection, int]:
            try:
                found, status = recognizer.handle(ops.CreateCollection(collection_id=name, pack=wanted.Pack)), 201
            except AlreadyExists:
                found, status = recognizer.handle(ops.DescribeCollection(collection_id=name)), 200
            if wanted.Pack not in (None, found.pack):
                raise PackMismatch(
                    f"The collection '{name}' belongs to the pack '{found.pack}'. An upgrade brings it to the "
                    f"pack '{wanted.Pack}': POST /v1/collections/{name}/upgrade.",
                    field="pack",
                )
            if "RetentionDays" in wanted.model_fields_set and found.retention_days != wanted.RetentionDays:
                found = recognizer.handle(ops.RetainCollection(collection_id=name, days=wanted.RetentionDays))
            return found, status

        made, status = await self.edge.threads.call(ensure)
        return answer(self._shape(made), status)

    @route(
        "GET",
        "/v1/collections/{collection_id}",
        tag="collections",
        right=ops.DescribeCollection.right,
        answer=schemas.Collection,
        example=examples.collection,
        codes=HERE,
    )
    async def describe_collection(self, request: Request, collection_id: CollectionId) -> Response:
        """A collection with its counts, its pack and its tags."""
        found = await self.edge.handle(ops.DescribeCollection(collection_id=request.state.collection))
        return answer(self._shape(found))

    @route(
        "DELETE",
        "/v1/collections/{collection_id}",
        tag="collections",
        right=ops.DeleteCollection.right,
        answer=schemas.DeletedFaces,
        example=examples.deleted,
        also=(204,),
        codes=HERE,
    )
    async def delete_collection(
        self, request: Request, collection_id: CollectionId, query: Annotated[ReceiptQuery, Query()]
    ) -> Response:
        """Delete a collection with all its faces, users and photographs. This can't be undone."""
        name = request.state.collection
        if query.receipt:
            return answer(dump.erased(await self.edge.handle(ops.EraseCollection(collection_id=name))))
        await self.edge.handle(ops.DeleteCollection(collection_id=name))
        return Response(status_code=204)

    @route(
        "GET",
        "/v1/collections/{collection_id}/faces",
        tag="faces",
        right=ops.ListFaces.right,
        answer=schemas.FaceList,
        example=examples.faces,
        codes=(*HERE, "user_not_found", *LISTED),
    )
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
            return dump.stored_faces(page.items, page.cursor, self._model(name))

        return answer(await self.edge.threads.call(read))

    @route(
        "DELETE",
        "/v1/collections/{collection_id}/faces",
        tag="faces",
        right=ops.EraseIdentity.right,
        answer=schemas.DeletedFaces,
        example=examples.deleted,
        codes=(*HERE, "identity_not_found"),
    )
    async def delete_identity(
        self, request: Request, collection_id: CollectionId, query: Annotated[IdentityQuery, Query()]
    ) -> Response:
        """Erase one identity: every face of one ExternalImageId, those of users too, and their photographs."""
        identity = validation.external_image_id(query.external_image_id)
        done = await self.edge.handle(
            ops.EraseIdentity(collection_id=request.state.collection, external_image_id=identity)
        )
        return answer(dump.erased(done))

    @route(
        "POST",
        "/v1/collections/{collection_id}/faces/delete",
        tag="faces",
        right=ops.DeleteFaces.right,
        body=JsonBody(FaceIds, {"FaceIds": [examples.FACE_ID]}),
        answer=schemas.DeletedFaces,
        example=examples.deleted,
        codes=HERE,
    )
    async def delete_faces(self, request: Request, collection_id: CollectionId) -> Response:
        """Delete up to 4,096 faces by id. The answer names those that stayed, and why."""
        wanted = await bodies.json(request, FaceIds)
        done = await self.edge.handle(
            ops.DeleteFaces(collection_id=request.state.collection, face_ids=wanted.FaceIds),
        )
        return answer(dump.with_receipt(dump.delete_faces(done), done.receipt))

    @route(
        "POST",
        "/v1/collections/{collection_id}/thumbnails",
        tag="faces",
        right=ops.GetThumbnails.right,
        body=JsonBody(ThumbnailIds, {"face_ids": [examples.FACE_ID]}),
        answer=schemas.Thumbnails,
        example=lambda: {"thumbnails": [{"face_id": examples.FACE_ID, "jpeg": "/9j/4AAQSkZJRg=="}]},
        codes=(*HERE, "overloaded"),
    )
    async def thumbnails(self, request: Request, collection_id: CollectionId) -> Response:
        """Up to 100 faces cut out, each a JPEG of at most 256 pixels as base64: a page of pictures for one row of the
        audit trail. Faces that are gone, or whose picture is not kept, are left out."""
        wanted = await bodies.json(request, ThumbnailIds)
        with self.edge.gate.admit():
            found = await self.edge.handle(
                ops.GetThumbnails(collection_id=request.state.collection, face_ids=wanted.face_ids)
            )
        return answer(dump.thumbnails(found))

    @route(
        "GET",
        "/v1/collections/{collection_id}/faces/{face_id}",
        tag="faces",
        right=ops.GetFace.right,
        answer=schemas.StoredFaceRecord,
        example=examples.face,
        codes=(*HERE, "face_not_found"),
    )
    async def get_face(self, request: Request, collection_id: CollectionId, face_id: FaceId) -> Response:
        """A stored face with everything that its photograph told."""
        record = await self.edge.handle(ops.GetFace(collection_id=request.state.collection, face_id=face_id))
        return answer(dump.with_person(dump.stored_face_record(record), record.person))

    @route(
        "DELETE",
        "/v1/collections/{collection_id}/faces/{face_id}",
        tag="faces",
        right=ops.DeleteFaces.right,
        answer=schemas.DeletedFaces,
        example=examples.deleted,
        codes=(*HERE, "face_not_found", "conflict"),
    )
    async def delete_face(self, request: Request, collection_id: CollectionId, face_id: FaceId) -> Response:
        """Delete one face; 409 as long as it belongs to a user. Its photograph is deleted with the last of its
        faces."""
        done = await self.edge.handle(ops.DeleteFaces(collection_id=request.state.collection, face_ids=[face_id]))
        for one in done.unsuccessful:
            if NOT_FOUND in one.reasons:
                raise FaceNotFound(f"There is no face {face_id!r} in this collection.", field="face_id")
            raise Conflict(
                f"The face {face_id!r} belongs to a user. Take it from the user first, or delete the user.",
                field="face_id",
            )
        return answer(dump.with_receipt(dump.delete_faces(done), done.receipt))

    @route(
        "POST",
        "/v1/collections/{collection_id}/faces/{face_id}/search",
        tag="faces",
        right=ops.SearchFaces.right,
        answer=schemas.SearchFaces,
        example=examples.face_search,
        codes=(*BOUND, "face_not_found"),
    )
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
            return dump.search_faces(face_id, matches, self._model(name), people=True)

        return answer(await self.edge.threads.call(search))

    def _model(self, collection_id: str) -> str:
        return self.edge.face_model(
            self.edge.recognizer.handle(ops.DescribeCollection(collection_id=collection_id)).pack
        )

    def _shape(self, collection: Collection) -> dump.Json:
        return dump.collection(
            collection, self.edge.arn(collection.collection_id), self.edge.face_model(collection.pack)
        )
