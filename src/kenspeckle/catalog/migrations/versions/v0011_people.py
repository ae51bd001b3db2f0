"""People: faces that belong together, with names of their own. Faces that are there already come to their people in
steps (`People.adopt`), so that a large catalog opens at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column(
        "collections",
        sa.Column("adopted", sa.BigInteger(), comment="faces up to this row have their people; null: all have"),
    )
    op.execute("UPDATE collections SET adopted = 0")
    op.create_table(
        "people",
        sa.Column("row", ROW, autoincrement=True, nullable=False),
        sa.Column("collection_row", ROW, nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False, comment="person, or a group without a name"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False, comment="what names are sorted and searched by"),
        sa.Column("given", sa.Boolean(), nullable=False, comment="the name was given, not made of an identity"),
        sa.Column("takes", sa.Boolean(), nullable=False, comment="faces without a name that fit come to it"),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("user_row", ROW, nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["collection_row"], ["collections.row"]),
        sa.ForeignKeyConstraint(["user_row"], ["users.row"]),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("collection_row", "person_id", name="people_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("people_by_name", "people", ["collection_row", "kind", "name_key", "row"])
    given = sa.text("user_row IS NOT NULL")
    op.create_index("people_by_user", "people", ["user_row"], sqlite_where=given, postgresql_where=given)
    op.create_table(
        "identities",
        sa.Column("collection_row", ROW, nullable=False),
        sa.Column("identity", sa.String(length=255), nullable=False, comment="external image id"),
        sa.Column("person_row", ROW, nullable=False),
        sa.ForeignKeyConstraint(["collection_row"], ["collections.row"]),
        sa.ForeignKeyConstraint(["person_row"], ["people.row"]),
        sa.PrimaryKeyConstraint("collection_row", "identity"),
    )
    op.create_index("identities_by_person", "identities", ["person_row"])
    op.create_table(
        "members",
        sa.Column("face_row", ROW, autoincrement=False, nullable=False),
        sa.Column("person_row", ROW, nullable=False),
        sa.Column("score", sa.Double(), nullable=False, comment="how good a picture it is; the best is the cover"),
        sa.ForeignKeyConstraint(["face_row"], ["faces.row"]),
        sa.ForeignKeyConstraint(["person_row"], ["people.row"]),
        sa.PrimaryKeyConstraint("face_row"),
    )
    op.create_index("members_by_person", "members", ["person_row", "face_row", "score"])
    op.create_table(
        "undo",
        sa.Column("row", ROW, autoincrement=True, nullable=False),
        sa.Column("collection_row", ROW, nullable=False),
        sa.Column("undo_id", sa.String(length=64), nullable=False),
        sa.Column("kept_row", ROW, nullable=False, comment="the person merged into, or split off"),
        sa.Column("other_row", ROW, nullable=False, comment="the person that was merged, or split"),
        sa.Column("detail", sa.Text(), nullable=False, comment="JSON"),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["collection_row"], ["collections.row"]),
        sa.PrimaryKeyConstraint("row"),
        sqlite_autoincrement=True,
    )
    op.create_index("undo_by_person", "undo", ["collection_row", "kept_row"])
    op.create_table(
        "apart",
        sa.Column("face_row", ROW, autoincrement=False, nullable=False),
        sa.Column("person_row", ROW, autoincrement=False, nullable=False, comment="whom the face does not show"),
        sa.ForeignKeyConstraint(["face_row"], ["faces.row"]),
        sa.ForeignKeyConstraint(["person_row"], ["people.row"]),
        sa.PrimaryKeyConstraint("face_row", "person_row"),
    )
    op.create_index("apart_by_person", "apart", ["person_row"])
    op.create_table(
        "dismissed",
        sa.Column("one_row", ROW, autoincrement=False, nullable=False),
        sa.Column("other_row", ROW, autoincrement=False, nullable=False, comment="not the same person; one < other"),
        sa.ForeignKeyConstraint(["one_row"], ["people.row"]),
        sa.ForeignKeyConstraint(["other_row"], ["people.row"]),
        sa.PrimaryKeyConstraint("one_row", "other_row"),
    )
    op.create_index("dismissed_by_other", "dismissed", ["other_row"])
