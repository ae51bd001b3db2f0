"""Mirrors of collections in a vector database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "mirrors",
        sa.Column("row", ROW, autoincrement=True, nullable=False),
        sa.Column(
            "collection_row", ROW, nullable=False, comment="stays when the collection goes, until it is removed there"
        ),
        sa.Column("collection_id", sa.String(length=255), nullable=False),
        sa.Column("place", sa.String(length=255), nullable=False, comment="the vector database"),
        sa.Column("name", sa.String(length=255), nullable=False, comment="its name there"),
        sa.Column("contract", sa.String(length=255), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False, comment="revision from which on changes are replayed"),
        sa.Column("after", sa.BigInteger(), nullable=False, comment="rows up to this one were read"),
        sa.Column("revision", sa.BigInteger(), nullable=False, comment="that it holds"),
        sa.Column("target", sa.BigInteger(), nullable=False, comment="revision that it is being brought to"),
        sa.Column("compacted", sa.BigInteger(), nullable=False, comment="revision up to which its files are clean"),
        sa.Column("stamp", sa.BigInteger(), nullable=False, comment="time of the vector database"),
        sa.Column("faces", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row"),
        sqlite_autoincrement=True,
    )
    op.create_index("mirrors_by_collection", "mirrors", ["collection_row"])
