"""Encrypts existing data of a catalog, or decrypts it, in many short transactions that may be interrupted anywhere.

Converted data can be recognized: an encrypted template has a length that no plain one has, an encrypted thumbnail does
not begin like a JPEG, an image with a keyed name has its digest beside it. A collection's state has the direction of
its conversion, so that no service takes it for finished.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, select, update

from kenspeckle.catalog import collection_keys as collection_keys_
from kenspeckle.catalog.base import find_referenced
from kenspeckle.catalog.faceless import forget_names
from kenspeckle.catalog.photographs import note_removals
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.tables import collection_keys, collections, faces, images, staged, thumbnails, users
from kenspeckle.catalog.video_keys import convert_unbound
from kenspeckle.catalog.videos import forget_templates
from kenspeckle.encryption.cipher import ATTRIBUTES, FACE, THUMBNAIL, USER, VERSION, Cipher
from kenspeckle.errors import StorageUnavailable
from kenspeckle.ports import Pending, StoredImage

BATCH: Final = 2000
"""Rows of one transaction. No other process waits for it, so the number is bounded by memory only."""

_COLLECTIONS = (
    select(
        collections.c.row,
        collections.c.collection_id,
        collection_keys.c.state,
        collections.c.image_count,
        collections.c.face_count,
        collections.c.user_count,
    )
    .select_from(collections)
    .outerjoin(collection_keys, collection_keys.c.collection_row == collections.c.row)
    .where(collections.c.collection_id.is_not(None))
    .order_by(collections.c.row)
)
_IMAGES = (
    select(images.c.row, images.c.image_id, images.c.key, images.c.digest, images.c.original, images.c.kept)
    .where(images.c.collection_row == bindparam("of_row"), images.c.row > bindparam("after"))
    .order_by(images.c.row)
    .limit(bindparam("most"))
)
_RENAME = (
    update(images)
    .where(images.c.row == bindparam("of_row"))
    .values(digest=bindparam("name"), original=bindparam("beside"))
)
_BLOBS = tuple(
    (
        kind,
        select(number, name, blob).where(owner == bindparam("of_row"), number > bindparam("after"), blob.is_not(None))
        if table is not thumbnails
        else select(number, name, blob)
        .join(faces, faces.c.row == number)
        .where(owner == bindparam("of_row"), number > bindparam("after")),
        update(table).where(number == bindparam("at_row")).values({blob.name: bindparam("stored")}),
    )
    for kind, table, number, name, owner, blob in (
        (FACE, faces, faces.c.row, faces.c.face_id, faces.c.collection_row, faces.c.template),
        (THUMBNAIL, thumbnails, thumbnails.c.face_row, faces.c.face_id, faces.c.collection_row, thumbnails.c.jpeg),
        (ATTRIBUTES, faces, faces.c.row, faces.c.face_id, faces.c.collection_row, faces.c.attributes),
        (USER, users, users.c.row, users.c.user_id, users.c.collection_row, users.c.template),
    )
)
_THUMBNAILS = (
    select(func.count())
    .select_from(thumbnails)
    .join(faces, faces.c.row == thumbnails.c.face_row)
    .where(faces.c.collection_row == bindparam("of_row"))
)
_ATTRIBUTES = (
    select(func.count())
    .select_from(faces)
    .where(faces.c.collection_row == bindparam("of_row"), faces.c.attributes.is_not(None))
)
_UNSTAGE = delete(staged).where(staged.c.collection_row == bindparam("of_row"))
_MARK = (
    update(collection_keys).where(collection_keys.c.collection_row == bindparam("of_row")).values(state=bindparam("to"))
)


class Converter(SqlCatalog):
    """Implements `ports.Converting`. Open the catalog with `alone`: no other process may have it open."""

    def pending(self, *, encrypt: bool) -> tuple[Pending, ...]:
        done = collection_keys_.ENCRYPTED if encrypt else None
        found = [one for one in self.database.rows(_COLLECTIONS, {}) if one[2] != done]
        return tuple(
            Pending(row, name, images, faces + users + self._beside(row))
            for row, name, _, images, faces, users in found
        )

    def begin(self, pending: Pending, *, encrypt: bool) -> None:
        with self.database.write() as connection:
            # An upgrade that was under way makes these anew, in the form that the collection has then.
            connection.execute(_UNSTAGE, {"of_row": pending.row})
            forget_templates(connection, pending.row)
            forget_names(connection, pending.row)
            to = collection_keys_.ENCRYPTING if encrypt else collection_keys_.DECRYPTING
            if not connection.execute(_MARK, {"of_row": pending.row, "to": to}).rowcount:
                self.collection_keys.make(connection, pending.row, to)
        self.collection_keys.forget(pending.row)

    def images(self, pending: Pending, after: int, limit: int) -> tuple[StoredImage, ...]:
        cipher = self._cipher(pending)
        found = self.database.rows(_IMAGES, {"of_row": pending.row, "after": after, "most": limit})
        return tuple(
            StoredImage(row, image_id, key, cipher.digest(name, original, image_id) if original else name, name,
                        original is not None, bool(kept))
            for row, image_id, key, name, original, kept in found
        )  # fmt: skip

    def rename(self, pending: Pending, some: Sequence[StoredImage], *, encrypt: bool) -> None:
        cipher = self._cipher(pending)
        with self.database.write() as connection:
            for one in some:
                name = cipher.name(one.digest) if encrypt else one.digest
                beside = cipher.original(one.digest, one.image_id) if encrypt else None
                connection.execute(_RENAME, {"of_row": one.row, "name": name, "beside": beside})
            old = sorted({one.name for one in some if one.kept})
            note_removals(connection, sorted(set(old) - find_referenced(connection, old)))

    def rows(self, pending: Pending, *, encrypt: bool) -> Iterator[int]:
        cipher = self._cipher(pending)
        for kind, found, change in _BLOBS:
            after = 0
            while True:
                with self.database.write() as connection:
                    some = connection.execute(
                        found.order_by(found.selected_columns[0]).limit(BATCH),
                        {"of_row": pending.row, "after": after},
                    ).all()
                    changed = [
                        {
                            "at_row": row,
                            "stored": cipher.seal(blob, kind, name) if encrypt else cipher.open(blob, kind, name),
                        }
                        for row, name, blob in some
                        if _is_encrypted(kind, blob) != encrypt
                    ]
                    if changed:
                        connection.execute(change, changed)
                if not some:
                    break
                after = some[-1][0]
                yield len(some)

    def finish(self, pending: Pending, *, encrypt: bool) -> None:
        with self.database.write() as connection:
            if encrypt:
                connection.execute(_MARK, {"of_row": pending.row, "to": collection_keys_.ENCRYPTED})
            else:
                self.collection_keys.drop(connection, pending.row)
        self.collection_keys.forget(pending.row)

    def videos(self, *, encrypt: bool) -> None:
        with self.database.write() as connection:
            convert_unbound(self.collection_keys, connection, encrypt=encrypt)

    def _cipher(self, pending: Pending) -> Cipher:
        content: Any = self.collection_keys.of(pending.row)
        if not isinstance(content, Cipher):
            raise StorageUnavailable(f"Collection '{pending.collection_id}' has no key: its conversion was not begun.")
        return content

    def _beside(self, row: int) -> int:
        """Thumbnails, and faces of which something was inferred."""
        return sum(int(self.database.rows(one, {"of_row": row})[0][0]) for one in (_THUMBNAILS, _ATTRIBUTES))


def _is_encrypted(kind: str, blob: bytes) -> bool:
    """Whether a stored template (4 bytes a component), thumbnail (a JPEG) or JSON of attributes is encrypted."""
    return blob[:1] == VERSION and (kind in (THUMBNAIL, ATTRIBUTES) or len(blob) % 4 == 1)
