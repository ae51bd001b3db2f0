"""Operations as a client names them: one function a verb, for the clients with and without asyncio."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from kenspeckle.domain import ImageSearch, Indexed, QualityFilter, operations
from kenspeckle.errors import KenspeckleError

Photograph: TypeAlias = "bytes | str | os.PathLike[str] | BinaryIO"
"""A photograph: its bytes, the path of its file, or an open file."""
ONES_OWN = (KenspeckleError, OSError, ValueError)
"""Errors of one photograph among many: the service's own and those of reading the file."""
Quality: TypeAlias = "QualityFilter | str | None"


@dataclass(frozen=True, slots=True)
class Done:
    """One photograph of many. Either `answer` or `error` is there."""

    photograph: Photograph
    name: str
    """The identity that it was indexed under; of a search, the file's name."""
    answer: Indexed | ImageSearch | None
    error: Exception | None


def content(photograph: Photograph) -> bytes:
    """Its bytes. Raises OSError."""
    if isinstance(photograph, bytes):
        return photograph
    if isinstance(photograph, str | os.PathLike):
        return Path(photograph).read_bytes()
    return photograph.read()


def name_of(photograph: Photograph) -> str:
    """The name of its file; "" for bytes."""
    place = photograph if isinstance(photograph, str | os.PathLike) else getattr(photograph, "name", "")
    return Path(place).name if isinstance(place, str | os.PathLike) else ""


def index(
    photograph: Photograph,
    name: str | None,
    collection: str,
    max_faces: int | None,
    quality: Quality,
    metadata: Mapping[str, str] | None,
) -> operations.IndexFaces:
    """Raises ValueError where there is no name for the identity."""
    identity = name or name_of(photograph)
    if not identity:
        raise ValueError("A photograph that is no file needs a name: index(photograph, name).")
    return operations.IndexFaces(
        collection_id=collection,
        image=content(photograph),
        external_image_id=identity,
        key=identity,
        metadata=dict(metadata or {}),
        max_faces=max_faces,
        quality=bar(quality),
    )


def search(
    photograph: Photograph,
    collection: str,
    threshold: float | None,
    max_faces: int | None,
    quality: Quality,
    every_face: bool,
) -> operations.SearchImage:
    return operations.SearchImage(
        collection_id=collection,
        image=content(photograph),
        threshold=threshold,
        max_faces=max_faces,
        quality=bar(quality) or QualityFilter.NONE,
        every_face=every_face,
    )


def faces(collection: str, name: str | None, user: str | None, cursor: str | None) -> operations.ListFaces:
    """A page of faces."""
    return operations.ListFaces(
        collection_id=collection, limit=1000, cursor=cursor, user_id=user, external_image_id=name
    )


def bar(quality: Quality) -> QualityFilter | None:
    """The quality filter of a name in any case. Raises ValueError with those that there are."""
    if quality is None or isinstance(quality, QualityFilter):
        return quality
    try:
        return QualityFilter(quality.upper())
    except ValueError:
        raise ValueError(f"quality '{quality}' is none of {', '.join(one.value for one in QualityFilter)}.") from None
