"""Fakes of the ports, in memory, for tests of the core. The contract suites hold them to what the real things do."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from kenspeckle.domain import (
    Collection,
    Deleted,
    Face,
    FaceRecord,
    Image,
    Key,
    Letter,
    Page,
    UnsuccessfulFace,
    User,
    Vector,
)
from kenspeckle.errors import (
    AlreadyExists,
    CollectionNotFound,
    Conflict,
    FaceNotFound,
    ImageNotFound,
    InvalidCursor,
    KeyNotFound,
    QuotaExceeded,
    UserNotFound,
)
from kenspeckle.ports import Change, Gone, NewFace, Stored, Tell

T = TypeVar("T")
TOKEN_SECONDS = 8 * 3600
TOUCH_SECONDS = 60


class FakeKeys:
    """`ports.Keys` in memory."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[Key, str | None, bytes | None]] = {}

    def add_key(self, key: Key, *, digest: str | None = None, sealed: bytes | None = None) -> None:
        if key.key_id in self._keys or (digest and self.key_by_digest(digest)):
            raise Conflict("A key with this id or secret exists.")
        self._keys[key.key_id] = (key, digest, sealed)

    def key_by_digest(self, digest: str) -> Key | None:
        return next((key for key, one, _ in self._keys.values() if one == digest), None)

    def key_with_secret(self, key_id: str) -> tuple[Key, bytes] | None:
        key, _, sealed = self._keys.get(key_id, (None, None, None))
        return (key, sealed) if key is not None and sealed is not None else None

    def keys(self) -> tuple[Key, ...]:
        return tuple(key for key, _, _ in self._keys.values())

    def revoke_key(self, key_id: str, now: float) -> Key:
        if key_id not in self._keys:
            raise KeyNotFound(f"There is no key '{key_id}'.")
        key, digest, sealed = self._keys[key_id]
        revoked = replace(key, revoked_at=now if key.revoked_at is None else key.revoked_at)
        self._keys[key_id] = (revoked, digest, sealed)
        return revoked

    def touch_key(self, key_id: str, now: float) -> None:
        if key_id in self._keys:
            key, digest, sealed = self._keys[key_id]
            if key.last_used_at is None or now - key.last_used_at >= TOUCH_SECONDS:
                self._keys[key_id] = (replace(key, last_used_at=now), digest, sealed)

    def any_key(self) -> bool:
        now = time.time()
        return any(key.revoked_at is None and (key.expires_at is None or key.expires_at > now) for key in self.keys())


@dataclass
class _Photo:
    image: Image
    external_image_id: str | None
    index_model: str


@dataclass
class _StoredFace:
    photo: int
    new: NewFace
    user: int | None = None


@dataclass
class _StoredUser:
    user: User
    template: Vector | None = None


@dataclass
class _Gallery:
    collection: Collection
    revision: int
    floor: int
    tags: dict[str, str]
    photos: dict[int, _Photo] = field(default_factory=dict)
    faces: dict[int, _StoredFace] = field(default_factory=dict)
    users: dict[int, _StoredUser] = field(default_factory=dict)
    log: list[tuple[int, str, int]] = field(default_factory=list)


class FakeCatalog(FakeKeys):
    """`ports.Catalog` in memory: the same answers, errors, revisions and row numbers as the SQL catalog."""

    def __init__(self, log_limit: int = 100_000) -> None:
        super().__init__()
        self._log_limit = log_limit
        self._lock = threading.RLock()
        self._galleries: dict[str, _Gallery] = {}
        self._floor = 0
        self._rows = {"collection": 0, "photo": 0, "face": 0, "user": 0}
        self._order: dict[str, int] = {}
        self._removals: set[str] = set()
        self._tokens: dict[tuple[str, str], tuple[str, str, float]] = {}
        self.letters: list[Letter] = []

    # Collections

    def create_collection(self, collection: Collection) -> None:
        with self._lock:
            if collection.collection_id in self._galleries:
                raise AlreadyExists(f"A collection named '{collection.collection_id}' exists.", field="collection_id")
            self._order[collection.collection_id] = self._next("collection")
            self._galleries[collection.collection_id] = _Gallery(
                collection, self._floor, self._floor, dict(collection.tags)
            )

    def collection(self, collection_id: str) -> Collection:
        with self._lock:
            gallery = self._gallery(collection_id)
            return replace(
                gallery.collection,
                revision=gallery.revision,
                face_count=len(gallery.faces),
                user_count=len(gallery.users),
                tags=dict(gallery.tags),
            )

    def collections(self, limit: int, cursor: str | None) -> Page[Collection]:
        with self._lock:
            rows = {self._order[one]: self.collection(one) for one in self._galleries}
            return self._page(rows, limit, cursor, "collections")

    def delete_collection(self, collection_id: str, letters: Sequence[Letter] = ()) -> tuple[str, ...]:
        with self._lock:
            self.letters += letters
            gallery = self._gallery(collection_id)
            del self._galleries[collection_id]
            self._floor = max(self._floor, gallery.revision + 1)
            unreferenced = self._unreferenced(photo.image.digest for photo in gallery.photos.values())
            self._removals |= set(unreferenced)
            return unreferenced

    def tags(self, collection_id: str) -> Mapping[str, str]:
        with self._lock:
            return dict(self._gallery(collection_id).tags)

    def set_tags(self, collection_id: str, tags: Mapping[str, str], limit: int) -> None:
        with self._lock:
            gallery = self._gallery(collection_id)
            if len({**gallery.tags, **tags}) > limit:
                raise QuotaExceeded(f"A collection takes at most {limit} tags.", field="tags")
            gallery.tags.update(tags)
            self._wrote(gallery)

    def remove_tags(self, collection_id: str, keys: Sequence[str]) -> None:
        with self._lock:
            gallery = self._gallery(collection_id)
            for key in keys:
                gallery.tags.pop(key, None)
            self._wrote(gallery)

    # Faces and images

    def find_indexed(
        self, collection_id: str, digest: str, external_image_id: str | None
    ) -> tuple[Image, tuple[FaceRecord, ...]] | None:
        with self._lock:
            gallery = self._gallery(collection_id)
            for row, photo in gallery.photos.items():
                if (photo.image.digest, photo.external_image_id) == (digest, external_image_id):
                    records = self._records(gallery, row)
                    return (photo.image, records) if records else None
            return None

    def add_faces(
        self,
        image: Image,
        external_image_id: str | None,
        faces: Sequence[NewFace],
        index_model: str,
        letters: Sequence[Letter] = (),
        *,
        stored_as: str | None = None,
    ) -> tuple[Image, tuple[FaceRecord, ...], bool]:
        with self._lock:
            gallery = self._gallery(image.collection_id)
            known = self.find_indexed(image.collection_id, image.digest, external_image_id)
            if known is not None:
                return (*known, False)
            taken = {stored.new.face_id for stored in gallery.faces.values()}
            ids = [face.face_id for face in faces]
            if taken.intersection(ids) or len(set(ids)) < len(ids):
                raise Conflict("A face with one of these ids exists.")
            for old, photo in list(gallery.photos.items()):
                if (photo.image.digest, photo.external_image_id) == (image.digest, external_image_id):
                    del gallery.photos[old]
            row = self._next("photo")
            gallery.photos[row] = _Photo(image, external_image_id, index_model)
            rows = [self._next("face") for _ in faces]
            gallery.faces.update((one, _StoredFace(row, face)) for one, face in zip(rows, faces, strict=True))
            self._wrote(gallery, [("face", one) for one in rows])
            self.letters += letters
            return image, self._records(gallery, row), True

    def face(self, collection_id: str, face_id: str) -> tuple[FaceRecord, Vector]:
        with self._lock:
            gallery = self._gallery(collection_id)
            row = self._face_row(gallery, face_id)
            stored = gallery.faces[row]
            return FaceRecord(self._face(gallery, row), stored.new.detail), stored.new.template

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
        with self._lock:
            gallery = self._gallery(collection_id)
            if user_id is not None:
                self._user_row(gallery, user_id)
            rows = {row: self._face(gallery, row) for row in gallery.faces}
            chosen = {
                row: face
                for row, face in rows.items()
                if (user_id is None or face.user_id == user_id)
                and (face_ids is None or face.face_id in face_ids)
                and (external_image_id is None or face.external_image_id == external_image_id)
            }
            wanted = None if face_ids is None else sorted(set(face_ids))
            return self._page(chosen, limit, cursor, "faces", collection_id, user_id, wanted, external_image_id)

    def delete_faces(
        self, collection_id: str, face_ids: Sequence[str], tell: Tell | None = None
    ) -> tuple[Deleted, tuple[str, ...]]:
        with self._lock:
            gallery = self._gallery(collection_id)
            rows = {stored.new.face_id: row for row, stored in gallery.faces.items()}
            gone, refused, photos = [], [], set()
            for face_id in dict.fromkeys(face_ids):
                if face_id not in rows:
                    refused.append(UnsuccessfulFace(face_id, ("FACE_NOT_FOUND",)))
                elif (owner := gallery.faces[rows[face_id]].user) is not None:
                    name = gallery.users[owner].user.user_id
                    refused.append(UnsuccessfulFace(face_id, ("ASSOCIATED_TO_AN_EXISTING_USER",), name))
                else:
                    photos.add(gallery.faces.pop(rows[face_id]).photo)
                    gone.append(face_id)
            empty = photos - {stored.photo for stored in gallery.faces.values()}
            digests = [gallery.photos.pop(row).image.digest for row in empty]
            if gone:
                self._wrote(gallery, [("face", rows[face_id]) for face_id in gone])
                self.letters += tell(gone) if tell is not None else ()
            unreferenced = self._unreferenced(digests)
            self._removals |= set(unreferenced)
            return Deleted(tuple(gone), tuple(refused)), unreferenced

    def erase_faces(
        self,
        collection_id: str,
        face_ids: Sequence[str],
        combine: Callable[[Sequence[Vector]], Vector],
        *,
        user_id: str | None = None,
        tell: Tell | None = None,
    ) -> Gone:
        with self._lock:
            gallery = self._gallery(collection_id)
            leaving = None if user_id is None else self._user_row(gallery, user_id)
            rows = {stored.new.face_id: row for row, stored in gallery.faces.items()}
            asked = list(dict.fromkeys(face_ids))
            for stored in gallery.faces.values():
                if leaving is not None and stored.user == leaving and stored.new.face_id not in asked:
                    asked.append(stored.new.face_id)
            gone = {rows[one]: gallery.faces.pop(rows[one]) for one in asked if one in rows}
            self.letters += tell([one for one in asked if one in rows]) if tell is not None and gone else ()
            empty = {stored.photo for stored in gone.values()} - {stored.photo for stored in gallery.faces.values()}
            digests = self._unreferenced([gallery.photos.pop(row).image.digest for row in sorted(empty)])
            self._removals |= set(digests)
            changed = [("face", row) for row in gone]
            names = []
            owners = {stored.user for stored in gone.values() if stored.user is not None} | {leaving} - {None}
            for row in sorted(one for one in owners if one is not None):
                held = gallery.users[row]
                names.append(held.user.user_id)
                if held.template is not None:
                    changed.append(("user", row))
                if row == leaving:
                    del gallery.users[row]
                    continue
                left = [stored.new.template for stored in gallery.faces.values() if stored.user == row]
                held.user = replace(held.user, face_count=len(left), status="ACTIVE" if left else "CREATED")
                held.template = combine(left) if left else None
            if changed or leaving is not None:
                self._wrote(gallery, changed)
            return Gone(tuple(one for one in asked if one in rows), tuple(names), digests)

    def faces_of_key(self, collection_id: str, key: str, limit: int) -> tuple[str, ...]:
        return self._some(collection_id, limit, lambda image: image.key == key)

    def aged(self, collection_id: str, before: float, limit: int) -> tuple[str, ...]:
        return self._some(collection_id, limit, lambda image: image.created_at < before)

    def _some(self, collection_id: str, limit: int, wanted: Callable[[Image], bool]) -> tuple[str, ...]:
        with self._lock:
            gallery = self._gallery(collection_id)
            found = [one.new.face_id for one in gallery.faces.values() if wanted(gallery.photos[one.photo].image)]
            return tuple(found[:limit])

    def set_retention(self, collection_id: str, days: int | None) -> None:
        with self._lock:
            gallery = self._gallery(collection_id)
            gallery.collection = replace(gallery.collection, retention_days=days)
            self._wrote(gallery)

    def removals(self, limit: int) -> tuple[str, ...]:
        with self._lock:
            return tuple(sorted(self._removals)[:limit])

    def photograph_name(self, collection_id: str, digest: str) -> str:
        self._gallery(collection_id)
        return digest

    def seal_photograph(self, collection_id: str, digest: str, data: bytes) -> bytes:
        return data

    def open_photograph(self, collection_id: str, digest: str, data: bytes) -> bytes:
        return data

    def removed(self, digests: Sequence[str]) -> None:
        with self._lock:
            self._removals -= set(digests)

    def scrub(self, *, thorough: bool = False) -> bool:
        """Memory forgets by itself."""
        return True

    def image(self, collection_id: str, key: str) -> Image:
        return self._newest_image(collection_id, lambda image: image.key == key, f"No photograph lies under '{key}'.")

    def image_of(self, collection_id: str, image_id: str) -> Image:
        return self._newest_image(collection_id, lambda image: image.image_id == image_id, f"No image '{image_id}'.")

    def thumbnail(self, collection_id: str, face_id: str) -> bytes | None:
        with self._lock:
            gallery = self._gallery(collection_id)
            return gallery.faces[self._face_row(gallery, face_id)].new.thumbnail

    def digests(self, among: Iterable[str]) -> set[str]:
        with self._lock:
            kept = {
                photo.image.digest
                for gallery in self._galleries.values()
                for photo in gallery.photos.values()
                if photo.image.kept
            }
            return kept.intersection(among)

    # Users

    def create_user(self, user: User) -> None:
        with self._lock:
            gallery = self._gallery(user.collection_id)
            if any(stored.user.user_id == user.user_id for stored in gallery.users.values()):
                raise Conflict(f"A user '{user.user_id}' exists.", field="user_id")
            gallery.users[self._next("user")] = _StoredUser(replace(user, face_count=0))
            self._wrote(gallery)

    def delete_user(self, collection_id: str, user_id: str) -> None:
        with self._lock:
            gallery = self._gallery(collection_id)
            row = self._user_row(gallery, user_id)
            for stored in gallery.faces.values():
                stored.user = None if stored.user == row else stored.user
            had = gallery.users.pop(row).template is not None
            self._wrote(gallery, [("user", row)] if had else [])

    def user(self, collection_id: str, user_id: str) -> tuple[User, Vector | None]:
        with self._lock:
            gallery = self._gallery(collection_id)
            stored = gallery.users[self._user_row(gallery, user_id)]
            return stored.user, stored.template

    def users(self, collection_id: str, limit: int, cursor: str | None) -> Page[User]:
        with self._lock:
            rows = {row: stored.user for row, stored in self._gallery(collection_id).users.items()}
            return self._page(rows, limit, cursor, "users", collection_id)

    def user_templates(self, collection_id: str, user_id: str) -> tuple[tuple[str, Vector], ...]:
        with self._lock:
            gallery = self._gallery(collection_id)
            row = self._user_row(gallery, user_id)
            return tuple(
                (stored.new.face_id, stored.new.template) for stored in gallery.faces.values() if stored.user == row
            )

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
        with self._lock:
            gallery = self._gallery(collection_id)
            user = self._user_row(gallery, user_id)
            self._check_members(gallery, user, among)
            rows = {stored.new.face_id: row for row, stored in gallery.faces.items()}
            for face_id in face_ids:
                if face_id not in rows or gallery.faces[rows[face_id]].user not in (None, user):
                    raise Conflict("A face is gone or belongs to another user meanwhile; ask again.", field="face_ids")
            members = {row for row, stored in gallery.faces.items() if stored.user == user}
            members.update(rows[face_id] for face_id in face_ids)
            if len(members) > limit:
                raise QuotaExceeded(f"A user takes at most {limit} faces.", field="face_ids")
            self._set_members(gallery, user, members, template)

    def unlink_faces(
        self,
        collection_id: str,
        user_id: str,
        face_ids: Sequence[str],
        template: Vector | None,
        *,
        among: Sequence[str] | None = None,
    ) -> None:
        with self._lock:
            gallery = self._gallery(collection_id)
            user = self._user_row(gallery, user_id)
            self._check_members(gallery, user, among)
            members = {row for row, stored in gallery.faces.items() if stored.user == user}
            leaving = {row for row in members if gallery.faces[row].new.face_id in face_ids}
            if len(leaving) < len(set(face_ids)) or (members == leaving) != (template is None):
                raise Conflict("The user's faces changed meanwhile; ask again.", field="face_ids")
            self._set_members(gallery, user, members - leaving, template)

    # Request tokens

    def remember(self, scope: str, token: str, fingerprint: str, answer: str, now: float) -> None:
        with self._lock:
            if self.recall(scope, token, now) is None:
                self._tokens[scope, token] = (fingerprint, answer, now)

    def recall(self, scope: str, token: str, now: float) -> tuple[str, str] | None:
        with self._lock:
            fingerprint, answer, at = self._tokens.get((scope, token), ("", "", float("-inf")))
            return (fingerprint, answer) if at > now - TOKEN_SECONDS else None

    # What the index follows

    def revision(self, collection_id: str) -> int:
        with self._lock:
            return self._gallery(collection_id).revision

    def changes(self, collection_id: str, since: int, limit: int) -> list[Change] | None:
        with self._lock:
            gallery = self._gallery(collection_id)
            if not gallery.floor <= since <= gallery.revision:
                return None
            net: dict[tuple[str, int], int] = {}
            for revision, kind, row in gallery.log:
                if revision > since:
                    net.pop((kind, row), None)
                    net[kind, row] = revision
            if len(net) > limit:
                return None
            ordered = sorted((at, kind, row) for (kind, row), at in net.items())
            return [Change(at, kind, row, self._template(gallery, kind, row)) for at, kind, row in ordered]

    def snapshot(self, collection_id: str, kind: str) -> tuple[int, Iterable[tuple[list[int], Vector]]]:
        with self._lock:
            gallery = self._gallery(collection_id)
            rows = list(gallery.faces if kind == "face" else gallery.users)
            held = {row: template for row in rows if (template := self._template(gallery, kind, row)) is not None}
            return gallery.revision, [(list(held), np.stack(list(held.values())))] if held else []

    def stored(self, collection_id: str, kind: str, rows: Sequence[int]) -> list[Stored]:
        with self._lock:
            gallery = self._gallery(collection_id)
            found = []
            for row in rows:
                template = self._template(gallery, kind, row)
                if template is not None:
                    face = self._face(gallery, row) if kind == "face" else None
                    user = gallery.users[row].user if kind == "user" else None
                    found.append(Stored(row, template, face, user))
            return found

    def counts(self) -> Mapping[str, int]:
        with self._lock:
            held = self._galleries.values()
            return {
                "collections": len(held),
                "faces": sum(len(one.faces) for one in held),
                "users": sum(len(one.users) for one in held),
                "images": sum(len(one.photos) for one in held),
            }

    def close(self) -> None:
        """Nothing to close."""

    # Inner parts

    def _next(self, kind: str) -> int:
        self._rows[kind] += 1
        return self._rows[kind]

    def _gallery(self, collection_id: str) -> _Gallery:
        if collection_id not in self._galleries:
            raise CollectionNotFound(f"There is no collection named '{collection_id}'.", field="collection_id")
        return self._galleries[collection_id]

    def _face_row(self, gallery: _Gallery, face_id: str) -> int:
        for row, stored in gallery.faces.items():
            if stored.new.face_id == face_id:
                return row
        raise FaceNotFound(f"There is no face '{face_id}' in this collection.", field="face_id")

    def _user_row(self, gallery: _Gallery, user_id: str) -> int:
        for row, stored in gallery.users.items():
            if stored.user.user_id == user_id:
                return row
        raise UserNotFound(f"There is no user '{user_id}' in this collection.", field="user_id")

    def _wrote(self, gallery: _Gallery, changed: Sequence[tuple[str, int]] = ()) -> None:
        gallery.revision += 1
        gallery.log.extend((gallery.revision, kind, row) for kind, row in changed)
        if (excess := len(gallery.log) - self._log_limit) > 0:
            gallery.floor = gallery.log[excess - 1][0]
            gallery.log = [entry for entry in gallery.log if entry[0] > gallery.floor]

    @staticmethod
    def _check_members(gallery: _Gallery, user: int, among: Sequence[str] | None) -> None:
        members = {stored.new.face_id for stored in gallery.faces.values() if stored.user == user}
        if among is not None and set(among) != members:
            raise Conflict("The user's faces changed meanwhile; ask again.", field="face_ids")

    def _set_members(self, gallery: _Gallery, user: int, members: set[int], template: Vector | None) -> None:
        for row, stored in gallery.faces.items():
            if row in members:
                stored.user = user
            elif stored.user == user:
                stored.user = None
        held = gallery.users[user]
        held.user = replace(held.user, face_count=len(members), status="ACTIVE" if members else "CREATED")
        held.template = template
        self._wrote(gallery, [("user", user)])

    def _face(self, gallery: _Gallery, row: int) -> Face:
        stored = gallery.faces[row]
        photo = gallery.photos[stored.photo]
        return Face(
            face_id=stored.new.face_id,
            image_id=photo.image.image_id,
            collection_id=gallery.collection.collection_id,
            external_image_id=photo.external_image_id,
            box=stored.new.detail.box,
            confidence=stored.new.detail.confidence,
            index_model=photo.index_model,
            created_at=photo.image.created_at,
            user_id=None if stored.user is None else gallery.users[stored.user].user.user_id,
        )

    def _records(self, gallery: _Gallery, photo: int) -> tuple[FaceRecord, ...]:
        rows = [row for row, stored in gallery.faces.items() if stored.photo == photo]
        records = [FaceRecord(self._face(gallery, row), gallery.faces[row].new.detail) for row in rows]
        return tuple(sorted(records, key=lambda record: -record.face.box.area))

    def _newest_image(self, collection_id: str, matches: Callable[[Image], bool], otherwise: str) -> Image:
        with self._lock:
            for photo in reversed(self._gallery(collection_id).photos.values()):
                if matches(photo.image):
                    return photo.image
            raise ImageNotFound(otherwise)

    def _template(self, gallery: _Gallery, kind: str, row: int) -> Vector | None:
        if kind == "face":
            return gallery.faces[row].new.template if row in gallery.faces else None
        return gallery.users[row].template if row in gallery.users else None

    def _unreferenced(self, digests: Iterable[str]) -> tuple[str, ...]:
        gone = set(digests)
        return tuple(sorted(gone - self.digests(gone)))

    @staticmethod
    def _page(rows: Mapping[int, T], limit: int, cursor: str | None, *bound: object) -> Page[T]:
        """The next `limit` rows after the cursor, which has to be for the same `bound` (list, collection, filters)."""
        after, name = 0, json.dumps(bound)
        if cursor is not None:
            try:
                held, after = json.loads(base64.urlsafe_b64decode(cursor))
            except (ValueError, TypeError) as error:
                raise InvalidCursor("This cursor is not one of this service.", field="cursor") from error
            if held != name:
                raise InvalidCursor("This cursor is for another list.", field="cursor")
        ahead = sorted(row for row in rows if row > after)
        items = tuple(rows[row] for row in ahead[:limit])
        if len(ahead) <= limit:
            return Page(items)
        return Page(items, base64.urlsafe_b64encode(json.dumps([name, ahead[limit - 1]]).encode()).decode())


class FakeImages:
    """`ports.Images` in memory."""

    def __init__(self) -> None:
        self._held: dict[str, bytes] = {}

    def stage(self, digest: str, data: bytes) -> FakeStaged:
        return FakeStaged(self._held, digest, data)

    def recover(self, referenced: Callable[[Iterable[str]], set[str]], *, alone: bool = False) -> None:
        """Memory has no crashes."""

    def put(self, digest: str, data: bytes) -> None:
        self.stage(digest, data).publish()

    def get(self, digest: str) -> bytes:
        if digest not in self._held:
            raise ImageNotFound("The photograph is not stored.")
        return self._held[digest]

    def delete(self, digests: Iterable[str]) -> None:
        for digest in digests:
            self._held.pop(digest, None)


class FakeStaged:
    """`ports.Staged` in memory."""

    def __init__(self, held: dict[str, bytes], digest: str, data: bytes) -> None:
        self._held, self._digest, self._data = held, digest, data

    def publish(self) -> None:
        self._held[self._digest] = self._data

    def discard(self) -> None:
        """Nothing was kept."""
