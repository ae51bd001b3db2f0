"""Tables of stored video: tracks, faces and matches of each."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from kenspeckle.catalog.tables.base import Row, metadata, row_number_column

videos = Table(
    "videos",
    metadata,
    row_number_column(),
    Column("job_id", String(64), nullable=False, unique=True),
    Column("collection_row", Row, comment="null: nobody is searched"),
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
    row_number_column(),
    Column("video_row", Row, ForeignKey("videos.row"), nullable=False),
    Column("collection_row", Row, nullable=False),
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
    row_number_column(),
    Column("video_row", Row, ForeignKey("videos.row"), nullable=False),
    Column("collection_row", Row, comment="null: nobody is searched"),
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
    Column("video_row", Row, ForeignKey("videos.row"), primary_key=True),
    Column("person", Integer, primary_key=True),
    Column("face_row", Row, ForeignKey("faces.row"), primary_key=True),
    Column("similarity", Double, nullable=False),
    Index("video_matches_by_face", "face_row"),
)
