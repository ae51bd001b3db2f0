"""Looks at a photograph that is to be indexed: every face that passes the bar, with its template."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from kenspeckle.domain import Collection
from kenspeckle.errors import TooManyFaces
from kenspeckle.ports import Asked, Engine, Examined, NewFace
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.quality_bars import embed_passing

Timed = Callable[[str], AbstractContextManager[None]]


def examine(
    engine: Engine,
    image: bytes,
    asked: Asked,
    opened: Callable[[], None] = lambda: None,
    timed: Timed = lambda stage: nullcontext(),
) -> Examined:
    """As `ports.Examiner`, by this engine; `timed` is entered for each stage."""
    with timed("detect"):
        photo = engine.open(image)
        opened()
        seen = [one for one in engine.detect(photo) if one.confidence >= asked.least_confidence]
        if asked.alone:
            require_one(len(seen))
    with timed("embed"):
        kept, templates, unindexed = embed_passing(engine, photo, seen, asked.quality, asked.max_faces)
    if asked.attributes and kept:
        with timed("attributes"):
            kept = engine.attributes(photo, kept, asked.attributes)
    faces = [
        NewFace(str(uuid.uuid4()), detail, template, engine.thumbnail(photo, detail.box) if asked.thumbnails else None)
        for detail, template in zip(kept, templates, strict=True)
    ]
    return Examined(photo.media_type, photo.width, photo.height, faces, tuple(unindexed))


def require_one(count: int) -> None:
    """Raises TooManyFaces for more than one."""
    if count > 1:
        raise TooManyFaces(f"The photograph shows {count} faces; one was asked for.", field="image")


class LocalExaminer:
    """Implements `ports.Examiner` by the engine of this process. One that is `beside` requests lets them go first, and
    waits for its turn as long as it takes."""

    def __init__(self, context: Context, *, beside: bool = False) -> None:
        self._context = context
        self._beside = beside

    def __call__(self, collection: Collection, image: bytes, asked: Asked, opened: Callable[[], None]) -> Examined:
        engine = self._context.engines.of(collection)
        with self._turn():
            return examine(engine, image, asked, opened, self._context.stages.time)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self._beside:
            self._context.gate.give_way()
        with self._context.gate.turn(patient=self._beside):
            yield
