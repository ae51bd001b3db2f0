"""Query parameters of the routes, as models: their ranges are checked and documented in one place."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from kenspeckle.domain import QualityFilter, validation
from kenspeckle.domain.attributes import NAMES, Attribute, parse_names
from kenspeckle.domain.people import MAX_NAME
from kenspeckle.errors import InvalidValue

RULES: dict[str, str] = {
    "threshold": "a number from 0 to 100",
    "max_faces": f"a whole number from 1 to {validation.MAX_MATCHES}",
    "max_users": "a whole number from 1 to 500",
    "limit": f"a whole number from 1 to {validation.MAX_PAGE} (of users, 500)",
    "all_faces": "true or false",
    "ended": "true or false",
    "camera": "1 to 100 letters, digits, '_', '.', '-' or ':'",
    "frames": "a whole number from 1 to 1000000",
    "first_at": "a time in seconds since 1970",
    "last_at": "a time in seconds since 1970",
    "quality": "NONE, AUTO, LOW, MEDIUM or HIGH",
    "attributes": f"names with commas between, of {', '.join(NAMES)}",
}
"""What a client is told that a parameter must be."""


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


CollectionId = Annotated[
    str,
    Path(
        description="Name of the collection: 1 to 255 letters, digits, '_', '.' or '-'.",
        json_schema_extra={"pattern": "^[a-zA-Z0-9_.\\-]{1,255}$"},
        examples=["visitors"],
    ),
]
UserId = Annotated[
    str,
    Path(
        description="Name of the user: 1 to 128 letters, digits, '_', '.', '-' or ':'.",
        json_schema_extra={"pattern": "^[a-zA-Z0-9_.\\-:]{1,128}$"},
        examples=["keanu"],
    ),
]
FaceId = Annotated[str, Path(description="FaceId, as indexing answered it.", json_schema_extra={"format": "uuid"})]
FileName = Annotated[
    str,
    Path(
        description="Name of the photograph and identity of its faces: 1 to 255 letters, digits, '_', '.', '-', ':'.",
        json_schema_extra={"pattern": "^[a-zA-Z0-9_.\\-:]{1,255}$"},
        examples=["keanu-reeves.jpg"],
    ),
]
CollectionName = Annotated[
    str | None,
    Field(
        description="The collection; without it the server's default one.",
        json_schema_extra={"pattern": "^[a-zA-Z0-9_.\\-]{1,255}$"},
        examples=["kenspeckle"],
    ),
]
Threshold = Annotated[
    float | None,
    Field(
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="Similarity (0 to 100) from which a face is a match; without it the server's setting, 80 at first. "
        "At 80 one impostor pair in 1,000 passes, at 90 one in 10,000, at 95 one in 100,000.",
    ),
]
MaxFaces = Annotated[
    int | None,
    Field(
        ge=1, le=validation.MAX_MATCHES, description="Matches answered at most; without it the server's setting, 10."
    ),
]
Quality = Annotated[
    QualityFilter,
    BeforeValidator(_upper),
    Field(description="Faces below this bar are not used. NONE, AUTO, LOW, MEDIUM or HIGH."),
]
Limit = Annotated[int, Field(ge=1, le=validation.MAX_PAGE, description="Items on a page.")]
Cursor = Annotated[str | None, Field(max_length=4096, description="NextToken of the page before.")]


def _attributes(value: Any) -> Any:
    try:
        return parse_names(value.split(",")) if isinstance(value, str) else value
    except InvalidValue as error:
        raise ValueError(error.message) from error


AttributesWanted = Annotated[
    frozenset[Attribute] | None,
    BeforeValidator(_attributes),
    WithJsonSchema({"type": "string", "pattern": f"^({'|'.join(NAMES)})(,({'|'.join(NAMES)}))*$"}),
    Field(
        description="What else is told of each face, where it can be: names with commas between, or ALL. AGE_RANGE, "
        "EYES_OPEN, EYE_DIRECTION, FACE_OCCLUDED, LANDMARKS (all thirty), MOUTH_OPEN, SMILE; GENDER where the operator "
        "has switched it on. Emotions are never told. Amazon's other names are known and left out.",
        examples=["ALL", "AGE_RANGE,SMILE"],
    ),
]


class InCollection(BaseModel):
    collection: CollectionName = None


class IndexQuery(InCollection):
    max_faces: Annotated[
        int | None,
        Field(
            ge=1,
            le=validation.MAX_MATCHES,
            description="Faces stored at most, the best and largest first; without it the server's setting, 10.",
        ),
    ] = None
    quality: Annotated[
        QualityFilter | None,
        BeforeValidator(_upper),
        Field(description="Faces below this bar are not stored; without it the server's setting, AUTO."),
    ] = None
    attributes: AttributesWanted = None


class NamedIndexQuery(IndexQuery):
    name: Annotated[
        str | None,
        Field(
            max_length=MAX_NAME,
            description="Display name of the person, in any script; kept where the person was given none before.",
        ),
    ] = None


class SearchQuery(InCollection):
    threshold: Threshold = None
    max_faces: MaxFaces = None
    all_faces: Annotated[bool, Field(description="Search every face of the photograph, not only the largest.")] = False
    quality: Quality = QualityFilter.NONE


class DetectQuery(BaseModel):
    attributes: AttributesWanted = None


class CompareQuery(BaseModel):
    threshold: Threshold = None
    quality: Quality = QualityFilter.NONE


class PageQuery(BaseModel):
    limit: Limit = 100
    cursor: Cursor = None


class UsersQuery(PageQuery):
    limit: Annotated[int, Field(ge=1, le=500, description="Items on a page.")] = 100


class FacesQuery(PageQuery):
    user_id: Annotated[str | None, Field(max_length=128, description="Only faces of this user.")] = None
    external_image_id: Annotated[str | None, Field(max_length=255, description="Only faces of this identity.")] = None


class ReceiptQuery(BaseModel):
    receipt: Annotated[bool, Field(description="Answer 200 with a signed receipt, instead of 204.")] = False


class UserDeletionQuery(BaseModel):
    faces: Annotated[
        bool, Field(description="Erase the user's faces and their photographs too, and answer 200 with a receipt.")
    ] = False


class IdentityQuery(BaseModel):
    external_image_id: Annotated[str, Field(max_length=255, description="The identity whose faces are deleted.")]


class FaceSearchQuery(BaseModel):
    threshold: Threshold = None
    max_faces: MaxFaces = None


class UserSearchQuery(BaseModel):
    threshold: Threshold = None
    max_users: Annotated[int | None, Field(ge=1, le=500, description="Users answered at most; without it 10.")] = None


class UserImageSearchQuery(UserSearchQuery):
    quality: Quality = QualityFilter.NONE
