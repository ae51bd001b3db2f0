"""The catalog's tables. The migrations of an empty database give exactly these tables; a test compares the two.

Portable to SQLite and PostgreSQL. Row numbers are never used twice: an index may refer to one long after the row was
deleted. Templates are float32, little-endian; times are seconds since the epoch; mappings are JSON text. Templates and
thumbnails of a collection that has a key are encrypted (`cipher.py`).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

# SQLite numbers rows only in a column of exactly this type.
_Row = BigInteger().with_variant(Integer(), "sqlite")


def _numbered() -> Column[int]:
    return Column("row", _Row, primary_key=True, autoincrement=True)


def _of_collection() -> Column[int]:
    return Column("collection_row", _Row, ForeignKey("collections.row"), nullable=False)


service = Table(
    "service",
    metadata,
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("cursor_key", LargeBinary, nullable=False, comment="signs page tokens"),
    Column("floor", BigInteger, nullable=False, comment="revision at which new collections begin"),
)

collections = Table(
    "collections",
    metadata,
    _numbered(),
    Column("collection_id", String(255), unique=True, comment="null: deleted, its contents are being removed"),
    Column("pack", String(255), nullable=False),
    Column("contract", String(255), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("face_count", BigInteger, nullable=False),
    Column("user_count", BigInteger, nullable=False),
    Column("image_count", BigInteger, nullable=False),
    Column("log_count", BigInteger, nullable=False, comment="entries of the change log"),
    Column("log_floor", BigInteger, nullable=False, comment="the log is complete after this revision"),
    Column("retention_days", Integer, comment="null: indefinitely"),
    Column("adopted", BigInteger, comment="faces up to this row have their people; null: all have"),
    sqlite_autoincrement=True,
)

collection_keys = Table(
    "collection_keys",
    metadata,
    Column("collection_row", _Row, ForeignKey("collections.row"), primary_key=True, autoincrement=False),
    Column("key_id", String(32), nullable=False, unique=True),
    Column("wrapped", LargeBinary, comment="the key, encrypted under the master key; null: destroyed, or a backup"),
    Column("state", String(16), nullable=False, comment="encrypted, encrypting or decrypting"),
)

tags = Table(
    "tags",
    metadata,
    Column("collection_row", _Row, ForeignKey("collections.row"), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("value", Text, nullable=False),
)

images = Table(
    "images",
    metadata,
    _numbered(),
    _of_collection(),
    Column("image_id", String(64), nullable=False),
    Column("key", Text, nullable=False),
    Column("digest", String(64), nullable=False, comment="its name in the image store"),
    Column("identity", String(255), nullable=False, comment="external image id, empty for none"),
    Column("media_type", String(255), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("kept", Boolean, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("index_model", String(255), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("original", LargeBinary, comment="encrypted: the photograph's digest; null: `digest` is it"),
    UniqueConstraint("digest", "collection_row", "identity", name="images_once"),
    Index("images_by_id", "collection_row", "image_id"),
    Index("images_by_key", "collection_row", "key"),
    Index("images_by_identity", "collection_row", "identity"),
    Index("images_by_age", "collection_row", "created_at"),
    sqlite_autoincrement=True,
)

faceless = Table(
    "faceless",
    metadata,
    _numbered(),
    _of_collection(),
    Column("digest", String(64), nullable=False, comment="the photograph's name in the image store, if it were there"),
    Column("asked", String(64), nullable=False, comment="digest of pack, quality bar and program"),
    Column("reasons", Text, nullable=False, comment="why its faces were refused: JSON list, empty where it had none"),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("collection_row", "digest", name="faceless_once"),
    Index("faceless_by_age", "collection_row", "created_at"),
    sqlite_autoincrement=True,
)

users = Table(
    "users",
    metadata,
    _numbered(),
    _of_collection(),
    Column("user_id", String(255), nullable=False),
    Column("status", String(32), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("face_count", Integer, nullable=False),
    Column("template", LargeBinary),
    UniqueConstraint("collection_row", "user_id", name="users_once"),
    Index("users_in_order", "collection_row", "row"),
    sqlite_autoincrement=True,
)

faces = Table(
    "faces",
    metadata,
    _numbered(),
    _of_collection(),
    Column("image_row", _Row, ForeignKey("images.row"), nullable=False),
    Column("user_row", _Row, ForeignKey("users.row")),
    Column("face_id", String(64), nullable=False),
    Column("box_left", Double, nullable=False),
    Column("box_top", Double, nullable=False),
    Column("box_width", Double, nullable=False),
    Column("box_height", Double, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("detail", Text, nullable=False, comment="landmarks, pose, quality"),
    Column("template", LargeBinary, nullable=False),
    Column(
        "attributes",
        LargeBinary,
        comment="what was inferred of the face, as JSON, encrypted as templates are; null: nothing",
    ),
    UniqueConstraint("collection_row", "face_id", name="faces_once"),
    Index("faces_in_order", "collection_row", "row"),
    Index("faces_by_image", "image_row"),
    sqlite_autoincrement=True,
)
_of_a_user = faces.c.user_row.is_not(None)
_faces_by_user = Index("faces_by_user", faces.c.user_row, sqlite_where=_of_a_user)

thumbnails = Table(
    "thumbnails",
    metadata,
    Column("face_row", _Row, ForeignKey("faces.row"), primary_key=True, autoincrement=False),
    Column("jpeg", LargeBinary, nullable=False),
)

staged = Table(
    "staged_templates",
    metadata,
    Column("face_row", _Row, ForeignKey("faces.row"), primary_key=True, autoincrement=False),
    Column("collection_row", _Row, nullable=False),
    Column("contract", String(255), nullable=False, comment="of the pack that the collection is to come to"),
    Column("source", String(32), nullable=False, comment="what the template was made of"),
    Column("template", LargeBinary, comment="null: none can be made"),
    Index("staged_by_collection", "collection_row", "contract"),
)

videos = Table(
    "videos",
    metadata,
    _numbered(),
    Column("job_id", String(64), nullable=False, unique=True),
    Column("collection_row", _Row, comment="null: nobody is searched"),
    Column("key_id", String(255), nullable=False, comment="of the key that started it, empty for none"),
    Column("created_at", Double, nullable=False),
    Column("facts", Text, comment="JSON; null: not opened yet"),
    Column("position", BigInteger, nullable=False, comment="milliseconds up to which faces are stored"),
    Column("upload", String(64), nullable=False, comment="name of the staged file, empty for none"),
    Column("upload_key", LargeBinary, comment="that it is encrypted under, where the collection is"),
    Column("topic", Text, comment="to be told of its end"),
    Column("notice_due", Double, comment="when it is told; null: not to be told, or not any more"),
    Column("notice_attempts", Integer, nullable=False),
    Index("videos_by_age", "collection_row", "created_at"),
    Index("videos_by_notice", "notice_due"),
    sqlite_autoincrement=True,
)

video_tracks = Table(
    "video_tracks",
    metadata,
    _numbered(),
    Column("video_row", _Row, ForeignKey("videos.row"), nullable=False),
    Column("collection_row", _Row, nullable=False),
    Column("track", Integer, nullable=False),
    Column("person", Integer, comment="null: the job is not finished"),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("weights", Text, nullable=False, comment="of the templates, JSON list"),
    Column("templates", LargeBinary, comment="of its best frames, until the job is finished"),
    UniqueConstraint("video_row", "track", name="video_tracks_once"),
    Index("video_tracks_by_person", "video_row", "person"),
    Index("video_tracks_by_collection", "collection_row"),
    sqlite_autoincrement=True,
)

video_faces = Table(
    "video_faces",
    metadata,
    _numbered(),
    Column("video_row", _Row, ForeignKey("videos.row"), nullable=False),
    Column("collection_row", _Row, comment="null: nobody is searched"),
    Column("at_ms", BigInteger, nullable=False),
    Column("track", Integer, nullable=False),
    Column("person", Integer, comment="null: the job is not finished, or nobody is searched"),
    Column("box_left", Double, nullable=False),
    Column("box_top", Double, nullable=False),
    Column("box_width", Double, nullable=False),
    Column("box_height", Double, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("detail", Text, nullable=False, comment="landmarks, pose, quality"),
    Index("video_faces_by_time", "video_row", "row"),
    Index("video_faces_by_person", "video_row", "person", "row"),
    Index("video_faces_by_collection", "collection_row"),
    sqlite_autoincrement=True,
)

video_matches = Table(
    "video_matches",
    metadata,
    Column("video_row", _Row, ForeignKey("videos.row"), primary_key=True),
    Column("person", Integer, primary_key=True),
    Column("face_row", _Row, ForeignKey("faces.row"), primary_key=True),
    Column("similarity", Double, nullable=False),
    Index("video_matches_by_face", "face_row"),
)

index_slices = Table(
    "index_slices",
    metadata,
    _numbered(),
    Column("job_id", String(64), nullable=False),
    Column("collection_row", _Row, nullable=False),
    Column("number", Integer, nullable=False),
    Column("lines", Integer, nullable=False, comment="how many"),
    Column("done", Boolean, nullable=False),
    Column("wanted", Text, comment="the lines, JSON; null: done, or not to be done any more"),
    Column("results", Text, comment="JSON, without names; null: not done"),
    Column("owner", String(64), nullable=False, comment="the process that works on it"),
    Column("lease_until", Double, nullable=False, comment="from when on another may take it over"),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("job_id", "number", name="index_slices_once"),
    Index("index_slices_due", "job_id", "done", "number", "lines"),
    Index("index_slices_by_collection", "collection_row"),
    sqlite_autoincrement=True,
)

changes = Table(
    "changes",
    metadata,
    Column("collection_row", _Row, ForeignKey("collections.row"), primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("row", BigInteger, primary_key=True),
    sqlite_with_rowid=False,
)

tokens = Table(
    "tokens",
    metadata,
    Column("scope", String(255), primary_key=True),
    Column("token", String(255), primary_key=True),
    Column("fingerprint", String(255), nullable=False),
    Column("answer", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("collection_row", _Row, comment="number of the collection; null: kept before version 0008"),
    Index("tokens_by_age", "created_at"),
    Index("tokens_by_collection", "collection_row"),
)

keys = Table(
    "keys",
    metadata,
    _numbered(),
    Column("key_id", String(255), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("scopes", Text, nullable=False, comment="JSON list"),
    Column("collections", Text, nullable=False, comment="JSON list, empty for all"),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("revoked_at", Double),
    Column("last_used_at", Double),
    Column("digest", String(64), unique=True),
    Column("sealed", LargeBinary),
    Column("rate", Double, comment="requests a second, null for any"),
    Column("burst", BigInteger),
    Column("quota", BigInteger, comment="requests a period, null for any"),
    Column("period", String(8), comment="day, week or month"),
    Column("replaces", String(255), comment="id of the key that it was rotated from"),
    sqlite_autoincrement=True,
)

usage = Table(
    "usage",
    metadata,
    Column("key_id", String(255), ForeignKey("keys.key_id"), primary_key=True),
    Column("period", String(8), primary_key=True),
    Column("began", BigInteger, primary_key=True, autoincrement=False, comment="first second of the period"),
    Column("writer", String(32), primary_key=True, comment="the process that counted"),
    Column("used", BigInteger, nullable=False, comment="requests that this process took"),
)

audit = Table(
    "audit",
    metadata,
    Column("number", _Row, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("operation", String(255), nullable=False),
    Column("outcome", String(255), nullable=False),
    Column("who", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("request_id", String(255), nullable=False),
    Column("address", String(255), nullable=False),
    Column("collection_id", String(255)),
    Column("face_count", BigInteger, nullable=False),
    Column("faces", Text, nullable=False, comment="JSON list of face ids"),
    Column("facts", Text, nullable=False, comment="JSON"),
    Column("hash", LargeBinary, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("floor", BigInteger, nullable=False, comment="newest row that was removed by age"),
    Column("floor_hash", LargeBinary, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)

removals = Table(
    "removals",
    metadata,
    Column("digest", String(64), primary_key=True, comment="of a photograph whose last face went"),
)

receipts = Table(
    "receipts",
    metadata,
    _numbered(),
    Column("receipt_id", String(64), nullable=False, unique=True),
    Column("collection_id", String(255), nullable=False),
    Column("erased", String(16), nullable=False, comment="what was erased"),
    Column("created_at", Double, nullable=False),
    Column("completed_at", Double, comment="null: bytes of what was erased may be left in files"),
    Column("content", Text, nullable=False, comment="JSON"),
    Column("public_key", String(64), nullable=False),
    Column("signature", String(128), nullable=False),
    Index("receipts_by_end", "completed_at"),
    sqlite_autoincrement=True,
)

webhooks = Table(
    "webhooks",
    metadata,
    _numbered(),
    Column("webhook_id", String(64), nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("events", Text, nullable=False, comment="JSON list"),
    Column("collections", Text, nullable=False, comment="JSON list, empty for all"),
    Column("created_at", Double, nullable=False),
    Column("disabled_at", Double),
    Column("disabled_reason", Text, nullable=False),
    Column("failing_since", Double),
    Column("secret", LargeBinary, nullable=False, comment="sealed under the master key"),
    Column("old_secret", LargeBinary),
    Column("old_until", Double, comment="up to when messages are signed with the old secret too"),
    sqlite_autoincrement=True,
)

deliveries = Table(
    "deliveries",
    metadata,
    _numbered(),
    Column("webhook_row", _Row, ForeignKey("webhooks.row"), nullable=False),
    Column("message_id", String(64), nullable=False),
    Column("event", String(64), nullable=False),
    Column("collection_id", String(255), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Double, nullable=False, comment="while one is sending: when another may"),
    Column("payload", Text, comment="null once it is delivered, or a face of it was erased"),
    Column("last_at", Double),
    Column("status", Integer),
    Column("error", Text, nullable=False),
    Column("seconds", Double),
    Index("deliveries_due", "webhook_row", "state", "due_at"),
    Index("deliveries_in_order", "webhook_row", "row"),
    Index("deliveries_by_age", "created_at"),
    sqlite_autoincrement=True,
)

delivery_faces = Table(
    "delivery_faces",
    metadata,
    Column("delivery_row", _Row, ForeignKey("deliveries.row"), primary_key=True, autoincrement=False),
    Column("face_id", String(64), primary_key=True),
    Index("delivery_faces_by_face", "face_id"),
)

jobs = Table(
    "jobs",
    metadata,
    _numbered(),
    Column("job_id", String(64), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("collection_id", String(255), comment="null: of the service as a whole"),
    Column("created_at", Double, nullable=False),
    Column("parameters", Text, nullable=False, comment="JSON"),
    Column("state", String(16), nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("result", Text, comment="JSON"),
    Column("finished_at", Double),
    Column("cancelling", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("owner", String(64), nullable=False, comment="the process that works on it"),
    Column("lease_until", Double, nullable=False, comment="from when on another may take it over"),
    Index("jobs_due", "state", "row"),
    Index("jobs_by_collection", "collection_id", "row"),
    sqlite_autoincrement=True,
)

people = Table(
    "people",
    metadata,
    _numbered(),
    _of_collection(),
    Column("person_id", String(64), nullable=False),
    Column("kind", String(8), nullable=False, comment="person, or a group without a name"),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, comment="what names are sorted and searched by"),
    Column("given", Boolean, nullable=False, comment="the name was given, not made of an identity"),
    Column("takes", Boolean, nullable=False, comment="faces without a name that fit come to it"),
    Column("hidden", Boolean, nullable=False),
    Column("user_row", _Row, ForeignKey("users.row")),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("collection_row", "person_id", name="people_once"),
    Index("people_by_name", "collection_row", "kind", "name_key", "row"),
    sqlite_autoincrement=True,
)
_a_users_person = people.c.user_row.is_not(None)
_people_by_user = Index("people_by_user", people.c.user_row, sqlite_where=_a_users_person)

identities = Table(
    "identities",
    metadata,
    Column("collection_row", _Row, ForeignKey("collections.row"), primary_key=True, autoincrement=False),
    Column("identity", String(255), primary_key=True, comment="external image id"),
    Column("person_row", _Row, ForeignKey("people.row"), nullable=False),
    Index("identities_by_person", "person_row"),
)

members = Table(
    "members",
    metadata,
    Column("face_row", _Row, ForeignKey("faces.row"), primary_key=True, autoincrement=False),
    Column("person_row", _Row, ForeignKey("people.row"), nullable=False),
    Column("score", Double, nullable=False, comment="how good a picture it is; the best is the cover"),
    Index("members_by_person", "person_row", "face_row", "score"),
)

undo = Table(
    "undo",
    metadata,
    _numbered(),
    _of_collection(),
    Column("undo_id", String(64), nullable=False),
    Column("kept_row", _Row, nullable=False, comment="the person merged into, or split off"),
    Column("other_row", _Row, nullable=False, comment="the person that was merged, or split"),
    Column("detail", Text, nullable=False, comment="JSON"),
    Column("created_at", Double, nullable=False),
    Index("undo_by_person", "collection_row", "kept_row"),
    sqlite_autoincrement=True,
)

apart = Table(
    "apart",
    metadata,
    Column("face_row", _Row, ForeignKey("faces.row"), primary_key=True, autoincrement=False),
    Column("person_row", _Row, ForeignKey("people.row"), primary_key=True, comment="whom the face does not show"),
    Index("apart_by_person", "person_row"),
)

dismissed = Table(
    "dismissed",
    metadata,
    Column("one_row", _Row, ForeignKey("people.row"), primary_key=True, autoincrement=False),
    Column("other_row", _Row, ForeignKey("people.row"), primary_key=True, comment="not the same person; one < other"),
    Index("dismissed_by_other", "other_row"),
)

mirrors = Table(
    "mirrors",
    metadata,
    _numbered(),
    Column("collection_row", _Row, nullable=False, comment="stays when the collection goes, until it is removed there"),
    Column("collection_id", String(255), nullable=False),
    Column("place", String(255), nullable=False, comment="the vector database"),
    Column("name", String(255), nullable=False, comment="its name there"),
    Column("contract", String(255), nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("since", BigInteger, nullable=False, comment="revision from which on changes are replayed"),
    Column("after", BigInteger, nullable=False, comment="rows up to this one were read"),
    Column("revision", BigInteger, nullable=False, comment="that it holds"),
    Column("target", BigInteger, nullable=False, comment="revision that it is being brought to"),
    Column("compacted", BigInteger, nullable=False, comment="revision up to which its files are clean"),
    Column("stamp", BigInteger, nullable=False, comment="time of the vector database"),
    Column("faces", BigInteger, nullable=False),
    Index("mirrors_by_collection", "collection_row"),
    sqlite_autoincrement=True,
)


def partial_for(dialect: str) -> None:
    """Have indexes of some rows be that in this database too. Said here for all databases, it would load the drivers'
    dialects of each at every import."""
    for index, rows in ((_faces_by_user, _of_a_user), (_people_by_user, _a_users_person)):
        index.dialect_kwargs[f"{dialect}_where"] = rows
