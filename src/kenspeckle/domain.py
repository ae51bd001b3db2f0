"""What the service talks about: faces, photographs, matches, collections, users. Plain data, no I/O.

Geometry is in ratios of the photograph's width and height as a viewer sees it (EXIF orientation applied), so a
box may lie partly outside 0..1. Confidence, quality and similarity are percentages, 0..100. Angles are degrees.
Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Vector: TypeAlias = npt.NDArray[np.float32]
"""One template (embedding): shape (dimension,), float32."""

T = TypeVar("T")


class QualityFilter(StrEnum):
    """How good a face has to be to be used. NONE lets every detected face through."""

    NONE = "NONE"
    AUTO = "AUTO"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


class Reason(StrEnum):
    """Why a detected face was not indexed or searched."""

    EXCEEDS_MAX_FACES = "EXCEEDS_MAX_FACES"
    EXTREME_POSE = "EXTREME_POSE"
    LOW_BRIGHTNESS = "LOW_BRIGHTNESS"
    LOW_SHARPNESS = "LOW_SHARPNESS"
    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    SMALL_BOUNDING_BOX = "SMALL_BOUNDING_BOX"
    LOW_FACE_QUALITY = "LOW_FACE_QUALITY"
    FACE_NOT_LARGEST = "FACE_NOT_LARGEST"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in ratios of the photograph's size."""

    left: float
    top: float
    width: float
    height: float

    @property
    def area(self) -> float:
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Landmark:
    """A point of the face; `kind` is eyeLeft, eyeRight, nose, mouthLeft or mouthRight, left as the viewer sees it."""

    kind: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Pose:
    """Head rotation in degrees, -180..180: roll clockwise, yaw towards the image's right, pitch upwards."""

    roll: float
    yaw: float
    pitch: float


@dataclass(frozen=True, slots=True)
class Quality:
    """Brightness and sharpness of the face's pixels, 0..100."""

    brightness: float
    sharpness: float


@dataclass(frozen=True, slots=True)
class FaceDetail:
    """One face as seen in a photograph. `confidence` (0..100) is the detector's, that this is a face."""

    box: Box
    confidence: float
    landmarks: tuple[Landmark, ...]
    pose: Pose
    quality: Quality


@dataclass(frozen=True, slots=True)
class Face:
    """A face held by a collection. `index_model` is the name of the pack that made its template."""

    face_id: str
    image_id: str
    collection_id: str
    external_image_id: str | None
    box: Box
    confidence: float
    index_model: str
    created_at: float
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class FaceRecord:
    """A stored face with everything the photograph told of it."""

    face: Face
    detail: FaceDetail


@dataclass(frozen=True, slots=True)
class UnindexedFace:
    """A detected face that was not stored, and why."""

    detail: FaceDetail
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class FaceMatch:
    """A stored face that resembles the probe. `similarity` as `Calibration` defines it."""

    face: Face
    similarity: float


@dataclass(frozen=True, slots=True)
class User:
    """Several faces of one person, under one id."""

    user_id: str
    collection_id: str
    status: str
    created_at: float
    face_count: int = 0


@dataclass(frozen=True, slots=True)
class UserMatch:
    user: User
    similarity: float


@dataclass(frozen=True, slots=True)
class Collection:
    """A gallery of faces. `contract` names what makes its templates comparable; see `Pack.contract`.

    `revision` grows by one with every committed write to the collection."""

    collection_id: str
    pack: str
    contract: str
    created_at: float
    revision: int = 0
    face_count: int = 0
    user_count: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    retention_days: int | None = None
    """Age at which its faces are erased; None keeps them for good."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list; `cursor` asks for the next ones, None at the end."""

    items: tuple[T, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """A photograph known to a collection. Its bytes lie in the image store under `digest` (sha256, hex)."""

    image_id: str
    collection_id: str
    key: str
    digest: str
    media_type: str
    size: int
    width: int
    height: int
    created_at: float
    kept: bool
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Indexed:
    """Answer of indexing: faces stored (largest first), and those that were not."""

    image_id: str
    records: tuple[FaceRecord, ...]
    unindexed: tuple[UnindexedFace, ...]
    model: str
    created: bool
    """False where this image was already indexed under this identity, and nothing was written."""


@dataclass(frozen=True, slots=True)
class FaceSearch:
    """One searched face of the probe photograph and its matches, most similar first."""

    detail: FaceDetail
    matches: tuple[FaceMatch, ...]


@dataclass(frozen=True, slots=True)
class ImageSearch:
    """Answer of a search by photograph: one entry a searched face, largest first; never empty."""

    searches: tuple[FaceSearch, ...]
    unsearched: tuple[UnindexedFace, ...]
    model: str


@dataclass(frozen=True, slots=True)
class UserSearch:
    """Answer of a search for users. `detail` is None where the photograph shows no face that passes the bar."""

    detail: FaceDetail | None
    matches: tuple[UserMatch, ...]
    unsearched: tuple[UnindexedFace, ...]
    model: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Answer of 1:1 comparison: faces of the target like the source's largest, most similar first; and the others."""

    source: FaceDetail
    matches: tuple[tuple[FaceDetail, float], ...]
    unmatched: tuple[FaceDetail, ...]


class Erasure(StrEnum):
    """What is erased with everything that was made of it."""

    FACES = "faces"
    IMAGE = "image"
    IDENTITY = "identity"
    USER = "user"
    COLLECTION = "collection"
    AGE = "age"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased, when and for whom. `signature` is Ed25519 (RFC 8032) over the content as JSON with sorted keys
    and no spaces; both it and the public key are base64."""

    content: Mapping[str, object]
    public_key: str
    signature: str


@dataclass(frozen=True, slots=True)
class Erased:
    """Answer of erasure. `images` are digests of photographs whose bytes went; `complete` says that the database's side
    files hold nothing any more either. Of very many faces or images only the counts are whole."""

    face_ids: tuple[str, ...]
    images: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    complete: bool = True
    face_count: int = 0
    image_count: int = 0
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """Answer of deletion: ids that went, and those that did not with the reason Rekognition names. `images` and
    `complete` as in `Erased`."""

    deleted: tuple[str, ...]
    unsuccessful: tuple[tuple[str, str], ...] = ()
    images: tuple[str, ...] = ()
    complete: bool = True
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Associated:
    """Answer of association or undoing: ids for which it holds now, those for which it does not, the user's status."""

    associated: tuple[str, ...]
    unsuccessful: tuple[UnsuccessfulAssociation, ...]
    status: str


@dataclass(frozen=True, slots=True)
class UnsuccessfulAssociation:
    face_id: str
    reasons: tuple[str, ...]
    user_id: str | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Turns a pack's distance into a similarity of 0..100, strictly decreasing, and back.

    `distances` (increasing, from 0) and `similarities` (decreasing, from 100 to 0) are the knots of a piecewise
    linear function. The knots at 80, 90, 95 and 99 are the distances under which 1 in 1e3, 1e4, 1e5 and 1e6
    impostor pairs of the calibration sample fall (docs/accuracy.md).
    """

    distances: tuple[float, ...]
    similarities: tuple[float, ...]

    def similarity(self, distance: float) -> float:
        """Similarity, 0..100, of two templates at `distance`; beyond the last knot it is 0."""
        return float(np.interp(distance, self.distances, self.similarities))

    def distance(self, similarity: float) -> float:
        """The largest distance that still has `similarity`; infinite for 0, which every pair reaches."""
        if similarity <= 0:
            return float("inf")
        return float(np.interp(similarity, self.similarities[::-1], self.distances[::-1]))


@dataclass(frozen=True, slots=True)
class PackInfo:
    """What the core needs to know of a model pack."""

    name: str
    contract: str
    dimension: int
    calibration: Calibration
    version: str


_FILE_ENDING = re.compile(r"(?<=.)\.(?:jpe?g|jpe|jfif|png|webp|gif|bmp|tiff?|avif|hei[cf]|b64|txt)$", re.IGNORECASE)


def display_name(external_image_id: str) -> str:
    """A name to show, made of an external id: `keanu-reeves.jpg` is "Keanu reeves". What is not the ending of an image
    file stays, so `j.doe` is "J.doe"; an id of which nothing would be left is shown as it is."""
    name = " ".join(_FILE_ENDING.sub("", external_image_id).replace("-", " ").replace("_", " ").split())
    return name[:1].upper() + name[1:] if name else external_image_id


def largest(details: Sequence[FaceDetail]) -> FaceDetail:
    """The face with the largest box; `details` must not be empty."""
    return max(details, key=lambda detail: detail.box.area)


class Scope(StrEnum):
    """What a key may do. `admin` includes all others; the others include nothing else."""

    INDEX = "index"
    SEARCH = "search"
    READ = "read"
    DELETE = "delete"
    ADMIN = "admin"


class Period(StrEnum):
    """What a quota is counted over: calendar days, weeks from Monday and months, all in UTC."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much a key may ask: `rate` requests a second for long, `burst` at once, `quota` in each `period`.

    None is no limit; `burst` and `rate` are set together, `quota` and `period` too.
    """

    rate: float | None = None
    burst: int | None = None
    quota: int | None = None
    period: Period | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A client's credential without its secret. `kind` is `api` or `aws`; no `collections` means all of them."""

    key_id: str
    name: str
    kind: str
    scopes: frozenset[Scope]
    collections: frozenset[str]
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None
    plan: Plan = Plan()


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `key` is None on an open loopback server, which may do everything."""

    key: Key | None = None

    def may(self, scope: Scope, collection_id: str | None) -> bool:
        """Whether the scope is granted for the collection (None: for the service as a whole)."""
        if self.key is None:
            return True
        if scope not in self.key.scopes and Scope.ADMIN not in self.key.scopes:
            return False
        return not self.key.collections or collection_id in self.key.collections
