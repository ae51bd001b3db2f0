"""Pydantic models of the JSON of requests, which parse it."""

from __future__ import annotations

from pydantic import AliasChoices, Field

from kenspeckle.api.schemas import Shape
from kenspeckle.domain import validation


class NewCollection(Shape):
    CollectionId: str = Field(validation_alias=AliasChoices("CollectionId", "id"))
    Tags: dict[str, str] | None = Field(default=None, validation_alias=AliasChoices("Tags", "tags"))
    Pack: str | None = Field(
        default=None,
        validation_alias=AliasChoices("Pack", "pack"),
        description="Model pack that is to describe its faces; without it, the server's default one.",
    )


class CollectionChange(Shape):
    Pack: str | None = Field(
        default=None,
        validation_alias=AliasChoices("Pack", "pack"),
        description="Model pack of a collection that is created; one that exists has to be of this pack.",
    )
    RetentionDays: int | None = Field(
        default=None,
        ge=1,
        le=validation.MAX_RETENTION_DAYS,
        validation_alias=AliasChoices("RetentionDays", "retention_days"),
        description="Faces are erased once they are so old; null keeps them without limit.",
    )


class FaceIds(Shape):
    FaceIds: list[str] = Field(
        min_length=1, max_length=validation.MAX_FACE_IDS, validation_alias=AliasChoices("FaceIds", "faceIds")
    )


class ThumbnailIds(Shape):
    face_ids: list[str] = Field(min_length=1, max_length=validation.MAX_THUMBNAILS)


class AssociatedFaceIds(Shape):
    FaceIds: list[str] = Field(
        min_length=1, max_length=validation.MAX_FACES_A_USER, validation_alias=AliasChoices("FaceIds", "faceIds")
    )
    UserMatchThreshold: float = Field(
        default=75.0,
        ge=0,
        le=100,
        allow_inf_nan=False,
        validation_alias=AliasChoices("UserMatchThreshold", "threshold"),
    )
