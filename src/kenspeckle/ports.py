"""The seams of the service: what the core asks of engine, catalog, index and images, and what edges ask of it.

Each port is small and has a fake in `tests/fakes.py`; one contract suite runs over the fake and the real thing.
Everything is synchronous and may be called from many threads at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kenspeckle.audit import AuditHead, AuditRow
from kenspeckle.domain import (
    Associated,
    Box,
    Collection,
    Comparison,
    Deleted,
    Erased,
    Erasure,
    Face,
    FaceDetail,
    FaceMatch,
    FaceRecord,
    Image,
    ImageSearch,
    Indexed,
    Key,
    PackInfo,
    Page,
    Period,
    Plan,
    QualityFilter,
    User,
    UserMatch,
    UserSearch,
    Vector,
)


class Recognizer(Protocol):
    """What every edge (REST, wire, command line, Lambda) speaks to. Errors are those of `kenspeckle.errors`.

    Thresholds are similarities, 0..100. `None` for threshold, max_faces or quality means the operator's setting.
    `user token` arguments make a repeated call return the first answer (`IdempotencyMismatch` with other parameters).
    """

    def create_collection(self, collection_id: str, tags: Mapping[str, str] | None = None) -> Collection: ...
    def describe_collection(self, collection_id: str) -> Collection: ...
    def list_collections(self, limit: int = 100, cursor: str | None = None) -> Page[Collection]: ...
    def delete_collection(self, collection_id: str) -> None: ...
    def tags(self, collection_id: str) -> Mapping[str, str]: ...
    def tag(self, collection_id: str, tags: Mapping[str, str]) -> None: ...
    def untag(self, collection_id: str, keys: Sequence[str]) -> None: ...

    def index_faces(
        self,
        collection_id: str,
        image: bytes,
        external_image_id: str | None = None,
        *,
        key: str | None = None,
        metadata: Mapping[str, str] | None = None,
        max_faces: int | None = None,
        quality: QualityFilter | None = None,
    ) -> Indexed: ...
    def get_face(self, collection_id: str, face_id: str) -> FaceRecord: ...
    def list_faces(
        self,
        collection_id: str,
        limit: int = 100,
        cursor: str | None = None,
        *,
        user_id: str | None = None,
        face_ids: Sequence[str] | None = None,
        external_image_id: str | None = None,
    ) -> Page[Face]: ...
    def delete_faces(self, collection_id: str, face_ids: Sequence[str]) -> Deleted:
        """Faces of users stay; `erase` takes them too."""
        ...

    def erase(self, collection_id: str, what: Erasure, name: str = "") -> Erased:
        """Everything of the image key, identity or user `name`, or of the whole collection; with AGE a batch of the
        faces older than `name` days. When it returns, no file of the service holds any of it."""
        ...

    def retain(self, collection_id: str, days: int | None) -> Collection:
        """Erase faces once they are so old; None keeps them for good."""
        ...

    def search_faces(
        self,
        collection_id: str,
        face_id: str,
        *,
        threshold: float | None = None,
        max_faces: int | None = None,
    ) -> tuple[FaceMatch, ...]: ...
    def search_image(
        self,
        collection_id: str,
        image: bytes,
        *,
        threshold: float | None = None,
        max_faces: int | None = None,
        quality: QualityFilter = QualityFilter.NONE,
        every_face: bool = False,
    ) -> ImageSearch: ...
    def detect_faces(self, image: bytes) -> tuple[FaceDetail, ...]: ...
    def compare_faces(
        self,
        source: bytes,
        target: bytes,
        *,
        threshold: float | None = None,
        quality: QualityFilter = QualityFilter.NONE,
    ) -> Comparison: ...

    def create_user(self, collection_id: str, user_id: str, token: str | None = None) -> None: ...
    def delete_user(self, collection_id: str, user_id: str, token: str | None = None) -> None: ...
    def get_user(self, collection_id: str, user_id: str) -> User: ...
    def list_users(self, collection_id: str, limit: int = 100, cursor: str | None = None) -> Page[User]: ...
    def associate_faces(
        self,
        collection_id: str,
        user_id: str,
        face_ids: Sequence[str],
        *,
        threshold: float = 75.0,
        token: str | None = None,
    ) -> Associated: ...
    def disassociate_faces(
        self, collection_id: str, user_id: str, face_ids: Sequence[str], *, token: str | None = None
    ) -> Associated: ...
    def search_users(
        self,
        collection_id: str,
        *,
        user_id: str | None = None,
        face_id: str | None = None,
        threshold: float | None = None,
        max_users: int | None = None,
    ) -> tuple[UserMatch, ...]: ...
    def search_users_by_image(
        self,
        collection_id: str,
        image: bytes,
        *,
        threshold: float | None = None,
        max_users: int | None = None,
        quality: QualityFilter = QualityFilter.NONE,
    ) -> UserSearch: ...

    def image(self, collection_id: str, key: str) -> tuple[Image, bytes]: ...
    def thumbnail(self, collection_id: str, face_id: str) -> bytes:
        """The face cut out of its photograph, as JPEG."""
        ...

    def info(self) -> Mapping[str, object]:
        """Counts and configuration of the recognizer, JSON-ready; never a secret."""
        ...

    def ready(self) -> None:
        """Raises where the model is not loaded or the catalog does not answer."""
        ...


class Photo(Protocol):
    """A photograph whose header was checked; pixels are decoded when they are asked for. Sizes as a viewer sees it."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def media_type(self) -> str: ...


class Engine(Protocol):
    """Sees faces. Not gated: callers hold a turn of the inference gate."""

    @property
    def pack(self) -> PackInfo: ...
    def open(self, data: bytes) -> Photo:
        """Check the bytes. Raises UnsupportedImage, ImageTooLarge, ImageTooSmall."""
        ...

    def detect(self, photo: Photo, *, largest_only: bool = False) -> tuple[FaceDetail, ...]:
        """Faces, largest first. `largest_only` allows (not demands) to find no others. Raises DamagedImage."""
        ...

    def embed(self, photo: Photo, faces: Sequence[FaceDetail]) -> list[Vector]:
        """One template a face, in the order given. Raises DamagedImage."""
        ...

    def thumbnail(self, photo: Photo, box: Box) -> bytes:
        """The face with some surroundings, upright JPEG of at most 256 px. Raises DamagedImage."""
        ...


@dataclass(frozen=True, slots=True)
class NewFace:
    """A face to be stored: ids are made by the caller, so that an answer can be prepared before the commit."""

    face_id: str
    detail: FaceDetail
    template: Vector
    thumbnail: bytes | None = None
    """JPEG, kept with the face where the photograph itself is not kept."""


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a collection's change log. `kind` is `face` or `user`; `row` identifies it in the index;
    `template` is None where it was deleted."""

    revision: int
    kind: str
    row: int
    template: Vector | None


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored face or user as a search needs it: what to answer, and the template to score again."""

    row: int
    template: Vector
    face: Face | None = None
    user: User | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """Faces that were erased, users that went or lost some of them, digests of images that nothing refers to now."""

    face_ids: tuple[str, ...]
    users: tuple[str, ...]
    digests: tuple[str, ...]


class Catalog(Protocol):
    """The truth: one SQL database. Every method is one transaction; when it returns, it is on disk.

    Raises StorageFull and StorageUnavailable from any method; NotFound kinds where the thing named is not there.
    """

    def create_collection(self, collection: Collection) -> None:
        """Raises AlreadyExists."""
        ...

    def collection(self, collection_id: str) -> Collection: ...
    def collections(self, limit: int, cursor: str | None) -> Page[Collection]: ...
    def delete_collection(self, collection_id: str) -> tuple[str, ...]:
        """Faces, users, tags, images and log go with it. Returns digests of images that nothing refers to now."""
        ...

    def tags(self, collection_id: str) -> Mapping[str, str]: ...
    def set_tags(self, collection_id: str, tags: Mapping[str, str], limit: int) -> None:
        """Raises QuotaExceeded where more than `limit` tags would result."""
        ...

    def remove_tags(self, collection_id: str, keys: Sequence[str]) -> None: ...

    def find_indexed(
        self, collection_id: str, digest: str, external_image_id: str | None
    ) -> tuple[Image, tuple[FaceRecord, ...]] | None:
        """What an earlier call stored for this image and identity, largest face first; None where it did not."""
        ...

    def add_faces(
        self, image: Image, external_image_id: str | None, faces: Sequence[NewFace], index_model: str
    ) -> tuple[Image, tuple[FaceRecord, ...], bool]:
        """Store image and faces, raise the revision, log the changes. Where this image is already stored under this
        identity with faces, nothing is written and what is stored returns with False. Raises CollectionNotFound."""
        ...

    def face(self, collection_id: str, face_id: str) -> tuple[FaceRecord, Vector]: ...
    def faces(
        self,
        collection_id: str,
        limit: int,
        cursor: str | None,
        *,
        user_id: str | None = None,
        face_ids: Sequence[str] | None = None,
        external_image_id: str | None = None,
    ) -> Page[Face]: ...
    def delete_faces(self, collection_id: str, face_ids: Sequence[str]) -> tuple[Deleted, tuple[str, ...]]:
        """Returns the answer and the digests of images that nothing refers to now. A face of a user stays and is
        named ASSOCIATED_TO_AN_EXISTING_USER; an unknown one FACE_NOT_FOUND."""
        ...

    def erase_faces(
        self,
        collection_id: str,
        face_ids: Sequence[str],
        combine: Callable[[Sequence[Vector]], Vector],
        *,
        user_id: str | None = None,
    ) -> Gone:
        """Delete faces whoever they belong to. Users that lose some get the template that `combine` makes of those
        they keep; the user `user_id` goes with all its faces. Unknown faces are fine. Raises UserNotFound."""
        ...

    def faces_of_key(self, collection_id: str, key: str, limit: int) -> tuple[str, ...]:
        """Some of the faces of photographs stored under this key."""
        ...

    def aged(self, collection_id: str, before: float, limit: int) -> tuple[str, ...]:
        """Some of the faces stored before this time."""
        ...

    def set_retention(self, collection_id: str, days: int | None) -> None: ...

    def removals(self, limit: int) -> tuple[str, ...]:
        """Digests of photographs whose last face went and whose bytes may still be there."""
        ...

    def removed(self, digests: Sequence[str]) -> None:
        """These bytes are gone, or needed again."""
        ...

    def scrub(self, *, thorough: bool = False) -> bool:
        """Have the database's files forget what was deleted. False where a reader that is still at work needs older
        states: ask again later. `thorough` looks everywhere, not only where this process knows of changes."""
        ...

    def create_user(self, user: User) -> None:
        """Raises Conflict where it exists, CollectionNotFound."""
        ...

    def delete_user(self, collection_id: str, user_id: str) -> None: ...
    def user(self, collection_id: str, user_id: str) -> tuple[User, Vector | None]:
        """The user and its template, None as long as no face belongs to it."""
        ...

    def users(self, collection_id: str, limit: int, cursor: str | None) -> Page[User]: ...
    def user_templates(self, collection_id: str, user_id: str) -> tuple[tuple[str, Vector], ...]:
        """(face id, template) of the faces that belong to the user."""
        ...

    def link_faces(
        self,
        collection_id: str,
        user_id: str,
        face_ids: Sequence[str],
        template: Vector | None,
        limit: int,
        *,
        among: Sequence[str] | None = None,
    ) -> None:
        """Make the faces the user's and store its new template. Raises QuotaExceeded beyond `limit` faces, Conflict
        where a face meanwhile belongs to another user or is gone. `among` are the faces that the user had when the
        template was made: Conflict where it has others now."""
        ...

    def unlink_faces(
        self,
        collection_id: str,
        user_id: str,
        face_ids: Sequence[str],
        template: Vector | None,
        *,
        among: Sequence[str] | None = None,
    ) -> None:
        """Raises Conflict where the user's faces changed meanwhile; `among` as for `link_faces`."""
        ...

    def remember(self, scope: str, token: str, fingerprint: str, answer: str, now: float) -> None:
        """Keep the answer of an idempotent call."""
        ...

    def recall(self, scope: str, token: str, now: float) -> tuple[str, str] | None:
        """(fingerprint, answer) of an earlier call under this token, None where there was none in the last 8 hours."""
        ...

    def image(self, collection_id: str, key: str) -> Image:
        """The newest photograph stored under this key. Raises ImageNotFound."""
        ...

    def image_of(self, collection_id: str, image_id: str) -> Image: ...

    def thumbnail(self, collection_id: str, face_id: str) -> bytes | None:
        """What was kept with the face. Raises FaceNotFound."""
        ...

    def digests(self, among: Iterable[str]) -> set[str]:
        """Those of the given image digests that something still refers to."""
        ...

    def revision(self, collection_id: str) -> int:
        """Raises CollectionNotFound."""
        ...

    def changes(self, collection_id: str, since: int, limit: int) -> list[Change] | None:
        """Net changes after revision `since`, oldest first, at most `limit` of them; None where the log no longer
        reaches back, or there are more: the caller rebuilds."""
        ...

    def snapshot(self, collection_id: str, kind: str) -> tuple[int, Iterable[tuple[list[int], Vector]]]:
        """(revision, batches of rows and templates, each (n, dimension)) of all faces or users at that revision."""
        ...

    def stored(self, collection_id: str, kind: str, rows: Sequence[int]) -> list[Stored]:
        """Those of the rows that exist now, in any order."""
        ...

    def counts(self) -> Mapping[str, int]:
        """collections, faces, users, images."""
        ...

    def close(self) -> None: ...


class Index(Protocol):
    """Nearest templates of a collection; a projection of the catalog that follows its revisions."""

    def search(self, collection_id: str, kind: str, probe: Vector, k: int, within: float) -> list[tuple[Stored, float]]:
        """At most k faces (`kind` face) or users (`kind` user) at a Euclidean distance of `within` or less, nearest
        first, with exact float32 distances, at the collection's newest revision. Raises CollectionNotFound."""
        ...

    def forget(self, collection_id: str) -> None:
        """Drop what is held for a collection that was deleted."""
        ...


class Staged(Protocol):
    """Bytes that are on disk but not yet in their place."""

    def publish(self) -> None:
        """Move them into their place. A crash before this is mended by `Images.recover`."""
        ...

    def discard(self) -> None:
        """Remove them, but not what lay in their place before."""
        ...


class Images(Protocol):
    """Photographs by content digest. A name that a client chose never becomes a path."""

    def stage(self, digest: str, data: bytes) -> Staged:
        """On disk when it returns. Raises StorageFull, StorageUnavailable."""
        ...

    def recover(self, referenced: Callable[[Iterable[str]], set[str]]) -> None:
        """Finish what a crash left half done: publish what the catalog refers to, remove the rest once it is old."""
        ...

    def put(self, digest: str, data: bytes) -> None:
        """Stage and publish in one; putting the same again is fine."""
        ...

    def get(self, digest: str) -> bytes:
        """Raises ImageNotFound; StorageUnavailable where the bytes no longer have that digest."""
        ...

    def delete(self, digests: Iterable[str]) -> None:
        """Absent ones are fine."""
        ...


class Keys(Protocol):
    """Credentials in the catalog. `digest` is the SHA-256 of an API key's secret; `sealed` the encrypted secret of an
    AWS pair, which SigV4 needs in the clear."""

    def add_key(self, key: Key, *, digest: str | None = None, sealed: bytes | None = None) -> None:
        """Raises Conflict where the id is taken."""
        ...

    def key_by_digest(self, digest: str) -> Key | None: ...
    def key_with_secret(self, key_id: str) -> tuple[Key, bytes] | None:
        """An AWS pair by access key id, with its sealed secret."""
        ...

    def keys(self) -> tuple[Key, ...]: ...
    def revoke_key(self, key_id: str, now: float) -> Key:
        """Raises KeyNotFound."""
        ...

    def touch_key(self, key_id: str, now: float) -> None:
        """Record the last use."""
        ...

    def any_key(self) -> bool:
        """Whether a key exists that is neither revoked nor expired."""
        ...

    def limit_key(self, key_id: str, plan: Plan) -> Key:
        """Give the key another plan. Raises KeyNotFound."""
        ...


@dataclass(frozen=True, slots=True)
class Used:
    """Requests counted for a key in the period that began at `began`, seconds since the epoch."""

    key_id: str
    period: Period
    began: int
    used: int


class Usage(Protocol):
    """Requests counted against quotas, in the catalog. Each process counts for itself under a name, its `writer`: it
    writes totals, so that writing again what may have been written already never counts twice."""

    def used(self, key_id: str, period: Period, began: int, *, beside: str) -> int:
        """What all other writers than `beside` have counted."""
        ...

    def all_used(self) -> Sequence[Used]:
        """Sums over all writers, of periods that are kept."""
        ...

    def count(self, writer: str, counts: Iterable[Used]) -> None:
        """Set what this writer has counted. Earlier periods of these keys are forgotten."""
        ...

    def carry(self, key_id: str, to: str) -> None:
        """Let the key `to` begin with what `key_id` has used."""
        ...


class Deriver(Protocol):
    """Keys for single purposes, made from the instance's master key."""

    def derive(self, purpose: str) -> bytes:
        """32 bytes, always the same for a purpose; of no use to guess another's. Makes the master key where there is
        none yet. Raises SettingError, StorageFull, StorageUnavailable."""
        ...


class Sealer(Protocol):
    """Encrypts small secrets under the instance's master key. `context` is bound to the secret, not stored in it."""

    def seal(self, secret: bytes, context: str) -> bytes:
        """Makes the master key where there is none yet. Raises SettingError, StorageFull, StorageUnavailable."""
        ...

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Raises StorageUnavailable where it was sealed under another key or for another context, or is damaged."""
        ...


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which rows of the audit trail: those that fit all that is named. `before` is a number, for paging backwards."""

    since: float | None = None
    who: str | None = None
    collection_id: str | None = None
    operation: str | None = None
    before: int | None = None


class Trail(Protocol):
    """The audit trail. Raises StorageFull and StorageUnavailable from any method."""

    def append_audit(self, link: Callable[[AuditHead], tuple[Sequence[AuditRow], AuditHead]]) -> None:
        """Ask `link` for rows after the present head and for the new head, and store both in one transaction, which
        is on disk when this returns."""
        ...

    def audit_head(self) -> AuditHead: ...
    def audit_rows(self, after: int = 0) -> Iterator[AuditRow]:
        """Rows above the number `after`, in order, as they were at one moment."""
        ...

    def find_audit(self, query: AuditQuery, limit: int) -> list[AuditRow]:
        """Newest first."""
        ...

    def trim_audit(self, older: float, seal: Callable[[AuditHead], AuditHead]) -> int:
        """Remove some of the rows at the beginning that are all older than this time, and raise the floor; how many
        went, 0 where there is nothing more to remove. `seal` seals the new head."""
        ...


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """What a copy of the catalog holds: version of its schema, counts as `Catalog.counts`, packs by contract."""

    schema: str
    counts: Mapping[str, int]
    packs: Mapping[str, str]


class Copies(Protocol):
    """Whole copies of the catalog's database, for backup. Raises StorageFull and StorageUnavailable from any method."""

    def make(self, target: Path, progress: Callable[[int, int], None]) -> CopyFacts:
        """Copy one moment into a new file, sound and on disk when it returns, while others read and write.

        `progress` is told bytes done and to do."""
        ...

    def digests(self, copy: Path) -> Iterator[str]:
        """Digests of the photographs that the copy needs, each once, in order."""
        ...

    def referenced(self, among: Iterable[str]) -> set[str]:
        """As `Catalog.digests`, of the catalog as it is now."""
        ...


class Seat(Protocol):
    """The place of the catalog's database, held against all other processes where a sound database is there."""

    @property
    def taken(self) -> bool:
        """Whether a database is there."""
        ...

    def keep(self, aside: Path) -> None:
        """Give the database that is there a second name in the folder `aside`."""
        ...

    def put(self, new: Path) -> None:
        """In one step, the database `new` instead of what is there. Raises Conflict where one came meanwhile."""
        ...


class Seats(Protocol):
    """Where a restored catalog goes."""

    def reserve(self, *, replace: bool) -> AbstractContextManager[Seat]:
        """Raises Conflict where a catalog is there and may not be replaced, or a process uses it."""
        ...

    def prepare(self, new: Path) -> CopyFacts:
        """Bring a copy up to date and see that it is sound. Raises StorageUnavailable where it can't be used."""
        ...

    def digests(self, among: Iterable[str]) -> set[str]:
        """As `Catalog.digests`, of what is in the place now."""
        ...


@dataclass(frozen=True, slots=True)
class DumpedFace:
    """A stored face with all that is known of it and of its photograph."""

    image: Image
    record: FaceRecord
    template: Vector
    thumbnail: bytes | None


@dataclass(frozen=True, slots=True)
class Dump:
    """All of a collection at one moment. Faces of one photograph follow each other."""

    collection: Collection
    images: int
    users: Iterator[User]
    faces: Iterator[DumpedFace]


class Dumps(Protocol):
    """Reads whole collections, for export."""

    def dump(self, collection_id: str) -> AbstractContextManager[Dump]:
        """Everything as it was when the block was entered. Raises CollectionNotFound."""
        ...
