"""Handler of appearances before a camera: who it is, by several pictures of one person."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import Field, JsonValue
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api import examples, schemas
from kenspeckle.api.edge import Edge, answer
from kenspeckle.api.queries import InCollection, MaxFaces, Threshold
from kenspeckle.api.route import BOUND, PHOTOGRAPH, route
from kenspeckle.api.schemas import Shape
from kenspeckle.domain import operations as ops
from kenspeckle.domain import validation
from kenspeckle.shapes import dump

FIELD = "images"
BODY: dict[str, JsonValue] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {
                    FIELD: {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": validation.MAX_PICTURES,
                        "items": {"type": "string", "format": "binary"},
                        "description": "Pictures of the one person, the face the largest in each.",
                    }
                },
            }
        }
    },
}

_Moment = Annotated[float, Field(ge=0, le=253402300799, allow_inf_nan=False)]


class AppearanceQuery(InCollection):
    camera: Annotated[
        str,
        Field(
            pattern=r"^[a-zA-Z0-9_.\-:]{1,100}$",
            description="Name of the camera, which messages and the audit trail repeat.",
            examples=["entrance"],
        ),
    ]
    first_at: Annotated[_Moment, Field(description="When it began, in seconds since 1970 (UTC).", examples=[1.8e9])]
    last_at: Annotated[_Moment, Field(description="When the face was seen last.", examples=[1.8e9])]
    frames: Annotated[int, Field(ge=1, le=1_000_000, description="Sampled frames that show the face.")]
    ended: Annotated[bool, Field(description="False for somebody who is still in sight.")] = False
    threshold: Threshold = None
    max_faces: MaxFaces = None


class AppearanceSearchAnswer(Shape):
    name: str | None = Field(description="Of the best match; null for somebody unknown.")
    external_image_id: str | None
    similarity: float | None
    pictures: int = Field(description="Pictures in which a face was found.")
    FaceMatches: list[schemas.FaceMatch]
    FaceModelVersion: str


def _example() -> dict[str, JsonValue]:
    found = dict(examples.search())
    best = found["faces"]["FaceMatches"][0]
    return {
        "name": found["matchedFaces"][0],
        "external_image_id": best["Face"]["ExternalImageId"],
        "similarity": best["Similarity"],
        "pictures": 5,
        "FaceMatches": found["faces"]["FaceMatches"],
        "FaceModelVersion": found["faces"]["FaceModelVersion"],
    }


class Appearances:
    """Its photographs hold one place at the gate, as those of a comparison do."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    @route(
        "POST",
        "/v1/appearances",
        tag="videos",
        right=ops.SearchAppearance.right,
        body=BODY,
        answer=AppearanceSearchAnswer,
        example=_example,
        codes=(*PHOTOGRAPH, "no_face", *BOUND, "not_offered"),
    )
    async def search_appearance(self, request: Request, query: Annotated[AppearanceQuery, Query()]) -> Response:
        """Find who appears before a camera, by several pictures of that one person; nothing is stored.

        The body is a form (multipart/form-data) with 1 to 8 parts `images`. A person is named from three pictures on,
        and by more than half of them. All pictures together have the pixels of one photograph, and of the places in
        them where a face may be as many are looked at closely as in one: cut out the person, where there is a crowd.
        The webhook event `camera.appearance` tells of it, also of somebody unknown. `kenspeckle watch rtsp://...` asks
        this once for each appearance.
        """
        edge = self.edge
        pictures = await edge.several(request, FIELD, validation.MAX_PICTURES)
        with edge.admit(request):
            found = await edge.threads.call(
                lambda: edge.recognizer.handle(
                    ops.SearchAppearance(
                        collection_id=request.state.collection,
                        images=[one.image() for one in pictures],
                        camera=query.camera,
                        first_at=query.first_at,
                        last_at=query.last_at,
                        frames=query.frames,
                        ended=query.ended,
                        threshold=query.threshold,
                        max_faces=query.max_faces,
                    )
                )
            )
        return answer(dump.appearance_search(found))
