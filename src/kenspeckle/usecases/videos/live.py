"""Live pictures: follows the faces that a camera shows, and tells each appearance once, with its clearest pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from kenspeckle.domain import Box, FaceDetail, Sample, Vector
from kenspeckle.ports import Engine, Photo, Track
from kenspeckle.usecases.recognition.users import combine
from kenspeckle.usecases.videos.analysis import Similarity
from kenspeckle.usecases.videos.naming import FEWEST_FRAMES
from kenspeckle.usecases.videos.tracking import UNCLEAR, Tracker

PICTURES: Final = 5
"""Pictures of an appearance that are kept, the clearest: the rule that several frames name a person needs three."""
TOLD_MS: Final = 10_000
"""Milliseconds after which somebody who stays in sight is told of."""

Cut = Callable[[Photo, Box], bytes]
"""A face with some surroundings, as a JPEG in which it is found again."""


@dataclass(frozen=True, slots=True)
class SeenPerson:
    """An appearance that is told of. Times are those of the samples; `ended` is False for somebody who is still in
    sight."""

    track: Track
    ended: bool
    pictures: tuple[bytes, ...] = field(repr=False)
    """JPEGs of the face, clearest first."""


@dataclass(slots=True)
class Live:
    """What one stream shows. Memory is bounded by the faces in sight. Appearances of fewer than FEWEST_FRAMES samples,
    and those without a clear picture, are not told of: most are no faces."""

    engine: Engine
    cut: Cut
    told_ms: float = TOLD_MS
    tracker: Tracker = field(init=False)
    _pictures: dict[int, list[tuple[float, bytes]]] = field(default_factory=dict)
    _told: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tracker = Tracker(Similarity(self.engine.pack), combine)

    def take(self, sample: Sample) -> list[SeenPerson]:
        """Whom to tell of after this sample. Raises the errors of `Engine.embed`."""
        photo = self.engine.frame(sample)
        faces = self.engine.detect(photo)
        clarity: dict[int, float] = {}

        def describe(some: Sequence[FaceDetail]) -> Sequence[tuple[Vector, float]]:
            templates, clear = self.engine.embed(photo, some), self.engine.clarity(photo, some)
            clarity.update(zip(map(id, some), clear, strict=True))
            return list(zip(templates, clear, strict=True))

        numbers = self.tracker.take(sample, faces, describe)
        for number, face in zip(numbers, faces, strict=True):
            self._keep(number, clarity.get(id(face), 0.0), photo, face.box)
        long = [one.track for one in self.tracker.live if one.track.last_ms - one.track.first_ms >= self.told_ms]
        return [*self._end_gone(), *self._tell(long, ended=False)]

    def rest(self) -> list[SeenPerson]:
        """The stream has ended, and with it all appearances."""
        self.tracker.ended += self.tracker.live
        self.tracker.live = []
        return self._end_gone()

    def _keep(self, number: int, clarity: float, photo: Photo, box: Box) -> None:
        if clarity < UNCLEAR or number in self._told:
            return
        kept = self._pictures.setdefault(number, [])
        if len(kept) < PICTURES or clarity > kept[-1][0]:
            kept.append((clarity, self.cut(photo, box)))
            kept.sort(key=lambda one: -one[0])
            del kept[PICTURES:]

    def _end_gone(self) -> list[SeenPerson]:
        tracks = [one.track for one in self.tracker.ended]
        self.tracker.ended = []
        told = self._tell(tracks, ended=True)
        for one in tracks:
            self._told.discard(one.number)
            self._pictures.pop(one.number, None)
        return told

    def _tell(self, tracks: Sequence[Track], *, ended: bool) -> list[SeenPerson]:
        told = []
        for one in tracks:
            if one.number in self._told or one.frames < FEWEST_FRAMES or one.number not in self._pictures:
                continue
            pictures = tuple(picture for _, picture in self._pictures.pop(one.number))
            told.append(SeenPerson(one, ended, pictures))
            self._told.add(one.number)
        return told
