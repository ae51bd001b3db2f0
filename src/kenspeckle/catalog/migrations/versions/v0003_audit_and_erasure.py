"""The audit trail, photographs that are still to be removed, and how long a collection keeps faces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kenspeckle.catalog.audit_guards import guards

revision = "0003"
down_revision = "0002"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("operation", sa.String(length=255), nullable=False),
        sa.Column("outcome", sa.String(length=255), nullable=False),
        sa.Column("who", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("request_id", sa.String(length=255), nullable=False),
        sa.Column("address", sa.String(length=255), nullable=False),
        sa.Column("collection_id", sa.String(length=255), nullable=True),
        sa.Column("face_count", sa.BigInteger(), nullable=False),
        sa.Column("faces", sa.Text(), nullable=False, comment="JSON list of face ids"),
        sa.Column("facts", sa.Text(), nullable=False, comment="JSON"),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    head = op.create_table(
        "audit_head",
        sa.Column("row", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=False, comment="newest row that was removed by age"),
        sa.Column("floor_hash", sa.LargeBinary(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("row"),
    )
    nothing = bytes(32)
    op.bulk_insert(head, [{"row": 1, "number": 0, "hash": nothing, "floor": 0, "floor_hash": nothing, "seal": b""}])
    for guard in guards(op.get_bind().dialect.name):
        op.execute(guard)
    op.create_table(
        "removals",
        sa.Column("digest", sa.String(length=64), nullable=False, comment="of a photograph whose last face went"),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.add_column("collections", sa.Column("retention_days", sa.Integer(), nullable=True, comment="null: for good"))
