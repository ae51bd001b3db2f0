"""The managed recognizer: all its parts as one `ports.Recognizer`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kenspeckle.aws.collections import Collections
from kenspeckle.aws.context import MOST_NAMED, MOST_SENT, Context
from kenspeckle.aws.enrolment import Enrolment
from kenspeckle.aws.faces import Faces
from kenspeckle.aws.people import People
from kenspeckle.aws.recognition import Recognition
from kenspeckle.aws.reconcile import Reconciliation
from kenspeckle.aws.removal import Removal
from kenspeckle.aws.rows import collection_row
from kenspeckle.aws.users import Users
from kenspeckle.domain import Attribute
from kenspeckle.domain.operations import A, Handlers, Operation, dispatch


class ManagedRecognizer:
    """Implements `ports.Recognizer` over Amazon Rekognition, DynamoDB and S3."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.removal = Removal(context)
        self._collections = Collections(context, self.removal)
        faces, users = Faces(context, self.removal), Users(context, self.removal)
        sections = (
            self._collections,
            Enrolment(context, self.removal),
            faces,
            Recognition(context),
            users,
            People(users, faces),
        )
        self.handlers: Handlers = {kind: run for one in sections for kind, run in one.handlers().items()}

    def handle(self, operation: Operation[A]) -> A:
        return dispatch(self.handlers, operation)

    def ensure_default_collection(self) -> None:
        """Create the operator's default collection where it is not there yet."""
        self._collections.ensure_default()

    def info(self, only: Sequence[str] | None = None) -> Mapping[str, object]:
        """Configuration and the counts of the default collection, where `only` names it, JSON-ready; never a secret."""
        context, settings = self.context, self.context.settings
        answer = context.amazon.rekognition("describe_collection", CollectionId=settings.collection)
        return {
            "recognizer": "rekognition",
            "region": context.amazon.region,
            "table": context.table.name,
            "bucket": context.bucket.name,
            "pack": {
                "name": "rekognition",
                "version": answer.get("FaceModelVersion", ""),
                "attributes": ["BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"],
                "attributes_on_request": [
                    str(one) for one in Attribute if one is not Attribute.GENDER or settings.gender
                ],
            },
            "collection": settings.collection,
            "face_match_threshold": settings.face_match_threshold,
            "max_faces": settings.max_faces,
            "quality_filter": settings.quality_filter.value,
            "detection_attributes": settings.detection_attributes,
            "gender": settings.gender,
            "keep_images": settings.keep_images,
            "limits": {
                "max_image_bytes": min(settings.max_image_bytes, MOST_NAMED),
                "max_image_bytes_searched": min(settings.max_image_bytes, MOST_SENT),
                "max_image_pixels": settings.max_image_pixels,
                "workers": settings.workers,
                "queue": settings.queue,
            },
            "offered": ["people"],
            "counts": {"faces": answer.get("FaceCount", 0), "users": answer.get("UserCount", 0)}
            if only is None or settings.collection in only
            else {},
        }

    def ready(self) -> None:
        """Raises RecognizerUnavailable, StorageUnavailable, CollectionNotFound of the default collection."""
        context, name = self.context, self.context.settings.collection
        context.table.row(collection_row(name))
        context.amazon.rekognition("describe_collection", CollectionId=name)

    def reconcile(self) -> None:
        """Once a day: remove what interrupted requests left that were never sent again."""
        Reconciliation(self.context, self.removal).run()
