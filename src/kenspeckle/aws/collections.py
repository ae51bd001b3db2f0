"""Collections: Rekognition's, with what the table knows of them besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from kenspeckle.aws import rows
from kenspeckle.aws.context import Parts
from kenspeckle.aws.failures import Refused
from kenspeckle.aws.removal import DENIED, Removal
from kenspeckle.domain import Collection, Page, validation
from kenspeckle.errors import AlreadyExists, CollectionNotFound, QuotaExceeded

DESCRIBED_AT_ONCE = 8
MOST_LISTED = 100
"""Collections of a page: each takes calls of its own to be described."""


class Collections:
    """The collection part of `ports.Recognizer`."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.removal = Removal(parts)

    def create_collection(self, collection_id: str, tags: Mapping[str, str] | None = None) -> Collection:
        """Raises AlreadyExists, InvalidValue."""
        validation.collection_id(collection_id)
        kept = validation.tags(tags or {})
        if self.removal.is_left(collection_id):
            # A collection of this name was deleted, and what could not be removed then must not come back.
            try:
                self.parts.amazon.rekognition("describe_collection", CollectionId=collection_id)
            except CollectionNotFound:
                self.removal.sweep(collection_id)
        self.parts.amazon.rekognition(
            "create_collection", CollectionId=collection_id, **({"Tags": kept} if kept else {})
        )
        return self.describe_collection(collection_id)

    def ensure_default_collection(self) -> None:
        """Create the operator's default collection where it is not there yet."""
        try:
            self.create_collection(self.parts.settings.collection)
        except AlreadyExists:
            return

    def describe_collection(self, collection_id: str) -> Collection:
        """Raises CollectionNotFound. Its pack is the version of Rekognition's face model."""
        return self._describe(validation.collection_id(collection_id))

    def _describe(self, collection_id: str, expected: Sequence[str] = ()) -> Collection:
        answer = self.parts.amazon.rekognition("describe_collection", expected=expected, CollectionId=collection_id)
        known = self.parts.table.row(rows.collection_row(collection_id)) or {}
        tags = self.parts.amazon.rekognition("list_tags_for_resource", ResourceArn=answer["CollectionARN"])
        created = answer.get("CreationTimestamp")
        return Collection(
            collection_id=collection_id,
            pack=answer.get("FaceModelVersion", ""),
            contract=answer.get("FaceModelVersion", ""),
            created_at=created.timestamp() if created is not None else 0.0,
            face_count=answer.get("FaceCount", 0),
            user_count=answer.get("UserCount", 0),
            tags=dict(tags.get("Tags", {})),
            retention_days=known.get("RetentionDays"),
        )

    def list_collections(self, limit: int = 100, cursor: str | None = None) -> Page[Collection]:
        """Raises InvalidCursor. A page has at most MOST_LISTED."""
        most = min(validation.count(limit, validation.MAX_PAGE, "limit"), MOST_LISTED)
        answer = self.parts.amazon.rekognition("list_collections", MaxResults=most, **_token(cursor))
        with ThreadPoolExecutor(DESCRIBED_AT_ONCE) as several:
            found = tuple(several.map(self._described, answer.get("CollectionIds", ())))
        return Page(tuple(one for one in found if one is not None), answer.get("NextToken"))

    def _described(self, collection_id: str) -> Collection | None:
        """None where it is gone, or another application's, which this service has no right to."""
        try:
            return self._describe(collection_id, expected=(DENIED,))
        except (CollectionNotFound, Refused):
            return None

    def delete_collection(self, collection_id: str) -> None:
        """Faces, users, tags and photographs go with it. Raises CollectionNotFound, NotOffered."""
        self.removal.collection(validation.collection_id(collection_id))

    def tags(self, collection_id: str) -> Mapping[str, str]:
        """Raises CollectionNotFound."""
        tags = self.parts.amazon.rekognition("list_tags_for_resource", ResourceArn=self._arn(collection_id))
        return dict(tags.get("Tags", {}))

    def tag(self, collection_id: str, tags: Mapping[str, str]) -> None:
        """Add or change tags. Raises CollectionNotFound, QuotaExceeded."""
        kept = validation.tags(tags)
        arn = self._arn(collection_id)
        present = self.parts.amazon.rekognition("list_tags_for_resource", ResourceArn=arn).get("Tags", {})
        if len(present | kept) > validation.MAX_TAGS:
            raise QuotaExceeded(f"A collection has at most {validation.MAX_TAGS} tags.", field="tags")
        if kept:
            self.parts.amazon.rekognition("tag_resource", ResourceArn=arn, Tags=kept)

    def untag(self, collection_id: str, keys: Sequence[str]) -> None:
        """Absent tags are fine. Raises CollectionNotFound."""
        arn = self._arn(collection_id)
        if keys:
            self.parts.amazon.rekognition("untag_resource", ResourceArn=arn, TagKeys=list(keys))

    def retain(self, collection_id: str, days: int | None) -> Collection:
        """Raises CollectionNotFound, InvalidValue."""
        wanted = None if days is None else validation.retention_days(days)
        self.describe_collection(collection_id)
        self.parts.table.mark(rows.collection_row(collection_id), "RetentionDays", wanted)
        return self.describe_collection(collection_id)

    def _arn(self, collection_id: str) -> str:
        validation.collection_id(collection_id)
        answer = self.parts.amazon.rekognition("describe_collection", CollectionId=collection_id)
        return str(answer["CollectionARN"])


def _token(cursor: str | None) -> dict[str, str]:
    return {} if cursor is None else {"NextToken": cursor}
