"""The keys of collections: made with a collection, kept wrapped under the master key, destroyed with it.

A collection with a key is encrypted, one without is not; that never changes while a process has the catalog open
(`encrypt.py` needs exclusive use), and numbers of collections are never used twice, so what was read of a collection's
key stays valid.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from kenspeckle.catalog.database import Database, fetch
from kenspeckle.catalog.tables import collection_keys, collections, service
from kenspeckle.encryption.cipher import KEY_BYTES, PLAIN, Cipher, Content
from kenspeckle.encryption.master_key import WrongMasterKey
from kenspeckle.errors import CollectionNotFound, SettingError, StorageUnavailable
from kenspeckle.ports import Encryption, Keyring, Sealer

ENCRYPTING: Final = "encrypting"
DECRYPTING: Final = "decrypting"
ENCRYPTED: Final = "encrypted"
"""States of a collection that has a key."""

NAMED: Final = 5

_STATES = (
    select(collections.c.collection_id, collection_keys.c.state)
    .select_from(collections)
    .outerjoin(collection_keys, collection_keys.c.collection_row == collections.c.row)
    .where(collections.c.collection_id.is_not(None))
    .order_by(collections.c.row)
)
_KEY = (
    select(collections.c.collection_id, collection_keys.c.key_id, collection_keys.c.wrapped)
    .select_from(collections)
    .outerjoin(collection_keys, collection_keys.c.collection_row == collections.c.row)
    .where(collections.c.row == bindparam("collection_row"))
)
_FIRST = (
    select(collection_keys.c.key_id, collection_keys.c.wrapped).where(collection_keys.c.wrapped.is_not(None)).limit(1)
)
_WRAPPED = (
    select(collection_keys.c.key_id, collection_keys.c.wrapped)
    .join(collections, collections.c.row == collection_keys.c.collection_row)
    .where(collection_keys.c.wrapped.is_not(None), collections.c.collection_id.is_not(None))
)
_HELD = select(collection_keys.c.collection_row).where(
    collection_keys.c.collection_row.in_(bindparam("some", expanding=True)), collection_keys.c.wrapped.is_not(None)
)
_DESTROY = update(collection_keys).where(collection_keys.c.collection_row == bindparam("of_row")).values(wrapped=None)


class CollectionKeys:
    """Keys of the collections in one database. `master` wraps and unwraps them (None: no encrypted collection can be
    read or created); `new` says whether new collections are encrypted."""

    def __init__(self, database: Database, master: Sealer | None = None, *, new: bool = False) -> None:
        self._database = database
        self._master = master
        self._new = new
        self._known: dict[int, Content] = {}

    @property
    def new(self) -> bool:
        """Whether new collections are encrypted."""
        return self._new

    def wrap(self, key: bytes, context: str) -> bytes:
        """A key of something that belongs to no collection, encrypted under the master key."""
        return self._wrapping().seal(key, context)

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """Raises StorageUnavailable."""
        return self._wrapping().unseal(wrapped, context)

    def of(self, collection_row: int, connection: Connection | None = None) -> Content:
        """How this collection's data is stored. A transaction gives its `connection`, so that it needs no other one to
        come to its end. Raises CollectionNotFound where it was deleted meanwhile,
        StorageUnavailable where its key is not available."""
        known = self._known.get(collection_row)
        if known is None:
            asked = {"collection_row": collection_row}
            found = self._database.rows(_KEY, asked) if connection is None else fetch(connection, _KEY, asked)
            if not found or found[0][0] is None:
                raise CollectionNotFound("The collection was deleted meanwhile.", field="collection_id")
            known = self._known[collection_row] = self._content(*found[0])
        return known

    def begin(self, connection: Connection, collection_row: int) -> None:
        """In the transaction that creates a collection: make its key, where new ones are encrypted."""
        if self._new:
            self.make(connection, collection_row, ENCRYPTED)

    def make(self, connection: Connection, collection_row: int, state: str) -> None:
        """A key for a collection that has none."""
        key_id, key = secrets.token_hex(16), secrets.token_bytes(KEY_BYTES)
        wrapped = self._wrapping().seal(key, _context(key_id))
        values = {"collection_row": collection_row, "key_id": key_id, "wrapped": wrapped, "state": state}
        connection.execute(insert(collection_keys), values)

    def destroy(self, connection: Connection, collection_row: int) -> None:
        """In the transaction that deletes a collection: destroy its key, so that its data can't be decrypted from the
        commit on."""
        connection.execute(_DESTROY, {"of_row": collection_row})

    def drop(self, connection: Connection, collection_row: int) -> None:
        """Delete the key of a collection that was decrypted."""
        connection.execute(delete(collection_keys).where(collection_keys.c.collection_row == collection_row))
        self.forget(collection_row)

    def drop_deleted_keys(self) -> None:
        """Drop keys from memory whose collections another process has deleted."""
        held = [row for row, content in list(self._known.items()) if content.encrypts]
        for start in range(0, len(held), 1000):
            some = held[start : start + 1000]
            with self._database.read() as connection:
                there = set(connection.execute(_HELD, {"some": some}).scalars())
            for row in set(some) - there:
                self.forget(row)

    def forget(self, collection_row: int) -> None:
        """Drop this collection's key from memory."""
        self._known.pop(collection_row, None)

    def check(self) -> None:
        """Check that the master key is the one that keys were wrapped under. Raises StorageUnavailable,
        SettingError."""
        if self._master is not None and (first := self._database.rows(_FIRST, {})):
            self._unwrap("", *first[0])

    def require(self, encryption: bool) -> None:
        """Check that all collections are as the setting ENCRYPTION says. Raises SettingError, StorageUnavailable."""
        now = self.encryption()
        if now.halfway:
            command = "encrypt" if now.halfway[0][1] == ENCRYPTING else "decrypt"
            raise StorageUnavailable(
                f"`kenspeckle {command}` was interrupted: {_name_all([name for name, _ in now.halfway])} half "
                f"encrypted. Run `kenspeckle {command}` again; it goes on where it was."
            )
        if encryption and now.plain:
            raise SettingError(
                f"KENSPECKLE_ENCRYPTION is on, but {_name_all(now.plain)} not encrypted. Run `kenspeckle encrypt` "
                "once, with the service stopped.",
                field="encryption",
            )
        if now.encrypted and not encryption:
            raise SettingError(
                f"KENSPECKLE_ENCRYPTION is off, but {_name_all(now.encrypted)} encrypted. Set it to on, or run "
                "`kenspeckle decrypt` once, with the service stopped.",
                field="encryption",
            )

    def encryption(self) -> Encryption:
        """Which collections are encrypted."""
        states = self._database.rows(_STATES, {})
        return Encryption(
            encrypted=tuple(name for name, state in states if state == ENCRYPTED),
            plain=tuple(name for name, state in states if state is None),
            halfway=tuple((name, state) for name, state in states if state not in (None, ENCRYPTED)),
        )

    def _content(self, collection_id: str, key_id: str | None, wrapped: bytes | None) -> Content:
        if key_id is None:
            return PLAIN
        if wrapped is None:
            raise StorageUnavailable(
                f"The key of collection '{collection_id}' is not here: this is a backup's catalog without its keyring. "
                "`kenspeckle restore` puts it in."
            )
        return Cipher(self._unwrap(collection_id, key_id, wrapped))

    def _unwrap(self, collection_id: str, key_id: str, wrapped: bytes) -> bytes:
        what = f"Collection '{collection_id}' is" if collection_id else "Collections are"
        try:
            return self._wrapping().unseal(wrapped, _context(key_id))
        except WrongMasterKey as error:
            raise StorageUnavailable(
                f"{what} encrypted under another master key than this one, or the catalog was altered. Give the right "
                "one: KENSPECKLE_MASTER_KEY, KENSPECKLE_MASTER_KEY_FILE or KENSPECKLE_MASTER_KEY_KMS."
            ) from error
        except StorageUnavailable as error:
            raise StorageUnavailable(f"{what} encrypted, and the master key is unavailable. {error.message}") from error

    def _wrapping(self) -> Sealer:
        if self._master is None:
            raise StorageUnavailable("Encrypted collections need the master key, with which this was not opened.")
        return self._master


def keyring(connection: Connection) -> Keyring:
    """The wrapped keys of all collections that are there."""
    cursor_key = connection.execute(select(service.c.cursor_key)).scalar_one()
    there = connection.execute(_WRAPPED).all()
    return Keyring(instance_of(bytes(cursor_key)), {key_id: bytes(wrapped) for key_id, wrapped in there})


def instance_of(cursor_key: bytes) -> str:
    """A digest that no two services share and that does not reveal its source."""
    return hashlib.sha256(b"kenspeckle instance, 1" + cursor_key).hexdigest()[:32]


def _context(key_id: str) -> str:
    return f"collection key {key_id}"


def _name_all(names: Sequence[Any]) -> str:
    shown = ", ".join(f"'{one}'" for one in names[:NAMED])
    if len(names) > NAMED:
        return f"{shown} and {len(names) - NAMED:,} more collections are"
    return f"the collection {shown} is" if len(names) == 1 else f"the collections {shown} are"
