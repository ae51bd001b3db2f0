"""People whose faces disagree, and photographs that are nearly the same: told by their templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from kenspeckle.domain import Mixed, PackInfo, PersonRef, Vector, validation
from kenspeckle.domain.detection import overlap
from kenspeckle.domain.operations import FindMixedPeople, Handlers
from kenspeckle.errors import InvalidValue, PersonNotFound
from kenspeckle.ports import People as Port
from kenspeckle.ports import Sample
from kenspeckle.usecases.recognition.adoption import adopt
from kenspeckle.usecases.recognition.clustering import clusters
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.groups import GROUPED

TWO: Final = 50.0
"""Similarity under which two clusters of a person's faces are two people, on average over their pairs: what 1 pair of
strangers in 300 reaches. Faces of one person that are only hard to compare are more alike."""

READ: Final = 64
"""Faces of each person that are compared, the best ones."""

MOST_IDENTITIES: Final = 1000
"""Identities of one request."""

NEARLY: Final = 0.25
"""Part of the distance up to which faces are grouped, within which two are cut from the same picture: with `sface` a
cosine of 0.96. Copies in other sizes and qualities have more, other pictures of a series mostly less."""

PLACED: Final = 0.9
"""Intersection over union of the two boxes, in ratios of their pictures."""


class Disagreement:
    """Operations on people whose faces disagree."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def handlers(self) -> Handlers:
        return dict([FindMixedPeople.by(self.find_mixed_people)])

    def find_mixed_people(self, operation: FindMixedPeople) -> tuple[Mixed, ...]:
        """Raises CollectionNotFound, InvalidValue, PackMismatch."""
        names = [validation.external_image_id(one) for one in dict.fromkeys(operation.external_image_ids)]
        if len(names) > MOST_IDENTITIES:
            raise InvalidValue(f"At most {MOST_IDENTITIES} identities at once.", field="external_image_ids")
        port = adopt(self.context.people, operation.collection_id)
        return find_mixed_of(port, self.context.pack_of(operation.collection_id), operation.collection_id, names)


def find_mixed_of(port: Port, pack: PackInfo, collection_id: str, identities: Sequence[str]) -> tuple[Mixed, ...]:
    """Those of the people of these identities who are mixed."""
    people = port.people_of_identities(collection_id, identities)
    return find_mixed(port, pack, collection_id, people, port.samples(collection_id, people, READ))


def find_mixed(
    port: Port,
    pack: PackInfo,
    collection_id: str,
    named: Mapping[int, str],
    samples: Mapping[int, Sample],
    most: int = MOST_IDENTITIES,
) -> tuple[Mixed, ...]:
    """Those of the people whose faces fall apart into clusters of two people or more, the least alike first; `most` of
    them at most."""
    within = pack.calibration.distance(GROUPED)
    limit = pack.calibration.distance(TWO) ** 2
    found: list[tuple[float, int, list[list[int]]]] = []
    for row, sample in samples.items():
        if len(sample.rows) < 2 or row not in named:
            continue
        if _squares(sample.templates, sample.templates).max() <= within * within:
            continue  # all are near, so they are one cluster
        parts = _parts(sample.templates, within)
        if len(parts) < 2:
            continue
        squares = _square(sample.templates[parts[0]], sample.templates[parts[1]])
        if squares <= limit:
            continue
        found.append((-squares, row, parts))
    told: list[Mixed] = []
    for squares, row, parts in sorted(found)[:most]:
        ids = tuple(tuple(samples[row].face_ids[at] for at in part) for part in parts)
        try:
            whose = PersonRef(named[row], port.person(collection_id, named[row]).name)
        except PersonNotFound:  # merged or erased meanwhile
            continue
        told.append(Mixed(whose, ids, pack.calibration.similarity((-squares) ** 0.5)))
    return tuple(told)


def nearly_the_same(
    context: Context,
    pack: PackInfo,
    collection_id: str,
    samples: Mapping[int, Sample],
    pairs: Iterable[tuple[int, int]],
    twice: Iterable[Iterable[tuple[str, str]]],
) -> tuple[tuple[tuple[str, str], ...], ...]:
    """Photographs that are nearly the same, (image id, identity or "") of each: of one person, and of each two of
    `pairs`, those with almost the same template at almost the same place. Copies of the same bytes (`twice`) are not
    told again.

    What is compared are the samples, so the cost is bounded by the number of people."""
    limit = (NEARLY * pack.calibration.distance(GROUPED)) ** 2
    alike: list[tuple[int, int]] = []
    for one, other in [*((row, row) for row in samples), *pairs]:
        near = _squares(samples[one].templates, samples[other].templates) <= limit
        for at, to in zip(*np.nonzero(near), strict=True):
            if one != other or to > at:
                alike.append((samples[one].rows[at], samples[other].rows[to]))
    if not alike:
        return ()
    rows = sorted({row for pair in alike for row in pair})
    stored = {one.row: one.face for one in context.catalog.read_stored(collection_id, "face", rows) if one.face}
    same = {image_id: at for at, copies in enumerate(twice) for image_id, _ in copies}
    groups: dict[str, set[tuple[str, str]]] = {}
    for first, second in alike:
        one_face, other_face = stored.get(first), stored.get(second)
        if one_face is None or other_face is None or one_face.image_id == other_face.image_id:
            continue
        if same.get(one_face.image_id, -1) == same.get(other_face.image_id, -2):
            continue
        if overlap(one_face.box, other_face.box) < PLACED:
            continue
        photographs = {(face.image_id, face.external_image_id or "") for face in (one_face, other_face)}
        joined = set().union(photographs, *(groups.get(image_id, set()) for image_id, _ in photographs))
        for image_id, _ in joined:
            groups[image_id] = joined
    different = {id(one): one for one in groups.values()}
    return tuple(tuple(sorted(one, key=lambda each: (each[1], each[0]))) for one in different.values())


def _parts(templates: Vector, within: float) -> list[list[int]]:
    """Numbers of the templates of each cluster, the largest first."""
    parts: dict[int, list[int]] = {}
    for at, label in enumerate(clusters(templates.astype(np.float32), within).tolist()):
        parts.setdefault(label, []).append(at)
    return sorted(parts.values(), key=lambda one: (-len(one), one))


def _squares(one: Vector, other: Vector) -> Vector:
    found: Vector = ((one[:, None] - other[None]) ** 2).sum(axis=2)
    return found


def _square(one: Vector, other: Vector) -> float:
    """Mean squared distance of all pairs."""
    return float(_squares(one, other).mean())
