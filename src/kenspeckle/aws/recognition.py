"""Recognition: Rekognition's searches and comparisons, checked against the table: a face without a row is no match."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kenspeckle.aws import attributes
from kenspeckle.aws.context import Context
from kenspeckle.domain import (
    Comparison,
    FaceDetail,
    FaceMatch,
    FaceSearch,
    ImageSearch,
    QualityFilter,
    Reason,
    UnindexedFace,
    validation,
)
from kenspeckle.domain.operations import CompareFaces, DetectFaces, Handlers, SearchFaces, SearchImage
from kenspeckle.errors import FaceNotFound, NoFace
from kenspeckle.shapes import load

MOST_SEARCHED = 20
"""Most faces of one photograph that are searched: each is a paid call."""

Ask = Callable[[int], dict[str, Any]]


class Recognition:
    """How the managed recognizer searches, detects and compares. Similarities are Rekognition's."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def handlers(self) -> Handlers:
        return dict(
            [
                DetectFaces.by(self.detect_faces),
                SearchFaces.by(self.search_faces),
                SearchImage.by(self.search_image),
                CompareFaces.by(self.compare_faces),
            ]
        )

    def detect_faces(self, operation: DetectFaces) -> tuple[FaceDetail, ...]:
        """At most 100 faces, largest first. Raises UnsupportedImage, ImageTooLarge, RecognizerUnavailable."""
        settings = self.context.settings
        self.context.judge(operation.image)
        with self.context.stages.time("detect"):
            answer = self.context.amazon.rekognition(
                "detect_faces",
                Image={"Bytes": operation.image},
                Attributes=attributes.to_ask(operation.attributes, settings),
            )
        details = [attributes.read_face(one, operation.attributes, settings) for one in answer.get("FaceDetails", ())]
        return tuple(sorted(details, key=lambda one: -one.box.area)[: validation.MAX_FACES_AN_IMAGE])

    def search_faces(self, operation: SearchFaces) -> tuple[FaceMatch, ...]:
        """Stored faces like a stored one, which is not among them. Raises CollectionNotFound, FaceNotFound."""
        least, most = self._bounds(operation.threshold, operation.max_faces)
        validation.collection_id(operation.collection_id)
        row = self.context.table.row(validation.face_id(operation.face_id))
        if row is None or row["CollectionId"] != operation.collection_id:
            self.context.amazon.rekognition("describe_collection", CollectionId=operation.collection_id)
            raise FaceNotFound(f"There is no face '{operation.face_id}' in this collection.", field="face_id")
        return self._matches(
            operation.collection_id,
            lambda count: self.context.amazon.rekognition(
                "search_faces",
                CollectionId=operation.collection_id,
                FaceId=operation.face_id,
                FaceMatchThreshold=least,
                MaxFaces=count,
            ),
            most,
        )[1]

    def search_image(self, operation: SearchImage) -> ImageSearch:
        """Stored faces like the photograph's largest: one call of Rekognition, one read of the table.

        With `every_face`, one more call finds the faces and each has a call of its own. Raises NoFace,
        CollectionNotFound, UnsupportedImage, ImageTooLarge, InvalidValue, Overloaded, RecognizerUnavailable."""
        least, most = self._bounds(operation.threshold, operation.max_faces)
        validation.collection_id(operation.collection_id)
        self.context.judge(operation.image)
        if operation.every_face:
            return self._every_face(operation.collection_id, operation.image, least, most, operation.quality)
        answer, matches = self._search(operation.collection_id, operation.image, least, most, operation.quality)
        return ImageSearch((FaceSearch(load.searched(answer), matches),), (), str(answer.get("FaceModelVersion", "")))

    def _every_face(
        self, collection_id: str, image: bytes, least: float, most: int, quality: QualityFilter
    ) -> ImageSearch:
        details = self.detect_faces(DetectFaces(image=image))
        if not details:
            raise NoFace("There are no faces in the image. Should be at least 1.", field="image")
        searches, unsearched, model = [], [], ""
        chosen = details[:MOST_SEARCHED]
        portraits = self.context.cutter().portraits(image, [one.box for one in chosen])
        for detail, portrait in zip(chosen, portraits, strict=True):
            try:
                answer, matches = self._search(collection_id, portrait, least, most, quality)
            except NoFace:
                unsearched.append(UnindexedFace(detail, (Reason.LOW_FACE_QUALITY,)))
                continue
            model = str(answer.get("FaceModelVersion", ""))
            searches.append(FaceSearch(detail, matches))
        if not searches:
            raise NoFace("No face in the image is good enough to be searched. Send a better one.", field="image")
        unsearched += [UnindexedFace(one, (Reason.EXCEEDS_MAX_FACES,)) for one in details[MOST_SEARCHED:]]
        return ImageSearch(tuple(searches), tuple(unsearched), model)

    def compare_faces(self, operation: CompareFaces) -> Comparison:
        """The source's largest face against each of the target. Raises NoFace where the source shows none."""
        least, _ = self._bounds(operation.threshold, None)
        for image in (operation.source, operation.target):
            self.context.judge(image)
        with self.context.stages.time("compare"):
            answer = self.context.amazon.rekognition(
                "compare_faces",
                SourceImage={"Bytes": operation.source},
                TargetImage={"Bytes": operation.target},
                SimilarityThreshold=least,
                QualityFilter=operation.quality.value,
            )
        return load.comparison(answer)

    def _search(
        self, collection_id: str, image: bytes, least: float, most: int, quality: QualityFilter
    ) -> tuple[dict[str, Any], tuple[FaceMatch, ...]]:
        return self._matches(
            collection_id,
            lambda count: self.context.amazon.rekognition(
                "search_faces_by_image",
                CollectionId=collection_id,
                Image={"Bytes": image},
                FaceMatchThreshold=least,
                MaxFaces=count,
                QualityFilter=quality.value,
            ),
            most,
        )

    def _matches(self, collection_id: str, ask: Ask, most: int) -> tuple[dict[str, Any], tuple[FaceMatch, ...]]:
        """Rekognition's answer and its matches that have a row in the table. If other faces displace them, more are
        requested."""
        count = most
        while True:
            with self.context.stages.time("search"):
                answer = ask(count)
            found = answer.get("FaceMatches", ())
            matches = self._find_stored(collection_id, found)
            if len(matches) >= most or len(found) < count or count >= validation.MAX_MATCHES:
                return answer, matches[:most]
            count = min(2 * count, validation.MAX_MATCHES)

    def _find_stored(self, collection_id: str, found: Sequence[Mapping[str, Any]]) -> tuple[FaceMatch, ...]:
        ids = [one["Face"]["FaceId"] for one in found]
        known = self.context.table.rows(ids, only=["CollectionId", "CreatedAt"])
        matches = [
            FaceMatch(
                load.face(one["Face"], collection_id, float(known[face_id]["CreatedAt"])), float(one["Similarity"])
            )
            for face_id, one in zip(ids, found, strict=True)
            if face_id in known and known[face_id]["CollectionId"] == collection_id
        ]
        return tuple(sorted(matches, key=lambda match: -match.similarity))

    def _bounds(self, threshold: float | None, max_faces: int | None) -> tuple[float, int]:
        settings = self.context.settings
        least = settings.face_match_threshold if threshold is None else threshold
        most = settings.max_faces if max_faces is None else max_faces
        return validation.threshold(least), validation.count(most, validation.MAX_MATCHES, "max_faces")
