"""Handlers of recognition: index, search, detect, compare, and info."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

import kenspeckle
from kenspeckle import moments
from kenspeckle.api import examples, schemas
from kenspeckle.api.edge import Edge, answer
from kenspeckle.api.openapi import PAIR_BODY, PHOTOGRAPH_BODY
from kenspeckle.api.queries import CompareQuery, DetectQuery, FileName, IndexQuery, NamedIndexQuery, SearchQuery
from kenspeckle.api.route import BOUND, PHOTOGRAPH, route
from kenspeckle.domain import Key, Of, Right, validation
from kenspeckle.domain import operations as ops
from kenspeckle.domain.attributes import NONE
from kenspeckle.errors import InvalidValue
from kenspeckle.shapes import dump
from kenspeckle.usecases.access.credentials import scope_names

META = "x-amz-meta-"


class Recognition:
    """Each photograph holds a place at the gate from the end of its body until it is answered."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    @route(
        "PUT",
        "/v1/index/{filename:path}",
        tag="recognition",
        right=ops.IndexFaces.right,
        body=PHOTOGRAPH_BODY,
        answer=schemas.IndexFaces,
        example=examples.index,
        codes=(*PHOTOGRAPH, *BOUND, "storage_full"),
    )
    async def index(self, request: Request, filename: FileName, query: Annotated[NamedIndexQuery, Query()]) -> Response:
        """Store the faces of a photograph under an identity.

        The body is the photograph, raw or as base64 text. Every face found is stored with the file name as its
        ExternalImageId, so a photograph for enrolment should show one person. Another photograph under the same name
        adds to that identity; the same photograph again changes nothing. Headers `x-amz-meta-*` are kept with it.
        A photograph without a face that passes the quality bar answers 200 and stores nothing: see UnindexedFaces.
        """
        return await self._index(request, query, file_name(filename), query.name)

    @route(
        "POST",
        "/v1/index",
        tag="recognition",
        right=ops.IndexFaces.right,
        body=PHOTOGRAPH_BODY,
        answer=schemas.IndexFaces,
        example=examples.unnamed_index,
        codes=(*PHOTOGRAPH, *BOUND, "storage_full"),
    )
    async def index_unnamed(self, request: Request, query: Annotated[IndexQuery, Query()]) -> Response:
        """Store the faces of a photograph of people whose names are not known.

        As `PUT /v1/index/{filename}`, but the faces have no ExternalImageId and find a group of their own.
        """
        return await self._index(request, query, None, None)

    async def _index(
        self, request: Request, query: IndexQuery, identity: str | None, person_name: str | None
    ) -> Response:
        edge = self.edge
        metadata = _metadata(request)
        body = await edge.photograph(request)
        with edge.admit(request):
            done = await edge.threads.call(
                lambda: edge.recognizer.handle(
                    ops.IndexFaces(
                        collection_id=request.state.collection,
                        image=body.image(),
                        external_image_id=identity,
                        key=identity,
                        metadata=metadata,
                        max_faces=query.max_faces,
                        quality=query.quality,
                        person_name=person_name,
                        attributes=query.attributes,
                    )
                )
            )
        return answer(dump.index_faces(done))

    @route(
        "POST PUT",
        "/v1/search",
        tag="recognition",
        right=ops.SearchImage.right,
        body=PHOTOGRAPH_BODY,
        answer=schemas.Search,
        example=examples.search,
        codes=(*PHOTOGRAPH, "no_face", *BOUND),
    )
    async def search(self, request: Request, query: Annotated[SearchQuery, Query()]) -> Response:
        """Find who is in a photograph.

        The body is the photograph, raw or as base64 text. The largest face is searched, or with `all_faces` each of
        them. `faces` is what SearchFacesByImage of Rekognition answers; `matchedFaces` are the names of who was found,
        best first: display names of people, which are identities without file ending, `-` and `_` as spaces, where
        nobody gave another.
        """
        edge = self.edge
        body = await edge.photograph(request)
        with edge.admit(request):
            found = await edge.threads.call(
                lambda: edge.recognizer.handle(
                    ops.SearchImage(
                        collection_id=request.state.collection,
                        image=body.image(),
                        threshold=query.threshold,
                        max_faces=query.max_faces,
                        quality=query.quality,
                        every_face=query.all_faces,
                        groups=True,
                    )
                )
            )
        return answer(dump.searched(found, query.all_faces))

    @route(
        "POST",
        "/v1/detect",
        tag="recognition",
        right=ops.DetectFaces.right,
        body=PHOTOGRAPH_BODY,
        answer=schemas.DetectFaces,
        example=examples.detect,
        codes=PHOTOGRAPH,
    )
    async def detect(self, request: Request, query: Annotated[DetectQuery, Query()]) -> Response:
        """Find the faces of a photograph, largest first; nothing is stored or searched.

        The body is the photograph, raw or as base64 text. A photograph without a face answers an empty list.
        """
        edge = self.edge
        body = await edge.photograph(request)
        with edge.admit(request):
            found = await edge.threads.call(
                lambda: edge.recognizer.handle(ops.DetectFaces(image=body.image(), attributes=query.attributes or NONE))
            )
        return answer(dump.detect_faces(found))

    @route(
        "POST",
        "/v1/compare",
        tag="recognition",
        right=ops.CompareFaces.right,
        body=PAIR_BODY,
        answer=schemas.CompareFaces,
        example=examples.compare,
        codes=(*PHOTOGRAPH, "no_face"),
    )
    async def compare(self, request: Request, query: Annotated[CompareQuery, Query()]) -> Response:
        """Compare the largest face of one photograph with each face of another; nothing is stored.

        The body is a form (multipart/form-data) with the photographs `source` and `target`.
        """
        edge = self.edge
        source, target = await edge.pair(request)
        with edge.admit(request):
            found = await edge.threads.call(
                lambda: edge.recognizer.handle(
                    ops.CompareFaces(
                        source=source.image(), target=target.image(), threshold=query.threshold, quality=query.quality
                    )
                )
            )
        return answer(dump.compare_faces(found))

    @route(
        "GET", "/v1/info", tag="operations", right=Right(None, Of.ANYTHING), answer=schemas.Info, example=examples.info
    )
    async def info(self, request: Request) -> Response:
        """What this server is: version, model pack, defaults, limits, counts of the collections that the key is for.
        Never a secret."""
        principal = request.state.principal
        told = await self.edge.threads.call(self.edge.recognizer.info, principal.only)
        key = principal.key
        return answer({"name": "kenspeckle", "version": kenspeckle.__version__, **told, "key": key and _rights(key)})


def _rights(key: Key) -> dump.Json:
    """A key's rights, as `/v1/info` shows them to it."""
    return {
        "id": key.key_id,
        "name": key.name,
        "scopes": scope_names(key),
        "collections": sorted(key.collections),
        "expires_at": moments.iso(key.expires_at),
    }


def file_name(text: str) -> str:
    try:
        return validation.external_image_id(text)
    except InvalidValue as error:
        shown = text if len(text) <= 60 else text[:57] + "..."
        raise InvalidValue(
            f"The file name {shown!r} can't be an identity: it must be 1 to 255 letters (a-z, A-Z), digits, "
            "'_', '.', '-' or ':'. Rename it in the URL; the photograph stays as it is.",
            field="filename",
        ) from error


def _metadata(request: Request) -> dict[str, str]:
    found = {name.removeprefix(META): value for name, value in request.headers.items() if name.startswith(META)}
    found.pop("", None)
    return validation.metadata(found) if found else found
