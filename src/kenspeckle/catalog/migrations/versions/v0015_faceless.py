"""Photographs without a face to store are remembered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "faceless",
        sa.Column("row", ROW, autoincrement=True, nullable=False),
        sa.Column("collection_row", ROW, nullable=False),
        sa.Column(
            "digest",
            sa.String(length=64),
            nullable=False,
            comment="the photograph's name in the image store, if it were there",
        ),
        sa.Column("asked", sa.String(length=64), nullable=False, comment="digest of pack, quality bar and program"),
        sa.Column(
            "reasons",
            sa.Text(),
            nullable=False,
            comment="why its faces were refused: JSON list, empty where it had none",
        ),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["collection_row"], ["collections.row"]),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("collection_row", "digest", name="faceless_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("faceless_by_age", "faceless", ["collection_row", "created_at"])
