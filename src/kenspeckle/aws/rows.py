"""Rows of the table: faces, photographs, users and settings of collections, with their keys and sort orders.

The table has the hash key `FaceId`. A face's row has its FaceId there, any other row a word and a colon before.
Two indexes hold keys only: ByCollection (`CollectionId`, `Order`) and ByName (`Name`, `Order`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from kenspeckle.aws.values import Item
from kenspeckle.domain import Face, FaceRecord, Image
from kenspeckle.shapes import dump, load

KEY = "FaceId"
BY_COLLECTION = "ByCollection"
BY_NAME = "ByName"


def schema(table: str) -> dict[str, Any]:
    """Parameters of DynamoDB's CreateTable, billing on demand; terraform/ creates the same table."""
    indexes = {BY_COLLECTION: "CollectionId", BY_NAME: "Name"}
    return {
        "TableName": table,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": KEY, "KeyType": "HASH"}],
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": "S"} for name in (KEY, "Order", *indexes.values())
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index,
                "KeySchema": [
                    {"AttributeName": name, "KeyType": "HASH"},
                    {"AttributeName": "Order", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
            for index, name in indexes.items()
        ],
    }


_OBJECT = re.compile(r"in-([a-zA-Z0-9_.\-]{1,255})/[0-9a-f]{2}/([0-9a-f]{64})")

FACE_ORDER = "face#"
USER_ORDER = "user#"


def record_id(collection_id: str, identity: str | None, digest: str) -> str:
    """The id of a photograph under an identity in a collection: the same photograph again has the same id."""
    parts = "\0".join((collection_id, identity or "", digest))
    return hashlib.sha256(parts.encode()).hexdigest()


def object_key(prefix: str, collection_id: str, record: str) -> str:
    """The object key of a record's photograph. Text chosen by a client is never a whole segment of the path."""
    return f"{in_collection(prefix, collection_id)}{record[:2]}/{record}"


def in_collection(prefix: str, collection_id: str) -> str:
    """The prefix of the keys of all photographs of a collection."""
    return f"{prefix}in-{collection_id}/"


def parts_of(prefix: str, key: str) -> tuple[str, str] | None:
    """Collection and record of a photograph by the key of its object; None for an object of another program."""
    found = _OBJECT.fullmatch(key.removeprefix(prefix)) if key.startswith(prefix) else None
    return (found[1], found[2]) if found is not None else None


def image_row(record: str) -> str:
    return f"image:{record}"


def user_row(collection_id: str, user_id: str) -> str:
    return f"user:{collection_id}:{user_id}"


def collection_row(collection_id: str) -> str:
    return f"collection:{collection_id}"


def identity_key(collection_id: str, identity: str) -> str:
    return f"identity:{collection_id}:{identity}"


def photograph_key(collection_id: str, key: str) -> str:
    return f"key:{collection_id}:{key}"


def order(kind: str, at: float, name: str) -> str:
    """Sorts by time within a kind; digits enough for every time until the year 2286."""
    return f"{kind}{at:017.6f}#{name}"


def before(at: float) -> str:
    """An upper bound of the orders of all faces before this time."""
    return f"{FACE_ORDER}{max(0.0, at):017.6f}"


def of_photograph(image: Image, record: str, bucket: str, key: str, identity: str | None, faces: Sequence[str]) -> Item:
    """The row of a photograph with its faces. `bucket` and `key` are empty where originals are not kept."""
    return {
        KEY: image_row(record),
        "CollectionId": image.collection_id,
        "Order": order("image#", image.created_at, image.image_id),
        "Name": photograph_key(image.collection_id, image.key),
        "ImageId": image.image_id,
        "ImageKey": image.key,
        "Identity": identity,
        "Digest": image.digest,
        "MediaType": image.media_type,
        "Size": image.size,
        "Width": image.width,
        "Height": image.height,
        "CreatedAt": image.created_at,
        "Metadata": dict(image.metadata),
        "Bucket": bucket or None,
        "Key": key or None,
        "Faces": frozenset(faces),
    }


def of_face(record: FaceRecord, photograph: Item) -> Item:
    """The row of a face on a photograph that has the row `photograph`."""
    face, identity = record.face, record.face.external_image_id
    return {
        KEY: face.face_id,
        "CollectionId": face.collection_id,
        "Order": order(FACE_ORDER, face.created_at, face.face_id),
        "Name": None if identity is None else identity_key(face.collection_id, identity),
        "Identity": identity,
        "Image": photograph[KEY],
        "ImageId": face.image_id,
        "Bucket": photograph["Bucket"],
        "Key": photograph["Key"],
        "Metadata": photograph["Metadata"],
        "BoundingBox": dump.bounding_box(face.box),
        "Confidence": face.confidence,
        "FaceDetail": dump.face_detail(record.detail.kept),
        "Model": face.index_model,
        "CreatedAt": face.created_at,
    }


def image_of(row: Mapping[str, Any]) -> Image:
    return Image(
        image_id=row["ImageId"],
        collection_id=row["CollectionId"],
        key=row["ImageKey"],
        digest=row["Digest"],
        media_type=row["MediaType"],
        size=row["Size"],
        width=row["Width"],
        height=row["Height"],
        created_at=float(row["CreatedAt"]),
        kept="Key" in row,
        metadata=row["Metadata"],
    )


def face_of(row: Mapping[str, Any], user_id: str | None = None) -> Face:
    return Face(
        face_id=row[KEY],
        image_id=row["ImageId"],
        collection_id=row["CollectionId"],
        external_image_id=row.get("Identity"),
        box=load.box(row["BoundingBox"]),
        confidence=float(row["Confidence"]),
        index_model=row["Model"],
        created_at=float(row["CreatedAt"]),
        user_id=user_id,
    )


def record_of(row: Mapping[str, Any], user_id: str | None = None) -> FaceRecord:
    return FaceRecord(face_of(row, user_id), load.detail(row["FaceDetail"]))
