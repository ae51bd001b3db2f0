"""Handlers of the two verbs and their kin: index, search, detect, compare, info, and the pictures that were kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response

import kenspeckle
from kenspeckle.api.edge import Edge, answer
from kenspeckle.api.queries import CompareQuery, DetectQuery, InCollection, IndexQuery, SearchQuery
from kenspeckle.domain import FaceMatch, Image, ImageSearch, Key, display_name, validation
from kenspeckle.domain import operations as ops
from kenspeckle.errors import InvalidValue
from kenspeckle.shapes import dump
from kenspeckle.usecases.access.credentials import moment, scope_names

META = "x-amz-meta-"

FileName = Annotated[
    str,
    Path(
        description="Name of the photograph and identity of its faces: 1 to 255 letters, digits, '_', '.', '-', ':'.",
        json_schema_extra={"pattern": "^[a-zA-Z0-9_.\\-:]{1,255}$"},
        examples=["keanu-reeves.jpg"],
    ),
]
FaceId = Annotated[str, Path(description="FaceId, as indexing answered it.", json_schema_extra={"format": "uuid"})]


class Recognition:
    """Each photograph holds a place of the gate from when its body is read until it is answered."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    async def index(self, request: Request, filename: FileName, query: Annotated[IndexQuery, Query()]) -> Response:
        """Store the faces of a photograph under an identity.

        The body is the photograph, raw or as base64 text. Every face found is stored with the file name as its
        ExternalImageId, so a photograph for enrolment should show one person. Another photograph under the same name
        adds to that identity; the same photograph again changes nothing. Headers `x-amz-meta-*` are kept with it.
        A photograph without a face that passes the quality bar answers 200 and stores nothing: see UnindexedFaces.
        """
        edge = self.edge
        name = _file_name(filename)
        metadata = _metadata(request)
        body = await edge.photograph(request)
        with edge.admitted(request):
            done = await edge.threads.call(
                lambda: edge.recognizer.handle(
                    ops.IndexFaces(
                        collection_id=request.state.collection,
                        image=body.image(),
                        external_image_id=name,
                        key=name,
                        metadata=metadata,
                        max_faces=query.max_faces,
                        quality=query.quality,
                    )
                )
            )
        if done.created:
            edge.metrics.faces_indexed.inc(len(done.records))
        return answer(dump.index_faces(done))

    async def search(self, request: Request, query: Annotated[SearchQuery, Query()]) -> Response:
        """Find who is in a photograph.

        The body is the photograph, raw or as base64 text. The largest face is searched, or with `all_faces` each of
        them. `faces` is what SearchFacesByImage of Rekognition answers; `matchedFaces` are the names of who was found,
        best first: identities without file ending, `-` and `_` as spaces.
        """
        edge = self.edge
        body = await edge.photograph(request)
        with edge.admitted(request):
            found = await edge.threads.call(
                lambda: edge.recognizer.handle(
                    ops.SearchImage(
                        collection_id=request.state.collection,
                        image=body.image(),
                        threshold=query.threshold,
                        max_faces=query.max_faces,
                        quality=query.quality,
                        every_face=query.all_faces,
                    )
                )
            )
        edge.metrics.faces_searched.inc(len(found.searches))
        return answer(_search_answer(found, query.all_faces))

    async def detect(self, request: Request, query: Annotated[DetectQuery, Query()]) -> Response:
        """Find the faces of a photograph, largest first; nothing is stored or searched.

        The body is the photograph, raw or as base64 text. A photograph without a face answers an empty list.
        """
        edge = self.edge
        body = await edge.photograph(request)
        with edge.admitted(request):
            found = await edge.threads.call(lambda: edge.recognizer.handle(ops.DetectFaces(image=body.image())))
        return answer(dump.detect_faces(found))

    async def compare(self, request: Request, query: Annotated[CompareQuery, Query()]) -> Response:
        """Compare the largest face of one photograph with each face of another; nothing is stored.

        The body is a form (multipart/form-data) with the photographs `source` and `target`.
        """
        edge = self.edge
        source, target = await edge.pair(request)
        with edge.admitted(request):
            found = await edge.threads.call(
                lambda: edge.recognizer.handle(
                    ops.CompareFaces(
                        source=source.image(), target=target.image(), threshold=query.threshold, quality=query.quality
                    )
                )
            )
        return answer(dump.compare_faces(found))

    async def info(self, request: Request) -> Response:
        """What this server is: version, model pack, defaults, limits, counts. Never a secret."""
        told = await self.edge.threads.call(self.edge.recognizer.info)
        key = request.state.principal.key
        return answer({"name": "kenspeckle", "version": kenspeckle.__version__, **told, "key": key and _rights(key)})

    async def image(
        self,
        request: Request,
        key: Annotated[str, Path(description="File name under which the photograph was indexed.")],
        query: Annotated[InCollection, Query()],
    ) -> Response:
        """The newest photograph stored under a file name, as it was sent, with its metadata as headers."""
        image, data = await self.edge.handle(ops.GetImage(collection_id=request.state.collection, key=_known_name(key)))
        return _picture(data, image.media_type, _image_headers(image))

    async def delete_image(
        self,
        request: Request,
        key: Annotated[str, Path(description="File name under which the photographs were indexed.")],
        query: Annotated[InCollection, Query()],
    ) -> Response:
        """Erase every photograph stored under a file name, with all faces found on them, those of users too."""
        done = await self.edge.handle(ops.EraseImage(collection_id=request.state.collection, key=_known_name(key)))
        return answer(dump.erased(done))

    async def thumbnail(self, request: Request, face_id: FaceId, query: Annotated[InCollection, Query()]) -> Response:
        """A stored face, cut out of its photograph: a JPEG of at most 256 pixels."""
        with self.edge.gate.admit():
            data = await self.edge.handle(ops.GetThumbnail(collection_id=request.state.collection, face_id=face_id))
        return _picture(data, "image/jpeg", {})


def matched_names(matches: Iterable[FaceMatch]) -> list[str]:
    """Names to show of whom the matches are, each once, in the order given; faces without an identity have none."""
    names = (display_name(match.face.external_image_id) for match in matches if match.face.external_image_id)
    return list(dict.fromkeys(names))


def _rights(key: Key) -> dump.Json:
    """What a key is told of itself."""
    return {
        "id": key.key_id,
        "name": key.name,
        "scopes": scope_names(key),
        "collections": sorted(key.collections),
        "expires_at": moment(key.expires_at),
    }


def _search_answer(found: ImageSearch, every_face: bool) -> dump.Json:
    content: dump.Json = {"faces": dump.largest_search(found)}
    if not every_face:
        content["matchedFaces"] = matched_names(found.searches[0].matches)
        return content
    best_first = sorted(
        (match for search in found.searches for match in search.matches), key=lambda match: -match.similarity
    )
    content["matchedFaces"] = matched_names(best_first)
    content["searches"] = [dump.search_faces_by_image(search, found.model) for search in found.searches]
    content["details"] = [dump.face_detail(search.detail) for search in found.searches]
    content["unsearched"] = [dump.unsearched_face(one) for one in found.unsearched]
    return content


def _file_name(text: str) -> str:
    try:
        return validation.external_image_id(text)
    except InvalidValue as error:
        shown = text if len(text) <= 60 else text[:57] + "..."
        raise InvalidValue(
            f"The file name {shown!r} can't be an identity: it must be 1 to 255 letters (a-z, A-Z), digits, "
            "'_', '.', '-' or ':'. Rename it in the URL; the photograph stays as it is.",
            field="filename",
        ) from error


def _known_name(text: str) -> str:
    """A key as it can be in the store; other names are not even looked up."""
    return _file_name(text)


def _metadata(request: Request) -> dict[str, str]:
    found = {name.removeprefix(META): value for name, value in request.headers.items() if name.startswith(META)}
    found.pop("", None)
    return validation.metadata(found) if found else found


def _image_headers(image: Image) -> dict[str, str]:
    headers = {"etag": f'"{image.digest}"'}
    for name, value in image.metadata.items():
        # What another client stored may hold characters that a header can't.
        headers[META + name] = "".join(one if one.isprintable() and ord(one) < 256 else "?" for one in value)
    return headers


def _picture(data: bytes, media_type: str, headers: dict[str, str]) -> Response:
    headers["content-security-policy"] = "default-src 'none'; sandbox"
    return Response(data, media_type=media_type, headers=headers)
