"""Receipts of erasure, kept so that a pending one is completed later."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "receipts",
        sa.Column("row", ROW, autoincrement=True, nullable=False),
        sa.Column("receipt_id", sa.String(length=64), nullable=False),
        sa.Column("collection_id", sa.String(length=255), nullable=False),
        sa.Column("erased", sa.String(length=16), nullable=False, comment="what was erased"),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column(
            "completed_at", sa.Double(), nullable=True, comment="null: bytes of what was erased may be left in files"
        ),
        sa.Column("content", sa.Text(), nullable=False, comment="JSON"),
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("receipt_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("receipts_by_end", "receipts", ["completed_at"])
