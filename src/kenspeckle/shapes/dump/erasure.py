"""What was deleted and erased, with its receipt, as JSON."""

from __future__ import annotations

from kenspeckle.domain import (
    Deleted,
    Erased,
    Receipt,
)
from kenspeckle.shapes.dump.collections import unsuccessful
from kenspeckle.shapes.dump.faces import Json


def delete_faces(answer: Deleted) -> Json:
    """DeleteFacesResponse."""
    return {
        "DeletedFaces": list(answer.deleted),
        "UnsuccessfulFaceDeletions": unsuccessful(answer.unsuccessful),
    }


def receipt(one: Receipt) -> Json:
    """A receipt of erasure, as `kenspeckle receipts verify` takes it."""
    return {"receipt": dict(one.content), "public_key": one.public_key, "signature": one.signature}


def erased(answer: Erased) -> Json:
    """What was erased, in the shape of DeleteFacesResponse with the receipt."""
    return with_receipt({"DeletedFaces": list(answer.face_ids), "UnsuccessfulFaceDeletions": []}, answer.receipt)


def with_receipt(shape: Json, one: Receipt | None) -> Json:
    """An answer with its receipt, where there is one."""
    return shape if one is None else {**shape, "Receipt": receipt(one)}
