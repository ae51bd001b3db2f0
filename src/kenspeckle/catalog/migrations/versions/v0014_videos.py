"""Videos: who is in them from when to when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "videos",
        sa.Column("row", ROW, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("collection_row", ROW, nullable=True, comment="null: nobody is searched"),
        sa.Column(
            "key_id", sa.String(length=255), nullable=False, comment="of the key that started it, empty for none"
        ),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=True, comment="JSON; null: not opened yet"),
        sa.Column("position", sa.BigInteger(), nullable=False, comment="milliseconds up to which faces are stored"),
        sa.Column("upload", sa.String(length=64), nullable=False, comment="name of the staged file, empty for none"),
        sa.Column(
            "upload_key",
            sa.LargeBinary(),
            nullable=True,
            comment="that it is encrypted under, where the collection is",
        ),
        sa.Column("topic", sa.Text(), nullable=True, comment="to be told of its end"),
        sa.Column(
            "notice_due", sa.Double(), nullable=True, comment="when it is told; null: not to be told, or not any more"
        ),
        sa.Column("notice_attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("job_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("videos_by_age", "videos", ["collection_row", "created_at"])
    op.create_index("videos_by_notice", "videos", ["notice_due"])
    op.create_table(
        "video_tracks",
        sa.Column("row", ROW, autoincrement=True, nullable=False),
        sa.Column("video_row", ROW, nullable=False),
        sa.Column("collection_row", ROW, nullable=False),
        sa.Column("track", sa.Integer(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=True, comment="null: the job is not finished"),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("weights", sa.Text(), nullable=False, comment="of the templates, JSON list"),
        sa.Column(
            "templates", sa.LargeBinary(), nullable=True, comment="of its best frames, until the job is finished"
        ),
        sa.ForeignKeyConstraint(["video_row"], ["videos.row"]),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("video_row", "track", name="video_tracks_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("video_tracks_by_person", "video_tracks", ["video_row", "person"])
    op.create_index("video_tracks_by_collection", "video_tracks", ["collection_row"])
    op.create_table(
        "video_faces",
        sa.Column("row", ROW, autoincrement=True, nullable=False),
        sa.Column("video_row", ROW, nullable=False),
        sa.Column("collection_row", ROW, nullable=True, comment="null: nobody is searched"),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("track", sa.Integer(), nullable=False),
        sa.Column(
            "person", sa.Integer(), nullable=True, comment="null: the job is not finished, or nobody is searched"
        ),
        sa.Column("box_left", sa.Double(), nullable=False),
        sa.Column("box_top", sa.Double(), nullable=False),
        sa.Column("box_width", sa.Double(), nullable=False),
        sa.Column("box_height", sa.Double(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False, comment="landmarks, pose, quality"),
        sa.ForeignKeyConstraint(["video_row"], ["videos.row"]),
        sa.PrimaryKeyConstraint("row"),
        sqlite_autoincrement=True,
    )
    op.create_index("video_faces_by_time", "video_faces", ["video_row", "row"])
    op.create_index("video_faces_by_person", "video_faces", ["video_row", "person", "row"])
    op.create_index("video_faces_by_collection", "video_faces", ["collection_row"])
    op.create_table(
        "video_matches",
        sa.Column("video_row", ROW, nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("face_row", ROW, nullable=False),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["video_row"], ["videos.row"]),
        sa.ForeignKeyConstraint(["face_row"], ["faces.row"]),
        sa.PrimaryKeyConstraint("video_row", "person", "face_row"),
    )
    op.create_index("video_matches_by_face", "video_matches", ["face_row"])
