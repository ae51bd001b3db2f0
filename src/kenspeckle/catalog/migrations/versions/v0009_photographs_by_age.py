"""Photographs are found by age, so that retention looks at no others."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_index("images_by_age", "images", ["collection_row", "created_at"])
