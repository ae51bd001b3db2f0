"""People: faces that belong to one person, whatever they were indexed under, with a display name in any script."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from kenspeckle.domain.detection import FaceDetail
from kenspeckle.errors import InvalidValue

MAX_NAME = 255
"""Characters of a display name."""

_JOINERS = "\u200c\u200d"
"""Zero-width characters that Persian, Indic scripts and emoji are written with."""

_ACCENTS = range(0x0300, 0x0370)
"""Combining marks of Latin, Greek and Cyrillic letters. Those of other scripts tell letters apart and stay."""


@dataclass(frozen=True, slots=True)
class PersonRef:
    """A person as answers of a search name it."""

    person_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Person:
    """A person of a collection. `external_image_ids` are identities of its faces (the first of very many);
    `cover_face_id` is its best face, None where it has none (a user without faces). `undo_id` is that of the merge or
    split which this answers."""

    person_id: str
    collection_id: str
    name: str
    user_id: str | None
    external_image_ids: tuple[str, ...]
    face_count: int
    cover_face_id: str | None
    hidden: bool = False
    undo_id: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Faces without a name that seem to show one person. `face_ids` (of very many the first) are the best first, the
    cover before all; times are when their photographs were stored."""

    group_id: str
    face_count: int
    cover_face_id: str
    face_ids: tuple[str, ...]
    first_seen: float
    last_seen: float


@dataclass(frozen=True, slots=True)
class GroupRef:
    """A group as answers of a search name it: how often somebody without a name was seen, and when."""

    group_id: str
    face_count: int
    first_seen: float
    last_seen: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two people who may be one, and of each the face that is most like one of the other."""

    pair_id: str
    people: tuple[Person, Person]
    similarity: float
    evidence: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A face that is nearer to another person than to its own. Similarities are to the faces of each."""

    face_id: str
    person: PersonRef
    similarity: float
    other: PersonRef
    other_similarity: float


@dataclass(frozen=True, slots=True)
class Mixed:
    """A person whose faces seem to show several: the ids of those that go together, the most first, and how alike the
    first two of these sets are."""

    person: PersonRef
    face_ids: tuple[tuple[str, ...], ...]
    similarity: float


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What may be duplicate. `photographs` are copies of the same bytes, each (image id, identity or ""); `alike` are
    nearly the same picture; `mixed` are people who may be several."""

    pairs: tuple[Pair, ...]
    faces: tuple[Misplaced, ...]
    photographs: tuple[tuple[tuple[str, str], ...], ...]
    cursor: str | None = None
    mixed: tuple[Mixed, ...] = ()
    alike: tuple[tuple[tuple[str, str], ...], ...] = ()


@dataclass(frozen=True, slots=True)
class SavedPerson:
    """A person or group in an export, with the faces that neither identity nor user brings to it."""

    person_id: str
    group: bool
    name: str
    given: bool
    takes: bool
    hidden: bool
    user_id: str | None
    identities: tuple[str, ...]
    face_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamedFaces:
    """The `person` that faces were given to (None where none was), which of the faces are its now, and the `others`,
    which stayed whose they were."""

    person: Person | None
    face_ids: tuple[str, ...]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Undone:
    """A merge or split that was undone, and the two people as they are now."""

    kind: str
    people: tuple[Person, ...]


def person_name(value: str) -> str:
    """A display name as it is stored: composed (NFC), runs of spaces as one, without characters that have no
    appearance (which could hide text or turn its direction). Raises InvalidValue."""
    if any(unicodedata.category(one) in ("Cc", "Cs") for one in value):
        raise InvalidValue("A name has no control characters; take line ends and tabs out.", field="name")
    plain = "".join(one for one in value if one in _JOINERS or unicodedata.category(one) != "Cf")
    name = " ".join(unicodedata.normalize("NFC", plain).split())
    if not name.strip(_JOINERS):
        raise InvalidValue("A name needs at least one character that can be seen.", field="name")
    if len(name) > MAX_NAME:
        raise InvalidValue(f"A name has at most {MAX_NAME} characters; this one has {len(name)}.", field="name")
    return name


def name_key(name: str) -> str:
    """What names are sorted and searched by: case, accents and width of letters do not count."""
    if name.isascii():  # nothing of what follows changes it
        return " ".join(name.lower().split())
    apart = unicodedata.normalize("NFKD", name).casefold()
    kept = "".join(one for one in apart if ord(one) not in _ACCENTS and one not in _JOINERS)
    return " ".join(unicodedata.normalize("NFKC", kept).split())


def cover_score(detail: FaceDetail, width: int, height: int) -> float:
    """How good a face is to show a person by, 0..100: large, sharp, lit and turned to the viewer. `width` and `height`
    are the photograph's, in pixels."""
    side = min(detail.box.width * width, detail.box.height * height)
    large = min(1.0, max(0.0, side) / 200) ** 0.5
    frontal = max(0.05, 1 - (abs(detail.pose.yaw) + abs(detail.pose.pitch)) / 120)
    lit = max(0.1, 1 - abs(detail.quality.brightness - 60) / 100)
    return float(large * frontal * lit * (50 + detail.quality.sharpness / 2) * detail.confidence / 100)
