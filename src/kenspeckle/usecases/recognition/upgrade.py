"""Upgrades of a collection to another pack: a job that describes every face anew, and puts all templates in place at
once.

Until then nothing that is searched changes. No face is lost: as long as one can't be described by the new pack, the
collection stays with the old one, and the job's result names those faces.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Final

from kenspeckle.domain import Claim, Job, JobKind, JobLost, PackInfo, validation
from kenspeckle.domain.operations import Handlers, UpgradeCollection
from kenspeckle.errors import Conflict, KenspeckleError, NotOffered
from kenspeckle.ports import Counts, Source, Staging
from kenspeckle.text import plural
from kenspeckle.usecases.jobs.runner import GivenBack, JobFailed, Progress
from kenspeckle.usecases.recognition.anew import describe
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.users import combine

log = logging.getLogger(__name__)

BATCH: Final = 32
"""Faces that are read at once."""

NAMED: Final = 1000
"""Faces that a result names; it counts all."""

SHOWN: Final = 5
"""Faces that a message names."""


class Upgrading:
    """What a recognizer does to bring a collection to another pack."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def handlers(self) -> Handlers:
        return dict([UpgradeCollection.by(self.upgrade_collection)])

    def upgrade_collection(self, operation: UpgradeCollection) -> Job:
        """Raises CollectionNotFound, InvalidValue and ModelMissing of the pack, Conflict where the collection is of it
        already, an upgrade is under way, or faces have neither photograph nor thumbnail."""
        context, staging = self.context, self._staging()
        collection = context.catalog.collection(validation.collection_id(operation.collection_id))
        pack = context.engines.find_pack(operation.pack)
        if pack.contract == collection.contract:
            raise Conflict(
                f"The collection '{collection.collection_id}' is of the pack '{pack.name}' already.", field="pack"
            )
        count, some = staging.sourceless(collection.collection_id, SHOWN)
        if count:
            raise Conflict(
                f"{_of(count, collection.face_count)} neither a photograph that was kept nor a thumbnail to be "
                f"described by the pack '{pack.name}': {_list_names(some, count)}. Index their photographs and delete "
                "these faces, then upgrade.",
                field="collection",
            )
        return context.jobs.submit(
            JobKind.UPGRADE, collection.collection_id, {"pack": pack.name, "contract": pack.contract}
        )

    def run(self, job: Job, progress: Progress) -> Mapping[str, object]:
        """The work of a job; also of one that another process began."""
        claim = Claim(job.job_id, progress.owner)
        try:
            return self._run(job, claim, progress)
        except (GivenBack, JobLost):
            raise  # another process goes on from what is staged
        except BaseException:
            self._clear(claim, job.collection_id or "")
            raise

    def sweep(self) -> None:
        """Remove what upgrades have left that ended without being able to."""
        if self.context.staging is not None and (count := self.context.staging.sweep_staged()):
            log.info("%s of an upgrade that ended removed", plural(count, "template"))

    def _run(self, job: Job, claim: Claim, progress: Progress) -> Mapping[str, object]:
        context, staging, name = self.context, self._staging(), job.collection_id or ""
        contract = str(job.parameters["contract"])
        if context.catalog.collection(name).contract == contract:
            self._clear(claim, name)
            return job.result or {}  # a process switched the collection and died before it ended the job
        pack = context.engines.find_pack(str(job.parameters["pack"]))
        if pack.contract != contract:
            raise Conflict(f"The pack '{pack.name}' is another one here than where the upgrade was asked for.")
        done = sum(staging.count_staged(name, contract).values())
        while True:
            done = self._describe_all(name, pack, claim, progress, done)
            if impossible := staging.count_staged(name, contract).get(Source.NOTHING, 0):
                raise self._fail(name, pack, impossible)
            result = self._switch(name, pack, claim)
            if result is not None:
                self._clear(claim, name)  # in steps: other writers would wait for one of the switch's size
                return result

    def _describe_all(self, name: str, pack: PackInfo, claim: Claim, progress: Progress, done: int) -> int:
        """Stage a template for each face that has none; how many have one then."""
        context, staging = self.context, self._staging()
        after = 0
        while True:
            collection = context.catalog.collection(name)
            progress.step(done, max(done, collection.face_count))
            some = staging.find_undescribed(name, pack.contract, after, BATCH)
            if not some:
                return done
            # Asked for anew each time, so that it is not unloaded as idle.
            engine = context.engines.of(replace(collection, pack=pack.name, contract=pack.contract))
            for one in some:
                staging.stage(claim, name, pack.contract, describe(context, engine, one))
                done += len(one.faces)
                progress.step(done, max(done, collection.face_count))
            after = some[-1].row

    def _switch(self, name: str, pack: PackInfo, claim: Claim) -> Mapping[str, object] | None:
        """The job's result, once the collection is switched; None where a face has no template yet. Searches go on with
        the old templates until then, and with the new ones at once, which were loaded before."""
        staging, index = self._staging(), self.context.index
        successor = index.prepare(name, pack, lambda: staging.snapshot_staged(name, pack.contract))
        with nullcontext() if successor is None else successor.hold():
            since = None if successor is None else successor.revision
            made = staging.switch(claim, name, pack, combine, lambda counts: _result(pack, counts), since=since)
            if made is None:
                return None
            if successor is None:
                index.forget(name)
            else:
                successor.take_over(made.revision, made.changes)
        return made.result

    def _fail(self, name: str, pack: PackInfo, count: int) -> JobFailed:
        staging = self._staging()
        faces = staging.impossible(name, pack.contract, NAMED)
        counts = _result(pack, staging.count_staged(name, pack.contract))
        total = self.context.catalog.collection(name).face_count
        return JobFailed(
            f"{_of(count, total)} no picture by which the pack '{pack.name}' can describe them: "
            f"{_list_names(faces[:SHOWN], count)}. The collection stays as it was. Index their photographs and delete "
            "these faces, then upgrade again.",
            {**counts, "impossible": count, "face_ids": list(faces)},
        )

    def _clear(self, claim: Claim, name: str) -> None:
        try:
            self._staging().unstage(claim, name)
        except (KenspeckleError, JobLost) as error:
            # Nobody uses it, and `sweep` removes it later.
            log.warning("what an upgrade had staged is not removed yet: %s", error)

    def _staging(self) -> Staging:
        if self.context.staging is None:
            raise NotOffered("This catalog can't bring a collection to another model pack.")
        return self.context.staging


def _result(pack: PackInfo, counts: Counts) -> Mapping[str, object]:
    photographs = counts.get(Source.PHOTOGRAPH, 0) + counts.get(Source.PHOTOGRAPH_ALIGNED, 0)
    thumbnails = counts.get(Source.THUMBNAIL, 0) + counts.get(Source.THUMBNAIL_ALIGNED, 0)
    return {
        "pack": pack.name,
        "faces": photographs + thumbnails,
        "from_photographs": photographs,
        "from_thumbnails": thumbnails,
        "by_stored_landmarks": counts.get(Source.PHOTOGRAPH_ALIGNED, 0) + counts.get(Source.THUMBNAIL_ALIGNED, 0),
    }


def _of(count: int, total: int) -> str:
    """The beginning of a sentence about some faces."""
    return f"{count:,} of {plural(max(count, total), 'face')} {'has' if count == 1 else 'have'}"


def _list_names(some: tuple[str, ...], count: int) -> str:
    more = f" and {count - len(some):,} more" if count > len(some) else ""
    return ", ".join(some) + more
