"""The first schema: collections, images, faces, users, the change log, request tokens, keys."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def row_number_column() -> sa.Column[int]:
    return sa.Column("row", ROW, autoincrement=True, nullable=False)


def upgrade() -> None:
    _service()
    _collections()
    _tags()
    _images()
    _users()
    _faces()
    _thumbnails()
    _changes()
    _tokens()
    _keys()
    service = sa.table(
        "service",
        sa.column("row", sa.Integer),
        sa.column("cursor_key", sa.LargeBinary),
        sa.column("floor", sa.BigInteger),
    )
    op.bulk_insert(service, [{"row": 1, "cursor_key": secrets.token_bytes(32), "floor": 0}])


def _service() -> None:
    op.create_table(
        "service",
        sa.Column("row", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cursor_key", sa.LargeBinary(), nullable=False, comment="signs page tokens"),
        sa.Column("floor", sa.BigInteger(), nullable=False, comment="revision at which new collections begin"),
        sa.PrimaryKeyConstraint("row"),
    )


def _collections() -> None:
    op.create_table(
        "collections",
        row_number_column(),
        sa.Column("collection_id", sa.String(length=255), comment="null: deleted, what it had is being removed"),
        sa.Column("pack", sa.String(length=255), nullable=False),
        sa.Column("contract", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("face_count", sa.BigInteger(), nullable=False),
        sa.Column("user_count", sa.BigInteger(), nullable=False),
        sa.Column("image_count", sa.BigInteger(), nullable=False),
        sa.Column("log_count", sa.BigInteger(), nullable=False, comment="entries of the change log"),
        sa.Column("log_floor", sa.BigInteger(), nullable=False, comment="the log is complete after this revision"),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("collection_id"),
        sqlite_autoincrement=True,
    )


def _tags() -> None:
    op.create_table(
        "tags",
        sa.Column("collection_row", ROW, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["collection_row"], ["collections.row"]),
        sa.PrimaryKeyConstraint("collection_row", "key"),
    )


def _images() -> None:
    op.create_table(
        "images",
        row_number_column(),
        sa.Column("collection_row", ROW, nullable=False),
        sa.Column("image_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("identity", sa.String(length=255), nullable=False, comment="external image id, empty for none"),
        sa.Column("media_type", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("index_model", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["collection_row"], ["collections.row"]),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("digest", "collection_row", "identity", name="images_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("images_by_id", "images", ["collection_row", "image_id"])
    op.create_index("images_by_identity", "images", ["collection_row", "identity"])
    op.create_index("images_by_key", "images", ["collection_row", "key"])


def _users() -> None:
    op.create_table(
        "users",
        row_number_column(),
        sa.Column("collection_row", ROW, nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("face_count", sa.Integer(), nullable=False),
        sa.Column("template", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["collection_row"], ["collections.row"]),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("collection_row", "user_id", name="users_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("users_in_order", "users", ["collection_row", "row"])


def _faces() -> None:
    op.create_table(
        "faces",
        row_number_column(),
        sa.Column("collection_row", ROW, nullable=False),
        sa.Column("image_row", ROW, nullable=False),
        sa.Column("user_row", ROW, nullable=True),
        sa.Column("face_id", sa.String(length=64), nullable=False),
        sa.Column("box_left", sa.Double(), nullable=False),
        sa.Column("box_top", sa.Double(), nullable=False),
        sa.Column("box_width", sa.Double(), nullable=False),
        sa.Column("box_height", sa.Double(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False, comment="landmarks, pose, quality"),
        sa.Column("template", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["collection_row"], ["collections.row"]),
        sa.ForeignKeyConstraint(["image_row"], ["images.row"]),
        sa.ForeignKeyConstraint(["user_row"], ["users.row"]),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("collection_row", "face_id", name="faces_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("faces_by_image", "faces", ["image_row"])
    op.create_index(
        "faces_by_user",
        "faces",
        ["user_row"],
        sqlite_where=sa.text("user_row IS NOT NULL"),
        postgresql_where=sa.text("user_row IS NOT NULL"),
    )
    op.create_index("faces_in_order", "faces", ["collection_row", "row"])


def _thumbnails() -> None:
    op.create_table(
        "thumbnails",
        sa.Column("face_row", ROW, autoincrement=False, nullable=False),
        sa.Column("jpeg", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["face_row"], ["faces.row"]),
        sa.PrimaryKeyConstraint("face_row"),
    )


def _changes() -> None:
    op.create_table(
        "changes",
        sa.Column("collection_row", ROW, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["collection_row"], ["collections.row"]),
        sa.PrimaryKeyConstraint("collection_row", "revision", "kind", "row"),
        sqlite_with_rowid=False,
    )


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("scope", sa.String(length=255), nullable=False),
        sa.Column("token", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=255), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "token"),
    )
    op.create_index("tokens_by_age", "tokens", ["created_at"])


def _keys() -> None:
    op.create_table(
        "keys",
        row_number_column(),
        sa.Column("key_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False, comment="JSON list"),
        sa.Column("collections", sa.Text(), nullable=False, comment="JSON list, empty for all"),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.Column("last_used_at", sa.Double(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("digest"),
        sa.UniqueConstraint("key_id"),
        sqlite_autoincrement=True,
    )
