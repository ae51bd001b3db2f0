"""A recognizer without eyes: it remembers what it is told and sees a face in whatever begins with `FACE`."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
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
    Job,
    JobKind,
    Page,
    Reason,
    Receipt,
    UnindexedFace,
    UnsuccessfulFace,
    User,
    validation,
)
from kenspeckle.domain import operations as ops
from kenspeckle.domain.operations import A
from kenspeckle.errors import (
    AlreadyExists,
    FaceNotFound,
    IdentityNotFound,
    ImageNotFound,
    KenspeckleError,
    NoFace,
    ReceiptNotFound,
)
from kenspeckle.usecases.jobs.queue import JobQueue
from tests.api.fake_indexing import FakeIndexing
from tests.api.fake_users import DETAIL, MODEL, SMALL, FakeUsers, page
from tests.api.fake_videos import FakeVideos
from tests.fakes.jobs import FakeJobs


class FakeRecognizer(FakeUsers, FakeVideos, FakeIndexing):
    """`ports.Recognizer` in memory. A photograph is `FACE <who>[ & <who>...]` in JPEG's clothes."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, FaceRecord]] = {"kenspeckle": {}}
        self.people: dict[str, dict[str, User]] = {"kenspeckle": {}}
        self.images: dict[tuple[str, str], tuple[Image, bytes]] = {}
        self.receipts: dict[str, tuple[str, Receipt]] = {}
        self.tagged: dict[str, Mapping[str, str]] = {}
        self.retention: dict[str, int | None] = {}
        self.fail: Exception | None = None
        self.hold: threading.Event | None = None
        self.long_work = FakeJobs()
        self.queue = JobQueue(self.long_work)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def handle(self, operation: ops.Operation[A]) -> A:
        return ops.dispatch(self.handlers(), operation)

    def handlers(self) -> ops.Handlers:
        return dict(
            [
                *self.of_users(),
                *self.of_videos(),
                *self.of_indexing(),
                *self.queue.handlers().items(),
                ops.UpgradeCollection.by(self.upgrade_collection),
                ops.SyncCollection.by(self.sync_collection),
                ops.CompareFaces.by(self.compare_faces),
                ops.CreateCollection.by(self.create_collection),
                ops.DeleteCollection.by(self.delete_collection),
                ops.DeleteFaces.by(self.delete_faces),
                ops.DescribeCollection.by(self.describe_collection),
                ops.DetectFaces.by(self.detect_faces),
                ops.GetFace.by(self.get_face),
                ops.GetReceipt.by(self.get_receipt),
                ops.GetImage.by(self.get_image),
                ops.GetThumbnail.by(self.get_thumbnail),
                ops.GetThumbnails.by(self.get_thumbnails),
                ops.IndexFaces.by(self.index_faces),
                ops.ListCollections.by(self.list_collections),
                ops.ListFaces.by(self.list_faces),
                ops.ListTags.by(self.list_tags),
                ops.RetainCollection.by(self.retain_collection),
                ops.SearchFaces.by(self.search_faces),
                ops.SearchImage.by(self.search_image),
                ops.TagCollection.by(self.tag_collection),
                ops.UntagCollection.by(self.untag_collection),
                ops.EraseImage.by(self.erase),
                ops.EraseIdentity.by(self.erase),
                ops.EraseUser.by(self.erase),
                ops.EraseCollection.by(self.erase),
            ]
        )

    def index_faces(self, operation: ops.IndexFaces) -> Indexed:
        self._note("index_faces", max_faces=operation.max_faces, quality=operation.quality, metadata=operation.metadata)
        faces = self._faces(operation.collection_id)
        seen = self._look(operation.image)
        digest = hashlib.sha256(operation.image).hexdigest()
        image_id = str(uuid.uuid5(uuid.NAMESPACE_URL, digest + str(operation.external_image_id)))
        known = tuple(one for one in faces.values() if one.face.image_id == image_id)
        if known:
            return Indexed(image_id, known, (), MODEL, False)
        records = []
        for _ in seen:
            face = Face(
                str(uuid.uuid4()),
                image_id,
                operation.collection_id,
                operation.external_image_id,
                DETAIL.box,
                99.5,
                MODEL,
                1700000000.0,
            )
            records.append(FaceRecord(face, DETAIL))
            faces[face.face_id] = records[-1]
        stored = Image(
            image_id,
            operation.collection_id,
            operation.key or digest,
            digest,
            "image/jpeg",
            len(operation.image),
            100,
            100,
            1.7e9,
            True,
            operation.metadata,
        )
        self.images[operation.collection_id, stored.key] = (stored, operation.image)
        return Indexed(image_id, tuple(records), (UnindexedFace(SMALL, (Reason.LOW_SHARPNESS,)),), MODEL, True)

    def search_image(self, operation: ops.SearchImage) -> ImageSearch:
        self._note(
            "search_image",
            threshold=operation.threshold,
            max_faces=operation.max_faces,
            quality=operation.quality,
            every_face=operation.every_face,
        )
        faces = self._faces(operation.collection_id)
        seen = self._look(operation.image)
        if not seen:
            raise NoFace("There are no faces in the image. Should be at least 1.", field="image")
        searches = []
        for who in seen if operation.every_face else seen[:1]:
            matches = [FaceMatch(one.face, 99.0) for one in faces.values() if who in (one.face.external_image_id or "")]
            searches.append(FaceSearch(DETAIL, tuple(matches[: operation.max_faces or 10])))
        others = tuple(UnindexedFace(SMALL, (Reason.FACE_NOT_LARGEST,)) for _ in seen[len(searches) :])
        return ImageSearch(tuple(searches), others, MODEL)

    def detect_faces(self, operation: ops.DetectFaces) -> tuple[FaceDetail, ...]:
        self._note("detect_faces")
        return tuple(DETAIL for _ in self._look(operation.image))

    def compare_faces(self, operation: ops.CompareFaces) -> Comparison:
        self._note("compare_faces", threshold=operation.threshold, quality=operation.quality)
        wanted, there = self._look(operation.source), self._look(operation.target)
        if not wanted:
            raise NoFace("There are no faces in the image. Should be at least 1.", field="image")
        same = tuple((DETAIL, 98.0) for who in there if who == wanted[0])
        return Comparison(DETAIL, same, tuple(DETAIL for who in there if who != wanted[0]))

    def create_collection(self, operation: ops.CreateCollection) -> Collection:
        validation.collection_id(operation.collection_id)
        if operation.collection_id in self.records:
            raise AlreadyExists(f"The collection id: {operation.collection_id} already exists.", field="collection")
        self.records[operation.collection_id], self.people[operation.collection_id] = {}, {}
        self.tagged[operation.collection_id] = validation.tags(operation.tags)
        return self._described(operation.collection_id)

    def describe_collection(self, operation: ops.DescribeCollection) -> Collection:
        return self._described(operation.collection_id)

    def _described(self, collection_id: str) -> Collection:
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

    def list_collections(self, operation: ops.ListCollections) -> Page[Collection]:
        names = [name for name in sorted(self.records) if operation.only is None or name in operation.only]
        return page([self._described(name) for name in names], operation.limit, operation.cursor)

    def upgrade_collection(self, operation: ops.UpgradeCollection) -> Job:
        self._faces(operation.collection_id)
        return self.queue.submit(JobKind.UPGRADE, operation.collection_id, {"pack": operation.pack})

    def sync_collection(self, operation: ops.SyncCollection) -> Job:
        self._faces(operation.collection_id)
        return self.queue.submit(JobKind.SYNC, operation.collection_id, {"rebuild": operation.rebuild})

    def delete_collection(self, operation: ops.DeleteCollection) -> None:
        self._faces(operation.collection_id)
        del self.records[operation.collection_id], self.people[operation.collection_id]

    def list_tags(self, operation: ops.ListTags) -> Mapping[str, str]:
        return self.tagged.get(operation.collection_id, {})

    def tag_collection(self, operation: ops.TagCollection) -> None:
        self.tagged[operation.collection_id] = {**self.tagged.get(operation.collection_id, {}), **operation.tags}

    def untag_collection(self, operation: ops.UntagCollection) -> None:
        self.tagged[operation.collection_id] = {
            k: v for k, v in self.tagged.get(operation.collection_id, {}).items() if k not in operation.keys
        }

    def get_face(self, operation: ops.GetFace) -> FaceRecord:
        return self._face(operation.collection_id, operation.face_id)

    def _face(self, collection_id: str, face_id: str) -> FaceRecord:
        validation.face_id(face_id)
        try:
            return self._faces(collection_id)[face_id]
        except KeyError:
            raise FaceNotFound("faceId was not found in the collection.", field="face_id") from None

    def list_faces(self, operation: ops.ListFaces) -> Page[Face]:
        found = [
            one.face
            for one in self._faces(operation.collection_id).values()
            if operation.user_id in (None, one.face.user_id)
            and operation.external_image_id in (None, one.face.external_image_id)
        ]
        return page(found, operation.limit, operation.cursor)

    def delete_faces(self, operation: ops.DeleteFaces) -> Deleted:
        faces = self._faces(operation.collection_id)
        gone, stayed = [], []
        for face_id in validation.face_ids(operation.face_ids):
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

    def erase(self, operation: ops.Erase) -> Erased:
        collection_id, what, name = operation.collection_id, operation.what, operation.name
        self._note("erase", what=what)
        faces = self._faces(collection_id)
        chosen: Callable[[Face], bool] = {
            Erasure.IDENTITY: lambda face: face.external_image_id == name,
            Erasure.IMAGE: lambda face: face.external_image_id == name,
            Erasure.USER: lambda face: face.user_id == name,
            Erasure.COLLECTION: lambda face: True,
        }[what]
        gone = [one for one, record in faces.items() if chosen(record.face)]
        if what is Erasure.IMAGE and not gone:
            raise ImageNotFound("No photograph is kept under this name.", field="key")
        if what is Erasure.IDENTITY and not gone:
            raise IdentityNotFound(f"No face has the identity '{name}'.", field="external_image_id")
        if what is Erasure.USER:
            self.delete_user(ops.DeleteUser(collection_id=collection_id, user_id=name))
        for one in gone:
            del faces[one]
        if what is Erasure.COLLECTION:
            self.delete_collection(ops.DeleteCollection(collection_id=collection_id))
        receipt = Receipt(
            {"id": f"receipt-{what.value}", "erased": what.value, "faces": list(gone)}, "key", "signature"
        )
        self.receipts[receipt.receipt_id] = collection_id, receipt
        return Erased(tuple(gone), face_count=len(gone), receipt=receipt)

    def get_receipt(self, operation: ops.GetReceipt) -> Receipt:
        collection_id, receipt = self.receipts.get(operation.receipt_id, ("", None))
        if receipt is None or (operation.only is not None and collection_id not in operation.only):
            raise ReceiptNotFound.of_id(operation.receipt_id)
        return receipt

    def retain_collection(self, operation: ops.RetainCollection) -> Collection:
        self.retention[operation.collection_id] = operation.days
        return self._described(operation.collection_id)

    def search_faces(self, operation: ops.SearchFaces) -> tuple[FaceMatch, ...]:
        probe = self._face(operation.collection_id, operation.face_id)
        return tuple(
            FaceMatch(one.face, 97.0)
            for one in self._faces(operation.collection_id).values()
            if one is not probe and one.face.external_image_id == probe.face.external_image_id
        )

    def get_image(self, operation: ops.GetImage) -> tuple[Image, bytes]:
        self._faces(operation.collection_id)
        try:
            return self.images[operation.collection_id, operation.key]
        except KeyError:
            raise ImageNotFound("No photograph is kept under this name.", field="key") from None

    def get_thumbnail(self, operation: ops.GetThumbnail) -> bytes:
        self._face(operation.collection_id, operation.face_id)
        return b"\xff\xd8thumbnail"

    def get_thumbnails(self, operation: ops.GetThumbnails) -> Mapping[str, bytes]:
        there = self._faces(operation.collection_id)
        return {one: b"\xff\xd8thumbnail" for one in validation.face_ids(operation.face_ids) if one in there}

    def info(self, only: Sequence[str] | None = None) -> Mapping[str, object]:
        counts = {"collections": len([name for name in self.records if only is None or name in only])}
        return {"recognizer": "fake", "counts": counts}

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
