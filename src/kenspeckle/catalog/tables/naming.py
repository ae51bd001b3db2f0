"""Tables of people: their names and faces, what can be undone, and who is not the same person."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from kenspeckle.catalog.tables.base import Row, metadata, of_collection, row_number_column
from kenspeckle.catalog.tables.stored import faces_by_user, of_a_user

people = Table(
    "people",
    metadata,
    row_number_column(),
    of_collection(),
    Column("person_id", String(64), nullable=False),
    Column("kind", String(8), nullable=False, comment="person, or a group without a name"),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, comment="what names are sorted and searched by"),
    Column("given", Boolean, nullable=False, comment="the name was given, not made of an identity"),
    Column("takes", Boolean, nullable=False, comment="faces without a name that fit come to it"),
    Column("hidden", Boolean, nullable=False),
    Column("user_row", Row, ForeignKey("users.row")),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("collection_row", "person_id", name="people_once"),
    Index("people_by_name", "collection_row", "kind", "name_key", "row"),
    sqlite_autoincrement=True,
)
a_users_person = people.c.user_row.is_not(None)
people_by_user = Index("people_by_user", people.c.user_row, sqlite_where=a_users_person)

identities = Table(
    "identities",
    metadata,
    Column("collection_row", Row, ForeignKey("collections.row"), primary_key=True, autoincrement=False),
    Column("identity", String(255), primary_key=True, comment="external image id"),
    Column("person_row", Row, ForeignKey("people.row"), nullable=False),
    Index("identities_by_person", "person_row"),
)

members = Table(
    "members",
    metadata,
    Column("face_row", Row, ForeignKey("faces.row"), primary_key=True, autoincrement=False),
    Column("person_row", Row, ForeignKey("people.row"), nullable=False),
    Column("score", Double, nullable=False, comment="how good a picture it is; the best is the cover"),
    Index("members_by_person", "person_row", "face_row", "score"),
)

undo = Table(
    "undo",
    metadata,
    row_number_column(),
    of_collection(),
    Column("undo_id", String(64), nullable=False),
    Column("kept_row", Row, nullable=False, comment="the person merged into, or split off"),
    Column("other_row", Row, nullable=False, comment="the person that was merged, or split"),
    Column("detail", Text, nullable=False, comment="JSON"),
    Column("created_at", Double, nullable=False),
    Index("undo_by_person", "collection_row", "kept_row"),
    sqlite_autoincrement=True,
)

apart = Table(
    "apart",
    metadata,
    Column("face_row", Row, ForeignKey("faces.row"), primary_key=True, autoincrement=False),
    Column("person_row", Row, ForeignKey("people.row"), primary_key=True, comment="whom the face does not show"),
    Index("apart_by_person", "person_row"),
)

dismissed = Table(
    "dismissed",
    metadata,
    Column("one_row", Row, ForeignKey("people.row"), primary_key=True, autoincrement=False),
    Column("other_row", Row, ForeignKey("people.row"), primary_key=True, comment="not the same person; one < other"),
    Index("dismissed_by_other", "other_row"),
)


def partial_for(dialect: str) -> None:
    """Have indexes of some rows be that in this database too. Said here for all databases, it would load the drivers'
    dialects of each at every import."""
    for index, rows in ((faces_by_user, of_a_user), (people_by_user, a_users_person)):
        index.dialect_kwargs[f"{dialect}_where"] = rows
