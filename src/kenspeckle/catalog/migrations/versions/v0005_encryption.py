"""Keys of encrypted collections, and the digests of photographs whose names are made with a key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "collection_keys",
        sa.Column("collection_row", ROW, autoincrement=False, nullable=False),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column(
            "wrapped",
            sa.LargeBinary(),
            nullable=True,
            comment="the key, encrypted under the master key; null: destroyed, or a backup",
        ),
        sa.Column("state", sa.String(length=16), nullable=False, comment="encrypted, encrypting or decrypting"),
        sa.ForeignKeyConstraint(["collection_row"], ["collections.row"]),
        sa.PrimaryKeyConstraint("collection_row"),
        sa.UniqueConstraint("key_id"),
    )
    op.add_column(
        "images",
        sa.Column(
            "original",
            sa.LargeBinary(),
            nullable=True,
            comment="encrypted: the photograph's digest; null: `digest` is it",
        ),
    )
