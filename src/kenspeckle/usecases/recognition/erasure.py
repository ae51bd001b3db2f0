"""Erasure: everything of an image, an identity, a user or a collection, and faces beyond retention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from kenspeckle.domain import Erased, validation
from kenspeckle.domain.operations import (
    EraseAged,
    EraseCollection,
    EraseIdentity,
    EraseImage,
    ErasePerson,
    EraseUser,
    Handlers,
)
from kenspeckle.errors import IdentityNotFound, ImageNotFound, PersonNotFound
from kenspeckle.usecases.recognition.adoption import adopt
from kenspeckle.usecases.recognition.collections import (
    delete_at_once,
    erase_collection,
    is_purged_later,
    try_remove,
)
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.people import alone
from kenspeckle.usecases.recognition.users import combine
from kenspeckle.usecases.videos.operations import VideoOperations

DAY = 86_400.0
BATCH = 4096
"""Faces of one transaction."""

AGE_BATCH = 100
"""Faces of one batch of retention: other writers wait little, and a row of the audit trail names them all."""

LISTED = 10_000
"""Most faces and images that an answer names; it counts all."""


class Erasing:
    """Operations of erasure."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._videos = VideoOperations(context)

    def handlers(self) -> Handlers:
        return dict(
            [
                EraseImage.by(self.erase_image),
                EraseIdentity.by(self.erase_identity),
                EraseUser.by(self.erase_user),
                ErasePerson.by(self.erase_person),
                EraseCollection.by(self.erase_collection),
                EraseAged.by(self.erase_aged),
            ]
        )

    def erase_image(self, operation: EraseImage) -> Erased:
        catalog, collection_id = self.context.catalog, validation.collection_id(operation.collection_id)
        erased = self._erase(collection_id, lambda: catalog.faces_of_key(collection_id, operation.key, BATCH))
        if not erased.face_count:
            raise ImageNotFound(f"No photograph is stored under the key '{operation.key[:255]}'.", field="key")
        return erased

    def erase_identity(self, operation: EraseIdentity) -> Erased:
        catalog, collection_id = self.context.catalog, validation.collection_id(operation.collection_id)
        identity = validation.external_image_id(operation.external_image_id)
        erased = self._erase(
            collection_id,
            lambda: [
                face.face_id for face in catalog.faces(collection_id, BATCH, None, external_image_id=identity).items
            ],
        )
        if not erased.face_count:
            raise IdentityNotFound(f"No face has the identity '{identity}'.", field="external_image_id")
        return erased

    def erase_user(self, operation: EraseUser) -> Erased:
        collection_id = validation.collection_id(operation.collection_id)
        return self._erase(collection_id, None, validation.user_id(operation.user_id))

    def erase_person(self, operation: ErasePerson) -> Erased:
        """With its user, where that has no faces of other people. Raises PersonNotFound."""
        collection_id, person_id = validation.collection_id(operation.collection_id), operation.person_id
        port = adopt(self.context.people, collection_id)
        with alone(self.context, collection_id):
            port.person(collection_id, validation.person_id(person_id))

            def some() -> Sequence[str]:
                try:
                    page = port.faces_of_person(collection_id, person_id, BATCH, None)
                except PersonNotFound:
                    return ()
                return [face.face_id for face in page.items]

            erased = self._erase(collection_id, some)
            users = port.drop_person(collection_id, person_id)
        if not users and erased.face_count:
            return erased
        complete = self.context.scrubber.scrub(self.context.catalog)
        return replace(erased, users=tuple(dict.fromkeys((*erased.users, *users))), complete=complete)

    def erase_aged(self, operation: EraseAged) -> Erased:
        collection_id = validation.collection_id(operation.collection_id)
        before = self.context.now() - validation.retention_days(operation.days) * DAY
        self._videos.erase_aged(collection_id, before)
        self.context.catalog.forget_faceless(collection_id, before)
        return self._erase(
            collection_id, lambda: self.context.catalog.find_aged(collection_id, before, AGE_BATCH), once=True
        )

    def erase_collection(self, operation: EraseCollection) -> Erased:
        context, collection_id = self.context, validation.collection_id(operation.collection_id)
        counted = context.catalog.collection(collection_id)
        faces: list[str] = []
        cursor: str | None = None
        while len(faces) < LISTED:
            page = context.catalog.faces(collection_id, BATCH, cursor)
            faces += [face.face_id for face in page.items]
            cursor = page.cursor
            if cursor is None:
                break
        if is_purged_later(context, counted):
            images = context.catalog.digests_only_of(collection_id, LISTED)
            stored = context.catalog.counts([collection_id])["images"]
            delete_at_once(context, collection_id)
            erased = replace(_summarize(faces, images, (), False), image_count=stored)
        else:
            images, complete = erase_collection(context, collection_id)
            erased = _summarize(faces, images, (), complete)
        return replace(erased, face_count=max(counted.face_count, len(faces)))

    def _erase(
        self,
        collection_id: str,
        some: Callable[[], Sequence[str]] | None,
        user_id: str | None = None,
        *,
        once: bool = False,
    ) -> Erased:
        """Erase what `some` names until it names nothing more (or `once`), or a user with its faces."""
        faces: list[str] = []
        users: dict[str, None] = {}
        images: list[str] = []
        removed = True
        while True:
            ids = some() if some is not None else ()
            if user_id is None and not ids:
                break
            tell = self.context.announcer.announce_deleted(collection_id)
            gone = self.context.catalog.erase_faces(collection_id, ids, combine, user_id=user_id, tell=tell)
            removed = try_remove(self.context, gone.digests) and removed
            faces += gone.face_ids
            images += gone.digests
            users |= dict.fromkeys(gone.users)
            if once or user_id is not None:
                break
        if not faces and not users:
            return _summarize(faces, images, users, removed)
        scrubber = self.context.scrubber
        # By age, nobody waits for an answer, and the audit trail has its receipt.
        complete = scrubber.run(self.context.catalog) if once else scrubber.scrub(self.context.catalog)
        return _summarize(faces, images, users, complete and removed)


def _summarize(
    faces: Sequence[str], images: Sequence[str], users: Sequence[str] | dict[str, None], complete: bool
) -> Erased:
    return Erased(
        tuple(faces[:LISTED]),
        tuple(images[:LISTED]),
        tuple(users),
        complete,
        face_count=len(faces),
        image_count=len(images),
    )
