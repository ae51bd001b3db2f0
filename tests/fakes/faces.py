"""The part of the fake catalog that keeps faces."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from kenspeckle.domain import (
    Deleted,
    Face,
    FaceDetail,
    FaceRecord,
    Image,
    Page,
    QualityFilter,
    UnsuccessfulFace,
    Vector,
    WebhookMessage,
)
from kenspeckle.errors import Conflict
from kenspeckle.ports import ErasedFaces, NewFace, NewPhotograph, Tell
from tests.fakes.galleries import Galleries, Photo, StoredFace


class Faces(Galleries):
    """Faces: stored, listed, deleted, erased."""

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

    def add_attributes(self, collection_id: str, told: Mapping[str, FaceDetail]) -> None:
        with self._lock:
            gallery = self._gallery(collection_id)
            for stored in gallery.faces.values():
                if stored.new.face_id in told:
                    stored.new = replace(stored.new, detail=told[stored.new.face_id].kept)
            self._wrote(gallery, [])

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
        with self._lock:
            gallery = self._gallery(image.collection_id)
            self._check_contract(gallery, contract)
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
            gallery.photos[row] = Photo(image, external_image_id, index_model)
            rows = [self._next("face") for _ in faces]
            gallery.faces.update((one, StoredFace(row, face)) for one, face in zip(rows, faces, strict=True))
            self._wrote(gallery, [("face", one) for one in rows])
            self.messages += messages
            return image, self._records(gallery, row), True

    def add_photographs(
        self, collection_id: str, photographs: Sequence[NewPhotograph], contract: str
    ) -> list[tuple[Image, tuple[FaceRecord, ...], bool]]:
        with self._lock:
            gallery = self._gallery(collection_id)
            before = copy.deepcopy(gallery)
            try:
                return [
                    self.add_faces(
                        one.image,
                        one.external_image_id,
                        one.faces,
                        one.index_model,
                        stored_as=one.stored_as,
                        contract=contract,
                        messages=one.messages,
                    )
                    for one in photographs
                ]
            except BaseException:
                vars(gallery).update(vars(before))
                raise

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
        with self._lock:
            gallery = self._gallery(image.collection_id)
            self._check_contract(gallery, contract)
            known = self.find_indexed(image.collection_id, image.digest, external_image_id)
            if known is None:
                return None
            stored, records = known
            if stored.left_out is None:
                return stored, records, ()
            row = next(at for at, photo in gallery.photos.items() if photo.image == stored)
            boxes = [one.face.box for one in records]
            added = tuple(one for one in faces if stored.left_out.holds(one.detail.box, boxes))
            left_out = stored.left_out.without((one.detail.box for one in added), max_faces, quality)
            gallery.photos[row].image = after = replace(stored, left_out=left_out)
            if added:
                new = [self._next("face") for _ in added]
                gallery.faces.update((at, StoredFace(row, face)) for at, face in zip(new, added, strict=True))
                self._wrote(gallery, [("face", at) for at in new])
                self.messages += tell(added)
            return after, self._records(gallery, row), added

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
                self.messages += tell(gone) if tell is not None else ()
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
    ) -> ErasedFaces:
        with self._lock:
            gallery = self._gallery(collection_id)
            leaving = None if user_id is None else self._user_row(gallery, user_id)
            rows = {stored.new.face_id: row for row, stored in gallery.faces.items()}
            asked = list(dict.fromkeys(face_ids))
            for stored in gallery.faces.values():
                if leaving is not None and stored.user == leaving and stored.new.face_id not in asked:
                    asked.append(stored.new.face_id)
            gone = {rows[one]: gallery.faces.pop(rows[one]) for one in asked if one in rows}
            self.messages += tell([one for one in asked if one in rows]) if tell is not None and gone else ()
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
            return ErasedFaces(tuple(one for one in asked if one in rows), tuple(names), digests)

    def faces_of_key(self, collection_id: str, key: str, limit: int) -> tuple[str, ...]:
        return self._some(collection_id, limit, lambda image: image.key == key)

    def find_aged(self, collection_id: str, before: float, limit: int) -> tuple[str, ...]:
        return self._some(collection_id, limit, lambda image: image.created_at < before)

    def _some(self, collection_id: str, limit: int, wanted: Callable[[Image], bool]) -> tuple[str, ...]:
        with self._lock:
            gallery = self._gallery(collection_id)
            found = [one.new.face_id for one in gallery.faces.values() if wanted(gallery.photos[one.photo].image)]
            return tuple(found[:limit])
