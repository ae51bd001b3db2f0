"""Keys of videos: of their uploads, and of what is told of faces that belong to no collection.

Where new collections are encrypted, a video without one has a key of its own: random, wrapped under the master key, in
the column of the upload's key and together with it. Without encryption that column has the upload's key alone.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from kenspeckle.catalog.collection_keys import CollectionKeys
from kenspeckle.catalog.tables import video_faces, videos
from kenspeckle.encryption.cipher import KEY_BYTES, PLAIN, Cipher, Content

UPLOAD: Final = "key of video"
_FACES: Final = "faces of video"
_PLAIN: Final = "["
"""Begins JSON of a face, and nothing in base64."""
_BATCH: Final = 1000

_UNBOUND = select(videos.c.row, videos.c.job_id, videos.c.upload_key).where(videos.c.collection_row.is_(None))
_DETAILS = (
    select(video_faces.c.row, video_faces.c.detail)
    .where(video_faces.c.video_row == bindparam("video_row"), video_faces.c.row > bindparam("after"))
    .order_by(video_faces.c.row)
    .limit(_BATCH)
)
_CHANGE = update(video_faces).where(video_faces.c.row == bindparam("at_row")).values(detail=bindparam("stored"))


def seal_key(
    keys: CollectionKeys, row: int | None, job_id: str, upload: bytes | None, before: bytes | None = None
) -> bytes | None:
    """What is stored for the key of an `upload`; `before` is what was stored until now, whose key of faces stays."""
    if row is not None:
        return None if upload is None else keys.of(row).seal(upload, UPLOAD, job_id)
    own = _own(keys, job_id, before)
    if own is None:
        if not keys.new:
            return upload
        own = secrets.token_bytes(KEY_BYTES)
    return keys.wrap(own + (upload or b""), f"{UPLOAD} {job_id}")


def upload_key(keys: CollectionKeys, row: int | None, job_id: str, stored: bytes | None) -> bytes | None:
    """The inverse of `seal_key`."""
    if stored is None:
        return None
    if row is not None:
        return keys.of(row).open(stored, UPLOAD, job_id)
    if len(stored) == KEY_BYTES:
        return stored
    return keys.unwrap(stored, f"{UPLOAD} {job_id}")[KEY_BYTES:] or None


def content_of(keys: CollectionKeys, row: int | None, job_id: str, stored: bytes | None) -> Content:
    """How what is told of this video's faces is stored: with a collection as that of stored faces is, in the clear."""
    own = _own(keys, job_id, stored) if row is None else None
    return PLAIN if own is None else Cipher(own)


def seal_detail(content: Content, job_id: str, detail: str) -> str:
    return b64encode(content.seal(detail.encode(), _FACES, job_id)).decode() if content.encrypts else detail


def open_detail(content: Content, job_id: str, stored: str) -> str:
    """Raises StorageUnavailable."""
    if stored.startswith(_PLAIN):
        return stored
    return content.open(b64decode(stored), _FACES, job_id).decode()


def convert_unbound(keys: CollectionKeys, connection: Connection, *, encrypt: bool) -> None:
    """In one transaction, seal what is told of faces of videos without a collection, or open it."""
    for row, job_id, stored in connection.execute(_UNBOUND).all():
        own = _own(keys, job_id, stored)
        if own is None and encrypt:
            own = secrets.token_bytes(KEY_BYTES)
            wrapped = keys.wrap(own + (stored or b""), f"{UPLOAD} {job_id}")
            connection.execute(update(videos).where(videos.c.row == row).values(upload_key=wrapped))
        if own is None:
            continue
        cipher, after = Cipher(own), 0
        while some := connection.execute(_DETAILS, {"video_row": row, "after": after}).all():
            after = some[-1].row
            changed = [
                {
                    "at_row": one.row,
                    "stored": seal_detail(cipher, job_id, one.detail)
                    if encrypt
                    else open_detail(cipher, job_id, one.detail),
                }
                for one in some
                if one.detail.startswith(_PLAIN) == encrypt
            ]
            if changed:
                connection.execute(_CHANGE, changed)
        if not encrypt:
            upload = upload_key(keys, None, job_id, stored)
            connection.execute(update(videos).where(videos.c.row == row).values(upload_key=upload))


def _own(keys: CollectionKeys, job_id: str, stored: bytes | None) -> bytes | None:
    """The key of the faces of a video without a collection; None where it has none."""
    if stored is None or len(stored) == KEY_BYTES:
        return None
    return keys.unwrap(stored, f"{UPLOAD} {job_id}")[:KEY_BYTES]
