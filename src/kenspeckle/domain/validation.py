"""Rules for values from clients: names, ranges, limits. They are Amazon Rekognition's, so that data can move both
ways."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from kenspeckle.errors import InvalidValue

MAX_FACES_AN_IMAGE = 100
MAX_MATCHES = 4096
MAX_FACE_IDS = 4096
MAX_PAGE = 4096
MAX_USERS = 500
MAX_THUMBNAILS = 100
MAX_FACES_A_USER = 100
MAX_TAGS = 200
MAX_PICTURES = 8
"""Of one appearance."""
MAX_RETENTION_DAYS = 36_500
MAX_METADATA_BYTES = 2048
_METADATA_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_METADATA_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*\Z")

_COLLECTION = re.compile(r"[a-zA-Z0-9_.\-]{1,255}\Z")
_EXTERNAL = re.compile(r"[a-zA-Z0-9_.\-:]{1,255}\Z")
_USER = re.compile(r"[a-zA-Z0-9_.\-:]{1,128}\Z")
_PERSON = re.compile(r"[a-zA-Z0-9_.\-:]{1,128}\Z")
_CAMERA = re.compile(r"[a-zA-Z0-9_.\-:]{1,100}\Z")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_TAG_KEY = re.compile(r"(?!aws:)[\w\s.:/=+\-@]{1,128}\Z")
_TAG_VALUE = re.compile(r"[\w\s.:/=+\-@]{0,256}\Z")


def collection_id(value: str) -> str:
    """Returns the id. Raises InvalidValue with the rule."""
    return _matching(_COLLECTION, value, "collection", "1 to 255 letters, digits, '_', '.' or '-'")


def external_image_id(value: str) -> str:
    """Returns the name. Raises InvalidValue with the rule."""
    return _matching(_EXTERNAL, value, "external_image_id", "1 to 255 letters, digits, '_', '.', '-' or ':'")


def user_id(value: str) -> str:
    """Returns the id. Raises InvalidValue with the rule."""
    return _matching(_USER, value, "user_id", "1 to 128 letters, digits, '_', '.', '-' or ':'")


def person_id(value: str, field: str = "person_id") -> str:
    """Returns the id. Raises InvalidValue with the rule."""
    return _matching(_PERSON, value, field, "1 to 128 letters, digits, '_', '.', '-' or ':', as this service gave it")


def camera_name(value: str) -> str:
    """Returns the name. Raises InvalidValue with the rule."""
    return _matching(_CAMERA, value, "camera", "1 to 100 letters, digits, '_', '.', '-' or ':'")


def face_id(value: str) -> str:
    """Returns the id. Raises InvalidValue with the rule."""
    return _matching(_UUID, value, "face_id", "a UUID in lower case, as this service gave it")


def face_ids(values: Sequence[str], most: int = MAX_FACE_IDS) -> tuple[str, ...]:
    """Returns the ids, each once, in the order given. Raises InvalidValue for none, too many or a malformed one."""
    if not 1 <= len(values) <= most:
        raise InvalidValue(f"Between 1 and {most} face ids can be named at once; {len(values)} were.", field="face_ids")
    return tuple(dict.fromkeys(face_id(value) for value in values))


def threshold(value: float, field: str = "threshold") -> float:
    """Returns the similarity, 0..100. Raises InvalidValue."""
    if not math.isfinite(value) or not 0 <= value <= 100:
        raise InvalidValue(f"{field} must be a number from 0 to 100; {value} is not.", field=field)
    return float(value)


def count(value: int, most: int, field: str) -> int:
    """Returns a number from 1 to `most`. Raises InvalidValue."""
    if not 1 <= value <= most:
        raise InvalidValue(f"{field} must be from 1 to {most}; {value} is not.", field=field)
    return value


def retention_days(value: int) -> int:
    """Returns the number of days, 1 to 36,500. Raises InvalidValue."""
    return count(value, MAX_RETENTION_DAYS, "retention_days")


def tags(values: Mapping[str, str]) -> dict[str, str]:
    """Returns the tags. Raises InvalidValue for a key or a value that AWS would not take."""
    if len(values) > MAX_TAGS:
        raise InvalidValue(f"At most {MAX_TAGS} tags can be given; {len(values)} were.", field="tags")
    for key, value in values.items():
        _matching(
            _TAG_KEY, key, "tags", "a key of 1 to 128 letters, digits, spaces or _.:/=+-@, not beginning with aws:"
        )
        _matching(_TAG_VALUE, value, "tags", "a value of at most 256 letters, digits, spaces or _.:/=+-@")
    return dict(values)


def metadata(values: Mapping[str, str]) -> dict[str, str]:
    """Returns the metadata of an image: names and values of HTTP headers, because answers carry them as such. Raises
    InvalidValue for anything else, and beyond 2 KiB, counted as S3 does."""
    for key, value in values.items():
        _matching(_METADATA_NAME, key, "metadata", "a name of a header: letters, digits or !#$%&'*+-.^_`|~")
        _matching(_METADATA_VALUE, value, "metadata", "text without control characters")
    if sum(len(key.encode()) + len(value.encode()) for key, value in values.items()) > MAX_METADATA_BYTES:
        raise InvalidValue(f"Metadata may have {MAX_METADATA_BYTES} bytes, names included.", field="metadata")
    return dict(values)


def _matching(pattern: re.Pattern[str], value: str, field: str, rule: str) -> str:
    if not pattern.match(value):
        shown = value if len(value) <= 60 else value[:57] + "..."
        raise InvalidValue(f"{field} {shown!r} is not allowed; it must be {rule}.", field=field)
    return value
