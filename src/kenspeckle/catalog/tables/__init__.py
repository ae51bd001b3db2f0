"""The catalog's tables. The migrations of an empty database give exactly these tables; a test compares the two.

Portable to SQLite and PostgreSQL. Row numbers are never used twice: an index may refer to one long after the row was
deleted. Templates are float32, little-endian; times are seconds since the epoch; mappings are JSON text. Templates and
thumbnails of a collection that has a key are encrypted (`cipher.py`).
"""

from __future__ import annotations

from kenspeckle.catalog.tables.access import audit, audit_head, keys, receipts, usage
from kenspeckle.catalog.tables.base import metadata
from kenspeckle.catalog.tables.footage import video_faces, video_matches, video_tracks, videos
from kenspeckle.catalog.tables.naming import (
    apart,
    dismissed,
    identities,
    members,
    partial_for,
    people,
    undo,
)
from kenspeckle.catalog.tables.stored import (
    changes,
    collection_keys,
    collections,
    faceless,
    faces,
    images,
    removals,
    service,
    shared_settings,
    staged,
    tags,
    thumbnails,
    tokens,
    users,
)
from kenspeckle.catalog.tables.work import (
    deliveries,
    delivery_faces,
    index_slices,
    jobs,
    mirrors,
    webhooks,
)

__all__ = [
    "apart",
    "audit",
    "audit_head",
    "changes",
    "collection_keys",
    "collections",
    "deliveries",
    "delivery_faces",
    "dismissed",
    "faceless",
    "faces",
    "identities",
    "images",
    "index_slices",
    "jobs",
    "keys",
    "members",
    "metadata",
    "mirrors",
    "partial_for",
    "people",
    "receipts",
    "removals",
    "service",
    "shared_settings",
    "staged",
    "tags",
    "thumbnails",
    "tokens",
    "undo",
    "usage",
    "users",
    "video_faces",
    "video_matches",
    "video_tracks",
    "videos",
    "webhooks",
]
