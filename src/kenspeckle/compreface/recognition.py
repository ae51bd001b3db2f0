"""Recognition, verification and detection, with photographs and with embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.compreface import answers, parameters, reading
from kenspeckle.compreface.edge import Edge, Entry, answer
from kenspeckle.compreface.errors import NO_FACE, NO_IMAGE, Refusal
from kenspeckle.compreface.parameters import Detection
from kenspeckle.domain import Described, FaceMatch, Vector, validation
from kenspeckle.domain import operations as ops
from kenspeckle.errors import FaceNotFound, InvalidValue
from kenspeckle.serving.bodies import Body

WIDER = 8
"""Faces that are looked at first for each subject that is asked for: a subject may have several near the probe."""


async def recognize(edge: Edge, request: Request, collection: str) -> Response:
    how, most = parameters.detection(request), parameters.predictions(request)
    edge.gate.check()
    (body,) = await reading.photographs(request, edge.settings.max_image_bytes, "file")
    with edge.admit(request):
        found, took = await _describe(edge, collection, body, how)
        named = await _subjects(edge, collection, _templates(found), most)
    result = answers.faces(found, how, took)
    for entry, subjects in zip(result, named, strict=True):
        entry["subjects"] = subjects
    return answer({"result": result, **answers.versions(how, found.model)})


async def verify_stored(edge: Edge, request: Request, collection: str) -> Response:
    """Faces of a photograph against a stored one."""
    how = parameters.detection(request)
    edge.gate.check()
    (body,) = await reading.photographs(request, edge.settings.max_image_bytes, "file")
    with edge.admit(request):
        found, took = await _describe(edge, collection, body, how)
        values = await _against(edge, collection, request.path_params["image_id"], _templates(found))
    result = answers.faces(found, how, took)
    for entry, value in zip(result, values, strict=True):
        entry["similarity"] = answers.similarity(value)
    return answer({"result": result, **answers.versions(how, found.model)})


async def verify(edge: Edge, request: Request, collection: str) -> Response:
    """The largest face of one photograph against those of another."""
    how = parameters.detection(request)
    edge.gate.check()
    source, target = await reading.photographs(request, edge.settings.max_image_bytes, "source_image", "target_image")
    with edge.admit(request):
        one, took_one = await _describe(edge, collection, source, Detection(1, how.least, how.plugins, how.status))
        many, took_many = await _describe(edge, collection, target, how)
        values = await edge.handle(
            ops.CompareTemplates(collection_id=collection, source=_templates(one)[0], targets=_templates(many))
        )
    matches = answers.faces(many, how, took_many)
    for entry, value in zip(matches, values, strict=True):
        entry["similarity"] = answers.similarity(value)
    matches.sort(key=lambda entry: -float(entry["similarity"]))
    versions = answers.versions(how, many.model)
    compared = {"source_image_face": answers.faces(one, how, took_one)[0], "face_matches": matches, **versions}
    return answer({"result": [compared]})


async def detect(edge: Edge, request: Request, collection: str) -> Response:
    how = parameters.detection(request)
    edge.gate.check()
    (body,) = await reading.photographs(request, edge.settings.max_image_bytes, "file")
    with edge.admit(request):
        found, took = await _describe(edge, collection, body, how, templates="calculator" in how.plugins)
    return answer({"result": answers.faces(found, how, took), **answers.versions(how, found.model)})


async def recognize_embeddings(edge: Edge, request: Request, collection: str) -> Response:
    most = parameters.predictions(request)
    templates, _ = await reading.embeddings(request, "embeddings")
    named = await _subjects(edge, collection, templates, most)
    return answer(
        {
            "result": [
                {"embedding": answers.numbers(template), "similarities": subjects}
                for template, subjects in zip(templates, named, strict=True)
            ]
        }
    )


async def verify_stored_embeddings(edge: Edge, request: Request, collection: str) -> Response:
    templates, _ = await reading.embeddings(request, "embeddings")
    return _answer_compared(templates, await _against(edge, collection, request.path_params["image_id"], templates))


async def verify_embeddings(edge: Edge, request: Request, collection: str) -> Response:
    targets, source = await reading.embeddings(request, "targets", "source")
    values = await edge.handle(ops.CompareTemplates(collection_id=collection, source=source, targets=targets))
    return _answer_compared(targets, values)


async def _describe(
    edge: Edge, collection: str, body: Body, how: Detection, *, templates: bool = True
) -> tuple[Described, float]:
    """The faces that the request wants, and milliseconds. Raises Refusal where there are none."""
    image = await edge.threads.call(body.image)
    found, took = await edge.handle_timed(
        ops.DescribeFaces(
            collection_id=collection,
            image=image,
            max_faces=how.most,
            least_confidence=how.least,
            templates=templates,
            attributes=how.attributes,
        )
    )
    if not found.faces:
        raise Refusal(NO_FACE, "No face is found in the given image")
    return found, took


def _templates(found: Described) -> list[Vector]:
    return [template for _, template in found.faces if template is not None]


async def _subjects(edge: Edge, collection: str, templates: Sequence[Vector], most: int) -> list[list[dict[str, Any]]]:
    """The most similar subjects of each template, however little they resemble it."""
    wanted, first = most, True
    while True:
        wanted = min(wanted * WIDER, validation.MAX_MATCHES)
        found = await edge.handle(
            ops.SearchTemplates(
                collection_id=collection, templates=templates, threshold=0.0, max_faces=wanted, tells=first
            )
        )
        first = False
        named = [answers.subjects(matches, most) for matches in found]
        if wanted == validation.MAX_MATCHES or all(map(_is_enough(most, wanted), named, found)):
            return named


def _is_enough(most: int, wanted: int) -> Any:
    def enough(subjects: Sequence[object], matches: Sequence[FaceMatch]) -> bool:
        return len(subjects) >= most or len(matches) < wanted

    return enough


async def _against(edge: Edge, collection: str, image_id: str, templates: Sequence[Vector]) -> tuple[float, ...]:
    try:
        validation.face_id(image_id.lower())
    except InvalidValue:
        raise Refusal(NO_IMAGE, f"Image with id {image_id[:60]!r} is not found") from None
    try:
        return await edge.handle(
            ops.CompareTemplates(collection_id=collection, face_id=image_id.lower(), targets=templates)
        )
    except FaceNotFound:
        raise Refusal(NO_IMAGE, f"Image with id {image_id[:60]!r} is not found") from None


def _answer_compared(templates: Sequence[Vector], values: Sequence[float]) -> Response:
    return answer(
        {
            "result": [
                {"embedding": answers.numbers(template), "similarity": answers.similarity(value)}
                for template, value in zip(templates, values, strict=True)
            ]
        }
    )


_SEARCH = ops.DescribeFaces.right

ENTRIES = (
    Entry("POST", "/api/v1/recognition/recognize", _SEARCH, recognize),
    Entry("POST", "/api/v1/recognition/faces/{image_id}/verify", _SEARCH, verify_stored),
    Entry("POST", "/api/v1/recognition/embeddings/recognize", _SEARCH, recognize_embeddings),
    Entry("POST", "/api/v1/recognition/embeddings/faces/{image_id}/verify", _SEARCH, verify_stored_embeddings),
    Entry("POST", "/api/v1/verification/verify", _SEARCH, verify),
    Entry("POST", "/api/v1/verification/embeddings/verify", _SEARCH, verify_embeddings),
    Entry("POST", "/api/v1/detection/detect", _SEARCH, detect),
)
