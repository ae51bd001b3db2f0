"""The catalog: collections, faces, users and photographs in one SQL database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from kenspeckle.domain import (
    Collection,
    Deleted,
    Face,
    FaceDetail,
    FaceRecord,
    Image,
    Page,
    QualityFilter,
    Reason,
    User,
    Vector,
    WebhookMessage,
)
from kenspeckle.domain.people import PersonRef
from kenspeckle.ports.vault import Vault
from kenspeckle.ports.webhooks import Tell


@dataclass(frozen=True, slots=True)
class NewFace:
    """A face to be stored. The caller makes its ids, so that the answer can be prepared before the commit."""

    face_id: str
    detail: FaceDetail
    template: Vector
    thumbnail: bytes | None = None
    """JPEG, kept with the face where the photograph itself is not kept."""


@dataclass(frozen=True, slots=True)
class NewPhotograph:
    """A photograph and its faces, to be stored. `stored_as` is the name that its bytes were staged under; None where
    none were."""

    image: Image
    external_image_id: str | None
    faces: Sequence[NewFace]
    index_model: str
    stored_as: str | None = None
    person_name: str | None = None
    """Display name that the person of the identity is given where it is new, or has been given none."""
    messages: Sequence[WebhookMessage] = ()
    """Put into the outbox in the same transaction, where the photograph is new."""


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
    """A stored face or user as a search needs it: the data to answer, and the template for the exact score."""

    row: int
    template: Vector
    face: Face | None = None
    user: User | None = None
    person: PersonRef | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ErasedFaces:
    """Erased faces, users that were deleted or lost some of them, names in the image store (`Vault.photograph_name`)
    of images that nothing refers to now."""

    face_ids: tuple[str, ...]
    users: tuple[str, ...]
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer of a call with a request token, stored in the transaction of what the call does: either both are
    stored or neither. `fingerprint` is a digest of its parameters, `answer` is JSON, `now` the time."""

    operation: str
    token: str
    fingerprint: str
    answer: str
    now: float


class Catalog(Vault, Protocol):
    """The system of record: one SQL database. Every method is one transaction; when it returns, it is on disk.
    `Image.digest` is that of the photograph as received. What deletions return, `digests`, `removals` and
    `forget_removals` speak of names in the image store, which are these digests where a collection is not encrypted.

    Raises StorageFull and StorageUnavailable from any method; NotFound kinds where the thing named is not there.
    """

    def create_collection(self, collection: Collection) -> None:
        """Raises AlreadyExists."""
        ...

    def collection(self, collection_id: str) -> Collection: ...
    def collections(self, limit: int, cursor: str | None, only: Sequence[str] | None = None) -> Page[Collection]:
        """Oldest first; with `only` those of these names that there are. Raises InvalidCursor."""
        ...

    def delete_collection(
        self, collection_id: str, messages: Sequence[WebhookMessage] = (), *, purge: bool = True
    ) -> tuple[str, ...]:
        """Deletes its faces, users, tags, images and change log too. Returns digests of images that nothing refers to
        now. Webhook messages about it lose their content, and `messages` are put into the outbox in the same
        transaction. Without `purge` its rows are left for `purge_some`, which notes its images for removal; nothing
        finds them any more, and an encrypted collection's key is gone."""
        ...

    def digests_only_of(self, collection_id: str, limit: int) -> tuple[str, ...]:
        """Up to `limit` digests of the collection's photographs that no other collection keeps."""
        ...

    def drop_deleted_keys(self) -> None:
        """Drop from memory the keys of collections that another process has deleted."""
        ...

    def has_remains(self) -> bool:
        """Whether rows of deleted collections are left."""
        ...

    def purge_some(self, most: int) -> int:
        """Remove up to `most` rows of deleted collections, and the rows that refer to them; how many, 0 where none are
        left."""
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

    def add_attributes(self, collection_id: str, told: Mapping[str, FaceDetail]) -> None:
        """Store what was inferred of these faces, by face id, in place of what they had; of those that are there."""
        ...

    def add_faces(
        self,
        image: Image,
        external_image_id: str | None,
        faces: Sequence[NewFace],
        index_model: str,
        messages: Sequence[WebhookMessage] = (),
        *,
        stored_as: str | None = None,
        contract: str | None = None,
        person_name: str | None = None,
    ) -> tuple[Image, tuple[FaceRecord, ...], bool]:
        """Store image and faces, raise the revision, log the changes; `messages` are put into the outbox in the same
        transaction. Where this image is already stored under this identity with faces, nothing is written and what is
        stored returns with False. `stored_as` is the name that the photograph was staged under: Conflict where the
        collection was deleted and created again meanwhile, with another key. `contract` is that of the templates:
        PackMismatch where the collection has another one by now. `person_name` as in `NewPhotograph`. Raises
        CollectionNotFound."""
        ...

    def add_photographs(
        self, collection_id: str, photographs: Sequence[NewPhotograph], contract: str
    ) -> list[tuple[Image, tuple[FaceRecord, ...], bool]]:
        """`add_faces` for each of these photographs of one collection, all of them or none, in one transaction. Raises
        as `add_faces`."""
        ...

    def add_left_out(
        self,
        image: Image,
        external_image_id: str | None,
        faces: Sequence[NewFace],
        tell: Callable[[Sequence[NewFace]], Sequence[WebhookMessage]] = lambda faces: (),
        *,
        max_faces: int,
        quality: QualityFilter,
        contract: str | None = None,
        person_name: str | None = None,
    ) -> tuple[Image, tuple[FaceRecord, ...], tuple[NewFace, ...]] | None:
        """Add those of these faces that were left out of this stored photograph (`Image.left_out`), in one transaction
        with the messages that `tell` makes of them: the photograph as it is then, all its faces, largest first, and
        those that were added. The others are ignored. `max_faces` and `quality` are what was asked. None where the
        photograph is not stored any more. Raises CollectionNotFound, PackMismatch as `add_faces`."""
        ...

    def faceless(self, collection_id: str, digests: Sequence[str]) -> Mapping[str, tuple[str, tuple[Reason, ...]]]:
        """Those of these photographs that are remembered as without a face to store: (what was asked, why its faces
        were refused) by digest. Raises CollectionNotFound."""
        ...

    def remember_faceless(
        self, collection_id: str, asked: str, some: Mapping[str, tuple[Reason, ...]], now: float
    ) -> None:
        """Remember photographs, by digest, of which nothing was stored when this was asked. Raises
        CollectionNotFound."""
        ...

    def forget_faceless(self, collection_id: str, before: float) -> None:
        """Forget those remembered before this time. Raises CollectionNotFound."""
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
    def delete_faces(
        self, collection_id: str, face_ids: Sequence[str], tell: Tell | None = None
    ) -> tuple[Deleted, tuple[str, ...]]:
        """Returns the answer and the digests of images that nothing refers to now. Webhook messages that name the faces
        lose their content, and `tell` makes the messages that are put into the outbox in the same transaction. A face
        of a user stays and is named ASSOCIATED_TO_AN_EXISTING_USER; an unknown one FACE_NOT_FOUND."""
        ...

    def erase_faces(
        self,
        collection_id: str,
        face_ids: Sequence[str],
        combine: Callable[[Sequence[Vector]], Vector],
        *,
        user_id: str | None = None,
        tell: Tell | None = None,
    ) -> ErasedFaces:
        """Delete faces, also those of users. Users that lose some get the template that `combine` makes of those they
        keep; the user `user_id` is deleted with all its faces. Unknown faces are ignored. Raises UserNotFound. `tell`
        as for `delete_faces`."""
        ...

    def faces_of_key(self, collection_id: str, key: str, limit: int) -> tuple[str, ...]:
        """At most `limit` of the faces of photographs stored under this key."""
        ...

    def find_aged(self, collection_id: str, before: float, limit: int) -> tuple[str, ...]:
        """Some of the faces stored before this time."""
        ...

    def set_retention(self, collection_id: str, days: int | None) -> None: ...

    def removals(self, limit: int) -> tuple[str, ...]:
        """Digests of photographs whose last face was deleted and whose bytes may still be stored."""
        ...

    def forget_removals(self, digests: Sequence[str]) -> None:
        """Take these digests off the list of removals: the bytes are removed, or needed again."""
        ...

    def scrub(self, *, thorough: bool = False) -> bool:
        """Overwrite remains of deleted data in the database's files. False where an active reader still needs older
        states: call again later. `thorough` looks everywhere, not only where this process knows of changes."""
        ...

    def create_user(self, user: User, *, answered: Answered | None = None) -> None:
        """Raises Conflict where it exists, CollectionNotFound. `answered`, here and below: see `remember`."""
        ...

    def delete_user(self, collection_id: str, user_id: str, *, answered: Answered | None = None) -> None: ...
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
        contract: str | None = None,
        answered: Answered | None = None,
    ) -> None:
        """Assign the faces to the user and store its new template. Raises QuotaExceeded beyond `limit` faces, Conflict
        where a face meanwhile belongs to another user or was deleted. `among` are the faces that the user had when the
        template was made: Conflict where it has others now. `contract` is that of the template: PackMismatch where the
        collection has another one by now."""
        ...

    def unlink_faces(
        self,
        collection_id: str,
        user_id: str,
        face_ids: Sequence[str],
        template: Vector | None,
        *,
        among: Sequence[str] | None = None,
        contract: str | None = None,
        answered: Answered | None = None,
    ) -> None:
        """Raises Conflict where the user's faces changed meanwhile; `among` and `contract` as for `link_faces`."""
        ...

    def remember(self, collection_id: str, answered: Answered) -> None:
        """Keep the answer of a call that changed nothing; it is deleted with the collection. Raises Conflict where the
        token has one, CollectionNotFound."""
        ...

    def recall(self, operation: str, token: str, now: float) -> tuple[str, str] | None:
        """(fingerprint, answer) of an earlier call under this token, None where there was none in the last 8 hours."""
        ...

    def image(self, collection_id: str, key: str) -> Image:
        """The newest photograph stored under this key. Raises ImageNotFound."""
        ...

    def image_of(self, collection_id: str, image_id: str) -> Image: ...

    def thumbnail(self, collection_id: str, face_id: str) -> bytes | None:
        """The thumbnail that is stored with the face. Raises FaceNotFound."""
        ...

    def lock(self, names: Iterable[str]) -> AbstractContextManager[None]:
        """Hold locks of these names (64 hexadecimal digits) against all others, threads and processes alike, that hold
        one of them on this catalog. They end with the block, or with the process however it ends. Not reentrant.

        Whoever stores or removes a photograph's bytes according to the catalog holds their name until that is done.
        Raises StorageUnavailable where it takes too long."""
        ...

    def duty(self, name: str) -> AbstractContextManager[bool]:
        """Whether this process is the one that does, for the length of the block, what `name` says. False where another
        process of the cluster is at it; of processes on one SQLite file each may. Raises StorageUnavailable."""
        ...

    def digests(self, among: Iterable[str]) -> set[str]:
        """Those of the given image digests that are still referred to."""
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

    def read_stored(
        self, collection_id: str, kind: str, rows: Sequence[int], *, contract: str | None = None
    ) -> list[Stored]:
        """Those of the rows that exist now, in any order. Raises PackMismatch where they are not of this contract."""
        ...

    def counts(self, only: Sequence[str] | None = None) -> Mapping[str, int]:
        """collections, faces, users, images; with `only` in the collections of these names."""
        ...

    def close(self) -> None: ...
