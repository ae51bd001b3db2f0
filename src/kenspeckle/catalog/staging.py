"""Templates of another pack beside those in use, until one transaction puts them into their place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import orjson
from sqlalchemy import Connection, and_, bindparam, delete, exists, func, insert, select, update

from kenspeckle.catalog import rows
from kenspeckle.catalog.base import Part, collection_row, find_faces
from kenspeckle.catalog.changes import decrypt_changes, lock_collection, net_changes, renew, state, template_batches
from kenspeckle.catalog.database import each, fetch
from kenspeckle.catalog.jobs import check_claim, unfinished
from kenspeckle.catalog.tables import collections, faces, images, jobs, staged, thumbnails, users
from kenspeckle.catalog.users import set_template
from kenspeckle.domain import Claim, FaceRecord, JobKind, PackInfo, Vector
from kenspeckle.encryption.cipher import FACE
from kenspeckle.ports import Counts, Source, StagedTemplate, Switched, Undescribed

BATCH = 2000
"""Rows of one transaction that removes them."""

MOST_TOLD = 50_000
"""Changes that a switch tells; for more, reading everything again is quicker."""

_here = faces.c.collection_row == bindparam("collection_row")
_SOURCELESS = and_(_here, ~images.c.kept, ~exists().where(thumbnails.c.face_row == faces.c.row))
_SOURCELESS_COUNT = (
    select(func.count()).select_from(faces).join(images, images.c.row == faces.c.image_row).where(_SOURCELESS)
)
_SOURCELESS_SOME = (
    select(faces.c.face_id)
    .join(images, images.c.row == faces.c.image_row)
    .where(_SOURCELESS)
    .order_by(faces.c.row)
    .limit(bindparam("most"))
)
_mine = and_(staged.c.face_row == faces.c.row, staged.c.contract == bindparam("of_contract"))
_UNDESCRIBED = (
    select(*rows.FACE, *rows.IMAGE, faces.c.detail, faces.c.image_row)
    .join(images, images.c.row == faces.c.image_row)
    .outerjoin(users, users.c.row == faces.c.user_row)
    .where(_here, faces.c.row > bindparam("after"), ~exists().where(_mine))
    .order_by(faces.c.row)
    .limit(bindparam("most"))
)
_IMAGE_AT = len(rows.FACE)
_FORGET = delete(staged).where(staged.c.face_row == bindparam("of_face"))
_STAGE = insert(staged)
_COUNTS = (
    select(staged.c.source, func.count())
    .where(staged.c.collection_row == bindparam("collection_row"), staged.c.contract == bindparam("of_contract"))
    .group_by(staged.c.source)
)
_IMPOSSIBLE = (
    select(faces.c.face_id)
    .join(staged, _mine)
    .where(_here, staged.c.template.is_(None))
    .order_by(faces.c.row)
    .limit(bindparam("most"))
)
_STAGED = (
    select(faces.c.row, staged.c.template, faces.c.face_id)
    .join(staged, _mine)
    .where(_here, faces.c.row > bindparam("after"), staged.c.template.is_not(None))
    .order_by(faces.c.row)
    .limit(bindparam("most"))
)
_LEFT = select(faces.c.row).where(_here, ~exists().where(_mine, staged.c.template.is_not(None))).limit(1)
_PUT = (
    update(faces)
    .where(faces.c.collection_row == bindparam("of_row"))
    .values(template=select(staged.c.template).where(staged.c.face_row == faces.c.row).scalar_subquery())
)
_MODEL = update(images).where(images.c.collection_row == bindparam("of_row")).values(index_model=bindparam("model"))
_BELONGS = (
    update(collections)
    .where(collections.c.row == bindparam("of_row"))
    .values(pack=bindparam("to_pack"), contract=bindparam("to_contract"))
)
_USERS = select(users.c.row, users.c.user_id).where(
    users.c.collection_row == bindparam("collection_row"), users.c.template.is_not(None)
)
_MEMBERS = select(faces.c.face_id, faces.c.template).where(faces.c.user_row == bindparam("user")).order_by(faces.c.row)
_SOME = select(staged.c.face_row).where(staged.c.collection_row == bindparam("collection_row")).limit(BATCH)
_REMOVE = delete(staged).where(staged.c.face_row.in_(bindparam("some", expanding=True)))
_UPGRADING = exists().where(
    unfinished, jobs.c.kind == JobKind.UPGRADE.value, jobs.c.collection_id == collections.c.collection_id
)
_ABANDONED = staged.join(collections, collections.c.row == staged.c.collection_row)
_LEFT_OVER = select(staged.c.face_row).select_from(_ABANDONED).where(~_UPGRADING).limit(BATCH)
_LEFT_OVER_COUNT = select(func.count()).select_from(_ABANDONED).where(~_UPGRADING)


class StagedTemplates(Part):
    """Implements `ports.Staging`."""

    def sourceless(self, collection_id: str, limit: int) -> tuple[int, tuple[str, ...]]:
        with self.database.read() as connection:
            here = {"collection_row": collection_row(connection, collection_id)}
            count = int(connection.execute(_SOURCELESS_COUNT, here).scalar_one())
            some = connection.execute(_SOURCELESS_SOME, {**here, "most": limit}).scalars() if count else ()
            return count, tuple(some)

    def find_undescribed(self, collection_id: str, contract: str, after: int, limit: int) -> tuple[Undescribed, ...]:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            asked = {"collection_row": row, "of_contract": contract, "after": after, "most": limit}
            found = connection.execute(_UNDESCRIBED, asked).all()
        content = self.collection_keys.of(row)
        made: list[Undescribed] = []
        for _, group in groupby(found, key=lambda one: one[-1]):
            some = list(group)
            records = []
            for one in some:
                face = rows.face(collection_id, one)
                records.append(FaceRecord(face, rows.detail(face, one[-2])))
            made.append(
                Undescribed(some[-1][0], rows.image(collection_id, some[0][_IMAGE_AT:], content), tuple(records))
            )
        return tuple(made)

    def stage(self, claim: Claim, collection_id: str, contract: str, described: Sequence[StagedTemplate]) -> None:
        with self.database.write() as connection:
            check_claim(connection, claim)
            row = lock_collection(connection, collection_id).row  # no face of it is deleted meanwhile
            content = self.collection_keys.of(row, connection)
            found = find_faces(connection, row, [one.face_id for one in described])
            made = [
                {
                    "face_row": found[one.face_id].row,
                    "collection_row": row,
                    "contract": contract,
                    "source": one.source.value,
                    "template": None
                    if one.template is None
                    else content.seal(rows.pack_vector(one.template), FACE, one.face_id),
                }
                for one in described
                if one.face_id in found
            ]
            each(connection, _FORGET, [{"of_face": one["face_row"]} for one in made])
            each(connection, _STAGE, made)

    def count_staged(self, collection_id: str, contract: str) -> Counts:
        with self.database.read() as connection:
            return _counts(connection, collection_row(connection, collection_id), contract)

    def impossible(self, collection_id: str, contract: str, limit: int) -> tuple[str, ...]:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            asked = {"collection_row": row, "of_contract": contract, "most": limit}
            return tuple(connection.execute(_IMPOSSIBLE, asked).scalars())

    def snapshot_staged(self, collection_id: str, contract: str) -> tuple[int, Iterable[tuple[Sequence[int], Vector]]]:
        batches = self._batches_of_staged(collection_id, contract)
        revision, _ = next(batches)
        return revision, (batch for _, batch in batches)

    def switch(
        self,
        claim: Claim,
        collection_id: str,
        pack: PackInfo,
        combine: Callable[[Sequence[Vector]], Vector],
        result: Callable[[Counts], Mapping[str, object]],
        *,
        since: int | None = None,
    ) -> Switched | None:
        with self.database.write() as connection:
            check_claim(connection, claim)
            locked = lock_collection(connection, collection_id)
            here = {"collection_row": locked.row}
            if connection.execute(_LEFT, {**here, "of_contract": pack.contract}).first() is not None:
                return None
            answer = result(_counts(connection, locked.row, pack.contract))
            connection.execute(_PUT, {"of_row": locked.row})
            connection.execute(_MODEL, {"of_row": locked.row, "model": pack.version})
            self._combine(connection, locked.row, combine)
            _, changed = (0, None) if since is None else net_changes(connection, collection_id, since, MOST_TOLD)
            content = self.collection_keys.of(locked.row, connection)
            changes = None if changed is None else decrypt_changes(changed, content)
            connection.execute(_BELONGS, {"of_row": locked.row, "to_pack": pack.name, "to_contract": pack.contract})
            renew(connection, locked)
            kept = orjson.dumps(answer).decode()
            connection.execute(update(jobs).where(jobs.c.job_id == claim.job_id).values(result=kept))
        return Switched(answer, locked.revision + 1, changes)

    def unstage(self, claim: Claim, collection_id: str) -> None:
        while self._remove(claim, collection_id):
            pass

    def count_left_staged(self) -> int:
        """How many templates are staged for no upgrade."""
        with self.database.read() as connection:
            return int(connection.execute(_LEFT_OVER_COUNT).scalar_one())

    def sweep_staged(self) -> int:
        removed = 0
        while True:
            with self.database.read() as connection:  # most of the time there is none, and a look takes no lock
                if connection.execute(_LEFT_OVER).first() is None:
                    return removed
            with self.database.write() as connection:
                some = connection.execute(_LEFT_OVER).scalars().all()
                connection.execute(_REMOVE, {"some": some})
            removed += len(some)

    def _batches_of_staged(
        self, collection_id: str, contract: str
    ) -> Iterator[tuple[int, tuple[Sequence[int], Vector]]]:
        """(revision, batch), the first batch empty: by then the transaction has begun and sees one state."""
        with self.database.read() as connection:
            row, revision, _ = state(connection, collection_id)
            yield revision, ([], rows.stack(()))
            content = self.collection_keys.of(row, connection)
            asked = {"collection_row": row, "of_contract": contract}
            for batch in template_batches(connection, _STAGED, asked, content, FACE):
                yield revision, batch

    def _remove(self, claim: Claim, collection_id: str) -> bool:
        with self.database.write() as connection:
            check_claim(connection, claim)
            row = collection_row(connection, collection_id)
            some = connection.execute(_SOME, {"collection_row": row}).scalars().all()
            connection.execute(_REMOVE, {"some": some})
        return bool(some)

    def _combine(self, connection: Connection, row: int, combine: Callable[[Sequence[Vector]], Vector]) -> None:
        content = self.collection_keys.of(row, connection)
        for user in connection.execute(_USERS, {"collection_row": row}).all():
            members = [
                rows.vector(content.open(template, FACE, face_id), f"the face {face_id}")
                for face_id, template in fetch(connection, _MEMBERS, {"user": user.row})
            ]
            set_template(connection, user, len(members), combine(members) if members else None, content)


def _counts(connection: Connection, row: int, contract: str) -> Counts:
    found = fetch(connection, _COUNTS, {"collection_row": row, "of_contract": contract})
    return {Source(source): int(count) for source, count in found}
