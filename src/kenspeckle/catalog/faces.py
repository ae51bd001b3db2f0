"""Faces: stored with the photograph they were found on, listed, deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import BindParameter, Connection, Select, and_, bindparam, delete, exists, select, update

from kenspeckle.catalog import insertion, membership, rows
from kenspeckle.catalog.base import (
    Part,
    chunks,
    collection_row,
    find_faces,
    find_referenced,
    no_collection,
    no_face,
    user_row,
)
from kenspeckle.catalog.changes import LockedCollection, check_contract, lock_collection, record
from kenspeckle.catalog.database import each, fetch, serialize
from kenspeckle.catalog.outbox import drop_deleted_faces, post
from kenspeckle.catalog.photographs import note_removals
from kenspeckle.catalog.tables import collections, faces, images, members, people, staged, thumbnails, users
from kenspeckle.catalog.video_results import forget_faces
from kenspeckle.domain import (
    Deleted,
    Face,
    FaceDetail,
    FaceRecord,
    Image,
    Page,
    UnsuccessfulFace,
    Vector,
    WebhookMessage,
)
from kenspeckle.domain.people import PersonRef
from kenspeckle.encryption.cipher import FACE, Content
from kenspeckle.errors import Conflict
from kenspeckle.ports import NewFace, NewPhotograph, Tell

_FACE = select(*rows.FACE).join(images, images.c.row == faces.c.image_row).outerjoin(users)
_ONE = (
    select(*rows.FACE, people.c.person_id, people.c.name, faces.c.attributes, faces.c.detail, faces.c.template)
    .join(images, images.c.row == faces.c.image_row)
    .outerjoin(users, users.c.row == faces.c.user_row)
    .outerjoin(members, members.c.face_row == faces.c.row)
    .outerjoin(people, and_(people.c.row == members.c.person_row, people.c.kind == membership.PERSON))
    .where(faces.c.collection_row == bindparam("collection_row"), faces.c.face_id == bindparam("face_id"))
)
_PAGE = (
    _FACE.where(faces.c.collection_row == bindparam("collection_row"), faces.c.row > bindparam("after"))
    .order_by(faces.c.row)
    .limit(bindparam("most"))
)
# What a filter names is few of many faces: its own index finds them, and they are put in order then. `+ 0` keeps SQLite
# from walking the whole collection in order instead, which it takes for cheaper as it has no statistics.
_FILTERED = _FACE.where(faces.c.row + 0 > bindparam("after")).order_by(faces.c.row + 0).limit(bindparam("most"))
_OF_USER = (
    _FACE.where(faces.c.user_row == bindparam("user"), faces.c.row > bindparam("after"))
    .order_by(faces.c.row)
    .limit(bindparam("most"))
)
_same_image = and_(
    images.c.collection_row == collections.c.row,
    images.c.digest == bindparam("digest"),
    images.c.identity == bindparam("identity"),
)
# One row at least where the collection exists: with nulls where the image, or a face of it, does not.
INDEXED = (
    select(images.c.row.label("image_row"), *rows.IMAGE, *rows.FACE, faces.c.attributes, faces.c.detail)
    .select_from(collections)
    .outerjoin(images, _same_image)
    .outerjoin(faces, faces.c.image_row == images.c.row)
    .outerjoin(users, users.c.row == faces.c.user_row)
    .where(collections.c.collection_id == bindparam("collection_id"))
    .order_by(faces.c.row)
)
_THERE = select(images.c.digest, images.c.identity).where(
    images.c.collection_row == bindparam("row"), images.c.digest.in_(bindparam("some", expanding=True))
)
_TELL = (
    update(faces)
    .where(faces.c.collection_row == bindparam("of"), faces.c.face_id == bindparam("named"))
    .values(attributes=bindparam("now"))
)

_some: BindParameter[int] = bindparam("some", expanding=True)
_DIGESTS = select(images.c.digest).where(images.c.row.in_(_some))
_DELETE_STAGED = delete(staged).where(staged.c.face_row.in_(_some))
_DELETE_THUMBNAILS = delete(thumbnails).where(thumbnails.c.face_row.in_(_some))
_DELETE_FACES = delete(faces).where(faces.c.row.in_(_some))
_DELETE_FACELESS = (
    delete(images)
    .where(images.c.row.in_(_some), ~exists().where(faces.c.image_row == images.c.row))
    .returning(images.c.digest, images.c.identity)
)
_DELETE_IMAGE = delete(images).where(images.c.row == bindparam("number"))

_IMAGE_AT, _FACE_AT = 1, 1 + len(rows.IMAGE)


_Answer: TypeAlias = tuple[Image, tuple[FaceRecord, ...], bool]


class Faces(Part):
    """Faces: stored with the photograph they were found on, listed, deleted."""

    def find_indexed(
        self, collection_id: str, digest: str, external_image_id: str | None
    ) -> tuple[Image, tuple[FaceRecord, ...]] | None:
        content = self.content(collection_id)
        name, identity = content.name(digest), external_image_id or ""
        parameters = {"collection_id": collection_id, "digest": name, "identity": identity}
        return read_indexed(collection_id, self.database.rows(INDEXED, parameters), content)

    def add_attributes(self, collection_id: str, told: Mapping[str, FaceDetail]) -> None:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            content = self.collection_keys.of(locked.row, connection)
            values = [
                {"of": locked.row, "named": face_id, "now": rows.pack_attributes(detail, content, face_id)}
                for face_id, detail in told.items()
            ]
            each(connection, _TELL, values)
            record(connection, locked, self.log_limit)

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
        one = NewPhotograph(image, external_image_id, faces, index_model, stored_as, person_name, messages)
        return self._add(image.collection_id, [one], contract)[0]

    def add_photographs(self, collection_id: str, photographs: Sequence[NewPhotograph], contract: str) -> list[_Answer]:
        return self._add(collection_id, photographs, contract)

    def _add(
        self,
        collection_id: str,
        photographs: Sequence[NewPhotograph],
        contract: str | None,
    ) -> list[_Answer]:
        answers: list[_Answer] = []
        # A photograph that is new is asked for by its name in the store and its identity.
        new: dict[tuple[str, str], int] = {}
        again: list[tuple[int, int]] = []
        left_over: list[int] = []
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            check_contract(locked, contract)
            content = self.collection_keys.of(locked.row, connection)
            names = [content.name(one.image.digest) for one in photographs]
            if any(one.stored_as not in (None, name) for one, name in zip(photographs, names, strict=True)):
                raise Conflict("The collection was deleted and made anew meanwhile; ask again.", field="collection_id")
            # One alone is looked up with its faces at once.
            there = _there(connection, locked.row, names) if len(photographs) > 1 else None
            for at, (one, name) in enumerate(zip(photographs, names, strict=True)):
                key = name, one.external_image_id or ""
                if key in new:
                    again.append((at, new[key]))
                    answers.append(answers[new[key]])
                    continue
                if there is None or key in there:
                    parameters = {"collection_id": collection_id, "digest": name, "identity": key[1]}
                    found = fetch(connection, INDEXED, parameters)
                    known = read_indexed(collection_id, found, content)
                    if known is not None:
                        answers.append((*known, False))
                        continue
                    if found[0][0] is not None:
                        left_over.append(found[0][0])
                new[key] = at
                records = [_record(one.image, one.external_image_id, face, one.index_model) for face in one.faces]
                answers.append((one.image, _largest_first(records), True))
            self._insert(connection, locked, [photographs[at] for at in new.values()], left_over, content)
        for at, first in again:
            answers[at] = (*answers[first][:2], False)
        return answers

    def _insert(
        self,
        connection: Connection,
        locked: LockedCollection,
        added: Sequence[NewPhotograph],
        left_over: Sequence[int],
        content: Content,
    ) -> None:
        """Store photographs that are new, in place of the rows of `left_over`, which have no face."""
        for number in left_over:
            connection.execute(_DELETE_IMAGE, {"number": number})
        if not added:
            return
        if len(added) == 1:
            numbers = [insertion.add_one(connection, locked.row, added[0], content)]
        else:
            numbers = insertion.add_many(connection, locked.row, added, content)
        changed = [("face", number) for of in numbers for number in of]
        came = len(added) - len(left_over)
        record(connection, locked, self.log_limit, changed, faces=len(changed), images=came)
        post(connection, [message for one in added for message in one.messages])

    def face(self, collection_id: str, face_id: str) -> tuple[FaceRecord, Vector]:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            found = fetch(connection, _ONE, {"collection_row": row, "face_id": face_id})
        if not found:
            raise no_face(face_id)
        face = rows.face(collection_id, found[0])
        person_id, name, attributes, detail, template = found[0][-5:]
        person = None if person_id is None else PersonRef(person_id, name)
        content = self.collection_keys.of(row)
        record = FaceRecord(face, rows.detail(face, detail, attributes, content), person)
        return record, rows.vector(content.open(template, FACE, face_id), f"the face {face_id}")

    def faces(
        self,
        collection_id: str,
        limit: int,
        cursor: str | None,
        *,
        user_id: str | None = None,
        face_ids: Sequence[str] | None = None,
        external_image_id: str | None = None,
    ) -> Page[Face]:
        wanted = None if face_ids is None else sorted(set(face_ids))
        bound = ("faces", collection_id, user_id, wanted, external_image_id)
        after = self.cursors.read(cursor, *bound)
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            user = None if user_id is None else user_row(connection, row, user_id)
            statement, parameters = _select_listed(row, user, wanted, external_image_id)
            found = connection.execute(statement, {**parameters, "after": after, "most": limit + 1}).all()
        return self.page(found, limit, lambda one: rows.face(collection_id, one), bound)

    def delete_faces(
        self, collection_id: str, face_ids: Sequence[str], tell: Tell | None = None
    ) -> tuple[Deleted, tuple[str, ...]]:
        asked = list(dict.fromkeys(face_ids))
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            found = find_faces(connection, locked.row, asked)
            gone = [face_id for face_id in asked if face_id in found and found[face_id].user_row is None]
            refused = [
                UnsuccessfulFace(face_id, ("ASSOCIATED_TO_AN_EXISTING_USER",), found[face_id].user_id)
                if face_id in found
                else UnsuccessfulFace(face_id, ("FACE_NOT_FOUND",))
                for face_id in asked
                if face_id not in found or found[face_id].user_row is not None
            ]
            digests: tuple[str, ...] = ()
            if gone:
                numbers = [found[face_id].row for face_id in gone]
                images_of = {found[one].image_row for one in gone}
                emptied, digests = remove_faces(connection, locked.row, numbers, images_of)
                changed = [("face", number) for number in numbers]
                record(connection, locked, self.log_limit, changed, faces=-len(gone), images=-emptied)
                drop_deleted_faces(connection, collection_id, gone, tell)
        return Deleted(tuple(gone), tuple(refused)), digests


def _select_listed(
    row: int, user: int | None, wanted: Sequence[str] | None, identity: str | None
) -> tuple[Select[Any], dict[str, object]]:
    """The statement that lists a collection's faces by these filters, and its parameters but for the page's. Of several
    filters the narrowest leads; the others look at what it finds."""
    if wanted is not None:
        found = _FILTERED.where(faces.c.collection_row == row, faces.c.face_id.in_(wanted))
    elif user is not None:
        return (_OF_USER if identity is None else _OF_USER.where(images.c.identity == identity)), {"user": user}
    elif identity is not None:
        return _FILTERED.where(images.c.collection_row == row, images.c.identity == identity), {}
    else:
        return _PAGE, {"collection_row": row}
    if user is not None:
        found = found.where(faces.c.user_row + 0 == user)
    return (found if identity is None else found.where(images.c.identity + "" == identity)), {}


def _there(connection: Connection, row: int, names: Sequence[str]) -> set[tuple[str, str]]:
    """Names in the image store and identities of those of the photographs that the collection has."""
    found: set[tuple[str, str]] = set()
    for some in chunks(names):
        found.update((name, identity) for name, identity in connection.execute(_THERE, {"row": row, "some": some}))
    return found


def read_indexed(
    collection_id: str, found: Sequence[Any], content: Content
) -> tuple[Image, tuple[FaceRecord, ...]] | None:
    """The photograph and its faces, largest first, of rows of INDEXED; None where it has none. Raises
    CollectionNotFound, StorageUnavailable."""
    if not found:
        raise no_collection(collection_id)
    if found[0][_FACE_AT] is None:
        return None
    records = []
    for one in found:
        face = rows.face(collection_id, one[_FACE_AT:])
        records.append(FaceRecord(face, rows.detail(face, one[-1], one[-2], content)))
    return rows.image(collection_id, found[0][_IMAGE_AT:], content), _largest_first(records)


def _largest_first(records: Sequence[FaceRecord]) -> tuple[FaceRecord, ...]:
    return tuple(sorted(records, key=lambda one: -one.face.box.area))


def _record(image: Image, external_image_id: str | None, face: NewFace, index_model: str) -> FaceRecord:
    detail = face.detail
    stored = Face(
        face.face_id,
        image.image_id,
        image.collection_id,
        external_image_id or None,
        detail.box,
        detail.confidence,
        index_model,
        image.created_at,
    )
    return FaceRecord(stored, detail)


def _delete_faces(connection: Connection, numbers: Sequence[int]) -> None:
    for some in chunks(numbers):
        connection.execute(_DELETE_STAGED, {"some": some})
        connection.execute(_DELETE_THUMBNAILS, {"some": some})
        forget_faces(connection, some)
        connection.execute(_DELETE_FACES, {"some": some})


def remove_faces(
    connection: Connection, row: int, numbers: Sequence[int], image_rows: Iterable[int]
) -> tuple[int, tuple[str, ...]]:
    """Delete faces of a collection (its `row`), and those of the photographs that have no face left then, and people
    who have none; how many photographs went, and the digests that nothing refers to now, whose bytes are noted for
    removal."""
    rows_of_images = sorted(image_rows)
    for some in chunks(rows_of_images):
        serialize(connection, connection.execute(_DIGESTS, {"some": some}).scalars().all())
    touched = membership.leave(connection, numbers)
    _delete_faces(connection, numbers)
    digests: list[str] = []
    names: dict[str, None] = {}
    for some in chunks(rows_of_images):
        for digest, identity in connection.execute(_DELETE_FACELESS, {"some": some}):
            digests.append(digest)
            names[identity] = None
    membership.tidy(connection, row, touched, list(names), erased=True)
    gone = set(digests)
    unreferenced = tuple(sorted(gone - find_referenced(connection, sorted(gone))))
    note_removals(connection, unreferenced)
    return len(digests), unreferenced
