"""Faces without a name, grouped: each as it arrives, and all that are there by a job.

A face that arrives is put together with the groups of its nearest neighbours, and these few are clustered anew; so the
order in which faces come hardly matters. Groups keep their ids where most of their faces stay together.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from kenspeckle.domain import Job, JobKind, PackInfo, Person, Vector, validation
from kenspeckle.domain.operations import GroupFaces, Handlers, KeepApart, NameGroup
from kenspeckle.domain.people import GroupRef, person_name
from kenspeckle.errors import KenspeckleError, NotOffered, PersonNotFound
from kenspeckle.ports import NewFace, Owner, Sample
from kenspeckle.ports import People as Port
from kenspeckle.usecases.jobs.runner import Progress
from kenspeckle.usecases.recognition.adoption import adopt
from kenspeckle.usecases.recognition.clustering import clusters
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.people import alone

log = logging.getLogger(__name__)

GROUPED: Final = 73.65
"""Similarity up to which faces are one group, on average over their pairs: a cosine of 0.38 with `sface`. Measured on
`johns` and `bbt` together (docs/people.md)."""

NEIGHBOURS: Final = 64
"""Nearest faces whose groups a new face is compared with."""

LOCAL: Final = 64
"""Faces of each of these groups that are clustered anew with it, the best first."""

SEEDS: Final = 16
"""Faces that stand for a person who takes others, in a job."""

READ: Final = 5000
WRITTEN: Final = 1000
"""Faces of one step."""


class Groups:
    """Operations on faces without a name."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def handlers(self) -> Handlers:
        return dict(
            [
                GroupFaces.by(self.group_faces),
                NameGroup.by(self.name_group),
                KeepApart.by(self.keep_apart),
            ]
        )

    def group_faces(self, operation: GroupFaces) -> Job:
        """Raises CollectionNotFound, Conflict where such a job is under way."""
        if self.context.people is None:
            raise NotOffered("This catalog has no people.")
        found = self.context.catalog.collection(validation.collection_id(operation.collection_id))
        return self.context.jobs.submit(JobKind.GROUPS, found.collection_id, {})

    def name_group(self, operation: NameGroup) -> Person:
        """Raises CollectionNotFound, PersonNotFound, InvalidValue."""
        group_id, name = validation.person_id(operation.group_id, "group_id"), person_name(operation.person_name)
        port = adopt(self.context.people, operation.collection_id)
        with alone(self.context, operation.collection_id):
            return port.name_group(operation.collection_id, group_id, name)

    def keep_apart(self, operation: KeepApart) -> Person:
        """Answers the person as it is then. Raises CollectionNotFound, PersonNotFound, FaceNotFound, Conflict."""
        ids, person_id = validation.face_ids(operation.face_ids), validation.person_id(operation.person_id)
        collection_id = operation.collection_id
        port = adopt(self.context.people, collection_id)
        with alone(self.context, collection_id):
            before = port.person(collection_id, person_id)
            port.keep_apart(collection_id, person_id, ids)
            try:
                return port.person(collection_id, person_id)
            except PersonNotFound:  # these were all of its faces
                return replace(before, face_count=0, cover_face_id=None)

    def place_new(self, pack: PackInfo, collection_id: str, faces: Sequence[NewFace]) -> None:
        """Find the groups of faces without a name that were just stored. They are stored whatever becomes of this."""
        port = self.context.people
        if port is None:
            return
        try:
            with self.context.stages.time("group"), alone(self.context, collection_id):
                for face in faces:
                    self._place(port, pack, collection_id, face.template)
        except KenspeckleError as error:
            log.warning("a new face is in no group yet; the next job finds one: %s", error.message)

    def _place(self, port: Port, pack: PackInfo, collection_id: str, template: Vector) -> None:
        within = pack.calibration.distance(GROUPED)
        found = self.context.index.search(collection_id, "face", template, NEIGHBOURS, within, contract=pack.contract)
        rows = [stored.row for stored, _ in found]
        owners = port.owners(collection_id, rows)
        new = [
            stored
            for stored, _ in found
            if stored.row not in owners and stored.face is not None and not stored.face.external_image_id
        ]
        near = {one.row: one for one in owners.values() if one.group or one.takes}
        samples = port.samples(collection_id, near, LOCAL)
        placed = _together(
            near,
            samples,
            [one.row for one in new],
            np.stack([one.template for one in new]) if new else np.empty((0, len(template)), np.float32),
            within,
            port.apart_from(collection_id, [*(one.row for one in new), *_rows_of(near, samples)]),
        )
        port.regroup(collection_id, placed, self.context.now())

    def around(self, pack: PackInfo, collection_id: str, template: Vector) -> GroupRef | None:
        """The group that a face which is not stored would come to; None where it would be a new one."""
        port = self.context.people
        if port is None:
            return None
        within = pack.calibration.distance(GROUPED)
        found = self.context.index.search(collection_id, "face", template, NEIGHBOURS, within, contract=pack.contract)
        owners = port.owners(collection_id, [stored.row for stored, _ in found]).values()
        samples = port.samples(collection_id, {one.row for one in owners if one.group}, LOCAL)
        near = [
            (float(((one.templates - template) ** 2).sum(axis=1).mean()), one.face_ids[0])
            for one in samples.values()
            if one.face_ids
        ]
        square, face_id = min(near, default=(np.inf, ""))
        group = port.group_of(collection_id, face_id) if square <= within * within else None
        if group is None:
            return None
        return GroupRef(group.group_id, group.face_count, group.first_seen, group.last_seen)

    def run(self, job: Job, progress: Progress) -> Mapping[str, object]:
        """The work of a job; it may be repeated, and what was grouped before keeps its group."""
        collection_id, context = job.collection_id or "", self.context
        port = context.people
        if port is None:
            raise NotOffered("This catalog has no people.")
        while port.adopt(collection_id, READ) is not None:
            progress.step(0, 0)
        pack = context.pack_of(collection_id)
        rows, templates, groups = self._read(port, collection_id, progress)
        total = 2 * len(rows)
        progress.step(len(rows) // 2, total)
        seeds = port.samples(collection_id, port.takers(collection_id), SEEDS)
        placed = _all(
            rows,
            templates,
            groups,
            seeds,
            pack.calibration.distance(GROUPED),
            port.apart_from(collection_id, rows),
            lambda done, of: progress.step(done // 2, total),
        )
        moved = done = 0
        for person, some in placed:
            target = person
            for start in range(0, len(some), WRITTEN):
                with alone(context, collection_id):
                    moved += port.regroup(collection_id, [(target, some[start : start + WRITTEN])], context.now())
                if target is None and len(some) > WRITTEN:
                    target = port.owners(collection_id, some[:1])[some[0]].row
            done += len(some)
            progress.step(min(total, len(rows) + done), total)
        return {"faces": len(rows), "groups": len(placed), "moved": moved}

    def _read(self, port: Port, collection_id: str, progress: Progress) -> tuple[list[int], Vector, list[int | None]]:
        rows: list[int] = []
        groups: list[int | None] = []
        templates: list[Vector] = []
        while True:
            some = port.find_unnamed(collection_id, rows[-1] if rows else 0, READ)
            if not some.rows:
                break
            rows += some.rows
            groups += some.groups
            templates.append(some.templates)
            progress.step(0, 2 * len(rows))
        return rows, np.concatenate(templates) if templates else np.empty((0, 1), np.float32), groups


def _rows_of(near: Mapping[int, Owner], samples: Mapping[int, Sample]) -> list[int]:
    return [row for owner in near.values() if owner.group for row in samples[owner.row].rows]


def _together(
    near: Mapping[int, Owner],
    samples: Mapping[int, Sample],
    new: list[int],
    fresh: Vector,
    within: float,
    apart: Mapping[int, set[int]],
) -> list[tuple[int | None, list[int]]]:
    """Where faces go: those that are new, and those of the groups near them, clustered anew. Of a group with more faces
    than were read all stay together."""
    fixed = [one for one in near.values() if one.takes and not one.group]
    large = [one for one in near.values() if one.group and samples[one.row].count > len(samples[one.row].rows)]
    small = [one for one in near.values() if one.group and one not in large]
    known = [*fixed, *large]
    rows = [row for one in small for row in samples[one.row].rows]
    groups: list[int | None] = [one.row for one in small for _ in samples[one.row].rows]
    parts = [samples[one.row].templates for one in small]
    seeds = {one.row: samples[one.row] for one in known}
    templates = np.concatenate([*parts, fresh]) if parts else fresh
    return _all([*rows, *new], templates, [*groups, *[None] * len(new)], seeds, within, apart)


def _all(
    rows: Sequence[int],
    templates: Vector,
    groups: Sequence[int | None],
    seeds: Mapping[int, Sample],
    within: float,
    apart: Mapping[int, set[int]],
    step: Callable[[int, int], None] = lambda done, total: None,
) -> list[tuple[int | None, list[int]]]:
    """The people and groups (None: a new one) that faces go to, by the rows of both. `groups` has the group that each
    is in now, `seeds` the people whose faces may only be added to."""
    if not rows:
        return []
    known = [person for person, one in seeds.items() for _ in one.rows]
    parts = [one.templates for one in seeds.values() if len(one.rows)]
    together = np.concatenate([*parts, templates]).astype(np.float32)
    barred = {len(known) + at: apart[row] for at, row in enumerate(rows) if row in apart}
    labels = clusters(together, within, fixed=known, apart=barred, step=step)
    person_of = {int(labels[at]): person for at, person in enumerate(known)}
    theirs: dict[int, list[int]] = {}
    for at in range(len(rows)):
        theirs.setdefault(int(labels[len(known) + at]), []).append(at)
    return _assign(theirs, person_of, rows, groups)


def _assign(
    theirs: Mapping[int, list[int]],
    person_of: Mapping[int, int],
    rows: Sequence[int],
    groups: Sequence[int | None],
) -> list[tuple[int | None, list[int]]]:
    """Clusters with the person or group that each is: of a person, else of the group that most of its faces were in
    and of which most are in it."""
    shared: dict[tuple[int, int], int] = {}
    for label, some in theirs.items():
        for at in some:
            group = groups[at]
            if group is not None and label not in person_of:
                shared[group, label] = shared.get((group, label), 0) + 1
    chosen: dict[int, int | None] = dict(person_of)
    taken: set[int] = set()
    for (group, label), _ in sorted(shared.items(), key=lambda one: (-one[1], one[0])):
        if label not in chosen and group not in taken:
            chosen[label] = group
            taken.add(group)
    return [(chosen.get(label), [rows[at] for at in some]) for label, some in theirs.items()]
