"""Faces keep what was inferred of them: age, eyes, mouth, further landmarks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    comment = "what was inferred of the face, as JSON, encrypted as templates are; null: nothing"
    op.add_column("faces", sa.Column("attributes", sa.LargeBinary(), nullable=True, comment=comment))
