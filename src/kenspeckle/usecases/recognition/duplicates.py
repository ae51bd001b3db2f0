"""Finds duplicates: pairs of people who may be one, faces under a wrong name, photographs stored twice."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

import numpy as np

from kenspeckle.domain import Calibration, Duplicates, Misplaced, Mixed, PackInfo, Pair, PersonRef, Vector, validation
from kenspeckle.domain.operations import DismissDuplicate, Handlers, ListDuplicates
from kenspeckle.errors import InvalidValue, Overloaded, PersonNotFound
from kenspeckle.ports import People as Port
from kenspeckle.ports import Sample
from kenspeckle.usecases.recognition.adoption import adopt
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.disagreement import find_mixed, nearly_the_same
from kenspeckle.usecases.recognition.groups import GROUPED
from kenspeckle.usecases.recognition.nearness import means_of, near_pairs, nearest_others
from kenspeckle.usecases.recognition.people import alone

SAMPLED: Final = 8
"""Faces of each person that are compared, the best ones."""

MOST: Final = 1000
"""Pairs, faces and photographs that are told at most."""

MOST_COMPARED: Final = 3_000_000_000
"""Products of a face and a person that are worked out, some 7 s of a core. Above that (30,000 people with three faces
each) those faces are compared that are least like the others of their person: what is misplaced is."""

PATIENCE_SECONDS: Final = 20.0
"""How long a request waits for the answer that another one works out; then it is told to ask again."""

RETRY_AFTER: Final = 10.0

WAIT_SECONDS: Final = 0.05
"""Longest that it waits for requests of photographs, after each tenth of a second or so."""

Near: TypeAlias = list[tuple[float, int, int]]
"""Mean squared distance of two people, and their rows."""


@dataclass(frozen=True)
class _Found:
    """All that is told of a collection; of the pairs, who and how near."""

    near: Near
    misplaced: tuple[Misplaced, ...]
    twice: tuple[tuple[tuple[str, str], ...], ...]
    mixed: tuple[Mixed, ...]
    nearly: tuple[tuple[tuple[str, str], ...], ...]


class DuplicatePeople:
    """Operations on duplicates."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.patience = PATIENCE_SECONDS
        self._turn = threading.Lock()
        self._latest: tuple[tuple[str, int, str, Calibration], _Found] | None = None

    def handlers(self) -> Handlers:
        return dict([ListDuplicates.by(self.list_duplicates), DismissDuplicate.by(self.dismiss_duplicate)])

    def list_duplicates(self, operation: ListDuplicates) -> Duplicates:
        """Raises CollectionNotFound, InvalidCursor, Overloaded."""
        collection_id = validation.collection_id(operation.collection_id)
        limit = validation.count(operation.limit, validation.MAX_PAGE, "limit")
        port = adopt(self.context.people, collection_id)
        after = port.pair_of_token(collection_id, operation.cursor)
        pack = self.context.pack_of(collection_id)
        found = self._found(port, pack, collection_id)
        rest = found.near if after is None else [one for one in found.near if one > after]
        named = port.name_by_row(collection_id)
        shown = [one for one in rest[:limit] if one[1] in named and one[2] in named]
        samples = port.samples(collection_id, {row for one in shown for row in one[1:]}, SAMPLED)
        told = (self._pair(port, pack, collection_id, named, samples, one) for one in shown)
        pairs = tuple(one for one in told if one is not None)
        more = port.pair_token(collection_id, rest[limit - 1]) if len(rest) > limit else None
        if after is not None:
            return Duplicates(pairs, (), (), more)
        return Duplicates(pairs, found.misplaced, found.twice, more, found.mixed, found.nearly)

    def _found(self, port: Port, pack: PackInfo, collection_id: str) -> _Found:
        """What is there, worked out once for each state of a collection: who else asks meanwhile waits for it, and
        pages after the first take it."""
        if not self._turn.acquire(timeout=self.patience):
            raise Overloaded("Duplicates are being worked out; ask again.", retry_after=RETRY_AFTER)
        try:
            revision = self.context.catalog.revision(collection_id)
            key = (collection_id, revision, pack.contract, pack.calibration)
            if self._latest is None or self._latest[0] != key:
                self._latest = (key, self._work_out(port, pack, collection_id))
            return self._latest[1]
        finally:
            self._turn.release()

    def _work_out(self, port: Port, pack: PackInfo, collection_id: str) -> _Found:
        named = port.name_by_row(collection_id)
        samples = {row: one for row, one in port.samples(collection_id, named, SAMPLED).items() if len(one.rows)}
        means, spreads = means_of(samples)
        near = self._near(port, pack, collection_id, list(samples), means, spreads)
        pairs = [one[1:] for one in near]
        twice = port.find_stored_twice(collection_id, MOST)
        return _Found(
            near,
            self._find_misplaced(port, pack, collection_id, named, samples, means, spreads, set(pairs)),
            twice,
            find_mixed(port, pack, collection_id, named, samples, MOST),
            nearly_the_same(self.context, pack, collection_id, samples, pairs, twice)[:MOST],
        )

    def _give_way(self, done: int, total: int) -> None:
        self.context.gate.give_way(WAIT_SECONDS)

    def _near(
        self, port: Port, pack: PackInfo, collection_id: str, order: Sequence[int], means: Vector, spreads: Vector
    ) -> Near:
        """Pairs that nobody has dismissed, the nearest first. `order` has the row of each person of `means`."""
        dismissed = port.find_dismissed_pairs(collection_id)
        found = near_pairs(means, spreads, pack.calibration.distance(GROUPED), MOST + len(dismissed), self._give_way)
        near = [(squares, order[one], order[other]) for squares, one, other in found]
        return [one for one in near if tuple(sorted(one[1:])) not in dismissed][:MOST]

    def dismiss_duplicate(self, operation: DismissDuplicate) -> None:
        """Raises CollectionNotFound, PersonNotFound, InvalidValue."""
        one, dot, other = operation.pair_id.partition(".")
        if not dot or one == other:
            raise InvalidValue("A pair's id is that of two people, as the list of duplicates has it.", field="pair_id")
        port = adopt(self.context.people, operation.collection_id)
        with alone(self.context, operation.collection_id):
            port.dismiss_pair(
                operation.collection_id, validation.person_id(one, "pair_id"), validation.person_id(other, "pair_id")
            )

    def _pair(
        self,
        port: Port,
        pack: PackInfo,
        collection_id: str,
        named: Mapping[int, str],
        samples: Mapping[int, Sample],
        near: tuple[float, int, int],
    ) -> Pair | None:
        squares, *rows = near
        one, other = (samples[row] for row in rows)
        if not (len(one.rows) and len(other.rows)):
            return None
        apart = np.linalg.norm(one.templates[:, None] - other.templates[None], axis=2)
        at, to = np.unravel_index(int(apart.argmin()), apart.shape)
        try:
            people = (port.person(collection_id, named[rows[0]]), port.person(collection_id, named[rows[1]]))
        except PersonNotFound:  # merged or erased meanwhile
            return None
        ids = sorted((named[rows[0]], named[rows[1]]))
        similarity = pack.calibration.similarity(squares**0.5)
        return Pair(".".join(ids), people, similarity, (one.face_ids[at], other.face_ids[to]))

    def _find_misplaced(
        self,
        port: Port,
        pack: PackInfo,
        collection_id: str,
        named: Mapping[int, str],
        samples: Mapping[int, Sample],
        means: Vector,
        spreads: Vector,
        told: Collection[tuple[int, int]],
    ) -> tuple[Misplaced, ...]:
        """Faces that are near another person and nearer to it than to the others of their own. None of two people who
        are `told` to be one perhaps (rows, in order): that is to be decided first."""
        order = list(samples)
        several = [at for at, row in enumerate(order) if len(samples[row].rows) > 1]
        if not several or len(order) < 2:
            return ()
        templates = np.concatenate([samples[order[at]].templates for at in several])
        whose = np.repeat(several, [len(samples[order[at]].rows) for at in several])
        own = np.concatenate([_to_the_others(samples[order[at]].templates) for at in several])
        ids = [face_id for at in several for face_id in samples[order[at]].face_ids]
        if len(templates) * len(order) > MOST_COMPARED:
            least_alike = np.argsort(-own, kind="stable")[: max(1, MOST_COMPARED // len(order))]
            templates, whose, own = templates[least_alike], whose[least_alike], own[least_alike]
            ids = [ids[at] for at in least_alike.tolist()]
        bars = np.minimum(own, np.float32(pack.calibration.distance(GROUPED) ** 2)).astype(np.float32)
        nearest, squares = nearest_others(templates, whose, bars, means, spreads, self._give_way)

        def is_decided(number: int) -> bool:
            one, other = sorted((order[whose[number]], order[nearest[number]]))
            return (one, other) not in told

        wrong = filter(is_decided, np.flatnonzero(squares < own).tolist())
        found = [
            Misplaced(
                ids[number],
                self._ref(port, collection_id, named[order[whose[number]]]),
                pack.calibration.similarity(float(own[number]) ** 0.5),
                self._ref(port, collection_id, named[order[nearest[number]]]),
                pack.calibration.similarity(max(0.0, float(squares[number])) ** 0.5),
            )
            for number in islice(wrong, MOST)
        ]
        return tuple(found)

    @staticmethod
    def _ref(port: Port, collection_id: str, person_id: str) -> PersonRef:
        return PersonRef(person_id, port.person(collection_id, person_id).name)


def _to_the_others(templates: Vector) -> Vector:
    """(n,) mean squared distances of each face to the other faces of its person."""
    squares = ((templates[:, None] - templates[None]) ** 2).sum(axis=2)
    found: Vector = squares.sum(axis=1) / (len(templates) - 1)
    return found
