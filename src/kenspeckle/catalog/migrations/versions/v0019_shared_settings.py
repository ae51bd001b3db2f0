"""Settings and calibrations that all services on one catalog have alike."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "shared_settings",
        sa.Column("kind", sa.String(length=16), nullable=False, comment="setting or calibration"),
        sa.Column(
            "name",
            sa.String(length=255),
            nullable=False,
            comment="of a setting its name, of a calibration the pack's contract",
        ),
        sa.Column("value", sa.Text(), nullable=False, comment="of a calibration JSON"),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name"),
    )
