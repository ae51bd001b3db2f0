"""What can be asked of a recognizer: each operation a frozen dataclass that names its answer and the right it needs.

Thresholds are similarities, 0..100. None for `threshold`, `max_faces`, `max_users` or `quality` means the operator's
setting. A `token` makes a repeated request return the first answer (IdempotencyMismatch with other parameters).
Errors are those of `kenspeckle.errors`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, Self, TypeAlias, TypeVar

from kenspeckle.domain.access import Of, Right, Scope
from kenspeckle.domain.answers import (
    Associated,
    Comparison,
    Deleted,
    Described,
    FaceMatch,
    ImageSearch,
    Indexed,
    UserMatch,
    UserSearch,
)
from kenspeckle.domain.attributes import NONE, Attribute
from kenspeckle.domain.collections import Collection, Face, FaceRecord, Image, Page, User
from kenspeckle.domain.detection import FaceDetail, QualityFilter, Vector
from kenspeckle.domain.erasure import Erased, Erasure, Receipt
from kenspeckle.domain.jobs import Job, JobState
from kenspeckle.domain.people import Duplicates, Group, NamedFaces, Person, Undone
from kenspeckle.domain.videos import VideoPage, VideoSource
from kenspeckle.errors import NotOffered

A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)
O_co = TypeVar("O_co", covariant=True)
A_contra = TypeVar("A_contra", contravariant=True)

_READ = Right(Scope.READ)
_SEARCH = Right(Scope.SEARCH)
_INDEX = Right(Scope.INDEX)
_DELETE = Right(Scope.DELETE)
_ADMIN = Right(Scope.ADMIN)


class Operation(Generic[A_co]):
    """A request to a recognizer; the type in brackets is that of its answer. `right` is the right it needs."""

    __slots__ = ()

    right: ClassVar[Right]

    @classmethod
    def by(cls, run: Callable[[Self], A_co]) -> tuple[type[Operation[Any]], Callable[[Any], Any]]:
        """A row of a table of handlers: `run` handles this operation. The type checker compares their types."""
        return cls, run


Handlers: TypeAlias = Mapping[type[Operation[Any]], Callable[[Any], Any]]
"""Handlers by class of operation; made of rows of `Operation.by`."""


def answered(handlers: Handlers, operation: Operation[A]) -> A:
    """The answer of the operation's handler. Raises NotOffered where there is none."""
    run = handlers.get(type(operation))
    if run is None:
        raise NotOffered(f"{type(operation).__name__} is not offered here; docs/managed.md says what is offered where.")
    answer: A = run(operation)
    return answer


class Kind(Protocol[O_co, A_contra]):
    """A class of operations, for tables whose rows the type checker compares with the operation and its answer."""

    def by(self, run: Callable[[O_co], A_contra]) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InCollection(Operation[A_co]):
    """An operation on one collection, for which its right has to be granted."""

    collection_id: str


# -- collections -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCollection(InCollection[Collection]):
    """`pack` is the name of the model pack that describes its faces; None: the default one."""

    right = _ADMIN
    tags: Mapping[str, str] = field(default_factory=dict)
    pack: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeCollection(InCollection[Collection]):
    right = _READ


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCollections(Operation[Page[Collection]]):
    """All collections; with `only` those of these names that exist: a key that is limited to collections learns nothing
    of others, nor how many there are."""

    right = Right(Scope.READ, Of.ANYTHING)
    limit: int = 100
    cursor: str | None = None
    only: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteCollection(InCollection[None]):
    right = _ADMIN


@dataclass(frozen=True, slots=True, kw_only=True)
class RetainCollection(InCollection[Collection]):
    """Erase faces at this age; None keeps them indefinitely."""

    right = _ADMIN
    days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTags(InCollection[Mapping[str, str]]):
    right = _READ


@dataclass(frozen=True, slots=True, kw_only=True)
class TagCollection(InCollection[None]):
    right = _ADMIN
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UntagCollection(InCollection[None]):
    right = _ADMIN
    keys: Sequence[str]


# -- long work ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ListJobs(Operation[Page[Job]]):
    """Newest first; with `only` those of these collections, and none of the service as a whole."""

    right = Right(Scope.READ, Of.ANYTHING)
    state: JobState | None = None
    limit: int = 100
    cursor: str | None = None
    only: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetJob(Operation[Job]):
    """Raises JobNotFound also where the job's collection is not in `only`."""

    right = Right(Scope.READ, Of.ANYTHING)
    job_id: str
    only: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelJob(Operation[Job]):
    """End a job: at once where no process has started it, else at its next step. `only` as for GetJob."""

    right = Right(Scope.ADMIN, Of.ANYTHING)
    job_id: str
    only: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeCollection(InCollection[Job]):
    """Start the job that describes all faces by another model pack. Until it has, searches answer by the old one."""

    right = _ADMIN
    pack: str


# -- videos ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StartVideo(InCollection[Job]):
    """Start the job that searches the faces of a video. `key_id` is the key that asks, "" for none, `only` its
    collections; `upload_key` is the key that an upload is encrypted under. The end is told to `topic`."""

    right = _SEARCH
    source: VideoSource
    threshold: float | None = None
    max_faces: int | None = None
    tag: str | None = None
    token: str | None = None
    topic: str | None = None
    key_id: str = ""
    only: Sequence[str] | None = None
    upload_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartVideoDetection(Operation[Job]):
    """Start the job that detects the faces of a video and searches nobody. Members as for StartVideo; `attributes` are
    inferred of each face."""

    right = Right(Scope.SEARCH, Of.ANYTHING)
    source: VideoSource
    attributes: frozenset[Attribute] = NONE
    tag: str | None = None
    token: str | None = None
    topic: str | None = None
    key_id: str = ""
    only: Sequence[str] | None = None
    upload_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetVideo(Operation[VideoPage]):
    """Faces of a video by time, or `by_person`. `search` says which job is meant: one that searched faces, or one that
    only detected them. Raises JobNotFound also where the job's collection is not in `only`; a job without a collection
    is seen by all keys that are not limited, and by the key that started it, `key_id`."""

    right = Right(Scope.SEARCH, Of.ANYTHING)
    job_id: str
    search: bool = True
    by_person: bool = False
    limit: int = 1000
    cursor: str | None = None
    only: Sequence[str] | None = None
    key_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAppearances(Operation[VideoPage]):
    """Who was seen from when to when, by time. `only` as for GetJob."""

    right = Right(Scope.SEARCH, Of.ANYTHING)
    job_id: str
    limit: int = 100
    cursor: str | None = None
    only: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseVideo(Operation[None]):
    """Erase the results of a job that has ended. `only` as for GetJob."""

    right = Right(Scope.DELETE, Of.ANYTHING)
    job_id: str
    only: Sequence[str] | None = None


# -- faces and photographs ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFaces(InCollection[Indexed]):
    """Store every face of a photograph that passes the quality bar, at most `max_faces`. `key` is the photograph's
    name. `attributes` of the faces are inferred and stored with them; None: what the operator's setting says.

    Without `external_image_id` its faces have no name. Faces under `least_confidence` (0..100) are not seen. `alone`
    refuses a photograph that shows more than one."""

    right = _INDEX
    image: bytes = field(repr=False)
    external_image_id: str | None = None
    key: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    max_faces: int | None = None
    quality: QualityFilter | None = None
    least_confidence: float = 0.0
    alone: bool = False
    person_name: str | None = None
    """Display name for the person of `external_image_id`, unless it was given one before."""
    attributes: frozenset[Attribute] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFace(InCollection[FaceRecord]):
    right = _READ
    face_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFaces(InCollection[Page[Face]]):
    right = _READ
    limit: int = 100
    cursor: str | None = None
    user_id: str | None = None
    face_ids: Sequence[str] = ()
    external_image_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteFaces(InCollection[Deleted]):
    """Faces of users stay; `Erase` removes those too."""

    right = _DELETE
    face_ids: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetImage(InCollection[tuple[Image, bytes]]):
    """The newest photograph under this key, as it was sent."""

    right = _READ
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetImageById(InCollection[tuple[Image, bytes]]):
    """The photograph with this ImageId, as it was sent."""

    right = _READ
    image_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFaceImage(InCollection[tuple[Image, bytes]]):
    """The photograph that a stored face was found on, as it was sent."""

    right = _READ
    face_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetThumbnail(InCollection[bytes]):
    """The face cut out of its photograph, as JPEG."""

    right = _READ
    face_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetThumbnails(InCollection[Mapping[str, bytes]]):
    """Up to 100 faces cut out, JPEG by face id. Faces that are gone, or whose picture is not kept, are left out."""

    right = _READ
    face_ids: Sequence[str]


# -- erasure -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Erase(InCollection[Erased]):
    """Faces, also those of users, with everything derived from them. Nothing finds them any more when the answer
    arrives; once its receipt is complete, no file of the service holds any of it. Raises IdentityNotFound,
    ImageNotFound, UserNotFound or CollectionNotFound where the thing named does not exist: nothing was erased, so there
    is no receipt. `name` is its name in the audit trail and the receipt."""

    what: ClassVar[Erasure]

    @property
    def name(self) -> str:
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseImage(Erase):
    """Every photograph under this key."""

    right, what = _DELETE, Erasure.IMAGE
    key: str

    @property
    def name(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseIdentity(Erase):
    right, what = _DELETE, Erasure.IDENTITY
    external_image_id: str

    @property
    def name(self) -> str:
        return self.external_image_id


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseUser(Erase):
    """A user with all its faces."""

    right, what = _DELETE, Erasure.USER
    user_id: str

    @property
    def name(self) -> str:
        return self.user_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasePerson(Erase):
    """A person with all its faces, and its user where that has no other faces. Raises PersonNotFound."""

    right, what = _DELETE, Erasure.PERSON
    person_id: str

    @property
    def name(self) -> str:
        return self.person_id


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseCollection(Erase):
    """A collection with all its faces, users and photographs."""

    right, what = _ADMIN, Erasure.COLLECTION


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseAged(Erase):
    """A batch of the faces that are older than `days`. The service's own housekeeping sends it."""

    right, what = _ADMIN, Erasure.AGE
    days: int

    @property
    def name(self) -> str:
        return str(self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetReceipt(Operation[Receipt]):
    """The receipt of an erasure as it is now. Raises ReceiptNotFound also where its collection is not in `only`."""

    right = Right(Scope.DELETE, Of.ANYTHING)
    receipt_id: str
    only: Sequence[str] | None = None


# -- recognition -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFaces(InCollection[tuple[FaceMatch, ...]]):
    """Stored faces like a stored one, which is not among them."""

    right = _SEARCH
    face_id: str
    threshold: float | None = None
    max_faces: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchImage(InCollection[ImageSearch]):
    """Stored faces like the photograph's largest, or, with `every_face`, like each of them."""

    right = _SEARCH
    image: bytes = field(repr=False)
    threshold: float | None = None
    max_faces: int | None = None
    quality: QualityFilter = QualityFilter.NONE
    every_face: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectFaces(Operation[tuple[FaceDetail, ...]]):
    """At most 100 faces, largest first, with what `attributes` asks for where it can be told."""

    right = Right(Scope.SEARCH, Of.ANYTHING)
    image: bytes = field(repr=False)
    attributes: frozenset[Attribute] = NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareFaces(Operation[Comparison]):
    """The source's largest face against each of the target."""

    right = Right(Scope.SEARCH, Of.ANYTHING)
    source: bytes = field(repr=False)
    target: bytes = field(repr=False)
    threshold: float | None = None
    quality: QualityFilter = QualityFilter.NONE


# -- templates ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeFaces(InCollection[Described]):
    """Faces of a photograph as the collection's pack describes them, largest first: those of at least
    `least_confidence` (0..100), at most `max_faces`, with their `templates` or without."""

    right = _SEARCH
    image: bytes = field(repr=False)
    max_faces: int | None = None
    least_confidence: float = 0.0
    templates: bool = True
    attributes: frozenset[Attribute] = NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTemplates(InCollection[tuple[tuple[FaceMatch, ...], ...]]):
    """Stored faces like each of the templates, most similar first, in the order of the templates.

    `tells`: webhooks and metrics learn of it as of a search by photograph, matches being those that reach the setting
    FACE_MATCH_THRESHOLD, whatever `threshold` is. Leave it out where the same search is asked again, wider."""

    right = _SEARCH
    templates: Sequence[Vector] = field(repr=False)
    threshold: float | None = None
    max_faces: int | None = None
    tells: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareTemplates(InCollection[tuple[float, ...]]):
    """Similarity of each target to a stored face, or to the template `source`. Exactly one of the two."""

    right = _SEARCH
    targets: Sequence[Vector] = field(repr=False)
    source: Vector | None = field(default=None, repr=False)
    face_id: str | None = None


# -- users -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUser(InCollection[None]):
    right = _INDEX
    user_id: str
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteUser(InCollection[None]):
    """The user's faces stay, no longer anyone's."""

    right = _DELETE
    user_id: str
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUser(InCollection[User]):
    right = _READ
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUsers(InCollection[Page[User]]):
    right = _READ
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateFaces(InCollection[Associated]):
    """Assign faces to the user. Once the user has faces, others need a similarity of `threshold` to its template."""

    right = _INDEX
    user_id: str
    face_ids: Sequence[str]
    threshold: float = 75.0
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisassociateFaces(InCollection[Associated]):
    """Remove faces from the user; they stay in the collection."""

    right = _INDEX
    user_id: str
    face_ids: Sequence[str]
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchUsers(InCollection[tuple[UserMatch, ...]]):
    """Users like a stored user (who is not among them) or a stored face. Exactly one of the two ids."""

    right = _SEARCH
    user_id: str | None = None
    face_id: str | None = None
    threshold: float | None = None
    max_users: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchUsersByImage(InCollection[UserSearch]):
    """Users like the photograph's largest face; without a face that passes the quality bar, an empty answer."""

    right = _SEARCH
    image: bytes = field(repr=False)
    threshold: float | None = None
    max_users: int | None = None
    quality: QualityFilter = QualityFilter.NONE


# -- people ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPeople(InCollection[Page[Person]]):
    """By name. With `name` those in whose name it occurs; hidden ones only with `hidden`."""

    right = _READ
    limit: int = 100
    cursor: str | None = None
    name: str | None = None
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPerson(InCollection[Person]):
    right = _READ
    person_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPersonFaces(InCollection[Page[Face]]):
    right = _READ
    person_id: str
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePerson(InCollection[Person]):
    """Give a name (an empty one: that of its identity again), hide it from lists or show it."""

    right = _INDEX
    person_id: str
    person_name: str | None = None
    hidden: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveFaces(InCollection[Person]):
    """Make faces the person's. Identity and user of a face stay."""

    right = _INDEX
    person_id: str
    face_ids: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePeople(InCollection[Person]):
    """Give all that belongs to a person to another, which it answers. Raises Conflict where both have a user."""

    right = _INDEX
    person_id: str
    into: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPerson(InCollection[Person]):
    """Make another person of some of a person's faces, which it answers."""

    right = _INDEX
    person_id: str
    face_ids: Sequence[str]
    person_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoPeople(InCollection[Undone]):
    """Undo a merge or split, the newest where none is named."""

    right = _INDEX
    undo_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NameFaces(InCollection[NamedFaces]):
    """Give faces to the person of this name, who is made where there is none. Faces that are somebody's already, or
    of which somebody said that they are not this person, stay as they are.

    With `external_image_id` it is the person of that identity, whatever it is called by now."""

    right = _INDEX
    face_ids: Sequence[str]
    person_name: str
    external_image_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepApart(InCollection[Person]):
    """Remember for good that faces do not show a person; those that were its leave it."""

    right = _INDEX
    person_id: str
    face_ids: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFaces(InCollection[Job]):
    """Start the job that groups all faces without a name."""

    right = _INDEX


@dataclass(frozen=True, slots=True, kw_only=True)
class ListGroups(InCollection[Page[Group]]):
    """Groups of faces without a name, largest first."""

    right = _READ
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NameGroup(InCollection[Person]):
    """Make a person of a group; faces that come later and fit are its too."""

    right = _INDEX
    group_id: str
    person_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDuplicates(InCollection[Duplicates]):
    """People who may be one, most similar first; with the first page faces that may be under a wrong name, and
    photographs that are stored twice."""

    right = _READ
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DismissDuplicate(InCollection[None]):
    """Remember that two people are not one."""

    right = _INDEX
    pair_id: str
