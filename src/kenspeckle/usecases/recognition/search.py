"""Recognition: identification (1:N), verification (1:1) and detection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np

from kenspeckle.domain import (
    Collection,
    Comparison,
    FaceDetail,
    FaceMatch,
    FaceSearch,
    GroupRef,
    ImageSearch,
    PackInfo,
    QualityFilter,
    Reason,
    UnindexedFace,
    Vector,
    validation,
)
from kenspeckle.domain.operations import CompareFaces, DetectFaces, Handlers, SearchFaces, SearchImage
from kenspeckle.errors import ImageTooLarge, ImageTooSmall, NoFace, UnsupportedImage
from kenspeckle.ports import Engine
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.quality_bars import embed_passing, largest_clear, screen

SOURCE: Final = 0.25
"""Part of what is looked at closely in both photographs of a comparison, as much as in one otherwise, that the source
may have: its largest face is enough."""


@contextmanager
def _naming(photograph: str) -> Iterator[None]:
    """An error of one of two photographs says which."""
    try:
        yield
    except (UnsupportedImage, ImageTooLarge, ImageTooSmall) as error:
        error.field = photograph
        raise


class Recognition:
    """Operations on photographs that are not stored: search, detect, compare."""

    def __init__(
        self, context: Context, group_around: Callable[[PackInfo, str, Vector], GroupRef | None] = lambda *_: None
    ) -> None:
        """`group_around` knows the faces without a name that a face belongs to."""
        self.context = context
        self._group_around = group_around

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
        """At most 100 faces, largest first. Raises UnsupportedImage, ImageTooLarge, Overloaded, and ModelMissing where
        attributes are asked for and their networks are not installed."""
        engine = self.context.engines.default
        with self.context.gate.turn():
            with self.context.stages.time("detect"):
                photo = engine.open(operation.image)
                found = engine.detect(photo)[: validation.MAX_FACES_AN_IMAGE]
            if not operation.attributes:
                return found
            with self.context.stages.time("attributes"):
                return tuple(engine.attributes(photo, found, operation.attributes))

    def search_faces(self, operation: SearchFaces) -> tuple[FaceMatch, ...]:
        """Stored faces like a stored one, which is not among them. Raises CollectionNotFound, FaceNotFound."""
        least, most = self._bounds(operation.threshold, operation.max_faces)

        def search(collection: Collection) -> tuple[FaceMatch, ...]:
            pack = self.context.engines.pack_of(collection)
            _, template = self.context.catalog.face(operation.collection_id, validation.face_id(operation.face_id))
            return self._matches(collection, pack, template, least, most + 1)

        matches = self.context.settle(validation.collection_id(operation.collection_id), search)
        return tuple(match for match in matches if match.face.face_id != operation.face_id)[:most]

    def search_image(self, operation: SearchImage) -> ImageSearch:
        """Stored faces like the photograph's largest, or, with `every_face`, like each of them.

        Raises NoFace, CollectionNotFound, PackMismatch, UnsupportedImage, ImageTooLarge, InvalidValue, Overloaded.
        """
        least, most = self._bounds(operation.threshold, operation.max_faces)

        def search(collection: Collection) -> ImageSearch:
            engine = self.context.engines.of(collection)
            details, templates, unsearched = probe(
                self.context, engine, operation.image, operation.quality, operation.every_face
            )
            searches = tuple(
                self._search(operation, collection, engine.pack, detail, template, least, most)
                for detail, template in zip(details, templates, strict=True)
            )
            return ImageSearch(searches, unsearched, engine.pack.version)

        found = self.context.settle(validation.collection_id(operation.collection_id), search)
        self.context.announcer.announce_matched(operation.collection_id, [one.matches for one in found.searches])
        return found

    def _search(
        self,
        operation: SearchImage,
        collection: Collection,
        pack: PackInfo,
        detail: FaceDetail,
        template: Vector,
        least: float,
        most: int,
    ) -> FaceSearch:
        settings, name = self.context.settings, operation.collection_id
        matches = self._matches(collection, pack, template, least, most)
        if not (operation.groups and settings.search_groups):
            return FaceSearch(detail, matches)
        sure = max(least, settings.face_match_threshold)
        if any(one.name and one.similarity >= sure for one in matches):
            return FaceSearch(detail, matches)
        return FaceSearch(detail, matches, self._group_around(pack, name, template))

    def compare_faces(self, operation: CompareFaces) -> Comparison:
        """The source's largest face against each of the target. Raises NoFace where either photograph shows none."""
        least, _ = self._bounds(operation.threshold, None)
        engine = self.context.engines.default
        with _naming("target"), self.context.gate.turn():
            target_photo = engine.open(operation.target)  # checked before a network runs on the source
        with _naming("source"):
            details, templates, _ = probe(
                self.context, engine, operation.source, operation.quality, every_face=False, part=SOURCE
            )
        with self.context.gate.turn():
            with self.context.stages.time("detect"):
                seen = engine.detect(target_photo, part=1 - SOURCE)
            if not seen:
                raise NoFace("There are no faces in the target image. Should be at least 1.", field="target")
            with self.context.stages.time("embed"):
                faces, others, _ = embed_passing(
                    engine, target_photo, seen, operation.quality, validation.MAX_FACES_AN_IMAGE
                )
        calibration = engine.pack.calibration
        scored = [
            (face, calibration.similarity(float(np.linalg.norm(templates[0] - other))))
            for face, other in zip(faces, others, strict=True)
        ]
        scored.sort(key=lambda pair: -pair[1])
        return Comparison(
            source=details[0],
            matches=tuple(pair for pair in scored if pair[1] >= least),
            unmatched=tuple(face for face, similarity in scored if similarity < least),
        )

    def _bounds(self, threshold: float | None, max_faces: int | None) -> tuple[float, int]:
        settings = self.context.settings
        least = settings.face_match_threshold if threshold is None else threshold
        most = settings.max_faces if max_faces is None else max_faces
        return validation.threshold(least), validation.count(most, validation.MAX_MATCHES, "max_faces")

    def _matches(
        self, collection: Collection, pack: PackInfo, template: Vector, least: float, most: int
    ) -> tuple[FaceMatch, ...]:
        """At the revision that the collection had when this request began, or a later one."""
        calibration = pack.calibration
        with self.context.stages.time("search"):
            found = self.context.index.search(
                collection.collection_id,
                "face",
                template,
                most,
                calibration.distance(least),
                contract=pack.contract,
                revision=collection.revision,
            )
        return tuple(
            FaceMatch(stored.face, calibration.similarity(distance), stored.person)
            for stored, distance in found
            if stored.face
        )


def probe(
    context: Context, engine: Engine, image: bytes, quality: QualityFilter, every_face: bool, part: float = 1.0
) -> tuple[Sequence[FaceDetail], list[Vector], tuple[UnindexedFace, ...]]:
    """As `look`, but raises NoFace where no face passes the bar."""
    # Without a bar the largest face is the probe whatever the others are, and a faster pass finds it.
    alone = not every_face and quality is QualityFilter.NONE
    searched, templates, unsearched = look(
        context, engine, image, quality, every_face=every_face, largest_only=alone, part=part
    )
    if searched:
        return searched, templates, unsearched
    if not unsearched:
        raise NoFace("There are no faces in the image. Should be at least 1.", field="image")
    reasons = sorted({reason.value for face in unsearched for reason in face.reasons})
    raise NoFace(
        f"No face in the image passes the quality bar ({', '.join(reasons)}). Send a better one or lower the bar.",
        field="image",
    )


def look(
    context: Context,
    engine: Engine,
    image: bytes,
    quality: QualityFilter,
    *,
    every_face: bool,
    largest_only: bool,
    part: float = 1.0,
) -> tuple[Sequence[FaceDetail], list[Vector], tuple[UnindexedFace, ...]]:
    """Faces of a search photograph and their templates, largest first; and the faces not searched, with reasons.

    Only the largest that passes the bar is searched unless `every_face`; `largest_only` allows to see no other,
    `part` is as in `Engine.detect`.
    Raises the errors of `Engine.open` and `Engine.detect`."""
    with context.gate.turn():
        with context.stages.time("detect"):
            photo = engine.open(image)
            details = engine.detect(photo, largest_only=largest_only, part=part)
        with context.stages.time("embed"):
            if every_face:
                searched, templates, refused = embed_passing(
                    engine, photo, details, quality, validation.MAX_FACES_AN_IMAGE
                )
                return searched, templates, tuple(refused)
            kept, refused = screen(details, quality, validation.MAX_FACES_AN_IMAGE)
            searched, templates, unclear = largest_clear(engine, photo, kept, quality)
    others = (UnindexedFace(one, (Reason.FACE_NOT_LARGEST,)) for one in kept[len(searched) + len(unclear) :])
    return searched, templates, (*refused, *unclear, *others)
