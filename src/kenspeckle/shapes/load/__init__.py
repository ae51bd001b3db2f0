"""The inverse of `dump`: domain objects from the JSON of Amazon Rekognition and the REST API. Members that Amazon may
leave out become zero or empty; an answer without a required member raises KeyError."""

from __future__ import annotations

from kenspeckle.shapes.load.collections import associated, collection, unsuccessful, user, user_matches, user_search
from kenspeckle.shapes.load.erasure import deleted, erased, receipt
from kenspeckle.shapes.load.faces import (
    KINDS,
    NAMES,
    Json,
    attributes,
    box,
    comparison,
    detail,
    face,
    face_record,
    indexed,
    page,
    person_ref,
    seconds,
    thumbnails,
    unindexed,
)
from kenspeckle.shapes.load.naming import duplicates, group, mixed, named_faces, person, undone
from kenspeckle.shapes.load.searches import appearance_search, face_matches, image_search, searched
from kenspeckle.shapes.load.videos import video_page
from kenspeckle.shapes.load.work import job, line_result

__all__ = [
    "KINDS",
    "NAMES",
    "Json",
    "appearance_search",
    "associated",
    "attributes",
    "box",
    "collection",
    "comparison",
    "deleted",
    "detail",
    "duplicates",
    "erased",
    "face",
    "face_matches",
    "face_record",
    "group",
    "image_search",
    "indexed",
    "job",
    "line_result",
    "mixed",
    "named_faces",
    "page",
    "person",
    "person_ref",
    "receipt",
    "searched",
    "seconds",
    "thumbnails",
    "undone",
    "unindexed",
    "unsuccessful",
    "user",
    "user_matches",
    "user_search",
    "video_page",
]
