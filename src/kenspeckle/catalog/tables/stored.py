"""Tables of what collections hold: photographs, faces, users, tags, and the log of changes."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from kenspeckle.catalog.tables.base import Row, metadata, of_collection, row_number_column

service = Table(
    "service",
    metadata,
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("cursor_key", LargeBinary, nullable=False, comment="signs page tokens"),
    Column("floor", BigInteger, nullable=False, comment="revision at which new collections begin"),
)

shared_settings = Table(
    "shared_settings",
    metadata,
    Column("kind", String(16), primary_key=True, comment="setting or calibration"),
    Column(
        "name",
        String(255),
        primary_key=True,
        comment="of a setting its name, of a calibration the pack's contract",
    ),
    Column("value", Text, nullable=False, comment="of a calibration JSON"),
    Column("changed_at", Double, nullable=False),
)

collections = Table(
    "collections",
    metadata,
    row_number_column(),
    Column("collection_id", String(255), unique=True, comment="null: deleted, its contents are being removed"),
    Column("pack", String(255), nullable=False),
    Column("contract", String(255), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("face_count", BigInteger, nullable=False),
    Column("user_count", BigInteger, nullable=False),
    Column("image_count", BigInteger, nullable=False),
    Column("log_count", BigInteger, nullable=False, comment="entries of the change log"),
    Column("log_floor", BigInteger, nullable=False, comment="the log is complete after this revision"),
    Column("retention_days", Integer, comment="null: indefinitely"),
    Column("adopted", BigInteger, comment="faces up to this row have their people; null: all have"),
    sqlite_autoincrement=True,
)

collection_keys = Table(
    "collection_keys",
    metadata,
    Column("collection_row", Row, ForeignKey("collections.row"), primary_key=True, autoincrement=False),
    Column("key_id", String(32), nullable=False, unique=True),
    Column("wrapped", LargeBinary, comment="the key, encrypted under the master key; null: destroyed, or a backup"),
    Column("state", String(16), nullable=False, comment="encrypted, encrypting or decrypting"),
)

tags = Table(
    "tags",
    metadata,
    Column("collection_row", Row, ForeignKey("collections.row"), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("value", Text, nullable=False),
)

images = Table(
    "images",
    metadata,
    row_number_column(),
    of_collection(),
    Column("image_id", String(64), nullable=False),
    Column("key", Text, nullable=False),
    Column("digest", String(64), nullable=False, comment="its name in the image store"),
    Column("identity", String(255), nullable=False, comment="external image id, empty for none"),
    Column("media_type", String(255), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("kept", Boolean, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("index_model", String(255), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("original", LargeBinary, comment="encrypted: the photograph's digest; null: `digest` is it"),
    Column("left_out", Text, comment="JSON: what was asked, and the boxes of faces that were not stored; null: none"),
    UniqueConstraint("digest", "collection_row", "identity", name="images_once"),
    Index("images_by_id", "collection_row", "image_id"),
    Index("images_by_key", "collection_row", "key"),
    Index("images_by_identity", "collection_row", "identity"),
    Index("images_by_age", "collection_row", "created_at"),
    sqlite_autoincrement=True,
)

faceless = Table(
    "faceless",
    metadata,
    row_number_column(),
    of_collection(),
    Column("digest", String(64), nullable=False, comment="the photograph's name in the image store, if it were there"),
    Column("asked", String(64), nullable=False, comment="digest of pack, quality bar and program"),
    Column("reasons", Text, nullable=False, comment="why its faces were refused: JSON list, empty where it had none"),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("collection_row", "digest", name="faceless_once"),
    Index("faceless_by_age", "collection_row", "created_at"),
    sqlite_autoincrement=True,
)

users = Table(
    "users",
    metadata,
    row_number_column(),
    of_collection(),
    Column("user_id", String(255), nullable=False),
    Column("status", String(32), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("face_count", Integer, nullable=False),
    Column("template", LargeBinary),
    UniqueConstraint("collection_row", "user_id", name="users_once"),
    Index("users_in_order", "collection_row", "row"),
    sqlite_autoincrement=True,
)

faces = Table(
    "faces",
    metadata,
    row_number_column(),
    of_collection(),
    Column("image_row", Row, ForeignKey("images.row"), nullable=False),
    Column("user_row", Row, ForeignKey("users.row")),
    Column("face_id", String(64), nullable=False),
    Column("box_left", Double, nullable=False),
    Column("box_top", Double, nullable=False),
    Column("box_width", Double, nullable=False),
    Column("box_height", Double, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("detail", Text, nullable=False, comment="landmarks, pose, quality"),
    Column("template", LargeBinary, nullable=False),
    Column(
        "attributes",
        LargeBinary,
        comment="what was inferred of the face, as JSON, encrypted as templates are; null: nothing",
    ),
    UniqueConstraint("collection_row", "face_id", name="faces_once"),
    Index("faces_in_order", "collection_row", "row"),
    Index("faces_by_image", "image_row"),
    sqlite_autoincrement=True,
)
of_a_user = faces.c.user_row.is_not(None)
faces_by_user = Index("faces_by_user", faces.c.user_row, sqlite_where=of_a_user)

thumbnails = Table(
    "thumbnails",
    metadata,
    Column("face_row", Row, ForeignKey("faces.row"), primary_key=True, autoincrement=False),
    Column("jpeg", LargeBinary, nullable=False),
)

staged = Table(
    "staged_templates",
    metadata,
    Column("face_row", Row, ForeignKey("faces.row"), primary_key=True, autoincrement=False),
    Column("collection_row", Row, nullable=False),
    Column("contract", String(255), nullable=False, comment="of the pack that the collection is to come to"),
    Column("source", String(32), nullable=False, comment="what the template was made of"),
    Column("template", LargeBinary, comment="null: none can be made"),
    Index("staged_by_collection", "collection_row", "contract"),
)

changes = Table(
    "changes",
    metadata,
    Column("collection_row", Row, ForeignKey("collections.row"), primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("row", BigInteger, primary_key=True),
    sqlite_with_rowid=False,
)

tokens = Table(
    "tokens",
    metadata,
    Column("scope", String(255), primary_key=True),
    Column("token", String(255), primary_key=True),
    Column("fingerprint", String(255), nullable=False),
    Column("answer", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("collection_row", Row, comment="number of the collection; null: kept before version 0008"),
    Index("tokens_by_age", "created_at"),
    Index("tokens_by_collection", "collection_row"),
)

removals = Table(
    "removals",
    metadata,
    Column("digest", String(64), primary_key=True, comment="of a photograph whose last face went"),
)
