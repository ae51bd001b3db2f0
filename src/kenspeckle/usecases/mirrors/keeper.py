"""The steps of keeping a mirror: begun, filled, compared, brought up to date.

Each is short, may be repeated, and holds a lock in the catalog: no two processes write to one mirror at once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from kenspeckle.domain import Vector
from kenspeckle.domain.template_digest import digest
from kenspeckle.ports import (
    Catalog,
    Change,
    Mirror,
    MirrorBounds,
    Mirrored,
    MirrorLost,
    Mirrors,
    MirrorState,
    VectorStore,
)

BATCH = 4000
"""Faces of a step: 2 MB of templates at 128 dimensions."""

MOST_CHANGES = 100_000
"""As many as a change log keeps."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing some rows found and mended: `wrong` are rows that were missing, other ones or too many."""

    after: int
    done: bool
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class Keeper:
    """Keeps the mirrors of one catalog at one vector database."""

    catalog: Catalog
    mirrors: Mirrors
    store: VectorStore
    bounds: MirrorBounds

    def begin(self, collection: Mirrored, dimension: int) -> Mirror:
        """An empty mirror that is being built, or the one that somebody has begun."""
        with self._hold(collection.collection_row):
            now = self.mirrors.describe_mirrored(collection.collection_id)
            mirror = now.building(self.store.place)
            if mirror is None:
                mirror = self.mirrors.add_mirror(
                    Mirror(
                        row=0,
                        collection_row=now.collection_row,
                        collection_id=now.collection_id,
                        place=self.store.place,
                        name=f"kenspeckle_{secrets.token_hex(12)}",
                        contract=now.contract,
                        dimension=dimension,
                        since=now.revision,
                    )
                )
            try:
                self.store.create(mirror.name, dimension)
            except MirrorLost:
                self.mirrors.remove_mirror(mirror.row)
                raise
            return mirror

    def fill(self, mirror: Mirror, *, fresh: bool) -> Mirror | None:
        """Store the next faces in a mirror that is being built; None where there are no more. `fresh`: none of them can
        be there. Raises CollectionNotFound."""
        with self._hold(mirror.collection_row):
            rows, templates = self.mirrors.templates_after(mirror.collection_id, mirror.after, BATCH)
            if not rows:
                return None
            self.store.put(mirror.name, rows, templates, fresh=fresh)
            filled = replace(mirror, after=rows[-1], faces=mirror.faces + len(rows))
            self.mirrors.save_mirror(filled)
            return filled

    def catch_up(self, mirror: Mirror) -> Mirror | None:
        """Replay what has changed since the mirror's state, or since it was begun, and make it ready. None where the
        change log does not reach back so far. Raises CollectionNotFound."""
        with self._hold(mirror.collection_row):
            found = self._now(mirror)
            if found is None:
                return mirror
            collection, mirror = found
            since = mirror.revision if mirror.state is MirrorState.READY else mirror.since
            changes = self.catalog.changes(mirror.collection_id, since, MOST_CHANGES)
            if changes is None:
                return None
            upto = max([collection.revision, *(one.revision for one in changes)])
            if mirror.state is MirrorState.READY and upto == mirror.revision:
                return mirror
            faces = [one for one in changes if one.kind == "face"]
            self.mirrors.save_mirror(replace(mirror, target=upto))
            removed = self._replay(mirror, faces)
            self.store.mark(mirror.name, upto)
            clean = not removed and mirror.compacted == mirror.revision
            done = replace(
                mirror,
                state=MirrorState.READY,
                after=0,
                revision=upto,
                target=upto,
                stamp=self.store.now(),
                faces=collection.faces,
                compacted=upto if clean else mirror.compacted,
            )
            self.mirrors.save_mirror(done)
            return done

    def restart(self, mirror: Mirror) -> Mirror:
        """Begin to compare it from its first row on. Raises CollectionNotFound."""
        with self._hold(mirror.collection_row):
            collection = self.mirrors.describe_mirrored(mirror.collection_id)
            begun = replace(mirror, after=0, since=collection.revision)
            self.mirrors.save_mirror(begun)
            return begun

    def compare(self, mirror: Mirror, after: int) -> Compared:
        """Compare the next faces with the catalog, and put right what differs. Raises CollectionNotFound."""
        with self._hold(mirror.collection_row):
            found = self._now(mirror)
            if found is None:
                return Compared(after, done=True)
            _, mirror = found
            rows, templates = self.mirrors.templates_after(mirror.collection_id, after, BATCH)
            upto = rows[-1] if len(rows) == BATCH else None
            there = self.store.digests(mirror.name, after, upto)
            if there is None:
                self.store.remove_between(mirror.name, after, upto)
                there = {}
            wanted = {row: digest(template) for row, template in zip(rows, templates, strict=True)}
            extra = [row for row in there if row not in wanted]
            other = [number for number, row in enumerate(rows) if there.get(row) != wanted[row]]
            self.store.remove(mirror.name, extra)
            if other:
                self.store.put(mirror.name, [rows[number] for number in other], templates[other])
            wrong = {*extra, *(rows[number] for number in other)}
            if wrong and mirror.state is MirrorState.READY:
                # What it can't have yet is not wrong.
                newer = self.catalog.changes(mirror.collection_id, mirror.revision, MOST_CHANGES) or ()
                wrong -= {one.row for one in newer}
            last = rows[-1] if rows else after
            self.mirrors.save_mirror(replace(mirror, after=0 if upto is None else last))
            return Compared(last, upto is None, len(wrong))

    def leave(self, mirror: Mirror) -> None:
        """The mirror is to be removed; nothing searches it from now on."""
        self.mirrors.save_mirror(replace(mirror, state=MirrorState.LEAVING))

    def drop(self, mirror: Mirror) -> None:
        """Remove it there, then from the catalog."""
        with self._hold(mirror.collection_row):
            self.store.drop(mirror.name)
            self.mirrors.remove_mirror(mirror.row)

    def set_compacted(self, mirror: Mirror, revision: int) -> None:
        """Note that what was deleted up to this revision is removed from the files there."""
        with self._hold(mirror.collection_row):
            found = self._now(mirror)
            if found is not None:
                now = found[1]
                self.mirrors.save_mirror(replace(now, compacted=max(now.compacted, revision)))

    def _now(self, mirror: Mirror) -> tuple[Mirrored, Mirror] | None:
        """The collection and this mirror as they are now; None where the mirror is gone, or to go."""
        collection = self.mirrors.describe_mirrored(mirror.collection_id)
        for one in collection.mirrors:
            if one.row == mirror.row and one.state is not MirrorState.LEAVING:
                return collection, one
        return None

    def _replay(self, mirror: Mirror, changes: Sequence[Change]) -> int:
        """How many were removed."""
        removed = [one.row for one in changes if one.template is None]
        self.store.remove(mirror.name, removed)
        put: Mapping[int, Vector] = {one.row: one.template for one in changes if one.template is not None}
        rows = sorted(put)
        for start in range(0, len(rows), BATCH):
            some = rows[start : start + BATCH]
            self.store.put(mirror.name, some, np.stack([put[row] for row in some]))
        return len(removed)

    @contextmanager
    def _hold(self, collection_row: int) -> Iterator[None]:
        """Raises StorageUnavailable where another process has it for too long."""
        name = hashlib.sha256(f"mirror {collection_row}".encode()).hexdigest()
        with self.catalog.lock([name]):
            yield
