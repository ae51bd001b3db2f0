"""Templates by themselves: those of a photograph, stored faces like them, and how similar they are to one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kenspeckle.domain import Described, FaceMatch, PackInfo, Vector, matching, validation
from kenspeckle.domain.operations import CompareTemplates, DescribeFaces, Handlers, SearchTemplates
from kenspeckle.errors import OTHER_PACK, InvalidValue, PackMismatch
from kenspeckle.usecases.recognition.context import Context

MOST = 100
"""Templates of one request."""


class Templates:
    """What a recognizer does for clients that keep templates themselves, or want to choose faces before they search."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def handlers(self) -> Handlers:
        return dict(
            [
                DescribeFaces.by(self.describe_faces),
                SearchTemplates.by(self.search_templates),
                CompareTemplates.by(self.compare_templates),
            ]
        )

    def describe_faces(self, operation: DescribeFaces) -> Described:
        """At most 100 faces. Raises CollectionNotFound, PackMismatch, UnsupportedImage, ImageTooLarge, Overloaded."""
        most = operation.max_faces or validation.MAX_FACES_AN_IMAGE
        most = min(validation.count(most, validation.MAX_MATCHES, "max_faces"), validation.MAX_FACES_AN_IMAGE)
        engine = self.context.engine_of(validation.collection_id(operation.collection_id))
        with self.context.gate.turn():
            with self.context.stages.time("detect"):
                photo = engine.open(operation.image)
                seen = [one for one in engine.detect(photo) if one.confidence >= operation.least_confidence][:most]
            templates: Sequence[Vector | None] = [None] * len(seen)
            if operation.templates and seen:
                with self.context.stages.time("embed"):
                    templates = engine.embed(photo, seen)
            if operation.attributes and seen:
                with self.context.stages.time("attributes"):
                    seen = engine.attributes(photo, seen, operation.attributes)
        return Described(tuple(zip(seen, templates, strict=True)), photo.width, photo.height, engine.pack.version)

    def search_templates(self, operation: SearchTemplates) -> tuple[tuple[FaceMatch, ...], ...]:
        """Raises CollectionNotFound, PackMismatch, InvalidValue for a template that the pack can't have made."""
        settings, collection_id = self.context.settings, validation.collection_id(operation.collection_id)
        least = settings.face_match_threshold if operation.threshold is None else operation.threshold
        most = validation.count(operation.max_faces or settings.max_faces, validation.MAX_MATCHES, "max_faces")
        pack = self.context.pack_of(collection_id)
        within = pack.calibration.distance(validation.threshold(least))
        found = []
        with self.context.stages.time("search"):
            for template in _check(operation.templates, pack, "templates"):
                near = self.context.index.search(collection_id, "face", template, most, within, contract=pack.contract)
                found.append(
                    tuple(
                        FaceMatch(one.face, pack.calibration.similarity(far), one.person)
                        for one, far in near
                        if one.face
                    )
                )
        if operation.tells:
            self.context.announcer.announce_matched(
                collection_id, [matching(matches, settings.face_match_threshold) for matches in found]
            )
        return tuple(found)

    def compare_templates(self, operation: CompareTemplates) -> tuple[float, ...]:
        """Raises CollectionNotFound, PackMismatch, FaceNotFound, and InvalidValue as `search_templates`."""
        collection_id = validation.collection_id(operation.collection_id)
        pack = self.context.pack_of(collection_id)
        if (operation.source is None) == (operation.face_id is None):
            raise InvalidValue("Name a face or send a template to compare with, and not both.", field="source")
        if operation.face_id is not None:
            _, source = self.context.catalog.face(collection_id, validation.face_id(operation.face_id))
            if self.context.pack_of(collection_id).contract != pack.contract:
                raise PackMismatch(OTHER_PACK, field="collection")
        else:
            (source,) = _check([operation.source], pack, "source")
        targets = _check(operation.targets, pack, "targets")
        return tuple(pack.calibration.similarity(float(np.linalg.norm(source - target))) for target in targets)


def _check(templates: Sequence[Vector | None], pack: PackInfo, field: str) -> list[Vector]:
    """The templates in float32, shape (dimension,). Of another pack with as many numbers nothing tells them apart."""
    if not 1 <= len(templates) <= MOST:
        raise InvalidValue(f"Between 1 and {MOST} templates can be sent at once; {len(templates)} were.", field=field)
    checked = []
    for template in templates:
        vector = np.asarray(template, np.float32)
        if vector.shape != (pack.dimension,):
            raise InvalidValue(
                f"A template of the pack {pack.name} has {pack.dimension} numbers; one with {vector.size} was sent.",
                field=field,
            )
        if not np.isfinite(vector).all() or not vector.any():
            raise InvalidValue("A template needs finite numbers that are not all 0.", field=field)
        checked.append(vector)
    return checked
