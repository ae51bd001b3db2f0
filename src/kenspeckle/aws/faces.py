"""Stored faces, photographs and thumbnails: reading, listing, deletion, erasure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from kenspeckle.aws import rows
from kenspeckle.aws.context import Context
from kenspeckle.aws.removal import OF_A_USER, Removal, Removed
from kenspeckle.domain import Deleted, Erased, Face, FaceRecord, Image, Page, validation
from kenspeckle.domain.operations import (
    DeleteFaces,
    EraseAged,
    EraseCollection,
    EraseIdentity,
    EraseImage,
    EraseUser,
    GetFace,
    GetImage,
    GetThumbnail,
    GetThumbnails,
    Handlers,
    ListFaces,
)
from kenspeckle.errors import Conflict, FaceNotFound, IdentityNotFound, ImageNotFound, InvalidCursor, UserNotFound

DAY = 86_400.0
BATCH = 1000
AGE_BATCH = 100
"""Faces that age takes at once, as on the embedded profile."""

LISTED = 10_000
"""Faces and photographs that an answer names; it counts all."""

TRIES = 3


class Faces:
    """What the managed recognizer does with stored faces and photographs. Backups are not part of the service, and the
    table's point-in-time recovery is one, so erasure leaves it."""

    def __init__(self, context: Context, removal: Removal) -> None:
        self.context = context
        self.removal = removal

    def handlers(self) -> Handlers:
        return dict(
            [
                GetFace.by(self.get_face),
                ListFaces.by(self.list_faces),
                DeleteFaces.by(self.delete_faces),
                GetImage.by(self.get_image),
                GetThumbnail.by(self.get_thumbnail),
                GetThumbnails.by(self.get_thumbnails),
                EraseImage.by(self.erase_image),
                EraseIdentity.by(self.erase_identity),
                EraseUser.by(self.erase_user),
                EraseCollection.by(self.erase_collection),
                EraseAged.by(self.erase_aged),
            ]
        )

    def get_face(self, operation: GetFace) -> FaceRecord:
        """Raises CollectionNotFound, FaceNotFound."""
        row = self._face_row(operation.collection_id, operation.face_id)
        return rows.record_of(row, self._owners(operation.collection_id, [operation.face_id]).get(operation.face_id))

    def list_faces(self, operation: ListFaces) -> Page[Face]:
        """Faces in the order they were stored, filtered; those of a user in Rekognition's order.

        Raises CollectionNotFound, UserNotFound, InvalidCursor."""
        validation.collection_id(operation.collection_id)
        most = validation.count(operation.limit, validation.MAX_PAGE, "limit")
        wanted = frozenset(validation.face_ids(operation.face_ids)) if operation.face_ids else None
        table = self.context.table
        if operation.user_id is not None:
            answer = self._rekognitions(
                operation.collection_id, most, UserId=validation.user_id(operation.user_id), **_token(operation.cursor)
            )
            page = Page(tuple(one["FaceId"] for one in answer.get("Faces", ())), answer.get("NextToken"))
        elif wanted is not None:
            page = _page(sorted(wanted), most, operation.cursor)
        elif operation.external_image_id is not None:
            page = table.list_named(
                rows.identity_key(operation.collection_id, operation.external_image_id), most, operation.cursor
            )
        else:
            page = table.in_collection(operation.collection_id, most, operation.cursor, rows.FACE_ORDER)
        ids = [one for one in page.items if wanted is None or one in wanted]
        owners = self._owners(operation.collection_id, ids)
        found = table.rows(ids)
        faces = [
            rows.face_of(found[one], owners.get(one))
            for one in ids
            if one in found and found[one]["CollectionId"] == operation.collection_id
        ]
        if operation.external_image_id is not None:
            faces = [one for one in faces if one.external_image_id == operation.external_image_id]
        return Page(tuple(faces), page.cursor)

    def delete_faces(self, operation: DeleteFaces) -> Deleted:
        """Faces of a user stay until they are disassociated; the answer names what stayed and why."""
        ids = validation.face_ids(operation.face_ids)
        return self.removal.faces(validation.collection_id(operation.collection_id), ids).to_answer()

    def erase_image(self, operation: EraseImage) -> Erased:
        collection_id = self._present(operation.collection_id)
        erased = self._erase_named(collection_id, rows.photograph_key(collection_id, operation.key))
        if not erased.face_count:
            raise ImageNotFound(f"No photograph is stored under the key '{operation.key[:255]}'.", field="key")
        return erased

    def erase_identity(self, operation: EraseIdentity) -> Erased:
        collection_id = self._present(operation.collection_id)
        identity = validation.external_image_id(operation.external_image_id)
        erased = self._erase_named(collection_id, rows.identity_key(collection_id, identity))
        if not erased.face_count:
            raise IdentityNotFound(f"No face has the identity '{identity}'.", field="external_image_id")
        return erased

    def erase_user(self, operation: EraseUser) -> Erased:
        """The user goes last, so that the same request again finds what is left."""
        collection_id, user_id = self._present(operation.collection_id), validation.user_id(operation.user_id)
        everything, seen = Removed(), set[str]()
        with suppress(UserNotFound):  # `removal.user` raises it, after it has removed the user's row here
            # Rekognition may list for a moment what it has just deleted.
            while found := [one for one in self._faces_of(collection_id, user_id) if one not in seen]:
                removed, _ = self._delete_any(collection_id, found)
                everything.add(removed)
                seen.update(found)
        self.removal.user(collection_id, user_id)
        return _erasure(everything, {user_id: None})

    def erase_collection(self, operation: EraseCollection) -> Erased:
        return _erasure(self.removal.collection(validation.collection_id(operation.collection_id)))

    def erase_aged(self, operation: EraseAged) -> Erased:
        collection_id = self._present(operation.collection_id)
        before = rows.before(self.context.now() - validation.retention_days(operation.days) * DAY)
        ids = self.context.table.until(collection_id, rows.FACE_ORDER, before, AGE_BATCH)
        removed, users = self._delete_any(collection_id, ids)
        return _erasure(removed, users)

    def get_image(self, operation: GetImage) -> tuple[Image, bytes]:
        """The newest photograph under this key. Raises ImageNotFound, also where originals are not kept."""
        validation.collection_id(operation.collection_id)
        found = [
            one
            for one in self._photographs(rows.photograph_key(operation.collection_id, operation.key))
            if "Key" in one
        ]
        if not found:
            self.context.amazon.rekognition("describe_collection", CollectionId=operation.collection_id)
            raise ImageNotFound(f"No photograph is stored under the key '{operation.key[:255]}'.", field="key")
        newest = max(found, key=lambda row: float(row["CreatedAt"]))
        return rows.image_of(newest), self.context.bucket.get(newest["Key"])

    def get_thumbnail(self, operation: GetThumbnail) -> bytes:
        """The face cut out, JPEG. Raises FaceNotFound, ImageNotFound."""
        row = self._face_row(operation.collection_id, operation.face_id)
        if "Key" not in row:
            raise ImageNotFound("The photograph of this face is not kept.", field="face_id")
        return self.context.cutter().thumbnail(self.context.bucket.get(row["Key"]), rows.record_of(row).face.box)

    def get_thumbnails(self, operation: GetThumbnails) -> Mapping[str, bytes]:
        """Those that there are, by face id; one that is gone or not kept keeps no other away."""
        found: dict[str, bytes] = {}
        for face_id in validation.face_ids(operation.face_ids, validation.MAX_THUMBNAILS):
            with suppress(FaceNotFound, ImageNotFound):
                found[face_id] = self.get_thumbnail(
                    GetThumbnail(collection_id=operation.collection_id, face_id=face_id)
                )
        return found

    def _present(self, collection_id: str) -> str:
        """The collection, which exists. Raises CollectionNotFound, InvalidValue."""
        self.context.amazon.rekognition("describe_collection", CollectionId=validation.collection_id(collection_id))
        return collection_id

    def _face_row(self, collection_id: str, face_id: str) -> Mapping[str, Any]:
        validation.collection_id(collection_id)
        row = self.context.table.row(validation.face_id(face_id))
        if row is None or row["CollectionId"] != collection_id:
            self.context.amazon.rekognition("describe_collection", CollectionId=collection_id)
            raise FaceNotFound(f"There is no face '{face_id}' in this collection.", field="face_id")
        return row

    def _rekognitions(self, collection_id: str, most: int, **filters: Any) -> dict[str, Any]:
        return self.context.amazon.rekognition("list_faces", CollectionId=collection_id, MaxResults=most, **filters)

    def _owners(self, collection_id: str, face_ids: Sequence[str]) -> dict[str, str]:
        """Users by the faces that they have. Raises CollectionNotFound."""
        if not face_ids:
            self.context.amazon.rekognition("describe_collection", CollectionId=collection_id)
            return {}
        found: dict[str, str] = {}
        more: dict[str, str] = {}
        while True:
            answer = self._rekognitions(collection_id, validation.MAX_PAGE, FaceIds=list(face_ids), **more)
            found |= {one["FaceId"]: one["UserId"] for one in answer.get("Faces", ()) if one.get("UserId")}
            if not answer.get("NextToken"):
                return found
            more = {"NextToken": answer["NextToken"]}

    def _photographs(self, name: str) -> list[dict[str, Any]]:
        """Rows of the photographs that go by a name."""
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = self.context.table.list_named(name, BATCH, cursor)
            found += self.context.table.rows(page.items).values()
            cursor = page.cursor
            if cursor is None:
                return found

    def _erase_named(self, collection_id: str, name: str) -> Erased:
        """Erase the faces of all rows of a name: faces of an identity, or photographs of a key with their faces."""
        everything, users = Removed(), dict[str, None]()
        # The index lags behind the rows, so what it names may be gone.
        while found := self._photographs(name):
            ids = sorted({face_id for row in found for face_id in row.get("Faces", [row[rows.KEY]])})
            removed, owners = self._delete_any(collection_id, ids)
            everything.add(removed)
            users |= owners
        return _erasure(everything, users)

    def _faces_of(self, collection_id: str, user_id: str) -> list[str]:
        answer = self._rekognitions(collection_id, validation.MAX_PAGE, UserId=user_id)
        return [one["FaceId"] for one in answer.get("Faces", ())]

    def _delete_any(self, collection_id: str, face_ids: Sequence[str]) -> tuple[Removed, dict[str, None]]:
        """Delete faces, also those of users; returns the users that lost some, too."""
        everything, users = Removed(), dict[str, None]()
        for start in range(0, len(face_ids), validation.MAX_FACE_IDS):
            some = face_ids[start : start + validation.MAX_FACE_IDS]
            for _ in range(TRIES):
                removed = self.removal.faces(collection_id, some)
                everything.add(removed)
                some = [one.face_id for one in removed.stayed if OF_A_USER in one.reasons]
                if not some:
                    break
                users |= self._take_from_users(collection_id, some)
            else:
                raise Conflict(
                    "The faces are given to users while they are to be erased; send the request again.", retry_after=1.0
                )
        return everything, users

    def _take_from_users(self, collection_id: str, face_ids: Sequence[str]) -> dict[str, None]:
        """Remove faces from their users; returns the users."""
        owners = self._owners(collection_id, face_ids)
        users = dict.fromkeys(owners.values())
        for user in users:
            theirs = [one for one in face_ids if owners.get(one) == user]
            for start in range(0, len(theirs), validation.MAX_FACES_A_USER):
                self.context.amazon.rekognition(
                    "disassociate_faces",
                    CollectionId=collection_id,
                    UserId=user,
                    FaceIds=theirs[start : start + validation.MAX_FACES_A_USER],
                )
        return users


def _page(ids: Sequence[str], most: int, cursor: str | None) -> Page[str]:
    """Some of these sorted ids, after the one that is the cursor. Raises InvalidCursor."""
    if cursor is not None and cursor not in ids:
        raise InvalidCursor("This cursor was not handed out for this list; begin without one.", field="cursor")
    left = [one for one in ids if cursor is None or one > cursor]
    return Page(tuple(left[:most]), left[most - 1] if len(left) > most else None)


def _erasure(removed: Removed, users: Mapping[str, None] | None = None) -> Erased:
    return Erased(
        tuple(removed.faces[:LISTED]),
        tuple(removed.images[:LISTED]),
        tuple(users or ()),
        face_count=len(removed.faces),
        image_count=len(removed.images),
    )


def _token(cursor: str | None) -> dict[str, str]:
    return {} if cursor is None else {"NextToken": cursor}
