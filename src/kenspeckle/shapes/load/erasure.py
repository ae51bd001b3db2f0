"""What was deleted and erased, with its receipt, from JSON."""

from __future__ import annotations

from kenspeckle.domain import (
    Deleted,
    Erased,
    Receipt,
)
from kenspeckle.shapes.load.collections import unsuccessful
from kenspeckle.shapes.load.faces import Json


def deleted(shape: Json) -> Deleted:
    signed = shape.get("Receipt")
    return Deleted(
        tuple(shape["DeletedFaces"]),
        unsuccessful(shape.get("UnsuccessfulFaceDeletions", ())),
        receipt=receipt(signed) if signed else None,
    )


def erased(shape: Json) -> Erased:
    """The answer of an erasure with its receipt, which has facts that the rest of the answer lacks."""
    signed = shape.get("Receipt") or {}
    content: Json = signed.get("receipt", {})
    return Erased(
        tuple(shape["DeletedFaces"]),
        tuple(content.get("images", ())),
        tuple(content.get("users", ())),
        bool(content.get("complete", True)),
        face_count=int(content.get("face_count", len(shape["DeletedFaces"]))),
        image_count=int(content.get("image_count", 0)),
        receipt=receipt(signed) if signed else None,
    )


def receipt(shape: Json) -> Receipt:
    """A signed receipt."""
    return Receipt(shape["receipt"], shape["public_key"], shape["signature"])
