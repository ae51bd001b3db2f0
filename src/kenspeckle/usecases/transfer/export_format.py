"""The lines of an export: domain objects as JSON, and domain objects from untrusted JSON.

docs/moving.md specifies them. One line is one object with a `kind`: header, face, user, person or end.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from typing import Any, Final

import numpy as np
import orjson

from kenspeckle.domain import (
    Attributes,
    Box,
    Face,
    FaceDetail,
    FaceRecord,
    Image,
    Landmark,
    LeftOut,
    Pose,
    Quality,
    QualityFilter,
    Vector,
    validation,
)
from kenspeckle.domain.people import SavedPerson, person_name
from kenspeckle.errors import InvalidValue, KenspeckleError
from kenspeckle.ports import DumpedFace
from kenspeckle.shapes import dump, load
from kenspeckle.usecases.transfer import checks

FORMAT: Final = "kenspeckle-export"
VERSION: Final = 1
MAX_LINE: Final = 4 << 20
"""Bytes of one line; a face with its thumbnail has some tens of thousands at most."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_MEDIA: Final = re.compile(r"image/[a-z0-9.+-]{1,40}|application/octet-stream")
_KIND: Final = re.compile(r"[A-Za-z]{1,64}")
_MODEL: Final = re.compile(r"[\w.+-]{1,64}")
_MAX_KEY: Final = 1024
_MAX_LANDMARKS: Final = 500
_MOST_LEFT_OUT: Final = 1000
_MAX_VERSION: Final = 1_000_000
_OLDEST: Final = 150


@dataclass(frozen=True, slots=True)
class Header:
    """The first line. `with_images` says whether photographs and thumbnails are included; `retention_days` is None
    where faces are kept indefinitely, and in exports of older versions."""

    collection: str
    pack: str
    contract: str
    dimension: int
    tags: Mapping[str, str]
    faces: int
    images: int
    users: int
    with_images: bool
    software: str
    created_at: float
    retention_days: int | None = None


@dataclass(frozen=True, slots=True)
class UserLine:
    user_id: str
    created_at: float


def header_line(header: Header) -> bytes:
    return _dump(
        {
            "kind": "header",
            "format": FORMAT,
            "version": VERSION,
            "software": header.software,
            "created_at": header.created_at,
            "collection": header.collection,
            "tags": dict(header.tags),
            "retention_days": header.retention_days,
            "pack": header.pack,
            "contract": header.contract,
            "dimension": header.dimension,
            "faces": header.faces,
            "users": header.users,
            "images": header.images,
            "with_images": header.with_images,
        }
    )


def face_line(one: DumpedFace, *, with_images: bool) -> bytes:
    """A face with all its data; its thumbnail only with images."""
    face, detail, image = one.record.face, one.record.detail, one.image
    line: dict[str, Any] = {
        "kind": "face",
        "face_id": face.face_id,
        "identity": face.external_image_id,
        "user": face.user_id,
        "template": base64.b64encode(np.ascontiguousarray(one.template, "<f4").tobytes()).decode(),
        "model": face.index_model,
        "created_at": face.created_at,
        "confidence": detail.confidence,
        "box": {"left": face.box.left, "top": face.box.top, "width": face.box.width, "height": face.box.height},
        "landmarks": [{"kind": point.kind, "x": point.x, "y": point.y} for point in detail.landmarks],
        "pose": {"roll": detail.pose.roll, "yaw": detail.pose.yaw, "pitch": detail.pose.pitch},
        "quality": {"brightness": detail.quality.brightness, "sharpness": detail.quality.sharpness},
        "image": {
            "image_id": image.image_id,
            "key": image.key,
            "sha256": image.digest,
            "media_type": image.media_type,
            "size": image.size,
            "width": image.width,
            "height": image.height,
            "kept": image.kept,
            "metadata": dict(image.metadata),
        },
    }
    if image.left_out is not None:
        line["image"]["left_out"] = {
            "max_faces": image.left_out.max_faces,
            "quality": image.left_out.quality.value,
            "boxes": [[float(side) for side in astuple(box)] for box in image.left_out.boxes],
        }
    if detail.attributes is not None:
        line["attributes"] = dump.attributes(detail.attributes)
    if with_images and one.thumbnail is not None:
        line["thumbnail"] = base64.b64encode(one.thumbnail).decode()
    return _dump(line)


def user_line(user_id: str, created_at: float) -> bytes:
    return _dump({"kind": "user", "user": user_id, "created_at": created_at})


def person_line(one: SavedPerson) -> bytes:
    """A person or group, where identities and users do not say all of it."""
    return _dump(
        {
            "kind": "person",
            "person": one.person_id,
            "group": one.group,
            "name": one.name,
            "given": one.given,
            "takes": one.takes,
            "hidden": one.hidden,
            "user": one.user_id,
            "identities": list(one.identities),
            "faces": list(one.face_ids),
        }
    )


def person(line: Mapping[str, Any], number: int) -> SavedPerson:
    """Raises InvalidValue naming the line and what is wrong with it."""
    with _Told(number):
        group, owner = line["group"] is True, line.get("user")
        name = checks.text(line["name"])
        return SavedPerson(
            validation.person_id(checks.text(line["person"])),
            group,
            "" if group else person_name(name),
            line["given"] is True,
            line["takes"] is True,
            line["hidden"] is True,
            None if owner is None else validation.user_id(checks.text(owner)),
            tuple(validation.external_image_id(checks.text(one)) for one in line["identities"]),
            tuple(validation.face_id(checks.text(one)) for one in line["faces"]),
        )


def end_line(lines: int, sha256: str) -> bytes:
    """The last line: how many lines precede it, and the SHA-256 of all their bytes."""
    return _dump({"kind": "end", "lines": lines, "sha256": sha256})


def parse(line: bytes, number: int) -> Mapping[str, Any]:
    """A line as JSON. Raises InvalidValue."""
    try:
        found = orjson.loads(line)
    except ValueError as error:
        raise InvalidValue(f"Line {number} is no JSON.") from error
    if not isinstance(found, dict) or not isinstance(found.get("kind"), str):
        raise InvalidValue(f"Line {number} is no object with a 'kind'.")
    return found


def header(line: Mapping[str, Any]) -> Header:
    """Raises InvalidValue unless it is the header of an export that this program can read."""
    if line["kind"] != "header" or line.get("format") != FORMAT:
        raise InvalidValue("This is no export of Kenspeckle: its first line says something else.")
    if line.get("version") != VERSION:
        version = str(line.get("version"))[:20]
        raise InvalidValue(f"This export has the format {version}; this Kenspeckle reads {VERSION}. Use a newer one.")
    with _Told(1):
        tags = {checks.text(key): checks.text(value) for key, value in checks.mapping(line.get("tags", {})).items()}
        days = line.get("retention_days")
        return Header(
            collection=validation.collection_id(checks.text(line["collection"])),
            pack=checks.text(line["pack"]),
            contract=checks.text(line["contract"]),
            dimension=checks.whole(line["dimension"], 1, 1 << 16),
            tags=validation.tags(tags),
            faces=checks.whole(line["faces"]),
            users=checks.whole(line["users"]),
            images=checks.whole(line["images"]),
            with_images=line["with_images"] is True,
            software=checks.text(line.get("software", "")),
            created_at=checks.moment(line.get("created_at", 0)),
            retention_days=None if days is None else validation.retention_days(checks.whole(days)),
        )


def user(line: Mapping[str, Any], number: int) -> UserLine:
    with _Told(number):
        return UserLine(validation.user_id(checks.text(line["user"])), checks.moment(line["created_at"]))


def face(line: Mapping[str, Any], number: int, collection_id: str, dimension: int) -> DumpedFace:
    """A face for the collection named. Raises InvalidValue naming the line and what is wrong with it."""
    with _Told(number):
        image = _image(line, collection_id)
        box = Box(**checks.measures(line["box"], ("left", "top", "width", "height")))
        confidence = checks.measure(line["confidence"])
        identity, owner = line.get("identity"), line.get("user")
        stored = Face(
            face_id=validation.face_id(checks.text(line["face_id"])),
            image_id=image.image_id,
            collection_id=collection_id,
            external_image_id=None if identity is None else validation.external_image_id(checks.text(identity)),
            box=box,
            confidence=confidence,
            index_model=checks.matching(_MODEL, line["model"]),
            created_at=image.created_at,
            user_id=None if owner is None else validation.user_id(checks.text(owner)),
        )
        detail = FaceDetail(
            box,
            confidence,
            _landmarks(line["landmarks"]),
            Pose(**checks.measures(line["pose"], ("roll", "yaw", "pitch"))),
            Quality(**checks.measures(line["quality"], ("brightness", "sharpness"))),
            _attributes(line.get("attributes")),
        )
        thumbnail = line.get("thumbnail")
        return DumpedFace(
            image,
            FaceRecord(stored, detail),
            template(line["template"], dimension),
            None if thumbnail is None else checks.binary(thumbnail),
        )


def photograph_of(face: DumpedFace) -> tuple[str, str | None]:
    """What faces of one photograph, under one identity, have in common; their lines follow each other."""
    return face.image.digest, face.record.face.external_image_id


def template(value: Any, dimension: int) -> Vector:
    """A template of base64 float32 (little-endian) or of a list of numbers. Raises InvalidValue."""
    if isinstance(value, str):
        raw = checks.binary(value)
        if len(raw) != 4 * dimension:
            raise InvalidValue(f"a template has {4 * dimension} bytes and not {len(raw)}")
        found = np.frombuffer(raw, "<f4")
    else:
        if not isinstance(value, list) or len(value) != dimension:
            raise InvalidValue(f"a template is base64, or a list of {dimension} numbers")
        with np.errstate(over="ignore"):  # values that overflow become infinite and are refused
            found = np.array([checks.number(one) for one in value], np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = float(found @ found)
    # Where this sum is finite and positive, so are they; where it overflows or vanishes, each is looked at.
    if not 0.0 < squares < math.inf and (not np.isfinite(found).all() or not found.any()):
        raise InvalidValue("a template holds numbers that are finite, and not all of them zero")
    return found


def _image(line: Mapping[str, Any], collection_id: str) -> Image:
    facts = checks.mapping(line["image"])
    metadata = {checks.text(key): checks.text(value) for key, value in checks.mapping(facts["metadata"]).items()}
    key = checks.text(facts["key"])
    if not 1 <= len(key) <= _MAX_KEY or not key.isprintable():
        raise InvalidValue(f"a key has 1 to {_MAX_KEY} printable characters")
    return Image(
        image_id=validation.face_id(checks.text(facts["image_id"])),
        collection_id=collection_id,
        key=key,
        digest=checks.matching(_DIGEST, facts["sha256"]),
        media_type=checks.matching(_MEDIA, facts["media_type"]),
        size=checks.whole(facts["size"]),
        width=checks.whole(facts["width"], 0, 1 << 24),
        height=checks.whole(facts["height"], 0, 1 << 24),
        created_at=checks.moment(line["created_at"]),
        kept=facts["kept"] is True,
        metadata=validation.metadata(metadata),
        left_out=_parse_left_out(facts.get("left_out")),
    )


def _parse_left_out(value: Any) -> LeftOut | None:
    if value is None:
        return None
    facts = checks.mapping(value)
    boxes, quality = facts["boxes"], checks.text(facts["quality"])
    if not isinstance(boxes, list) or not 1 <= len(boxes) <= _MOST_LEFT_OUT:
        raise InvalidValue(f"the boxes of faces that were left out are a list of 1 to {_MOST_LEFT_OUT}")
    if not all(isinstance(one, list) and len(one) == 4 for one in boxes):
        raise InvalidValue("a box of a face that was left out has four numbers: left, top, width and height")
    if quality not in list(QualityFilter):
        raise InvalidValue(f"{quality[:60]!r} is no quality bar")
    return LeftOut(
        checks.whole(facts["max_faces"], 1, validation.MAX_FACES_AN_IMAGE),
        QualityFilter(quality),
        tuple(Box(*(checks.measure(side) for side in one)) for one in boxes),
    )


def _landmarks(value: Any) -> tuple[Landmark, ...]:
    if not isinstance(value, list) or len(value) > _MAX_LANDMARKS:
        raise InvalidValue(f"landmarks are a list of at most {_MAX_LANDMARKS}")
    return tuple(
        Landmark(checks.matching(_KIND, one["kind"]), checks.measure(one["x"]), checks.measure(one["y"]))
        for one in value
    )


def _attributes(value: Any) -> Attributes | None:
    """What was inferred of the face; exports of older versions say nothing of it."""
    if value is None:
        return None
    shape = checks.mapping(value)
    landmarks = shape.get("Landmarks", [])
    if not isinstance(landmarks, list) or len(landmarks) > _MAX_LANDMARKS:
        raise InvalidValue(f"landmarks are a list of at most {_MAX_LANDMARKS}")
    found = load.attributes(shape)
    numbers = [flag.confidence for flag in found.flags.values()]
    numbers += [place for one in found.landmarks for place in (one.x, one.y)]
    numbers += [] if found.pose is None else [found.pose.roll, found.pose.yaw, found.pose.pitch]
    numbers += [] if found.eyes is None else [found.eyes.yaw, found.eyes.pitch, found.eyes.confidence]
    for number in numbers:
        checks.measure(number)
    if not 1 <= found.version <= _MAX_VERSION:
        raise InvalidValue("the version of attributes is a number from 1 on")
    if found.age is not None and not 0 <= found.age.low <= found.age.high <= _OLDEST:
        raise InvalidValue(f"an age range goes from 0 to {_OLDEST} at most, the lower end first")
    return replace(found, gender=None)  # is told and never kept


class _Told:
    """Adds the number of the line to errors of the block."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, KenspeckleError):
            raise InvalidValue(f"Line {self._number}: {error.message}") from error
        if isinstance(error, KeyError):
            raise InvalidValue(f"Line {self._number}: {error.args[0]!r} is missing.") from error
        if isinstance(error, TypeError | AttributeError | ValueError | OverflowError):
            raise InvalidValue(f"Line {self._number}: a value is of the wrong kind.") from error


def _dump(line: Mapping[str, Any]) -> bytes:
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)
