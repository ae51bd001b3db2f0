"""Usage plans: rate, burst and quota of each key, and how much of its quota is used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # Keys that exist stay without limits: an upgrade throttles nobody.
    op.add_column("keys", sa.Column("rate", sa.Double(), nullable=True, comment="requests a second, null for any"))
    op.add_column("keys", sa.Column("burst", sa.BigInteger(), nullable=True))
    op.add_column("keys", sa.Column("quota", sa.BigInteger(), nullable=True, comment="requests a period, null for any"))
    op.add_column("keys", sa.Column("period", sa.String(length=8), nullable=True, comment="day, week or month"))
    op.create_table(
        "usage",
        sa.Column("key_id", sa.String(length=255), nullable=False),
        sa.Column("period", sa.String(length=8), nullable=False),
        sa.Column("began", sa.BigInteger(), autoincrement=False, nullable=False, comment="first second of the period"),
        sa.Column("writer", sa.String(length=32), nullable=False, comment="the process that counted"),
        sa.Column("used", sa.BigInteger(), nullable=False, comment="requests that this process took"),
        sa.ForeignKeyConstraint(["key_id"], ["keys.key_id"]),
        sa.PrimaryKeyConstraint("key_id", "period", "began", "writer"),
    )
