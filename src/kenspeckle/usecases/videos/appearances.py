"""Searches who an appearance shows, by several pictures of one person, and tells webhooks of it."""

from __future__ import annotations

from kenspeckle.domain import AppearanceSearch, Collection, FaceMatch, Vector, validation
from kenspeckle.domain.operations import Handlers, SearchAppearance
from kenspeckle.errors import ImageTooLarge, InvalidValue, NoFace
from kenspeckle.ports import Engine
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.users import combine
from kenspeckle.usecases.videos.analysis import Similarity
from kenspeckle.usecases.videos.naming import FEWEST_FRAMES, agree


class Appearances:
    """The operation on appearances in live pictures; those of stored videos are named by their job."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def handlers(self) -> Handlers:
        return dict([SearchAppearance.by(self.search_appearance)])

    def search_appearance(self, operation: SearchAppearance) -> AppearanceSearch:
        """Stored faces that the mean of all pictures is like, and most of them by themselves; none for fewer than
        three pictures with a face. Raises NoFace, CollectionNotFound, PackMismatch, UnsupportedImage, ImageTooLarge,
        InvalidValue, Overloaded."""
        if not 1 <= len(operation.images) <= validation.MAX_PICTURES:
            raise InvalidValue(
                f"An appearance has 1 to {validation.MAX_PICTURES} pictures; {len(operation.images)} were sent.",
                field="image",
            )
        validation.camera_name(operation.camera)
        settings = self.context.settings
        least = validation.threshold(
            settings.face_match_threshold if operation.threshold is None else operation.threshold
        )
        most = validation.count(
            settings.max_faces if operation.max_faces is None else operation.max_faces,
            validation.MAX_MATCHES,
            "max_faces",
        )

        def search(collection: Collection) -> AppearanceSearch:
            engine = self.context.engines.of(collection)
            templates: list[Vector] = []
            pixels, part = 0, 1 / len(operation.images)
            for image in operation.images:
                found, size = self._template(engine, image, settings.max_image_pixels - pixels, part)
                templates += found
                pixels += size
            if not templates:
                raise NoFace("There are no faces in the pictures. Should be at least 1.", field="image")
            return AppearanceSearch(
                self._name(collection.collection_id, engine, templates, least, most),
                len(templates),
                engine.pack.version,
            )

        found = self.context.settle(validation.collection_id(operation.collection_id), search)
        self.context.announcer.announce_appeared(operation, found)
        return found

    def _template(self, engine: Engine, image: bytes, most: int, part: float) -> tuple[list[Vector], int]:
        """Of the largest face, none where there is none; and the pixels of the picture, of which there are `most`: all
        pictures together may cost as much as one photograph, and each takes an equal `part` of what is looked at
        closely."""
        with self.context.gate.turn():
            with self.context.stages.time("detect"):
                photo = engine.open(image)
                pixels = photo.width * photo.height
                if pixels > most:
                    raise ImageTooLarge(
                        f"The pictures have more than {self.context.settings.max_image_pixels} pixels together; send "
                        "smaller or fewer ones.",
                        field="image",
                    )
                faces = engine.detect(photo, largest_only=True, part=part)[:1]
            with self.context.stages.time("embed"):
                return engine.embed(photo, faces) if faces else [], pixels

    def _name(
        self, collection_id: str, engine: Engine, templates: list[Vector], least: float, most: int
    ) -> tuple[FaceMatch, ...]:
        if len(templates) < FEWEST_FRAMES:
            return ()
        pack = engine.pack
        calibration, similarity = pack.calibration, Similarity(pack)
        with self.context.stages.time("search"):
            found = self.context.index.search(
                collection_id, "face", combine(templates), most, calibration.distance(least), contract=pack.contract
            )
        return tuple(
            FaceMatch(one.face, calibration.similarity(distance), one.person)
            for one, distance in found
            if one.face and agree(one.template, templates, similarity)
        )
