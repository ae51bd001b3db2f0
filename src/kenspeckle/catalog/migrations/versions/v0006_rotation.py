"""Keys know whose place they took by rotation, so that what was used of a quota stays used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column(
        "keys",
        sa.Column("replaces", sa.String(length=255), nullable=True, comment="id of the key that it was rotated from"),
    )
