"""People over Amazon Rekognition: they are its users, and a person's id and name are the UserId."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from kenspeckle.aws.faces import Faces
from kenspeckle.aws.users import Users
from kenspeckle.domain import Erased, Face, Page, Person, display_name, validation
from kenspeckle.domain.operations import (
    AssociateFaces,
    CreateUser,
    DeleteUser,
    DisassociateFaces,
    ErasePerson,
    EraseUser,
    GetPerson,
    GetUser,
    Handlers,
    ListFaces,
    ListPeople,
    ListPersonFaces,
    ListUsers,
    MergePeople,
    MoveFaces,
    NameFaces,
    SplitPerson,
)
from kenspeckle.domain.people import NamedFaces, name_key
from kenspeckle.errors import Conflict, FaceNotFound, InvalidValue, PersonNotFound, QuotaExceeded, UserNotFound

MOST_LISTED = 100
"""People of a page: Amazon is asked for the faces of each."""


class People:
    """What the managed recognizer does with people. Amazon keeps neither display names nor a history, so renaming,
    hiding and undoing are not offered."""

    def __init__(self, users: Users, faces: Faces) -> None:
        self._users = users
        self._faces = faces

    def handlers(self) -> Handlers:
        return dict(
            [
                ListPeople.by(self.list_people),
                GetPerson.by(self.get_person),
                ListPersonFaces.by(self.list_person_faces),
                MoveFaces.by(self.move_faces),
                MergePeople.by(self.merge_people),
                SplitPerson.by(self.split_person),
                NameFaces.by(self.name_faces),
                ErasePerson.by(self.erase_person),
            ]
        )

    def list_people(self, operation: ListPeople) -> Page[Person]:
        """In Rekognition's order; with a name, a page may be short. Raises CollectionNotFound, InvalidCursor."""
        most = min(validation.count(operation.limit, validation.MAX_PAGE, "limit"), MOST_LISTED)
        page = self._users.list_users(
            ListUsers(collection_id=operation.collection_id, limit=most, cursor=operation.cursor)
        )
        wanted = name_key(operation.name or "")
        found = [one.user_id for one in page.items if wanted in name_key(display_name(one.user_id))]
        return Page(tuple(self._person(operation.collection_id, one) for one in found), page.cursor)

    def get_person(self, operation: GetPerson) -> Person:
        """Raises CollectionNotFound, PersonNotFound."""
        return self._person(operation.collection_id, operation.person_id)

    def list_person_faces(self, operation: ListPersonFaces) -> Page[Face]:
        """Raises CollectionNotFound, PersonNotFound, InvalidCursor."""
        with _person_named(operation.person_id):
            return self._faces.list_faces(
                ListFaces(
                    collection_id=operation.collection_id,
                    user_id=operation.person_id,
                    limit=operation.limit,
                    cursor=operation.cursor,
                )
            )

    def move_faces(self, operation: MoveFaces) -> Person:
        """Associates them, and takes them from other users before. Raises PersonNotFound, FaceNotFound,
        QuotaExceeded."""
        ids = validation.face_ids(operation.face_ids, validation.MAX_FACES_A_USER)
        collection_id, person_id = operation.collection_id, operation.person_id
        person = self._person(collection_id, person_id)
        owners = {one.face_id: one.user_id for one in self._of_ids(collection_id, ids)}
        for one in ids:
            if one not in owners:
                raise FaceNotFound(f"There is no face '{one}' in this collection.", field="face_id")
        coming = [one for one in ids if owners[one] != person_id]
        if person.face_count + len(coming) > validation.MAX_FACES_A_USER:
            raise QuotaExceeded(f"A user takes at most {validation.MAX_FACES_A_USER} faces.", field="face_ids")
        for user in {owners[one] for one in coming} - {None}:
            theirs = [one for one in coming if owners[one] == user]
            self._users.disassociate_faces(
                DisassociateFaces(collection_id=collection_id, user_id=user or "", face_ids=theirs)
            )
        self._associate(collection_id, person_id, coming)
        return self._person(collection_id, person_id)

    def merge_people(self, operation: MergePeople) -> Person:
        """Moves all faces and deletes the user. Raises PersonNotFound, Conflict, QuotaExceeded beyond 100 faces."""
        collection_id, source, into = operation.collection_id, operation.person_id, operation.into
        if source == into:
            raise Conflict("A person can't be merged into itself; name another one.", field="into")
        self._person(collection_id, into)
        ids = [one.face_id for one in self._all(collection_id, source)]
        if ids:
            self.move_faces(MoveFaces(collection_id=collection_id, person_id=into, face_ids=ids))
        self._users.delete_user(DeleteUser(collection_id=collection_id, user_id=source))
        return self._person(collection_id, into)

    def split_person(self, operation: SplitPerson) -> Person:
        """Creates a user whose id is the name. Raises PersonNotFound, Conflict, InvalidValue."""
        collection_id = operation.collection_id
        if operation.person_name is None:
            raise InvalidValue("Name the new person: over Amazon Rekognition it is a UserId.", field="name")
        theirs = {one.face_id for one in self._all(collection_id, operation.person_id)}
        leaving = validation.face_ids(operation.face_ids, validation.MAX_FACES_A_USER)
        if not theirs.issuperset(leaving) or theirs == set(leaving):
            raise Conflict("Name some of the person's faces, but not all.", field="face_ids")
        new = validation.user_id(operation.person_name)
        self._users.create_user(CreateUser(collection_id=collection_id, user_id=new))
        return self.move_faces(MoveFaces(collection_id=collection_id, person_id=new, face_ids=leaving))

    def name_faces(self, operation: NameFaces) -> NamedFaces:
        """Associates those that have no user with the user whose id is the identity, else the name; creates it.
        Raises FaceNotFound, InvalidValue, QuotaExceeded."""
        ids = validation.face_ids(operation.face_ids, validation.MAX_FACES_A_USER)
        collection_id = operation.collection_id
        user_id = validation.user_id(operation.external_image_id or operation.person_name)
        owners = {one.face_id: one.user_id for one in self._of_ids(collection_id, ids)}
        for one in ids:
            if one not in owners:
                raise FaceNotFound(f"There is no face '{one}' in this collection.", field="face_id")
        free = [one for one in ids if owners[one] is None]
        if free:
            with suppress(Conflict):  # there already
                self._users.create_user(CreateUser(collection_id=collection_id, user_id=user_id))
            self.move_faces(MoveFaces(collection_id=collection_id, person_id=user_id, face_ids=free))
        named = tuple(one for one in ids if owners[one] in (None, user_id))
        person = self._person(collection_id, user_id) if named else None
        return NamedFaces(person, named, tuple(one for one in ids if one not in named))

    def erase_person(self, operation: ErasePerson) -> Erased:
        """Raises PersonNotFound."""
        with _person_named(operation.person_id):
            return self._faces.erase_user(EraseUser(collection_id=operation.collection_id, user_id=operation.person_id))

    def _person(self, collection_id: str, person_id: str) -> Person:
        faces = self._all(collection_id, person_id)
        if not faces:
            with _person_named(person_id):
                self._users.get_user(GetUser(collection_id=collection_id, user_id=person_id))
        best = max(faces, key=lambda one: (one.confidence, one.box.area), default=None)
        return Person(
            person_id,
            collection_id,
            display_name(person_id),
            person_id,
            tuple(sorted({one.external_image_id for one in faces if one.external_image_id})),
            len(faces),
            None if best is None else best.face_id,
        )

    def _all(self, collection_id: str, person_id: str) -> tuple[Face, ...]:
        """All faces of a user, at most 100."""
        asked = ListPersonFaces(collection_id=collection_id, person_id=person_id, limit=validation.MAX_FACES_A_USER)
        return self.list_person_faces(asked).items

    def _of_ids(self, collection_id: str, ids: Sequence[str]) -> tuple[Face, ...]:
        return self._faces.list_faces(ListFaces(collection_id=collection_id, face_ids=ids, limit=len(ids))).items

    def _associate(self, collection_id: str, user_id: str, ids: Sequence[str]) -> None:
        if ids:
            self._users.associate_faces(
                AssociateFaces(collection_id=collection_id, user_id=user_id, face_ids=ids, threshold=0.0)
            )


@contextmanager
def _person_named(person_id: str) -> Iterator[None]:
    """An unknown user is an unknown person."""
    validation.user_id(person_id)
    try:
        yield
    except UserNotFound as error:
        raise PersonNotFound(f"There is no person '{person_id}' in this collection.", field="person_id") from error
