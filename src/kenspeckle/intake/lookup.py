"""Searches many photographs in parallel, and groups what was found by person."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kenspeckle.client.errors import CommandFailed, ServerUnreachable, describe
from kenspeckle.domain import FaceMatch, ImageSearch, QualityFilter
from kenspeckle.domain.operations import SearchImage
from kenspeckle.errors import KenspeckleError, NoFace
from kenspeckle.intake.bulk import HOPELESS
from kenspeckle.intake.files import Photograph, read
from kenspeckle.parallel import parallel

if TYPE_CHECKING:
    from kenspeckle.ports import Recognizer

FOUND, UNKNOWN, NO_FACE, SKIPPED = "found", "unknown", "no_face", "skipped"


@dataclass(frozen=True, slots=True)
class Looked:
    """One photograph of a search: `found`, `unknown` (its faces match nobody), `no_face`, or `skipped` with the reason.
    The first two have the answer."""

    photograph: Photograph
    status: str
    reason: str = ""
    answer: ImageSearch | None = None

    @property
    def matches(self) -> list[FaceMatch]:
        return [match for one in self.answer.searches for match in one.matches] if self.answer else []


@dataclass(frozen=True, slots=True)
class Lookup:
    """How photographs are searched: the same for all of a run. `picture` gets each that has a face."""

    recognizer: Recognizer
    collection: str
    most_bytes: int
    threshold: float | None
    max_faces: int | None
    quality: QualityFilter
    every_face: bool
    picture: Callable[[Photograph, bytes, ImageSearch], None] | None = None

    def one(self, photograph: Photograph) -> Looked:
        """Search one photograph. Raises what ends the run; everything else is an outcome."""
        try:
            data = read(photograph.path, self.most_bytes)
            answer = self.recognizer.handle(
                SearchImage(
                    collection_id=self.collection,
                    image=data,
                    threshold=self.threshold,
                    max_faces=self.max_faces,
                    quality=self.quality,
                    every_face=self.every_face,
                    groups=True,
                )
            )
        except (*HOPELESS, ServerUnreachable):
            raise
        except NoFace as error:
            return Looked(photograph, NO_FACE, describe(error)[0])
        except (KenspeckleError, CommandFailed) as error:
            return Looked(photograph, SKIPPED, describe(error)[0])
        if self.picture is not None:
            self.picture(photograph, data, answer)
        someone = any(one.matches for one in answer.searches)
        return Looked(photograph, FOUND if someone else UNKNOWN, "", answer)

    def many(self, photographs: Iterable[Photograph], workers: int) -> Generator[Looked, None, None]:
        """Outcomes in order of completion, `workers` photographs at once."""
        return parallel(self.one, photographs, workers)


def name_of(match: FaceMatch) -> str:
    """The name of who was found; the face's id where it was indexed without one."""
    return match.name or match.face.face_id


def by_person(outcomes: Iterable[Looked]) -> dict[str, list[tuple[Looked, FaceMatch]]]:
    """Photographs of each person who was found, with the best match in each. People in most photographs come first,
    each one's photographs by path."""
    people: dict[str, dict[Photograph, tuple[Looked, FaceMatch]]] = {}
    for one in sorted(outcomes, key=lambda one: one.photograph.path):
        for match in one.matches:
            theirs = people.setdefault(name_of(match), {})
            best = theirs.get(one.photograph)
            if best is None or match.similarity > best[1].similarity:
                theirs[one.photograph] = (one, match)
    return {name: list(people[name].values()) for name in sorted(people, key=lambda name: (-len(people[name]), name))}
