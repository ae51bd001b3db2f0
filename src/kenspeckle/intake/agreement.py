"""Warnings of a run that indexed many photographs: several faces of one became one person, or one folder shows two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kenspeckle.client.errors import CommandFailed
from kenspeckle.domain import Mixed
from kenspeckle.domain.operations import FindMixedPeople
from kenspeckle.errors import KenspeckleError
from kenspeckle.intake.bulk import SHOWN, Outcome

if TYPE_CHECKING:
    from kenspeckle.ports import Recognizer

AT_ONCE = 200
"""Identities of one request."""

NAMED = 5
"""Files that a warning names of each."""


KEPT = 100_000
"""Names, and faces with their files, that are remembered of a run: memory does not grow with more of them."""


@dataclass(slots=True)
class Agreement:
    """What was indexed under names, and whether the faces of each go together."""

    group_photographs: list[tuple[Path, str, int]] = field(default_factory=list)
    """Photographs with several faces that were stored under one identity: its name, and how many. The first of them."""
    group_count: int = 0
    _files: dict[str, Path] = field(default_factory=dict)
    """By face."""
    _identities: dict[str, None] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Take in what became of a photograph."""
        if outcome.answer is None or not outcome.identity or outcome.status == "skipped":
            return
        records = outcome.answer.records
        if len(self._files) < KEPT:
            self._files.update((one.face.face_id, outcome.photograph.path) for one in records)
        if outcome.status == "indexed":
            if len(self._identities) < KEPT:
                self._identities[outcome.identity] = None
            if len(records) > 1:
                self.group_count += 1
            if len(records) > 1 and len(self.group_photographs) < SHOWN:
                self.group_photographs.append((outcome.photograph.path, outcome.identity, len(records)))

    def warnings(self, recognizer: Recognizer, collection: str) -> Iterator[str]:
        """A sentence for each photograph and person that needs a look. None of people where the service does not
        compare them: Amazon Rekognition, an older version, a key that may not read."""
        for path, identity, count in self.group_photographs:
            yield (
                f"{path}: {count} faces became one person, {identity}. Where others are in the picture, delete their "
                "faces, or index it again with --max-faces 1 under another name."
            )
        if self.group_count > len(self.group_photographs):
            yield f"{self.group_count - len(self.group_photographs)} more photographs whose faces became one person."
        for one in self._mixed(recognizer, collection):
            sets = " and in ".join(self._where(ids) for ids in one.face_ids[:2])
            yield (
                f"{one.person.name}: seems to be two people (similarity {one.similarity:.0f}), in {sets}. "
                f"See kenspeckle people show {one.person.person_id}."
            )

    def _mixed(self, recognizer: Recognizer, collection: str) -> Iterator[Mixed]:
        names = list(self._identities)
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            with suppress(KenspeckleError, CommandFailed):
                yield from recognizer.handle(FindMixedPeople(collection_id=collection, external_image_ids=some))

    def _where(self, face_ids: Sequence[str]) -> str:
        """The files that faces came from; of those of earlier runs their number."""
        paths = list(dict.fromkeys(str(self._files[one]) for one in face_ids if one in self._files))
        earlier = sum(one not in self._files for one in face_ids)
        told = paths[:NAMED] + ([f"{len(paths) - NAMED} more"] if len(paths) > NAMED else [])
        if earlier:
            told.append(f"{earlier} indexed earlier")
        return ", ".join(told)
