"""What the fake catalog holds, and how all its parts read and change it."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from kenspeckle.domain import Collection, Face, FaceRecord, Image, Page, Reason, User, Vector, WebhookMessage
from kenspeckle.errors import (
    OTHER_PACK,
    CollectionNotFound,
    Conflict,
    FaceNotFound,
    ImageNotFound,
    InvalidCursor,
    PackMismatch,
    UserNotFound,
)
from kenspeckle.ports import Answered, NewFace

T = TypeVar("T")


@dataclass
class Photo:
    image: Image
    external_image_id: str | None
    index_model: str


@dataclass
class StoredFace:
    photo: int
    new: NewFace
    user: int | None = None


@dataclass
class StoredUser:
    user: User
    template: Vector | None = None


@dataclass
class Gallery:
    collection: Collection
    revision: int
    floor: int
    tags: dict[str, str]
    photos: dict[int, Photo] = field(default_factory=dict)
    faces: dict[int, StoredFace] = field(default_factory=dict)
    users: dict[int, StoredUser] = field(default_factory=dict)
    log: list[tuple[int, str, int]] = field(default_factory=list)
    answers: dict[tuple[str, str], Answered] = field(default_factory=dict)
    faceless: dict[str, tuple[str, tuple[Reason, ...], float]] = field(default_factory=dict)


class Galleries:
    """The state of a fake catalog. `log_limit` is how many changes of a collection it remembers."""

    def __init__(self, log_limit: int) -> None:
        self._log_limit = log_limit
        self._lock = threading.RLock()
        self._galleries: dict[str, Gallery] = {}
        self._floor = 0
        self._rows = {"collection": 0, "photo": 0, "face": 0, "user": 0}
        self._order: dict[str, int] = {}
        self._removals: set[str] = set()
        self.messages: list[WebhookMessage] = []

    def digests(self, among: Iterable[str]) -> set[str]:
        with self._lock:
            kept = {
                photo.image.digest
                for gallery in self._galleries.values()
                for photo in gallery.photos.values()
                if photo.image.kept
            }
            return kept.intersection(among)

    def _next(self, kind: str) -> int:
        self._rows[kind] += 1
        return self._rows[kind]

    def _gallery(self, collection_id: str) -> Gallery:
        if collection_id not in self._galleries:
            raise CollectionNotFound(f"There is no collection named '{collection_id}'.", field="collection_id")
        return self._galleries[collection_id]

    @staticmethod
    def _check_contract(gallery: Gallery, contract: str | None) -> None:
        if contract not in (None, gallery.collection.contract):
            raise PackMismatch(OTHER_PACK, field="collection")

    def _face_row(self, gallery: Gallery, face_id: str) -> int:
        for row, stored in gallery.faces.items():
            if stored.new.face_id == face_id:
                return row
        raise FaceNotFound(f"There is no face '{face_id}' in this collection.", field="face_id")

    def _user_row(self, gallery: Gallery, user_id: str) -> int:
        for row, stored in gallery.users.items():
            if stored.user.user_id == user_id:
                return row
        raise UserNotFound(f"There is no user '{user_id}' in this collection.", field="user_id")

    def _wrote(self, gallery: Gallery, changed: Sequence[tuple[str, int]] = ()) -> None:
        gallery.revision += 1
        gallery.log.extend((gallery.revision, kind, row) for kind, row in changed)
        if (excess := len(gallery.log) - self._log_limit) > 0:
            gallery.floor = gallery.log[excess - 1][0]
            gallery.log = [entry for entry in gallery.log if entry[0] > gallery.floor]

    @staticmethod
    def _check_members(gallery: Gallery, user: int, among: Sequence[str] | None) -> None:
        members = {stored.new.face_id for stored in gallery.faces.values() if stored.user == user}
        if among is not None and set(among) != members:
            raise Conflict("The user's faces changed meanwhile; ask again.", field="face_ids")

    def _set_members(self, gallery: Gallery, user: int, members: set[int], template: Vector | None) -> None:
        for row, stored in gallery.faces.items():
            if row in members:
                stored.user = user
            elif stored.user == user:
                stored.user = None
        held = gallery.users[user]
        held.user = replace(held.user, face_count=len(members), status="ACTIVE" if members else "CREATED")
        held.template = template
        self._wrote(gallery, [("user", user)])

    def _face(self, gallery: Gallery, row: int) -> Face:
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

    def _records(self, gallery: Gallery, photo: int) -> tuple[FaceRecord, ...]:
        rows = [row for row, stored in gallery.faces.items() if stored.photo == photo]
        records = [FaceRecord(self._face(gallery, row), gallery.faces[row].new.detail) for row in rows]
        return tuple(sorted(records, key=lambda record: -record.face.box.area))

    def _newest_image(self, collection_id: str, matches: Callable[[Image], bool], otherwise: str) -> Image:
        with self._lock:
            for photo in reversed(self._gallery(collection_id).photos.values()):
                if matches(photo.image):
                    return photo.image
            raise ImageNotFound(otherwise)

    def _template(self, gallery: Gallery, kind: str, row: int) -> Vector | None:
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
