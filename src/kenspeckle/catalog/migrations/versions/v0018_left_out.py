"""Faces of stored photographs that were left out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column(
        "images",
        sa.Column(
            "left_out",
            sa.Text(),
            nullable=True,
            comment="JSON: what was asked, and the boxes of faces that were not stored; null: none",
        ),
    )
