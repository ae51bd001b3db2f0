"""Subjects: the names of people. A subject with photographs is an identity; one without is kept as a user."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.compreface import reading
from kenspeckle.compreface.edge import Edge, Entry, answer
from kenspeckle.compreface.errors import CONSTRAINT, NO_SUBJECT, SUBJECT_EXISTS, Refusal
from kenspeckle.compreface.listing import each_face, identities
from kenspeckle.compreface.names import identity_of, subject_of
from kenspeckle.domain import QualityFilter
from kenspeckle.domain import operations as ops
from kenspeckle.errors import Conflict, IdentityNotFound, UserNotFound

LONGEST = 128
"""Characters of a user's id, and so of the identity of a subject that is made without a photograph."""

MOST_RENAMED = 100
"""Faces that a renamed subject may have: each is enrolled again."""


async def add(edge: Edge, request: Request, collection: str) -> Response:
    subject = await reading.subject(request)
    await _make(edge, collection, identity_of(subject), subject)
    return answer({"subject": subject}, 201)


async def list_subjects(edge: Edge, request: Request, collection: str) -> Response:
    found = await edge.threads.call(identities, edge, collection)
    return answer({"subjects": sorted(map(subject_of, found))})


async def rename(edge: Edge, request: Request, collection: str) -> Response:
    """An identity never changes: its photographs are enrolled under the other name, and erased under this one."""
    old, new = identity_of(request.path_params["subject"]), await reading.subject(request)
    if identity_of(new) == old:
        return answer({"updated": True})
    if not await _has_faces(edge, collection, old):
        if not await _is_user(edge, collection, old):
            raise _missing(request.path_params["subject"])
        if not await _has_faces(edge, collection, identity_of(new)):
            await _make(edge, collection, identity_of(new), new)
        await edge.handle(ops.DeleteUser(collection_id=collection, user_id=old))
        return answer({"updated": True})
    edge.gate.check()
    with edge.gate.admit(checked=True):
        await edge.threads.call(_enrol_again, edge, collection, old, identity_of(new))
    await _erase(edge, collection, old)
    return answer({"updated": True})


async def delete(edge: Edge, request: Request, collection: str) -> Response:
    subject = request.path_params["subject"]
    if not await _erase(edge, collection, identity_of(subject)):
        raise _missing(subject)
    return answer({"subject": subject})


async def delete_all(edge: Edge, request: Request, collection: str) -> Response:
    found = await edge.threads.call(identities, edge, collection)
    for identity in found:
        await _erase(edge, collection, identity)
    return answer({"deleted": len(found)})


async def _make(edge: Edge, collection: str, identity: str, subject: str) -> None:
    if len(identity) > LONGEST:
        raise Refusal(CONSTRAINT, f"A subject without a photograph has {LONGEST} characters at most as it is stored.")
    exists = Refusal(SUBJECT_EXISTS, f"Subject '{subject[:100]}' already exists")
    if await _has_faces(edge, collection, identity):
        raise exists
    try:
        await edge.handle(ops.CreateUser(collection_id=collection, user_id=identity))
    except Conflict:
        raise exists from None


async def _has_faces(edge: Edge, collection: str, identity: str) -> bool:
    page = await edge.handle(ops.ListFaces(collection_id=collection, external_image_id=identity, limit=1))
    return bool(page.items)


async def _is_user(edge: Edge, collection: str, identity: str) -> bool:
    if len(identity) > LONGEST:
        return False
    try:
        await edge.handle(ops.GetUser(collection_id=collection, user_id=identity))
    except UserNotFound:
        return False
    return True


async def _erase(edge: Edge, collection: str, identity: str) -> bool:
    """Erase a subject's photographs and the subject; whether there was one."""
    was_user = await _is_user(edge, collection, identity)
    if was_user:
        await edge.handle(ops.DeleteUser(collection_id=collection, user_id=identity))
    try:
        await edge.handle(ops.EraseIdentity(collection_id=collection, external_image_id=identity))
    except IdentityNotFound:
        return was_user
    return True


def _enrol_again(edge: Edge, collection: str, old: str, new: str) -> None:
    """Raises ImageNotFound where an original is not kept; then nothing is erased, and asking again goes on."""
    faces = list(each_face(edge, collection, old))
    if len(faces) > MOST_RENAMED:
        raise Refusal(
            CONSTRAINT, f"The subject has {len(faces)} photographs; with {MOST_RENAMED} or fewer it can be renamed."
        )
    images = {face.image_id: face.face_id for face in faces}
    for face_id in images.values():
        image, data = edge.recognizer.handle(ops.GetFaceImage(collection_id=collection, face_id=face_id))
        edge.recognizer.handle(
            ops.IndexFaces(
                collection_id=collection,
                image=data,
                external_image_id=new,
                metadata=image.metadata,
                quality=QualityFilter.NONE,
            )
        )


def _missing(subject: str) -> Refusal:
    return Refusal(NO_SUBJECT, f"Subject '{subject[:100]}' not found")


ENTRIES = (
    Entry("POST", "/api/v1/recognition/subjects", ops.CreateUser.right, add),
    Entry("GET", "/api/v1/recognition/subjects", ops.ListFaces.right, list_subjects),
    Entry("DELETE", "/api/v1/recognition/subjects", ops.EraseIdentity.right, delete_all),
    Entry("PUT", "/api/v1/recognition/subjects/{subject:path}", ops.EraseIdentity.right, rename),
    Entry("DELETE", "/api/v1/recognition/subjects/{subject:path}", ops.EraseIdentity.right, delete),
)
