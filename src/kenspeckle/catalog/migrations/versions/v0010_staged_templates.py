"""Templates of another pack, staged until a collection comes to it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "staged_templates",
        sa.Column("face_row", ROW, autoincrement=False, nullable=False),
        sa.Column("collection_row", ROW, nullable=False),
        sa.Column(
            "contract", sa.String(length=255), nullable=False, comment="of the pack that the collection is to come to"
        ),
        sa.Column("source", sa.String(length=32), nullable=False, comment="what the template was made of"),
        sa.Column("template", sa.LargeBinary(), nullable=True, comment="null: none can be made"),
        sa.ForeignKeyConstraint(["face_row"], ["faces.row"]),
        sa.PrimaryKeyConstraint("face_row"),
    )
    op.create_index("staged_by_collection", "staged_templates", ["collection_row", "contract"])
