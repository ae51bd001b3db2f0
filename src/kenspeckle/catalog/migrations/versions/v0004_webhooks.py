"""Webhooks: endpoints, the outbox of messages to them, and which faces a message that is kept names."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("row", NUMBER, autoincrement=True, nullable=False),
        sa.Column("webhook_id", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False, comment="JSON list"),
        sa.Column("collections", sa.Text(), nullable=False, comment="JSON list, empty for all"),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("disabled_at", sa.Double(), nullable=True),
        sa.Column("disabled_reason", sa.Text(), nullable=False),
        sa.Column("failing_since", sa.Double(), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=False, comment="sealed under the master key"),
        sa.Column("old_secret", sa.LargeBinary(), nullable=True),
        sa.Column(
            "old_until", sa.Double(), nullable=True, comment="up to when messages are signed with the old secret too"
        ),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("webhook_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "deliveries",
        sa.Column("row", NUMBER, autoincrement=True, nullable=False),
        sa.Column("webhook_row", NUMBER, nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("collection_id", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False, comment="while one is sending: when another may"),
        sa.Column("payload", sa.Text(), nullable=True, comment="null once it is delivered, or a face of it was erased"),
        sa.Column("last_at", sa.Double(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["webhook_row"], ["webhooks.row"]),
        sa.PrimaryKeyConstraint("row"),
        sqlite_autoincrement=True,
    )
    op.create_index("deliveries_due", "deliveries", ["webhook_row", "state", "due_at"])
    op.create_index("deliveries_in_order", "deliveries", ["webhook_row", "row"])
    op.create_index("deliveries_by_age", "deliveries", ["created_at"])
    op.create_table(
        "delivery_faces",
        sa.Column("delivery_row", NUMBER, autoincrement=False, nullable=False),
        sa.Column("face_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["delivery_row"], ["deliveries.row"]),
        sa.PrimaryKeyConstraint("delivery_row", "face_id"),
    )
    op.create_index("delivery_faces_by_face", "delivery_faces", ["face_id"])
