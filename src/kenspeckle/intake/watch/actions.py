"""What `kenspeckle watch` does with a photograph: index it under its name, or search whom it shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kenspeckle.compose.target import Target
from kenspeckle.domain import QualityFilter
from kenspeckle.domain.operations import IndexFaces, SearchImage
from kenspeckle.intake.files import safe_name
from kenspeckle.intake.pictures import indexed_picture, search_picture
from kenspeckle.intake.watch.worker import Answer
from kenspeckle.shapes import dump
from kenspeckle.shapes.dump import searched

INDEXED, PRESENT, NOT_INDEXED = "indexed", "present", "not_indexed"
MATCHED, UNKNOWN = "matched", "unknown"


@dataclass(frozen=True, slots=True)
class Indexing:
    """Every face is stored under the identity that the file, or its folder, names."""

    target: Target
    by: Literal["file", "folder"]
    max_faces: int | None
    quality: QualityFilter | None
    name: str = "index"

    def identity(self, path: Path) -> tuple[str, str]:
        original = path.parent.name if self.by == "folder" else path.name
        return safe_name(original), original

    def do(self, data: bytes, identity: str) -> Answer:
        answer = self.target.recognizer.handle(
            IndexFaces(
                collection_id=self.target.collection,
                image=data,
                external_image_id=identity,
                key=identity,
                max_faces=self.max_faces,
                quality=self.quality,
            )
        )
        status = NOT_INDEXED if not answer.records else INDEXED if answer.created else PRESENT
        return Answer(status, dump.index_faces(answer), lambda place: indexed_picture(place, data, answer))


@dataclass(frozen=True, slots=True)
class Searching:
    """Stored faces like the photograph's largest, or like each of them with `every`."""

    target: Target
    threshold: float | None
    max_faces: int | None
    every: bool
    quality: QualityFilter
    name: str = "search"

    def identity(self, path: Path) -> tuple[str, str]:
        return "", ""

    def do(self, data: bytes, identity: str) -> Answer:
        answer = self.target.recognizer.handle(
            SearchImage(
                collection_id=self.target.collection,
                image=data,
                threshold=self.threshold,
                max_faces=self.max_faces,
                quality=self.quality,
                every_face=self.every,
            )
        )
        status = MATCHED if any(one.matches for one in answer.searches) else UNKNOWN
        return Answer(status, searched(answer, self.every), lambda place: search_picture(place, data, answer))
