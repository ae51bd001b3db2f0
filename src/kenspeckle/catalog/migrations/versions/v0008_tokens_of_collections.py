"""Remembered answers belong to a collection, and go with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column(
        "tokens",
        sa.Column(
            "collection_row",
            ROW,
            nullable=True,
            comment="number of the collection; null: kept before version 0008",
        ),
    )
    op.create_index("tokens_by_collection", "tokens", ["collection_row"])
