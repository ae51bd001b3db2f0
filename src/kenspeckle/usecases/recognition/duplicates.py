"""Finds duplicates: pairs of people who may be one, faces under a wrong name, photographs stored twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from kenspeckle.domain import Duplicates, Misplaced, PackInfo, Pair, PersonRef, Vector, validation
from kenspeckle.domain.operations import DismissDuplicate, Handlers, ListDuplicates
from kenspeckle.errors import InvalidValue, PersonNotFound
from kenspeckle.ports import People as Port
from kenspeckle.ports import Sample
from kenspeckle.usecases.recognition.adoption import adopted
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.disagreement import mixed, nearly_the_same
from kenspeckle.usecases.recognition.groups import GROUPED
from kenspeckle.usecases.recognition.people import alone

SAMPLED: Final = 8
"""Faces of each person that are compared, the best ones."""

MOST: Final = 1000
"""Pairs, faces and photographs that are told at most."""

BLOCK: Final = 1024


class DuplicatePeople:
    """Operations on duplicates."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def handlers(self) -> Handlers:
        return dict([ListDuplicates.by(self.list_duplicates), DismissDuplicate.by(self.dismiss_duplicate)])

    def list_duplicates(self, operation: ListDuplicates) -> Duplicates:
        """Raises CollectionNotFound, InvalidCursor."""
        collection_id = validation.collection_id(operation.collection_id)
        limit = validation.count(operation.limit, validation.MAX_PAGE, "limit")
        port = adopted(self.context.people, collection_id)
        after = port.pair_of_token(collection_id, operation.cursor)
        pack = self.context.pack_of(collection_id)
        named = port.named(collection_id)
        samples = {row: one for row, one in port.samples(collection_id, named, SAMPLED).items() if len(one.rows)}
        order = list(samples)
        means, spreads = _means(samples)
        found = _near(means, spreads, pack.calibration.distance(GROUPED))
        dismissed = port.dismissed_pairs(collection_id)
        near = [(squares, order[one], order[other]) for squares, one, other in found]
        near = [one for one in near if tuple(sorted(one[1:])) not in dismissed][:MOST]
        rest = near if after is None else [one for one in near if one > after]
        pairs = []
        for squares, one, other in rest[:limit]:
            pair = self._pair(port, pack, collection_id, named, samples, (one, other), squares)
            if pair is not None:
                pairs.append(pair)
        more = port.pair_token(collection_id, rest[limit - 1]) if len(rest) > limit else None
        if after is not None:
            return Duplicates(tuple(pairs), (), (), more)
        twice = port.stored_twice(collection_id, MOST)
        return Duplicates(
            tuple(pairs),
            self._misplaced(port, pack, collection_id, named, samples, order, means, spreads),
            twice,
            more,
            mixed(port, pack, collection_id, named, samples)[:MOST],
            nearly_the_same(self.context, pack, collection_id, samples, [one[1:] for one in near], twice)[:MOST],
        )

    def dismiss_duplicate(self, operation: DismissDuplicate) -> None:
        """Raises CollectionNotFound, PersonNotFound, InvalidValue."""
        one, dot, other = operation.pair_id.partition(".")
        if not dot or one == other:
            raise InvalidValue("A pair's id is that of two people, as the list of duplicates has it.", field="pair_id")
        port = adopted(self.context.people, operation.collection_id)
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
        rows: tuple[int, int],
        squares: float,
    ) -> Pair | None:
        one, other = (samples[row] for row in rows)
        apart = np.linalg.norm(one.templates[:, None] - other.templates[None], axis=2)
        at, to = np.unravel_index(int(apart.argmin()), apart.shape)
        try:
            people = (port.person(collection_id, named[rows[0]]), port.person(collection_id, named[rows[1]]))
        except PersonNotFound:  # merged or erased meanwhile
            return None
        ids = sorted((named[rows[0]], named[rows[1]]))
        similarity = pack.calibration.similarity(squares**0.5)
        return Pair(".".join(ids), people, similarity, (one.face_ids[at], other.face_ids[to]))

    def _misplaced(
        self,
        port: Port,
        pack: PackInfo,
        collection_id: str,
        named: Mapping[int, str],
        samples: Mapping[int, Sample],
        order: list[int],
        means: Vector,
        spreads: Vector,
    ) -> tuple[Misplaced, ...]:
        """Faces that are near another person and nearer to it than to the others of their own."""
        limit = pack.calibration.distance(GROUPED) ** 2
        found: list[Misplaced] = []
        doubled = -2 * means.T
        several = [at for at, row in enumerate(order) if len(samples[row].rows) > 1]
        for some in _blocks(several, [len(samples[row].rows) for row in order]):
            templates = np.concatenate([samples[order[at]].templates for at in some])
            whose = np.repeat(some, [len(samples[order[at]].rows) for at in some])
            own = np.concatenate([_to_the_others(samples[order[at]].templates) for at in some])
            # Without the lengths of the faces, which order nothing in a row; in place, for these are 40 MB.
            others = templates @ doubled
            others += spreads
            others[np.arange(len(whose)), whose] = np.inf
            nearest = others.argmin(axis=1)
            squares = others[np.arange(len(whose)), nearest] + (templates**2).sum(axis=1)
            ids = [face_id for at in some for face_id in samples[order[at]].face_ids]
            for number in np.flatnonzero((squares <= limit) & (squares < own)).tolist():
                if len(found) >= MOST:
                    return tuple(found)
                found.append(
                    Misplaced(
                        ids[number],
                        self._ref(port, collection_id, named[order[whose[number]]]),
                        pack.calibration.similarity(float(own[number]) ** 0.5),
                        self._ref(port, collection_id, named[order[nearest[number]]]),
                        pack.calibration.similarity(max(0.0, float(squares[number])) ** 0.5),
                    )
                )
        return tuple(found)

    @staticmethod
    def _ref(port: Port, collection_id: str, person_id: str) -> PersonRef:
        return PersonRef(person_id, port.person(collection_id, person_id).name)


def _blocks(numbers: Sequence[int], sizes: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of people, in order, so many at once that they have about BLOCK faces."""
    some: list[int] = []
    faces = 0
    for number in numbers:
        some.append(number)
        faces += sizes[number]
        if faces >= BLOCK:
            yield some
            some, faces = [], 0
    if some:
        yield some


def _to_the_others(templates: Vector) -> Vector:
    """(n,) mean squared distances of each face to the other faces of its person."""
    squares = ((templates[:, None] - templates[None]) ** 2).sum(axis=2)
    found: Vector = squares.sum(axis=1) / (len(templates) - 1)
    return found


def _means(samples: Mapping[int, Sample]) -> tuple[Vector, Vector]:
    """(n, dimension) means of the templates of each person, and (n,) the means of their squared lengths: with both the
    mean squared distance of all pairs of faces of two people follows."""
    if not samples:
        return np.empty((0, 1), np.float32), np.empty(0, np.float32)
    means = np.stack([one.templates.mean(axis=0) for one in samples.values()]).astype(np.float32)
    spreads = np.array([float((one.templates**2).sum(axis=1).mean()) for one in samples.values()], np.float32)
    return means, spreads


def _near(means: Vector, spreads: Vector, within: float) -> list[tuple[float, int, int]]:
    """(mean squared distance, one, other) of the pairs that are near, nearest first."""
    found: list[tuple[float, int, int]] = []
    for start in range(0, len(means), BLOCK):
        squares = means[start : start + BLOCK] @ (-2 * means[start:].T)
        squares += spreads[start:]
        squares += spreads[start : start + BLOCK, None]
        for one, other in zip(*np.nonzero(squares <= within * within), strict=True):
            if other > one:
                found.append((max(0.0, float(squares[one, other])), int(one) + start, int(other) + start))
    return sorted(found)
