"""Handlers of stored photographs: read and erase them, and thumbnails of faces."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api import examples, schemas
from kenspeckle.api.edge import Edge, answer
from kenspeckle.api.queries import FaceId, InCollection
from kenspeckle.api.recognition import META, file_name
from kenspeckle.api.route import HERE, route
from kenspeckle.domain import Image
from kenspeckle.domain import operations as ops
from kenspeckle.shapes import dump


class Photographs:
    """A key is a file name that can be stored; other names are not looked up."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    @route(
        "GET",
        "/v1/images/by-id/{image_id}",
        tag="faces",
        right=ops.GetImageById.right,
        media="image/*",
        codes=(*HERE, "image_not_found", "not_offered"),
    )
    async def image_by_id(
        self,
        request: Request,
        image_id: Annotated[str, Path(description="ImageId, as indexing answered it.", max_length=64)],
        query: Annotated[InCollection, Query()],
    ) -> Response:
        """The photograph with this ImageId, as it was sent, with its metadata as headers."""
        image, data = await self.edge.handle(
            ops.GetImageById(collection_id=request.state.collection, image_id=image_id)
        )
        return _picture(data, image.media_type, _image_headers(image))

    @route(
        "GET",
        "/v1/images/{key:path}",
        tag="faces",
        right=ops.GetImage.right,
        media="image/*",
        codes=(*HERE, "image_not_found", "not_offered"),
    )
    async def image(
        self,
        request: Request,
        key: Annotated[str, Path(description="File name under which the photograph was indexed.")],
        query: Annotated[InCollection, Query()],
    ) -> Response:
        """The newest photograph stored under a file name, as it was sent, with its metadata as headers."""
        image, data = await self.edge.handle(ops.GetImage(collection_id=request.state.collection, key=file_name(key)))
        return _picture(data, image.media_type, _image_headers(image))

    @route(
        "DELETE",
        "/v1/images/{key:path}",
        tag="faces",
        right=ops.EraseImage.right,
        answer=schemas.DeletedFaces,
        example=examples.deleted,
        codes=(*HERE, "image_not_found"),
    )
    async def delete_image(
        self,
        request: Request,
        key: Annotated[str, Path(description="File name under which the photographs were indexed.")],
        query: Annotated[InCollection, Query()],
    ) -> Response:
        """Erase every photograph stored under a file name, with all faces found on them, those of users too."""
        done = await self.edge.handle(ops.EraseImage(collection_id=request.state.collection, key=file_name(key)))
        return answer(dump.erased(done))

    @route(
        "GET",
        "/v1/faces/{face_id}/thumbnail",
        tag="faces",
        right=ops.GetThumbnail.right,
        media="image/jpeg",
        codes=(*HERE, "face_not_found", "image_not_found", "overloaded"),
    )
    async def thumbnail(self, request: Request, face_id: FaceId, query: Annotated[InCollection, Query()]) -> Response:
        """A stored face, cut out of its photograph: a JPEG of at most 256 pixels."""
        with self.edge.gate.admit():
            data = await self.edge.handle(ops.GetThumbnail(collection_id=request.state.collection, face_id=face_id))
        return _picture(data, "image/jpeg", {})


def _image_headers(image: Image) -> dict[str, str]:
    headers = {"etag": f'"{image.digest}"'}
    for name, value in image.metadata.items():
        # What another client stored, or an earlier version imported, may hold characters that a header can't.
        if not name.isascii() or not name.isprintable() or set(name) & set(' "(),/:;<=>?@[\\]{}'):
            continue
        headers[META + name] = "".join(one if one.isprintable() and ord(one) < 256 else "?" for one in value)
    return headers


def _picture(data: bytes, media_type: str, headers: dict[str, str]) -> Response:
    headers["content-security-policy"] = "default-src 'none'; sandbox"
    return Response(data, media_type=media_type, headers=headers)
