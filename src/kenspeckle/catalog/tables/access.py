"""Tables of keys, what they have used, the audit trail and receipts of erasure."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from kenspeckle.catalog.tables.base import Row, metadata, row_number_column

keys = Table(
    "keys",
    metadata,
    row_number_column(),
    Column("key_id", String(255), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("scopes", Text, nullable=False, comment="JSON list"),
    Column("collections", Text, nullable=False, comment="JSON list, empty for all"),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("revoked_at", Double),
    Column("last_used_at", Double),
    Column("digest", String(64), unique=True),
    Column("sealed", LargeBinary),
    Column("rate", Double, comment="requests a second, null for any"),
    Column("burst", BigInteger),
    Column("quota", BigInteger, comment="requests a period, null for any"),
    Column("period", String(8), comment="day, week or month"),
    Column("replaces", String(255), comment="id of the key that it was rotated from"),
    sqlite_autoincrement=True,
)

usage = Table(
    "usage",
    metadata,
    Column("key_id", String(255), ForeignKey("keys.key_id"), primary_key=True),
    Column("period", String(8), primary_key=True),
    Column("began", BigInteger, primary_key=True, autoincrement=False, comment="first second of the period"),
    Column("writer", String(32), primary_key=True, comment="the process that counted"),
    Column("used", BigInteger, nullable=False, comment="requests that this process took"),
)

audit = Table(
    "audit",
    metadata,
    Column("number", Row, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("operation", String(255), nullable=False),
    Column("outcome", String(255), nullable=False),
    Column("who", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("request_id", String(255), nullable=False),
    Column("address", String(255), nullable=False),
    Column("collection_id", String(255)),
    Column("face_count", BigInteger, nullable=False),
    Column("faces", Text, nullable=False, comment="JSON list of face ids"),
    Column("facts", Text, nullable=False, comment="JSON"),
    Column("hash", LargeBinary, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("floor", BigInteger, nullable=False, comment="newest row that was removed by age"),
    Column("floor_hash", LargeBinary, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)

receipts = Table(
    "receipts",
    metadata,
    row_number_column(),
    Column("receipt_id", String(64), nullable=False, unique=True),
    Column("collection_id", String(255), nullable=False),
    Column("erased", String(16), nullable=False, comment="what was erased"),
    Column("created_at", Double, nullable=False),
    Column("completed_at", Double, comment="null: bytes of what was erased may be left in files"),
    Column("content", Text, nullable=False, comment="JSON"),
    Column("public_key", String(64), nullable=False),
    Column("signature", String(128), nullable=False),
    Index("receipts_by_end", "completed_at"),
    sqlite_autoincrement=True,
)
