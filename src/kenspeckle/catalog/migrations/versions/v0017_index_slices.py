"""Manifests of jobs that index, in slices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "index_slices",
        sa.Column("row", ROW, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("collection_row", ROW, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False, comment="how many"),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column(
            "wanted", sa.Text(), nullable=True, comment="the lines, JSON; null: done, or not to be done any more"
        ),
        sa.Column("results", sa.Text(), nullable=True, comment="JSON, without names; null: not done"),
        sa.Column("owner", sa.String(length=64), nullable=False, comment="the process that works on it"),
        sa.Column("lease_until", sa.Double(), nullable=False, comment="from when on another may take it over"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("job_id", "number", name="index_slices_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("index_slices_due", "index_slices", ["job_id", "done", "number", "lines"])
    op.create_index("index_slices_by_collection", "index_slices", ["collection_row"])
