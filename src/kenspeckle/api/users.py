"""Handlers of users, each several faces of one person: create, read, list, associate faces, search, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api import examples, schemas
from kenspeckle.api.body_schemas import AssociatedFaceIds, FaceIds
from kenspeckle.api.edge import Edge, answer
from kenspeckle.api.openapi import PHOTOGRAPH_BODY
from kenspeckle.api.queries import (
    CollectionId,
    FaceId,
    UserDeletionQuery,
    UserId,
    UserImageSearchQuery,
    UserSearchQuery,
    UsersQuery,
)
from kenspeckle.api.route import BOUND, HERE, LISTED, PHOTOGRAPH, JsonBody, route
from kenspeckle.domain import User
from kenspeckle.domain import operations as ops
from kenspeckle.errors import Conflict, FaceNotFound
from kenspeckle.serving import bodies
from kenspeckle.shapes import dump


class Users:
    """`request.state.collection` is the collection of the path, for which the guard checked the right."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    @route(
        "GET",
        "/v1/collections/{collection_id}/users",
        tag="users",
        right=ops.ListUsers.right,
        answer=schemas.UserList,
        example=examples.users,
        codes=(*HERE, *LISTED),
    )
    async def list_users(
        self, request: Request, collection_id: CollectionId, query: Annotated[UsersQuery, Query()]
    ) -> Response:
        """Users of a collection."""
        page = await self.edge.handle(
            ops.ListUsers(collection_id=request.state.collection, limit=query.limit, cursor=query.cursor),
        )
        return answer(dump.list_users(page.items, page.cursor))

    @route(
        "POST",
        "/v1/collections/{collection_id}/users/search",
        tag="users",
        right=ops.SearchUsersByImage.right,
        body=PHOTOGRAPH_BODY,
        answer=schemas.SearchUsersByImage,
        example=examples.user_image_search,
        codes=(*PHOTOGRAPH, *BOUND),
    )
    async def search_users_by_image(
        self, request: Request, collection_id: CollectionId, query: Annotated[UserImageSearchQuery, Query()]
    ) -> Response:
        """Find which users the largest face of a photograph resembles. As SearchUsersByImage of Rekognition.

        The body is the photograph, raw or as base64 text. A photograph without a face answers no matches."""
        edge = self.edge
        body = await edge.photograph(request)
        with edge.admit(request):
            found = await edge.threads.call(
                lambda: edge.recognizer.handle(
                    ops.SearchUsersByImage(
                        collection_id=request.state.collection,
                        image=body.image(),
                        threshold=query.threshold,
                        max_users=query.max_users,
                        quality=query.quality,
                    )
                )
            )
        return answer(dump.search_users_by_image(found))

    @route(
        "PUT",
        "/v1/collections/{collection_id}/users/{user_id}",
        tag="users",
        right=ops.CreateUser.right,
        answer=schemas.UserDescription,
        example=examples.user,
        also=(201,),
        codes=HERE,
    )
    async def ensure_user(self, request: Request, collection_id: CollectionId, user_id: UserId) -> Response:
        """Create a user (201), or find that it exists (200). Faces are given to it by association."""
        recognizer, name = self.edge.recognizer, request.state.collection

        def ensure() -> tuple[User, int]:
            try:
                recognizer.handle(ops.CreateUser(collection_id=name, user_id=user_id))
            except Conflict:
                return recognizer.handle(ops.GetUser(collection_id=name, user_id=user_id)), 200
            return recognizer.handle(ops.GetUser(collection_id=name, user_id=user_id)), 201

        made, status = await self.edge.threads.call(ensure)
        return answer(dump.user_description(made), status)

    @route(
        "GET",
        "/v1/collections/{collection_id}/users/{user_id}",
        tag="users",
        right=ops.GetUser.right,
        answer=schemas.UserDescription,
        example=examples.user,
        codes=(*HERE, "user_not_found"),
    )
    async def get_user(self, request: Request, collection_id: CollectionId, user_id: UserId) -> Response:
        """A user and how many faces it has."""
        found = await self.edge.handle(ops.GetUser(collection_id=request.state.collection, user_id=user_id))
        return answer(dump.user_description(found))

    @route(
        "DELETE",
        "/v1/collections/{collection_id}/users/{user_id}",
        tag="users",
        right=ops.DeleteUser.right,
        answer=schemas.DeletedFaces,
        example=examples.deleted,
        also=(204,),
        codes=(*HERE, "user_not_found"),
    )
    async def delete_user(
        self,
        request: Request,
        collection_id: CollectionId,
        user_id: UserId,
        query: Annotated[UserDeletionQuery, Query()],
    ) -> Response:
        """Delete a user. Its faces stay in the collection, no longer anyone's; with `faces` they are erased too."""
        if query.faces:
            done = await self.edge.handle(ops.EraseUser(collection_id=request.state.collection, user_id=user_id))
            return answer(dump.erased(done))
        await self.edge.handle(ops.DeleteUser(collection_id=request.state.collection, user_id=user_id))
        return Response(status_code=204)

    @route(
        "POST",
        "/v1/collections/{collection_id}/users/{user_id}/faces",
        tag="users",
        right=ops.AssociateFaces.right,
        body=JsonBody(AssociatedFaceIds, {"FaceIds": [examples.FACE_ID], "UserMatchThreshold": 75}),
        answer=schemas.AssociateFaces,
        example=examples.associated,
        codes=(*HERE, "user_not_found", "quota_exceeded"),
    )
    async def associate_faces(self, request: Request, collection_id: CollectionId, user_id: UserId) -> Response:
        """Give faces to a user, at most 100 in all. Each must resemble those that it has by UserMatchThreshold."""
        wanted = await bodies.json(request, AssociatedFaceIds)
        done = await self.edge.handle(
            ops.AssociateFaces(
                collection_id=request.state.collection,
                user_id=user_id,
                face_ids=wanted.FaceIds,
                threshold=wanted.UserMatchThreshold,
            ),
        )
        return answer(dump.associate_faces(done))

    @route(
        "POST",
        "/v1/collections/{collection_id}/users/{user_id}/faces/delete",
        tag="users",
        right=ops.DisassociateFaces.right,
        body=JsonBody(FaceIds, {"FaceIds": [examples.FACE_ID]}),
        answer=schemas.DisassociateFaces,
        example=examples.disassociated,
        codes=(*HERE, "user_not_found"),
    )
    async def disassociate_faces(self, request: Request, collection_id: CollectionId, user_id: UserId) -> Response:
        """Take faces from a user. They stay in the collection."""
        wanted = await bodies.json(request, FaceIds)
        done = await self.edge.handle(
            ops.DisassociateFaces(collection_id=request.state.collection, user_id=user_id, face_ids=wanted.FaceIds),
        )
        return answer(dump.disassociate_faces(done))

    @route(
        "DELETE",
        "/v1/collections/{collection_id}/users/{user_id}/faces/{face_id}",
        tag="users",
        right=ops.DisassociateFaces.right,
        answer=schemas.DisassociateFaces,
        example=examples.disassociated,
        codes=(*HERE, "user_not_found", "face_not_found"),
    )
    async def disassociate_face(
        self, request: Request, collection_id: CollectionId, user_id: UserId, face_id: FaceId
    ) -> Response:
        """Take one face from a user. It stays in the collection."""
        done = await self.edge.handle(
            ops.DisassociateFaces(collection_id=request.state.collection, user_id=user_id, face_ids=[face_id]),
        )
        if done.unsuccessful:
            raise FaceNotFound(f"The user {user_id!r} has no face {face_id!r}.", field="face_id")
        return answer(dump.disassociate_faces(done))

    @route(
        "POST",
        "/v1/collections/{collection_id}/users/{user_id}/search",
        tag="users",
        right=ops.SearchUsers.right,
        answer=schemas.SearchUsers,
        example=examples.user_search,
        codes=(*BOUND, "user_not_found"),
    )
    async def search_user(
        self,
        request: Request,
        collection_id: CollectionId,
        user_id: UserId,
        query: Annotated[UserSearchQuery, Query()],
    ) -> Response:
        """Find users like a user, which is not among them. As SearchUsers of Rekognition."""
        recognizer, name = self.edge.recognizer, request.state.collection

        def search() -> dump.Json:
            matches = recognizer.handle(
                ops.SearchUsers(
                    collection_id=name, user_id=user_id, threshold=query.threshold, max_users=query.max_users
                )
            )
            model = self.edge.face_model(recognizer.handle(ops.DescribeCollection(collection_id=name)).pack)
            return dump.search_users(matches, model, user_id=user_id)

        return answer(await self.edge.threads.call(search))
