"""Answers of operations: indexing, search, comparison, association, deletion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from kenspeckle.domain.collections import Face, FaceRecord, User, display_name
from kenspeckle.domain.detection import FaceDetail, Reason, UnindexedFace, Vector
from kenspeckle.domain.erasure import Receipt
from kenspeckle.domain.people import GroupRef, PersonRef
from kenspeckle.errors import KenspeckleError


@dataclass(frozen=True, slots=True)
class FaceMatch:
    """A stored face that resembles the probe. `similarity` as `Calibration` defines it."""

    face: Face
    similarity: float
    person: PersonRef | None = None

    @property
    def name(self) -> str:
        """What to show: the person's name, else one made of the identity; empty where there is neither."""
        if self.person is not None:
            return self.person.name
        return display_name(self.face.external_image_id) if self.face.external_image_id else ""


@dataclass(frozen=True, slots=True)
class UserMatch:
    user: User
    similarity: float


@dataclass(frozen=True, slots=True)
class Indexed:
    """Answer of indexing: faces stored (largest first), and those that were not."""

    image_id: str
    records: tuple[FaceRecord, ...]
    unindexed: tuple[UnindexedFace, ...]
    model: str
    created: bool
    """False where this image was already indexed under this identity, and nothing was written."""
    before: int = 0
    """How many of the faces were stored before, where faces were added that had been left out."""


def matching(matches: Sequence[FaceMatch], threshold: float) -> tuple[FaceMatch, ...]:
    """Those that reach a similarity."""
    return tuple(one for one in matches if one.similarity >= threshold)


@dataclass(frozen=True, slots=True)
class Faceless:
    """A photograph that an earlier indexing stored no face of, so it was not looked at again. `reasons` are why its
    faces were refused; none where it had no face."""

    reasons: tuple[Reason, ...]


BulkOutcome: TypeAlias = Indexed | Faceless | KenspeckleError
"""Of one photograph of many: what indexing answers, or the error that says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class FaceSearch:
    """One searched face of the probe photograph and its matches, most similar first. `group` are the faces without a
    name that it belongs to, where that was asked for and it is nobody's who has one."""

    detail: FaceDetail
    matches: tuple[FaceMatch, ...]
    group: GroupRef | None = None


@dataclass(frozen=True, slots=True)
class ImageSearch:
    """Answer of a search by photograph: one entry a searched face, largest first; never empty."""

    searches: tuple[FaceSearch, ...]
    unsearched: tuple[UnindexedFace, ...]
    model: str


@dataclass(frozen=True, slots=True)
class UserSearch:
    """Answer of a search for users. `detail` is None where the photograph shows no face that passes the quality bar."""

    detail: FaceDetail | None
    matches: tuple[UserMatch, ...]
    unsearched: tuple[UnindexedFace, ...]
    model: str


@dataclass(frozen=True, slots=True)
class Described:
    """Faces of a photograph, largest first, each with its template where templates were asked for. `width` and
    `height` are the photograph's pixels as a viewer sees it."""

    faces: tuple[tuple[FaceDetail, Vector | None], ...]
    width: int
    height: int
    model: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Answer of 1:1 comparison: faces of the target like the source's largest, most similar first; and the others."""

    source: FaceDetail
    matches: tuple[tuple[FaceDetail, float], ...]
    unmatched: tuple[FaceDetail, ...]


@dataclass(frozen=True, slots=True)
class Deleted:
    """Answer of a deletion: ids of deleted faces, and the faces that stayed. `images` and `complete` as in `Erased`."""

    deleted: tuple[str, ...]
    unsuccessful: tuple[UnsuccessfulFace, ...] = ()
    images: tuple[str, ...] = ()
    complete: bool = True
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Associated:
    """Answer of association or disassociation: ids for which it succeeded, faces for which it did not, the user's
    status."""

    associated: tuple[str, ...]
    unsuccessful: tuple[UnsuccessfulFace, ...]
    status: str


@dataclass(frozen=True, slots=True)
class UnsuccessfulFace:
    """A face for which the operation failed: the reasons, by Rekognition's names, and the user it belongs to if that is
    one."""

    face_id: str
    reasons: tuple[str, ...]
    user_id: str | None = None
    confidence: float | None = None
