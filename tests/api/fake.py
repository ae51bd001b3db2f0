"""A recognizer without eyes: it remembers what it is told and sees a face in whatever begins with `FACE`."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from kenspeckle.domain import (
    Collection,
    Comparison,
    Deleted,
    Erased,
    Erasure,
    Face,
    FaceDetail,
    FaceMatch,
    FaceRecord,
    FaceSearch,
    Image,
    ImageSearch,
    Indexed,
    Page,
    QualityFilter,
    Reason,
    Receipt,
    UnindexedFace,
    UnsuccessfulFace,
    User,
    validation,
)
from kenspeckle.errors import (
    AlreadyExists,
    FaceNotFound,
    IdentityNotFound,
    ImageNotFound,
    KenspeckleError,
    NoFace,
)
from tests.api.fake_users import DETAIL, MODEL, SMALL, FakeUsers, page


class FakeRecognizer(FakeUsers):
    """`ports.Recognizer` in memory. A photograph is `FACE <who>[ & <who>...]` in JPEG's clothes."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, FaceRecord]] = {"kenspeckle": {}}
        self.people: dict[str, dict[str, User]] = {"kenspeckle": {}}
        self.images: dict[tuple[str, str], tuple[Image, bytes]] = {}
        self.tagged: dict[str, Mapping[str, str]] = {}
        self.retention: dict[str, int | None] = {}
        self.fail: Exception | None = None
        self.hold: threading.Event | None = None
        self.calls: list[tuple[str, dict[str, Any]]] = []

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
    ) -> Indexed:
        self._note("index_faces", max_faces=max_faces, quality=quality, metadata=metadata)
        faces = self._faces(collection_id)
        seen = self._look(image)
        digest = hashlib.sha256(image).hexdigest()
        image_id = str(uuid.uuid5(uuid.NAMESPACE_URL, digest + str(external_image_id)))
        known = tuple(one for one in faces.values() if one.face.image_id == image_id)
        if known:
            return Indexed(image_id, known, (), MODEL, False)
        records = []
        for _ in seen:
            face = Face(
                str(uuid.uuid4()), image_id, collection_id, external_image_id, DETAIL.box, 99.5, MODEL, 1700000000.0
            )
            records.append(FaceRecord(face, DETAIL))
            faces[face.face_id] = records[-1]
        stored = Image(
            image_id,
            collection_id,
            key or digest,
            digest,
            "image/jpeg",
            len(image),
            100,
            100,
            1.7e9,
            True,
            metadata or {},
        )
        self.images[collection_id, stored.key] = (stored, image)
        return Indexed(image_id, tuple(records), (UnindexedFace(SMALL, (Reason.LOW_SHARPNESS,)),), MODEL, True)

    def search_image(
        self,
        collection_id: str,
        image: bytes,
        *,
        threshold: float | None = None,
        max_faces: int | None = None,
        quality: QualityFilter = QualityFilter.NONE,
        every_face: bool = False,
    ) -> ImageSearch:
        self._note("search_image", threshold=threshold, max_faces=max_faces, quality=quality, every_face=every_face)
        faces = self._faces(collection_id)
        seen = self._look(image)
        if not seen:
            raise NoFace("There are no faces in the image. Should be at least 1.", field="image")
        searches = []
        for who in seen if every_face else seen[:1]:
            matches = [FaceMatch(one.face, 99.0) for one in faces.values() if who in (one.face.external_image_id or "")]
            searches.append(FaceSearch(DETAIL, tuple(matches[: max_faces or 10])))
        others = tuple(UnindexedFace(SMALL, (Reason.FACE_NOT_LARGEST,)) for _ in seen[len(searches) :])
        return ImageSearch(tuple(searches), others, MODEL)

    def detect_faces(self, image: bytes) -> tuple[FaceDetail, ...]:
        self._note("detect_faces")
        return tuple(DETAIL for _ in self._look(image))

    def compare_faces(
        self,
        source: bytes,
        target: bytes,
        *,
        threshold: float | None = None,
        quality: QualityFilter = QualityFilter.NONE,
    ) -> Comparison:
        self._note("compare_faces", threshold=threshold, quality=quality)
        wanted, there = self._look(source), self._look(target)
        if not wanted:
            raise NoFace("There are no faces in the image. Should be at least 1.", field="image")
        same = tuple((DETAIL, 98.0) for who in there if who == wanted[0])
        return Comparison(DETAIL, same, tuple(DETAIL for who in there if who != wanted[0]))

    def create_collection(self, collection_id: str, tags: Mapping[str, str] | None = None) -> Collection:
        validation.collection_id(collection_id)
        if collection_id in self.records:
            raise AlreadyExists(f"The collection id: {collection_id} already exists.", field="collection")
        self.records[collection_id], self.people[collection_id] = {}, {}
        self.tagged[collection_id] = validation.tags(tags or {})
        return self.describe_collection(collection_id)

    def describe_collection(self, collection_id: str) -> Collection:
        faces = self._faces(collection_id)
        tags = self.tagged.get(collection_id, {})
        return Collection(
            collection_id,
            "fake",
            "contract",
            1.7e9,
            7,
            len(faces),
            len(self.people[collection_id]),
            tags,
            self.retention.get(collection_id),
        )

    def list_collections(self, limit: int = 100, cursor: str | None = None) -> Page[Collection]:
        return page([self.describe_collection(name) for name in sorted(self.records)], limit, cursor)

    def delete_collection(self, collection_id: str) -> None:
        self._faces(collection_id)
        del self.records[collection_id], self.people[collection_id]

    def tags(self, collection_id: str) -> Mapping[str, str]:
        return self.tagged.get(collection_id, {})

    def tag(self, collection_id: str, tags: Mapping[str, str]) -> None:
        self.tagged[collection_id] = {**self.tags(collection_id), **tags}

    def untag(self, collection_id: str, keys: Sequence[str]) -> None:
        self.tagged[collection_id] = {k: v for k, v in self.tags(collection_id).items() if k not in keys}

    def get_face(self, collection_id: str, face_id: str) -> FaceRecord:
        validation.face_id(face_id)
        try:
            return self._faces(collection_id)[face_id]
        except KeyError:
            raise FaceNotFound("faceId was not found in the collection.", field="face_id") from None

    def list_faces(
        self,
        collection_id: str,
        limit: int = 100,
        cursor: str | None = None,
        *,
        user_id: str | None = None,
        face_ids: Sequence[str] | None = None,
        external_image_id: str | None = None,
    ) -> Page[Face]:
        found = [
            one.face
            for one in self._faces(collection_id).values()
            if user_id in (None, one.face.user_id) and external_image_id in (None, one.face.external_image_id)
        ]
        return page(found, limit, cursor)

    def delete_faces(self, collection_id: str, face_ids: Sequence[str]) -> Deleted:
        faces = self._faces(collection_id)
        gone, stayed = [], []
        for face_id in validation.face_ids(face_ids):
            if face_id not in faces:
                stayed.append(UnsuccessfulFace(face_id, ("FACE_NOT_FOUND",)))
            elif faces[face_id].face.user_id:
                stayed.append(
                    UnsuccessfulFace(face_id, ("ASSOCIATED_TO_AN_EXISTING_USER",), faces[face_id].face.user_id)
                )
            else:
                del faces[face_id]
                gone.append(face_id)
        return Deleted(tuple(gone), tuple(stayed))

    def erase(self, collection_id: str, what: Erasure, name: str = "") -> Erased:
        self._note("erase", what=what)
        faces = self._faces(collection_id)
        wanted = {
            Erasure.IDENTITY: lambda face: face.external_image_id == name,
            Erasure.IMAGE: lambda face: face.external_image_id == name,
            Erasure.USER: lambda face: face.user_id == name,
            Erasure.COLLECTION: lambda face: True,
        }[what]
        gone = [one for one, record in faces.items() if wanted(record.face)]
        if what is Erasure.IMAGE and not gone:
            raise ImageNotFound("No photograph is kept under this name.", field="key")
        if what is Erasure.IDENTITY and not gone:
            raise IdentityNotFound(f"No face has the identity '{name}'.", field="external_image_id")
        if what is Erasure.USER:
            self.delete_user(collection_id, name)
        for one in gone:
            del faces[one]
        if what is Erasure.COLLECTION:
            self.delete_collection(collection_id)
        receipt = Receipt({"erased": what.value, "faces": list(gone)}, "key", "signature")
        return Erased(tuple(gone), face_count=len(gone), receipt=receipt)

    def retain(self, collection_id: str, days: int | None) -> Collection:
        self.retention[collection_id] = days
        return self.describe_collection(collection_id)

    def search_faces(
        self, collection_id: str, face_id: str, *, threshold: float | None = None, max_faces: int | None = None
    ) -> tuple[FaceMatch, ...]:
        probe = self.get_face(collection_id, face_id)
        return tuple(
            FaceMatch(one.face, 97.0)
            for one in self._faces(collection_id).values()
            if one is not probe and one.face.external_image_id == probe.face.external_image_id
        )

    def image(self, collection_id: str, key: str) -> tuple[Image, bytes]:
        self._faces(collection_id)
        try:
            return self.images[collection_id, key]
        except KeyError:
            raise ImageNotFound("No photograph is kept under this name.", field="key") from None

    def thumbnail(self, collection_id: str, face_id: str) -> bytes:
        self.get_face(collection_id, face_id)
        return b"\xff\xd8thumbnail"

    def info(self) -> Mapping[str, object]:
        return {"recognizer": "fake"}

    def ready(self) -> None:
        self._note("ready")

    def _note(self, name: str, **arguments: Any) -> None:
        self.calls.append((name, arguments))
        if self.hold is not None:
            self.hold.wait(10)
        if self.fail is not None:
            raise self.fail


def photograph(who: str, padding: int = 0) -> bytes:
    """A photograph that the fake sees these people in."""
    return b"\xff\xd8FACE " + who.encode() + b"\n" + b"\x00" * padding


def every_error() -> list[type[KenspeckleError]]:
    """All error classes of the core, the base excluded."""
    found: list[type[KenspeckleError]] = []
    waiting = [KenspeckleError]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            if kind.__module__ == "kenspeckle.errors":
                found.append(kind)
            waiting.append(kind)
    return found
