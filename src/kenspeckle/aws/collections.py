"""Collections of Rekognition, with their settings and counts from the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from kenspeckle.aws import rows
from kenspeckle.aws.context import Context
from kenspeckle.aws.failures import Refused
from kenspeckle.aws.removal import DENIED, Removal
from kenspeckle.domain import Collection, Page, validation
from kenspeckle.domain.operations import (
    CreateCollection,
    DeleteCollection,
    DescribeCollection,
    Handlers,
    ListCollections,
    ListTags,
    RetainCollection,
    TagCollection,
    UntagCollection,
)
from kenspeckle.errors import AlreadyExists, CollectionNotFound, InvalidCursor, NotOffered, QuotaExceeded

DESCRIBED_AT_ONCE = 8
MOST_LISTED = 100
"""Most collections of a page: each takes calls of its own to be described."""


class Collections:
    """What the managed recognizer does with collections and their tags."""

    def __init__(self, context: Context, removal: Removal) -> None:
        self.context = context
        self.removal = removal

    def handlers(self) -> Handlers:
        return dict(
            [
                CreateCollection.by(self.create_collection),
                DescribeCollection.by(self.describe_collection),
                ListCollections.by(self.list_collections),
                DeleteCollection.by(self.delete_collection),
                RetainCollection.by(self.retain_collection),
                ListTags.by(self.list_tags),
                TagCollection.by(self.tag_collection),
                UntagCollection.by(self.untag_collection),
            ]
        )

    def create_collection(self, operation: CreateCollection) -> Collection:
        """Raises AlreadyExists, InvalidValue, NotOffered."""
        if operation.pack is not None:
            raise NotOffered(
                "Over Amazon Rekognition there are no model packs to choose: leave the pack out.", field="pack"
            )
        validation.collection_id(operation.collection_id)
        kept = validation.tags(operation.tags)
        if self.removal.is_left(operation.collection_id):
            # Data of an earlier collection of this name that could not be removed then must not reappear.
            try:
                self.context.amazon.rekognition("describe_collection", CollectionId=operation.collection_id)
            except CollectionNotFound:
                self.removal.sweep(operation.collection_id)
        self.context.amazon.rekognition(
            "create_collection", CollectionId=operation.collection_id, **({"Tags": kept} if kept else {})
        )
        return self._describe(operation.collection_id)

    def ensure_default(self) -> None:
        """Create the operator's default collection where it is not there yet."""
        try:
            self.create_collection(CreateCollection(collection_id=self.context.settings.collection))
        except AlreadyExists:
            return

    def describe_collection(self, operation: DescribeCollection) -> Collection:
        """Raises CollectionNotFound. Its pack is the version of Rekognition's face model."""
        return self._describe(validation.collection_id(operation.collection_id))

    def _describe(self, collection_id: str, expected: Sequence[str] = ()) -> Collection:
        answer = self.context.amazon.rekognition("describe_collection", expected=expected, CollectionId=collection_id)
        known = self.context.table.row(rows.collection_row(collection_id)) or {}
        tags = self.context.amazon.rekognition("list_tags_for_resource", ResourceArn=answer["CollectionARN"])
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

    def list_collections(self, operation: ListCollections) -> Page[Collection]:
        """Raises InvalidCursor. A page has at most MOST_LISTED."""
        most = min(validation.count(operation.limit, validation.MAX_PAGE, "limit"), MOST_LISTED)
        if operation.only is not None:
            return self._among(sorted(operation.only), most, operation.cursor)
        answer = self.context.amazon.rekognition("list_collections", MaxResults=most, **_token(operation.cursor))
        with ThreadPoolExecutor(DESCRIBED_AT_ONCE) as several:
            found = tuple(several.map(self._describe_if_there, answer.get("CollectionIds", ())))
        return Page(tuple(one for one in found if one is not None), answer.get("NextToken"))

    def _among(self, names: Sequence[str], most: int, cursor: str | None) -> Page[Collection]:
        """A page of these; the cursor is how many of them came before."""
        if cursor is not None and not (cursor.isascii() and cursor.isdigit() and 0 < int(cursor[:9]) < len(names)):
            raise InvalidCursor("This cursor was not handed out for this list; begin without one.", field="cursor")
        begin = int(cursor or 0)
        end = begin + most
        with ThreadPoolExecutor(DESCRIBED_AT_ONCE) as several:
            found = tuple(several.map(self._describe_if_there, names[begin:end]))
        return Page(tuple(one for one in found if one is not None), str(end) if end < len(names) else None)

    def _describe_if_there(self, collection_id: str) -> Collection | None:
        """None where it was deleted, or belongs to another application and this service has no right to it."""
        try:
            return self._describe(collection_id, expected=(DENIED,))
        except (CollectionNotFound, Refused):
            return None

    def delete_collection(self, operation: DeleteCollection) -> None:
        """Faces, users, tags and photographs go with it. Raises CollectionNotFound, NotOffered."""
        self.removal.collection(validation.collection_id(operation.collection_id))

    def list_tags(self, operation: ListTags) -> Mapping[str, str]:
        """Raises CollectionNotFound."""
        tags = self.context.amazon.rekognition("list_tags_for_resource", ResourceArn=self._arn(operation.collection_id))
        return dict(tags.get("Tags", {}))

    def tag_collection(self, operation: TagCollection) -> None:
        """Add or change tags. Raises CollectionNotFound, QuotaExceeded."""
        kept = validation.tags(operation.tags)
        arn = self._arn(operation.collection_id)
        present = self.context.amazon.rekognition("list_tags_for_resource", ResourceArn=arn).get("Tags", {})
        if len(present | kept) > validation.MAX_TAGS:
            raise QuotaExceeded(f"A collection has at most {validation.MAX_TAGS} tags.", field="tags")
        if kept:
            self.context.amazon.rekognition("tag_resource", ResourceArn=arn, Tags=kept)

    def untag_collection(self, operation: UntagCollection) -> None:
        """Absent tags are fine. Raises CollectionNotFound."""
        arn = self._arn(operation.collection_id)
        if operation.keys:
            self.context.amazon.rekognition("untag_resource", ResourceArn=arn, TagKeys=list(operation.keys))

    def retain_collection(self, operation: RetainCollection) -> Collection:
        """Raises CollectionNotFound, InvalidValue."""
        wanted = None if operation.days is None else validation.retention_days(operation.days)
        self._describe(validation.collection_id(operation.collection_id))
        self.context.table.mark(rows.collection_row(operation.collection_id), "RetentionDays", wanted)
        return self._describe(operation.collection_id)

    def _arn(self, collection_id: str) -> str:
        validation.collection_id(collection_id)
        answer = self.context.amazon.rekognition("describe_collection", CollectionId=collection_id)
        return str(answer["CollectionARN"])


def _token(cursor: str | None) -> dict[str, str]:
    return {} if cursor is None else {"NextToken": cursor}
