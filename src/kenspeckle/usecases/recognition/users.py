"""Users: several faces of one person under one id, with one template that stands for them all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson

from kenspeckle.domain import (
    Associated,
    Collection,
    PackInfo,
    UnsuccessfulFace,
    User,
    UserMatch,
    UserSearch,
    Vector,
    validation,
)
from kenspeckle.domain.operations import (
    AssociateFaces,
    CreateUser,
    DeleteUser,
    DisassociateFaces,
    Handlers,
    SearchUsers,
    SearchUsersByImage,
)
from kenspeckle.errors import TEMPLATES_DIFFER, FaceNotFound, IdempotencyMismatch, InvalidValue, StorageUnavailable
from kenspeckle.ports import Answered
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.search import look

FACE_NOT_FOUND = "FACE_NOT_FOUND"
OTHER_USER = "ASSOCIATED_TO_A_DIFFERENT_USER"
LOW_CONFIDENCE = "LOW_MATCH_CONFIDENCE"

Keep = Callable[[object], Answered | None]
"""Makes the `Answered` that the catalog stores of an answer; None where the call has no token."""


class Users:
    """Operations on users."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def handlers(self) -> Handlers:
        return dict(
            [
                CreateUser.by(self.create_user),
                DeleteUser.by(self.delete_user),
                AssociateFaces.by(self.associate_faces),
                DisassociateFaces.by(self.disassociate_faces),
                SearchUsers.by(self.search_users),
                SearchUsersByImage.by(self.search_users_by_image),
            ]
        )

    def create_user(self, operation: CreateUser) -> None:
        """Raises CollectionNotFound, Conflict where the user exists, IdempotencyMismatch."""
        user = User(
            validation.user_id(operation.user_id),
            validation.collection_id(operation.collection_id),
            "CREATED",
            self.context.now(),
        )
        parameters = [operation.collection_id, operation.user_id]
        self._once(
            "CreateUser",
            operation.token,
            parameters,
            lambda keep: self.context.catalog.create_user(user, answered=keep(None)),
        )

    def delete_user(self, operation: DeleteUser) -> None:
        """The user's faces stay in the collection. Raises CollectionNotFound, UserNotFound, IdempotencyMismatch."""
        validation.collection_id(operation.collection_id)
        self._once(
            "DeleteUser",
            operation.token,
            [operation.collection_id, operation.user_id],
            lambda keep: self.context.catalog.delete_user(
                operation.collection_id, validation.user_id(operation.user_id), answered=keep(None)
            ),
        )
        self.context.scrubber.scrub(self.context.catalog)

    def associate_faces(self, operation: AssociateFaces) -> Associated:
        """Make faces the user's. Once the user has one, others need a similarity of `threshold` to its template.

        Faces that are the user's already are left out of the answer, as at Amazon. Raises CollectionNotFound,
        UserNotFound, QuotaExceeded beyond 100 faces, Conflict, IdempotencyMismatch."""
        ids = validation.face_ids(operation.face_ids, validation.MAX_FACES_A_USER)
        least = validation.threshold(operation.threshold, "user_match_threshold")

        def associate(keep: Keep) -> Associated:
            return self.context.settle(
                validation.collection_id(operation.collection_id), lambda collection: attempt(collection, keep)
            )

        def attempt(collection: Collection, keep: Keep) -> Associated:
            pack = self.context.engines.pack_of(collection)
            user, _ = self.context.catalog.user(operation.collection_id, validation.user_id(operation.user_id))
            members = dict(self.context.catalog.user_templates(operation.collection_id, operation.user_id))
            known = set(members)
            refused = [
                refusal
                for face_id in ids
                if (refusal := self._refusal(pack, user, face_id, members, least)) is not None
            ]
            new = [face_id for face_id in members if face_id not in known]
            answer = Associated(tuple(new), tuple(refused), _status(members))
            answered = keep(answer)
            if new:
                template, most = combine(list(members.values())), validation.MAX_FACES_A_USER
                self.context.catalog.link_faces(
                    operation.collection_id,
                    operation.user_id,
                    new,
                    template,
                    most,
                    among=list(known),
                    contract=pack.contract,
                    answered=answered,
                )
            elif answered is not None:
                self.context.catalog.remember(operation.collection_id, answered)
            return answer

        answer = self._once(
            "AssociateFaces",
            operation.token,
            [operation.collection_id, operation.user_id, sorted(ids), least],
            associate,
        )
        return _load_associated(answer)

    def _refusal(
        self, pack: PackInfo, user: User, face_id: str, members: dict[str, Vector], least: float
    ) -> UnsuccessfulFace | None:
        """Adds the face to `members`, or says why it can't be the user's."""
        if face_id in members:
            return None
        try:
            record, template = self.context.catalog.face(user.collection_id, face_id)
        except FaceNotFound:
            return UnsuccessfulFace(face_id, (FACE_NOT_FOUND,))
        if record.face.user_id not in (None, user.user_id):
            return UnsuccessfulFace(face_id, (OTHER_USER,), user_id=record.face.user_id)
        if members:
            together = combine(list(members.values()))
            if together.shape != template.shape:
                raise StorageUnavailable(TEMPLATES_DIFFER)
            distance = float(np.linalg.norm(template - together))
            similarity = pack.calibration.similarity(distance)
            if similarity < least:
                return UnsuccessfulFace(face_id, (LOW_CONFIDENCE,), confidence=similarity)
        members[face_id] = template
        return None

    def disassociate_faces(self, operation: DisassociateFaces) -> Associated:
        """Take faces from the user; they stay in the collection. Faces that are nobody's are left out of the answer.

        Raises CollectionNotFound, UserNotFound, Conflict."""
        ids = validation.face_ids(operation.face_ids, validation.MAX_FACES_A_USER)

        def disassociate(keep: Keep) -> Associated:
            return self.context.settle(
                validation.collection_id(operation.collection_id), lambda collection: attempt(collection, keep)
            )

        def attempt(collection: Collection, keep: Keep) -> Associated:
            self.context.catalog.user(operation.collection_id, validation.user_id(operation.user_id))
            members = dict(self.context.catalog.user_templates(operation.collection_id, operation.user_id))
            gone = [face_id for face_id in ids if face_id in members]
            rest = {face_id: template for face_id, template in members.items() if face_id not in gone}
            strangers = (self._stranger(operation.collection_id, face_id) for face_id in ids if face_id not in members)
            answer = Associated(tuple(gone), tuple(one for one in strangers if one is not None), _status(rest))
            answered = keep(answer)
            if gone:
                template = combine(list(rest.values())) if rest else None
                self.context.catalog.unlink_faces(
                    operation.collection_id,
                    operation.user_id,
                    gone,
                    template,
                    among=list(members),
                    contract=collection.contract,
                    answered=answered,
                )
            elif answered is not None:
                self.context.catalog.remember(operation.collection_id, answered)
            return answer

        return _load_associated(
            self._once(
                "DisassociateFaces",
                operation.token,
                [operation.collection_id, operation.user_id, sorted(ids)],
                disassociate,
            )
        )

    def _stranger(self, collection_id: str, face_id: str) -> UnsuccessfulFace | None:
        """Why a face that is not this user's can't be taken from it; None where it is nobody's."""
        try:
            owner = self.context.catalog.face(collection_id, face_id)[0].face.user_id
        except FaceNotFound:
            return UnsuccessfulFace(face_id, (FACE_NOT_FOUND,))
        return UnsuccessfulFace(face_id, (OTHER_USER,), user_id=owner) if owner is not None else None

    def search_users(self, operation: SearchUsers) -> tuple[UserMatch, ...]:
        """Users like a stored user (who is not among them) or a stored face. Exactly one of the two ids.

        Raises CollectionNotFound, UserNotFound, FaceNotFound, InvalidValue."""
        if (operation.user_id is None) == (operation.face_id is None):
            raise InvalidValue("Name either a user or a face to search with, and not both.", field="user_id")
        least, most = self._user_bounds(operation.threshold, operation.max_users)
        catalog = self.context.catalog

        def search(collection: Collection) -> tuple[UserMatch, ...]:
            pack = self.context.engines.pack_of(collection)
            if operation.face_id is not None:
                template: Vector | None = catalog.face(operation.collection_id, validation.face_id(operation.face_id))[
                    1
                ]
            else:
                template = catalog.user(operation.collection_id, validation.user_id(operation.user_id or ""))[1]
            if template is None:
                return ()
            return self._user_matches(operation.collection_id, pack, template, least, most + 1)

        matches = self.context.settle(validation.collection_id(operation.collection_id), search)
        return tuple(match for match in matches if match.user.user_id != operation.user_id)[:most]

    def search_users_by_image(self, operation: SearchUsersByImage) -> UserSearch:
        """Users like the photograph's largest face; without a face that passes the bar, an empty answer."""
        least, most = self._user_bounds(operation.threshold, operation.max_users)

        def search(collection: Collection) -> UserSearch:
            engine = self.context.engines.of(collection)
            pack = engine.pack
            details, templates, unsearched = look(
                self.context, engine, operation.image, operation.quality, every_face=False, largest_only=False
            )
            if not details:
                return UserSearch(None, (), unsearched, pack.version)
            return UserSearch(
                details[0],
                self._user_matches(operation.collection_id, pack, templates[0], least, most),
                unsearched,
                pack.version,
            )

        return self.context.settle(validation.collection_id(operation.collection_id), search)

    def _user_bounds(self, threshold: float | None, max_users: int | None) -> tuple[float, int]:
        settings = self.context.settings
        least = settings.face_match_threshold if threshold is None else threshold
        most = min(settings.max_faces, validation.MAX_USERS) if max_users is None else max_users
        return validation.threshold(least, "user_match_threshold"), validation.count(
            most, validation.MAX_USERS, "max_users"
        )

    def _user_matches(
        self, collection_id: str, pack: PackInfo, template: Vector, least: float, most: int
    ) -> tuple[UserMatch, ...]:
        calibration = pack.calibration
        with self.context.stages.time("search"):
            found = self.context.index.search(
                collection_id, "user", template, most, calibration.distance(least), contract=pack.contract
            )
        return tuple(
            UserMatch(stored.user, calibration.similarity(distance)) for stored, distance in found if stored.user
        )

    def _once(self, operation: str, token: str | None, parameters: Sequence[object], act: Callable[[Keep], Any]) -> Any:
        """Do it, or return the answer that the same token was given before, as JSON-ready data. `act` has the catalog
        keep, with what it does, what its argument makes of the answer. Of two requests with a token at once, wherever
        they are served, one waits for the other's answer."""
        if token is None:
            return _plain(act(lambda _: None))
        with self.context.catalog.lock([hashlib.sha256(f"{operation} {token}".encode()).hexdigest()]):
            return self._first(operation, token, parameters, act)

    def _first(self, operation: str, token: str, parameters: Sequence[object], act: Callable[[Keep], Any]) -> Any:
        fingerprint = hashlib.sha256(orjson.dumps(parameters)).hexdigest()
        now = self.context.now()
        earlier = self.context.catalog.recall(operation, token, now)
        if earlier is not None:
            if earlier[0] != fingerprint:
                raise IdempotencyMismatch(
                    "A request with this token was made with other parameters; use a new token.", field="token"
                )
            return orjson.loads(earlier[1])
        return _plain(act(lambda answer: Answered(operation, token, fingerprint, orjson.dumps(answer).decode(), now)))


def combine(templates: Sequence[Vector]) -> Vector:
    """One template for several of a person, shape (dimension,): their mean, at their mean length.

    The plain mean is shorter than its members and so nearer to everyone; at their length, distances to strangers stay
    what the calibration was measured on. Raises StorageUnavailable where they differ in length."""
    if len({template.shape for template in templates}) > 1:
        raise StorageUnavailable(TEMPLATES_DIFFER)
    mean = np.mean(np.stack(templates), axis=0)
    length = float(np.mean([np.linalg.norm(template) for template in templates]))
    norm = float(np.linalg.norm(mean))
    return np.asarray(mean * (length / norm) if norm > 0 else mean, dtype=np.float32)


def _status(members: object) -> str:
    return "ACTIVE" if members else "CREATED"


def _plain(answer: object) -> Any:
    return orjson.loads(orjson.dumps(answer))


def _load_associated(answer: dict[str, Any]) -> Associated:
    refused = tuple(
        UnsuccessfulFace(one["face_id"], tuple(one["reasons"]), one["user_id"], one["confidence"])
        for one in answer["unsuccessful"]
    )
    return Associated(tuple(answer["associated"]), refused, answer["status"])
