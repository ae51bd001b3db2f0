"""Warnings of a run that stored many photographs: the faces of one became one person, or one name has two people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from kenspeckle.client.errors import CommandFailed
from kenspeckle.domain import Mixed
from kenspeckle.errors import KenspeckleError
from kenspeckle.intake.bulk import SHOWN, Outcome

Find = Callable[[Sequence[str]], Iterable[Mixed]]
"""Those of the people of some identities whose faces seem to show several."""

AT_ONCE = 200
"""Identities of one request."""

NAMED = 5
"""Photographs that a warning names of each."""

KEPT = 100_000
"""Names, and faces with their photographs, that are remembered of a run: memory does not grow with more of them."""


@dataclass(slots=True)
class Agreement:
    """What was stored under names, and whether the faces of each go together."""

    group_photographs: list[tuple[str, str, int]] = field(default_factory=list)
    """Photographs with several faces that were stored under one identity: its name, and how many. The first of them."""
    group_count: int = 0
    _photographs: dict[str, str] = field(default_factory=dict)
    """By face."""
    _identities: dict[str, None] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Take in what became of a photograph."""
        if outcome.answer is None or outcome.status == "skipped":
            return
        faces = [one.face.face_id for one in outcome.answer.records]
        self.took(str(outcome.photograph.path), outcome.identity, faces, new=outcome.status == "indexed")

    def took(self, photograph: str, identity: str, face_ids: Sequence[str], *, new: bool = True) -> None:
        """Take in the faces of a photograph, `new` or stored before. `photograph` is what warnings call it."""
        if not identity:
            return
        if len(self._photographs) < KEPT:
            self._photographs.update((one, photograph) for one in face_ids)
        if not new:
            return
        if len(self._identities) < KEPT:
            self._identities[identity] = None
        if len(face_ids) > 1:
            self.group_count += 1
            if len(self.group_photographs) < SHOWN:
                self.group_photographs.append((photograph, identity, len(face_ids)))

    def warnings(self, find: Find) -> Iterator[str]:
        """A sentence for each photograph and person that needs a look. None of people where the service does not
        compare them: Amazon Rekognition, an older version, a key that may not read."""
        for photograph, identity, count in self.group_photographs:
            yield (
                f"{photograph}: {count} faces became one person, {identity}. Where others are in the picture, delete "
                "their faces, or index it again with --max-faces 1 under another name."
            )
        if self.group_count > len(self.group_photographs):
            yield f"{self.group_count - len(self.group_photographs)} more photographs whose faces became one person."
        for one in self._find_mixed(find):
            sets = " and in ".join(self._where(ids) for ids in one.face_ids[:2])
            yield (
                f"{one.person.name}: seems to be two people (similarity {one.similarity:.0f}), in {sets}. "
                f"See kenspeckle people show {one.person.person_id}."
            )

    def _find_mixed(self, find: Find) -> Iterator[Mixed]:
        names = list(self._identities)
        for start in range(0, len(names), AT_ONCE):
            with suppress(KenspeckleError, CommandFailed):
                yield from find(names[start : start + AT_ONCE])

    def _where(self, face_ids: Sequence[str]) -> str:
        """The photographs that faces came from; of those of earlier runs their number."""
        names = list(dict.fromkeys(self._photographs[one] for one in face_ids if one in self._photographs))
        earlier = sum(one not in self._photographs for one in face_ids)
        told = names[:NAMED] + ([f"{len(names) - NAMED} more"] if len(names) > NAMED else [])
        if earlier:
            told.append(f"{earlier} indexed earlier")
        return ", ".join(told)
