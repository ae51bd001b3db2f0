"""The recognizer that records: every access to biometric data becomes a row of the audit trail before its answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

from kenspeckle.audit import AuditRow
from kenspeckle.domain import (
    Associated,
    Collection,
    Comparison,
    Deleted,
    Erased,
    Erasure,
    Face,
    FaceDetail,
    FaceMatch,
    FaceRecord,
    Image,
    ImageSearch,
    Indexed,
    Page,
    QualityFilter,
    Receipt,
    User,
    UserMatch,
    UserSearch,
)
from kenspeckle.errors import KenspeckleError
from kenspeckle.ports import Recognizer
from kenspeckle.usecases import who
from kenspeckle.usecases.receipts import ALGORITHM, Receipts
from kenspeckle.usecases.recorder import Recorder

log = logging.getLogger(__name__)

T = TypeVar("T")
Facts: TypeAlias = Mapping[str, object]

MOST_FACES = 100
"""Face ids of one row; there is a count of all. Rows of what was deleted name up to `MOST_DELETED`."""

MOST_DELETED = 4096

NOT_RECORDED = {
    "describe_collection": "names and counts of a collection, no data of a person; edges ask it for every answer",
    "list_collections": "names and counts of collections, no data of a person",
    "tags": "labels of a collection, no data of a person",
    "info": "configuration and counts",
    "ready": "asked by probes all the time, and tells nothing",
}
"""Methods of the port that are not accesses to biometric data, each with the reason."""


class Audited:
    """Implements `ports.Recognizer` around another. An answer is given once its row is on disk; where the row can't be
    written, StorageFull or StorageUnavailable is. Errors are recorded too, under their code."""

    def __init__(self, inner: Recognizer, recorder: Recorder, receipts: Receipts | None) -> None:
        """Without `receipts`, where there is no key to sign them with, erasure answers without one."""
        self.inner = inner
        self.recorder = recorder
        self.receipts = receipts

    # -- collections -------------------------------------------------------------------------------------------

    def create_collection(self, collection_id: str, tags: Mapping[str, str] | None = None) -> Collection:
        return self._run("CreateCollection", collection_id, lambda: self.inner.create_collection(collection_id, tags))

    def describe_collection(self, collection_id: str) -> Collection:
        return self.inner.describe_collection(collection_id)

    def list_collections(self, limit: int = 100, cursor: str | None = None) -> Page[Collection]:
        return self.inner.list_collections(limit, cursor)

    def delete_collection(self, collection_id: str) -> None:
        self._run("DeleteCollection", collection_id, lambda: self.inner.delete_collection(collection_id))

    def tags(self, collection_id: str) -> Mapping[str, str]:
        return self.inner.tags(collection_id)

    def tag(self, collection_id: str, tags: Mapping[str, str]) -> None:
        facts = {"keys": sorted(tags)[:MOST_FACES]}
        self._run("TagResource", collection_id, lambda: self.inner.tag(collection_id, tags), facts)

    def untag(self, collection_id: str, keys: Sequence[str]) -> None:
        facts = {"keys": sorted(keys)[:MOST_FACES]}
        self._run("UntagResource", collection_id, lambda: self.inner.untag(collection_id, keys), facts)

    # -- faces -------------------------------------------------------------------------------------------------

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
        return self._run(
            "IndexFaces",
            collection_id,
            lambda: self.inner.index_faces(
                collection_id,
                image,
                external_image_id,
                key=key,
                metadata=metadata,
                max_faces=max_faces,
                quality=quality,
            ),
            {"identity": external_image_id},
            faces=lambda done: [one.face.face_id for one in done.records],
            told=lambda done: {
                "image": done.image_id,
                "created": done.created,
                "unindexed": len(done.unindexed),
            },
        )

    def get_face(self, collection_id: str, face_id: str) -> FaceRecord:
        return self._run("GetFace", collection_id, lambda: self.inner.get_face(collection_id, face_id), asked=[face_id])

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
        return self._run(
            "ListFaces",
            collection_id,
            lambda: self.inner.list_faces(
                collection_id, limit, cursor, user_id=user_id, face_ids=face_ids, external_image_id=external_image_id
            ),
            _given(user=user_id, identity=external_image_id),
            faces=lambda page: [one.face_id for one in page.items],
        )

    def delete_faces(self, collection_id: str, face_ids: Sequence[str]) -> Deleted:
        done, row = self._recorded(
            "DeleteFaces",
            collection_id,
            lambda: self.inner.delete_faces(collection_id, face_ids),
            asked=face_ids,
            faces=lambda done: list(done.deleted),
            told=lambda done: {"unsuccessful": len(done.unsuccessful), "images": list(done.images[:MOST_FACES])},
            most=MOST_DELETED,
        )
        if not done.deleted:
            return done
        went = Erased(
            done.deleted,
            done.images,
            complete=done.complete,
            face_count=len(done.deleted),
            image_count=len(done.images),
        )
        return replace(done, receipt=self._receipt(Erasure.FACES, "", collection_id, went, row))

    def erase(self, collection_id: str, what: Erasure, name: str = "") -> Erased:
        erased, row = self._recorded(
            f"Erase{what.capitalize()}",
            collection_id,
            lambda: self.inner.erase(collection_id, what, name),
            {"name": name},
            faces=lambda erased: erased.face_ids,
            count=lambda erased: erased.face_count,
            told=lambda erased: {
                "images": list(erased.images[:MOST_FACES]),
                "image_count": erased.image_count,
                "users": list(erased.users[:MOST_FACES]),
                "complete": erased.complete,
            },
            most=MOST_DELETED,
            worth=lambda erased: what is not Erasure.AGE or erased.face_count > 0,
        )
        return replace(erased, receipt=self._receipt(what, name, collection_id, erased, row))

    def retain(self, collection_id: str, days: int | None) -> Collection:
        return self._run(
            "RetainCollection", collection_id, lambda: self.inner.retain(collection_id, days), {"days": days}
        )

    def search_faces(
        self, collection_id: str, face_id: str, *, threshold: float | None = None, max_faces: int | None = None
    ) -> tuple[FaceMatch, ...]:
        return self._run(
            "SearchFaces",
            collection_id,
            lambda: self.inner.search_faces(collection_id, face_id, threshold=threshold, max_faces=max_faces),
            {"face": face_id},
            faces=_matched,
        )

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
        return self._run(
            "SearchFacesByImage",
            collection_id,
            lambda: self.inner.search_image(
                collection_id,
                image,
                threshold=threshold,
                max_faces=max_faces,
                quality=quality,
                every_face=every_face,
            ),
            faces=lambda found: [face_id for one in found.searches for face_id in _matched(one.matches)],
            told=lambda found: {"searched": len(found.searches)},
        )

    def detect_faces(self, image: bytes) -> tuple[FaceDetail, ...]:
        return self._run(
            "DetectFaces",
            None,
            lambda: self.inner.detect_faces(image),
            told=lambda found: {"detected": len(found)},
        )

    def compare_faces(
        self,
        source: bytes,
        target: bytes,
        *,
        threshold: float | None = None,
        quality: QualityFilter = QualityFilter.NONE,
    ) -> Comparison:
        return self._run(
            "CompareFaces",
            None,
            lambda: self.inner.compare_faces(source, target, threshold=threshold, quality=quality),
            told=lambda found: {"matched": len(found.matches), "unmatched": len(found.unmatched)},
        )

    # -- users -------------------------------------------------------------------------------------------------

    def create_user(self, collection_id: str, user_id: str, token: str | None = None) -> None:
        self._run(
            "CreateUser",
            collection_id,
            lambda: self.inner.create_user(collection_id, user_id, token),
            {"user": user_id},
        )

    def delete_user(self, collection_id: str, user_id: str, token: str | None = None) -> None:
        self._run(
            "DeleteUser",
            collection_id,
            lambda: self.inner.delete_user(collection_id, user_id, token),
            {"user": user_id},
        )

    def get_user(self, collection_id: str, user_id: str) -> User:
        return self._run(
            "GetUser", collection_id, lambda: self.inner.get_user(collection_id, user_id), {"user": user_id}
        )

    def list_users(self, collection_id: str, limit: int = 100, cursor: str | None = None) -> Page[User]:
        return self._run(
            "ListUsers",
            collection_id,
            lambda: self.inner.list_users(collection_id, limit, cursor),
            told=lambda page: _users([one.user_id for one in page.items]),
        )

    def associate_faces(
        self,
        collection_id: str,
        user_id: str,
        face_ids: Sequence[str],
        *,
        threshold: float = 75.0,
        token: str | None = None,
    ) -> Associated:
        return self._run(
            "AssociateFaces",
            collection_id,
            lambda: self.inner.associate_faces(collection_id, user_id, face_ids, threshold=threshold, token=token),
            {"user": user_id},
            asked=face_ids,
            faces=lambda done: list(done.associated),
            told=lambda done: {"unsuccessful": len(done.unsuccessful)},
        )

    def disassociate_faces(
        self, collection_id: str, user_id: str, face_ids: Sequence[str], *, token: str | None = None
    ) -> Associated:
        return self._run(
            "DisassociateFaces",
            collection_id,
            lambda: self.inner.disassociate_faces(collection_id, user_id, face_ids, token=token),
            {"user": user_id},
            asked=face_ids,
            faces=lambda done: list(done.associated),
            told=lambda done: {"unsuccessful": len(done.unsuccessful)},
        )

    def search_users(
        self,
        collection_id: str,
        *,
        user_id: str | None = None,
        face_id: str | None = None,
        threshold: float | None = None,
        max_users: int | None = None,
    ) -> tuple[UserMatch, ...]:
        return self._run(
            "SearchUsers",
            collection_id,
            lambda: self.inner.search_users(
                collection_id, user_id=user_id, face_id=face_id, threshold=threshold, max_users=max_users
            ),
            _given(user=user_id, face=face_id),
            told=lambda found: _users([one.user.user_id for one in found]),
        )

    def search_users_by_image(
        self,
        collection_id: str,
        image: bytes,
        *,
        threshold: float | None = None,
        max_users: int | None = None,
        quality: QualityFilter = QualityFilter.NONE,
    ) -> UserSearch:
        return self._run(
            "SearchUsersByImage",
            collection_id,
            lambda: self.inner.search_users_by_image(
                collection_id, image, threshold=threshold, max_users=max_users, quality=quality
            ),
            told=lambda found: _users([one.user.user_id for one in found.matches]),
        )

    # -- what is kept ------------------------------------------------------------------------------------------

    def image(self, collection_id: str, key: str) -> tuple[Image, bytes]:
        return self._run(
            "GetImage",
            collection_id,
            lambda: self.inner.image(collection_id, key),
            {"key": key},
            told=lambda found: {"image": found[0].image_id},
        )

    def thumbnail(self, collection_id: str, face_id: str) -> bytes:
        return self._run(
            "GetThumbnail", collection_id, lambda: self.inner.thumbnail(collection_id, face_id), asked=[face_id]
        )

    def info(self) -> Mapping[str, object]:
        if self.receipts is None:
            return self.inner.info()
        return {**self.inner.info(), "receipts": {"algorithm": ALGORITHM, "public_key": self.receipts.public_key}}

    def ready(self) -> None:
        self.inner.ready()

    # ----------------------------------------------------------------------------------------------------------

    def _receipt(
        self, what: Erasure, name: str, collection_id: str, erased: Erased, row: AuditRow | None
    ) -> Receipt | None:
        if self.receipts is None:
            return None
        at = self.recorder.now() if row is None else row.at
        return self.receipts.receipt(what.value, name, collection_id, erased, who.current(), row, at)

    def _run(
        self,
        operation: str,
        collection_id: str | None,
        work: Callable[[], T],
        facts: Facts | None = None,
        *,
        asked: Sequence[str] = (),
        faces: Callable[[T], Sequence[str]] | None = None,
        told: Callable[[T], Facts] | None = None,
    ) -> T:
        return self._recorded(operation, collection_id, work, facts, asked=asked, faces=faces, told=told)[0]

    def _recorded(
        self,
        operation: str,
        collection_id: str | None,
        work: Callable[[], T],
        facts: Facts | None = None,
        *,
        asked: Sequence[str] = (),
        faces: Callable[[T], Sequence[str]] | None = None,
        count: Callable[[T], int] | None = None,
        told: Callable[[T], Facts] | None = None,
        most: int = MOST_FACES,
        worth: Callable[[T], bool] | None = None,
    ) -> tuple[T, AuditRow | None]:
        """Do the work and record it: faces of the answer, or those `asked` for where it failed or names none. What is
        not `worth` a row has none."""
        try:
            answer = work()
        except KenspeckleError as error:
            self._note_failure(operation, collection_id, error.code, asked, facts)
            raise
        except Exception:
            self._note_failure(operation, collection_id, "internal_error", asked, facts)
            raise
        if worth is not None and not worth(answer):
            return answer, None
        ids = faces(answer) if faces is not None else asked
        number = count(answer) if count is not None else len(ids)
        more = {**(facts or {}), **told(answer)} if told is not None else facts
        entry = self.recorder.entry(operation, collection_id, face_ids=ids[:most], face_count=number, facts=more)
        return answer, self.recorder.record(entry)

    def _note_failure(
        self, operation: str, collection_id: str | None, code: str, asked: Sequence[str], facts: Facts | None
    ) -> None:
        entry = self.recorder.entry(
            operation, collection_id, outcome=code, face_ids=asked[:MOST_FACES], face_count=len(asked), facts=facts
        )
        try:
            self.recorder.record(entry)
        except KenspeckleError as error:
            # Nothing was given out; the client is told of its own error rather than of this one.
            log.error("a failed request (%s) is not in the audit trail: %s", code, error.message)


def _matched(matches: Sequence[FaceMatch]) -> list[str]:
    return [one.face.face_id for one in matches]


def _users(ids: Sequence[str]) -> Facts:
    return {"users": list(ids[:MOST_FACES]), "user_count": len(ids)}


def _given(**facts: str | None) -> Facts:
    return {name: value for name, value in facts.items() if value is not None}
