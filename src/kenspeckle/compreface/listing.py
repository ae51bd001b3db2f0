"""Lists of a whole collection, which the core gives in pages: its faces and the names that they have."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from kenspeckle.compreface.edge import Edge
from kenspeckle.domain import Face, User, validation
from kenspeckle.domain import operations as ops

USERS = 500
"""Users of a page, as many as the core gives at once."""


def each_face(edge: Edge, collection: str, identity: str | None = None) -> Iterator[Face]:
    """Faces in the order they were stored; with `identity` those of that name."""
    cursor: str | None = None
    while True:
        page = edge.recognizer.handle(
            ops.ListFaces(
                collection_id=collection, external_image_id=identity, limit=validation.MAX_PAGE, cursor=cursor
            )
        )
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


def each_user(edge: Edge, collection: str) -> Iterator[User]:
    """All users, oldest first."""
    cursor: str | None = None
    while True:
        page = edge.recognizer.handle(ops.ListUsers(collection_id=collection, limit=USERS, cursor=cursor))
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


def identities(edge: Edge, collection: str) -> list[str]:
    """Names of faces, and of users without any: the subjects of CompreFace."""
    named = {face.external_image_id for face in each_face(edge, collection) if face.external_image_id}
    return sorted(named | {user.user_id for user in each_user(edge, collection) if not user.face_count})


def part(edge: Edge, collection: str, identity: str | None, start: int, size: int) -> tuple[list[Face], int]:
    """`size` faces from the number `start` on, and how many there are in all."""
    faces = each_face(edge, collection, identity)
    if identity is None:
        total = edge.recognizer.handle(ops.DescribeCollection(collection_id=collection)).face_count
        return list(islice(faces, start, start + size)) if start < total else [], total
    every = list(faces)
    return every[start : start + size], len(every)
