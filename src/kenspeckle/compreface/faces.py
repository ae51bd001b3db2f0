"""Examples: stored photographs of subjects, each with one face. Their id is the face's."""

from __future__ import annotations

import math
import uuid

from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.compreface import answers, parameters, reading
from kenspeckle.compreface.edge import Edge, Entry, answer
from kenspeckle.compreface.errors import CONSTRAINT, NO_FACE, NO_IMAGE, Refusal
from kenspeckle.compreface.listing import each_face, part
from kenspeckle.compreface.names import identity_of
from kenspeckle.domain import Face, validation
from kenspeckle.domain import operations as ops
from kenspeckle.errors import FaceNotFound, IdentityNotFound, ImageNotFound, InvalidValue


async def add(edge: Edge, request: Request, collection: str) -> Response:
    subject = parameters.subject(request, needed=True) or ""
    identity, least = identity_of(subject), parameters.detection(request).least
    edge.gate.check()
    (body,) = await reading.photographs(request, edge.settings.max_image_bytes, "file")
    with edge.admit(request):
        done = await edge.threads.call(
            lambda: edge.recognizer.handle(
                ops.IndexFaces(
                    collection_id=collection,
                    image=body.image(),
                    external_image_id=identity,
                    max_faces=1,
                    least_confidence=least,
                    alone=True,
                )
            )
        )
    if not done.records:
        reasons = sorted({reason.value for face in done.unindexed for reason in face.reasons})
        why = f" good enough to be stored ({', '.join(reasons)})" if reasons else ""
        raise Refusal(NO_FACE, f"No face{why} is found in the given image")
    return answer({"image_id": done.records[0].face.face_id, "subject": subject}, 201)


async def list_faces(edge: Edge, request: Request, collection: str) -> Response:
    number, size = parameters.page(request)
    subject = parameters.subject(request)
    identity = None if subject is None else identity_of(subject)
    some, total = await edge.threads.call(part, edge, collection, identity, number * size, size)
    return answer(
        {
            "faces": answers.examples(some),
            "page_number": number,
            "page_size": size,
            "total_pages": math.ceil(total / size),
            "total_elements": total,
        }
    )


async def delete_of_subject(edge: Edge, request: Request, collection: str) -> Response:
    """Every face of the subject, or of all; subjects stay where they were made by themselves."""
    subject = parameters.subject(request)
    if subject is not None:
        return answer({"deleted": await _erase(edge, collection, identity_of(subject))})
    faces = await edge.threads.call(lambda: list(each_face(edge, collection)))
    deleted = 0
    for identity in dict.fromkeys(face.external_image_id for face in faces if face.external_image_id):
        deleted += await _erase(edge, collection, identity)
    unnamed = [face.face_id for face in faces if not face.external_image_id]
    for start in range(0, len(unnamed), validation.MAX_FACE_IDS):
        some = unnamed[start : start + validation.MAX_FACE_IDS]
        deleted += len((await edge.handle(ops.DeleteFaces(collection_id=collection, face_ids=some))).deleted)
    return answer({"deleted": deleted})


async def delete(edge: Edge, request: Request, collection: str) -> Response:
    face = await _face(edge, collection, request.path_params["image_id"])
    done = await edge.handle(ops.DeleteFaces(collection_id=collection, face_ids=[face.face_id]))
    if not done.deleted:
        raise Refusal(CONSTRAINT, f"The face belongs to the user '{face.user_id}': take it from there first.")
    return answer(answers.example(face))


async def delete_several(edge: Edge, request: Request, collection: str) -> Response:
    """Those that are not there are ignored."""
    named = [one for one in dict.fromkeys(await reading.ids(request)) if _is_id(one)]
    if len(named) > validation.MAX_FACE_IDS:
        raise Refusal(CONSTRAINT, f"At most {validation.MAX_FACE_IDS} ids can be named at once.")
    if not named:
        return answer([])
    page = await edge.handle(
        ops.ListFaces(collection_id=collection, face_ids=named, limit=min(len(named), validation.MAX_PAGE))
    )
    done = await edge.handle(ops.DeleteFaces(collection_id=collection, face_ids=named))
    gone = set(done.deleted)
    return answer(answers.examples([face for face in page.items if face.face_id in gone]))


async def image(edge: Edge, request: Request, collection: str) -> Response:
    """The photograph; where originals are not kept, the face cut out."""
    face = await _face(edge, collection, request.path_params["image_id"])
    try:
        kept, data = await edge.handle(ops.GetFaceImage(collection_id=collection, face_id=face.face_id))
        media_type = kept.media_type
    except ImageNotFound:
        with edge.gate.admit():
            data = await edge.handle(ops.GetThumbnail(collection_id=collection, face_id=face.face_id))
        media_type = "image/jpeg"
    headers = {"content-security-policy": "default-src 'none'; sandbox"}
    return Response(data, headers=headers, media_type=media_type)


async def _face(edge: Edge, collection: str, image_id: str) -> Face:
    try:
        return (await edge.handle(ops.GetFace(collection_id=collection, face_id=image_id.lower()))).face
    except (FaceNotFound, InvalidValue):
        raise Refusal(NO_IMAGE, f"Image with id {image_id[:60]!r} is not found") from None


async def _erase(edge: Edge, collection: str, identity: str) -> int:
    try:
        done = await edge.handle(ops.EraseIdentity(collection_id=collection, external_image_id=identity))
    except IdentityNotFound:
        return 0
    return done.face_count


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


ENTRIES = (
    Entry("POST", "/api/v1/recognition/faces", ops.IndexFaces.right, add),
    Entry("GET", "/api/v1/recognition/faces", ops.ListFaces.right, list_faces),
    Entry("DELETE", "/api/v1/recognition/faces", ops.EraseIdentity.right, delete_of_subject),
    Entry("POST", "/api/v1/recognition/faces/delete", ops.DeleteFaces.right, delete_several),
    Entry("DELETE", "/api/v1/recognition/faces/{image_id}", ops.DeleteFaces.right, delete),
    Entry("GET", "/api/v1/recognition/faces/{image_id}/img", ops.GetFaceImage.right, image),
)
