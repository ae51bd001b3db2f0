"""The inverse of `dump`: domain objects from the JSON of Amazon Rekognition and the REST API. Members that Amazon may
leave out become zero or empty; an answer without a required member raises KeyError."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from kenspeckle.domain import (
    AgeRange,
    Appearance,
    AppearanceSearch,
    Associated,
    Attribute,
    Attributes,
    Box,
    Collection,
    Comparison,
    Deleted,
    Duplicates,
    Erased,
    EyeDirection,
    Face,
    FaceDetail,
    FaceMatch,
    FaceRecord,
    FaceSearch,
    Flag,
    Gender,
    Group,
    GroupRef,
    ImageSearch,
    Indexed,
    Job,
    JobKind,
    JobState,
    Landmark,
    LineResult,
    LineStatus,
    Misplaced,
    Mixed,
    NamedFaces,
    Page,
    Pair,
    Person,
    PersonRef,
    Pose,
    Quality,
    Reason,
    Receipt,
    Undone,
    UnindexedFace,
    UnsuccessfulFace,
    User,
    UserMatch,
    UserSearch,
    Video,
    VideoFace,
    VideoFacts,
    VideoPage,
    VideoSource,
)
from kenspeckle.domain.attributes import ALL, VERSION
from kenspeckle.shapes.dump import FLAGS, LANDMARKS

Json: TypeAlias = Mapping[str, Any]
T = TypeVar("T")

NAMES = frozenset(str(one) for one in Attribute)
KINDS = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")


def box(shape: Json) -> Box:
    return Box(
        left=float(shape.get("Left", 0)),
        top=float(shape.get("Top", 0)),
        width=float(shape.get("Width", 0)),
        height=float(shape.get("Height", 0)),
    )


def detail(shape: Json, *, gender: bool = True) -> FaceDetail:
    """A FaceDetail or ComparedFace. Without `gender` its Gender is not read; Emotions never are."""
    quality = shape.get("Quality", {})
    return FaceDetail(
        box=box(shape.get("BoundingBox", {})),
        confidence=float(shape.get("Confidence", 0)),
        landmarks=tuple(one for one in _landmarks(shape) if one.kind in KINDS),
        pose=_pose(shape.get("Pose", {})),
        quality=Quality(float(quality.get("Brightness", 0)), float(quality.get("Sharpness", 0))),
        attributes=_attributes_of(shape, gender=gender),
    )


def _attributes_of(shape: Json, *, gender: bool) -> Attributes | None:
    """What a FaceDetail has beyond DEFAULT; None where it has nothing. Emotions are not read, nor is Gender unless
    `gender`."""
    if not gender and "Gender" in shape:
        shape = {name: value for name, value in shape.items() if name != "Gender"}
    found = attributes({name: value for name, value in shape.items() if name != "Pose"})
    return None if found == Attributes() else found


def attributes(shape: Json) -> Attributes:
    """The inverse of `dump.attributes`; of a member that is another than expected it raises ValueError, TypeError or
    KeyError."""
    ages, eyes, gender = shape.get("AgeRange"), shape.get("EyeDirection"), shape.get("Gender")
    return Attributes(
        version=int(shape.get("Version", VERSION)),
        age=None if ages is None else AgeRange(int(ages["Low"]), int(ages["High"])),
        flags={name: _flag(shape[member]) for name, member in FLAGS.items() if member in shape},
        eyes=None
        if eyes is None
        else EyeDirection(float(eyes["Yaw"]), float(eyes["Pitch"]), float(eyes.get("Confidence", 0))),
        gender=None if gender is None else Gender(str(gender["Value"]), float(gender.get("Confidence", 0))),
        landmarks=tuple(one for one in _landmarks(shape) if one.kind not in KINDS),
        pose=_pose(shape["Pose"]) if "Pose" in shape else None,
        asked=frozenset(Attribute(one) for one in shape["Asked"] if one in NAMES) if "Asked" in shape else ALL,
    )


def _flag(shape: Json) -> Flag:
    return Flag(shape["Value"] is True, float(shape.get("Confidence", 0)))


def _landmarks(shape: Json) -> tuple[Landmark, ...]:
    """Those that Amazon's model names."""
    return tuple(
        Landmark(one["Type"], float(one["X"]), float(one["Y"]))
        for one in shape.get("Landmarks", ())
        if one.get("Type") in LANDMARKS
    )


def _pose(shape: Json) -> Pose:
    return Pose(float(shape.get("Roll", 0)), float(shape.get("Yaw", 0)), float(shape.get("Pitch", 0)))


def searched(shape: Json) -> FaceDetail:
    """The searched face of SearchFacesByImageResponse, which has only box and confidence."""
    return detail(
        {"BoundingBox": shape.get("SearchedFaceBoundingBox", {}), "Confidence": shape.get("SearchedFaceConfidence", 0)}
    )


def face(shape: Json, collection_id: str, created_at: float | None = None, model: str = "") -> Face:
    """A Face as it is listed and matched. `model` is used where the face names none, `created_at` instead of its own
    time, which only `/v1` lists."""
    return Face(
        face_id=shape["FaceId"],
        image_id=shape.get("ImageId", ""),
        collection_id=collection_id,
        external_image_id=shape.get("ExternalImageId"),
        box=box(shape.get("BoundingBox", {})),
        confidence=float(shape.get("Confidence", 0)),
        index_model=shape.get("IndexFacesModelVersion", model),
        created_at=_seconds(shape.get("CreationTimestamp")) if created_at is None else created_at,
        user_id=shape.get("UserId"),
    )


def face_record(shape: Json, collection_id: str) -> FaceRecord:
    return FaceRecord(face(shape["Face"], collection_id), detail(shape["FaceDetail"]), person_ref(shape.get("Person")))


def face_matches(shapes: Iterable[Json], collection_id: str) -> tuple[FaceMatch, ...]:
    return tuple(
        FaceMatch(face(one["Face"], collection_id), float(one["Similarity"]), person_ref(one.get("Person")))
        for one in shapes
    )


def person_ref(shape: Json | None) -> PersonRef | None:
    """`Person` beside a `Face`."""
    return None if shape is None else PersonRef(shape["person_id"], shape["name"])


def person(shape: Json, collection_id: str) -> Person:
    """A person, as `/v1` answers it."""
    return Person(
        person_id=shape["person_id"],
        collection_id=collection_id,
        name=shape["name"],
        user_id=shape.get("user_id"),
        external_image_ids=tuple(shape.get("external_image_ids", ())),
        face_count=int(shape.get("face_count", 0)),
        cover_face_id=shape.get("cover_face_id"),
        hidden=bool(shape.get("hidden", False)),
        undo_id=shape.get("undo_id"),
    )


def group(shape: Json) -> Group:
    """A group of faces without a name, as `/v1` answers it."""
    return Group(
        shape["group_id"],
        int(shape["face_count"]),
        shape["cover_face_id"],
        tuple(shape["face_ids"]),
        _seconds(shape.get("first_seen")),
        _seconds(shape.get("last_seen")),
    )


def duplicates(shape: Json, collection_id: str) -> Duplicates:
    """What may be there twice, as `/v1` answers it."""
    pairs = tuple(
        Pair(
            one["pair_id"],
            (person(one["people"][0], collection_id), person(one["people"][1], collection_id)),
            float(one["similarity"]),
            (one["evidence"][0], one["evidence"][1]),
        )
        for one in shape["pairs"]
    )
    faces = tuple(
        Misplaced(
            one["face_id"],
            PersonRef(**one["person"]),
            float(one["similarity"]),
            PersonRef(**one["other"]),
            float(one["other_similarity"]),
        )
        for one in shape.get("faces", ())
    )
    return Duplicates(
        pairs,
        faces,
        _copies(shape.get("photographs", ())),
        shape.get("NextToken"),
        tuple(mixed(one) for one in shape.get("mixed", ())),
        _copies(shape.get("alike", ())),
    )


def mixed(shape: Json) -> Mixed:
    """A person whose faces seem to show several people, as `/v1` answers it."""
    ids = tuple(tuple(some) for some in shape["face_ids"])
    return Mixed(PersonRef(**shape["person"]), ids, float(shape["similarity"]))


def _copies(shape: Iterable[Iterable[Json]]) -> tuple[tuple[tuple[str, str], ...], ...]:
    return tuple(tuple((copy["image_id"], copy["external_image_id"] or "") for copy in one) for one in shape)


def named_faces(shape: Json, collection_id: str) -> NamedFaces:
    """Faces that were given a name, as `/v1` answers it."""
    whose = shape["person"]
    return NamedFaces(
        None if whose is None else person(whose, collection_id), tuple(shape["face_ids"]), tuple(shape["others"])
    )


def undone(shape: Json, collection_id: str) -> Undone:
    """What was undone, as `/v1` answers it."""
    return Undone(shape["undone"], tuple(person(one, collection_id) for one in shape["people"]))


def unindexed(shapes: Iterable[Json]) -> tuple[UnindexedFace, ...]:
    """UnindexedFaces, or UnsearchedFaces, whose member is called FaceDetails."""
    return tuple(
        UnindexedFace(
            detail(one.get("FaceDetail", one.get("FaceDetails", {}))),
            tuple(Reason(reason) for reason in one.get("Reasons", ()) if reason in Reason.__members__),
        )
        for one in shapes
    )


def indexed(shape: Json, collection_id: str) -> Indexed:
    """The answer of /v1/index, which does not say whether this photograph was indexed before."""
    records = tuple(face_record(one, collection_id) for one in shape["FaceRecords"])
    return Indexed(
        image_id=records[0].face.image_id if records else "",
        records=records,
        unindexed=unindexed(shape.get("UnindexedFaces", ())),
        model=shape.get("FaceModelVersion", ""),
        created=True,
    )


def _group_ref(shape: Json | None) -> GroupRef | None:
    if shape is None:
        return None
    first, last = _seconds(shape.get("first_seen")), _seconds(shape.get("last_seen"))
    return GroupRef(shape["group_id"], int(shape["face_count"]), first, last)


def image_search(shape: Json, collection_id: str) -> ImageSearch:
    """The answer of /v1/search, of one face or of all."""
    searches = shape.get("searches") or [shape["faces"]]
    found = tuple(
        FaceSearch(searched(one), face_matches(one["FaceMatches"], collection_id), _group_ref(one.get("Group")))
        for one in searches
    )
    return ImageSearch(found, unindexed(shape.get("unsearched", ())), searches[0].get("FaceModelVersion", ""))


def comparison(shape: Json) -> Comparison:
    source = shape.get("SourceImageFace", {})
    matches = [(detail(one["Face"]), float(one.get("Similarity", 0))) for one in shape.get("FaceMatches", ())]
    return Comparison(
        source=detail(source),
        matches=tuple(sorted(matches, key=lambda pair: -pair[1])),
        unmatched=tuple(detail(one) for one in shape.get("UnmatchedFaces", ())),
    )


def user(shape: Json, collection_id: str) -> User:
    """A user as it is listed, matched or described; only a description has its time of creation."""
    return User(
        user_id=shape["UserId"],
        collection_id=collection_id,
        status=shape.get("UserStatus", "ACTIVE"),
        created_at=_seconds(shape.get("CreationTimestamp")),
        face_count=int(shape.get("FaceCount", 0)),
    )


def user_matches(shapes: Iterable[Json], collection_id: str) -> tuple[UserMatch, ...]:
    return tuple(UserMatch(user(one["User"], collection_id), float(one.get("Similarity", 0))) for one in shapes)


def user_search(shape: Json, collection_id: str) -> UserSearch:
    """SearchUsersByImageResponse."""
    probe = shape.get("SearchedFace", {}).get("FaceDetail")
    return UserSearch(
        detail=None if probe is None else detail(probe),
        matches=user_matches(shape.get("UserMatches", ()), collection_id),
        unsearched=unindexed(shape.get("UnsearchedFaces", ())),
        model=str(shape.get("FaceModelVersion", "")),
    )


def associated(shape: Json) -> Associated:
    """AssociateFacesResponse or DisassociateFacesResponse."""
    done = shape.get("AssociatedFaces", shape.get("DisassociatedFaces", ()))
    failed = shape.get("UnsuccessfulFaceAssociations", shape.get("UnsuccessfulFaceDisassociations", ()))
    return Associated(
        tuple(one["FaceId"] for one in done), unsuccessful(failed), str(shape.get("UserStatus", "ACTIVE"))
    )


def unsuccessful(shapes: Iterable[Json]) -> tuple[UnsuccessfulFace, ...]:
    """UnsuccessfulFaceAssociations, UnsuccessfulFaceDisassociations and UnsuccessfulFaceDeletions."""
    return tuple(
        UnsuccessfulFace(one.get("FaceId", ""), tuple(one.get("Reasons", ())), one.get("UserId"), one.get("Confidence"))
        for one in shapes
    )


def thumbnails(shape: Json) -> dict[str, bytes]:
    return {one["face_id"]: b64decode(one["jpeg"]) for one in shape["thumbnails"]}


def deleted(shape: Json) -> Deleted:
    signed = shape.get("Receipt")
    return Deleted(
        tuple(shape["DeletedFaces"]),
        unsuccessful(shape.get("UnsuccessfulFaceDeletions", ())),
        receipt=receipt(signed) if signed else None,
    )


def erased(shape: Json) -> Erased:
    """The answer of an erasure with its receipt, which has facts that the rest of the answer lacks."""
    signed = shape.get("Receipt") or {}
    content: Json = signed.get("receipt", {})
    return Erased(
        tuple(shape["DeletedFaces"]),
        tuple(content.get("images", ())),
        tuple(content.get("users", ())),
        bool(content.get("complete", True)),
        face_count=int(content.get("face_count", len(shape["DeletedFaces"]))),
        image_count=int(content.get("image_count", 0)),
        receipt=receipt(signed) if signed else None,
    )


def receipt(shape: Json) -> Receipt:
    """A signed receipt."""
    return Receipt(shape["receipt"], shape["public_key"], shape["signature"])


def collection(shape: Json) -> Collection:
    return Collection(
        collection_id=shape["CollectionId"],
        pack=shape.get("Pack", ""),
        contract="",
        created_at=_seconds(shape.get("CreationTimestamp")),
        face_count=int(shape.get("FaceCount", 0)),
        user_count=int(shape.get("UserCount", 0)),
        tags=dict(shape.get("Tags", {})),
        retention_days=shape.get("RetentionDays"),
    )


def job(shape: Json) -> Job:
    return Job(
        job_id=shape["job_id"],
        kind=JobKind(shape["kind"]),
        collection_id=shape.get("collection_id"),
        created_at=_seconds(shape.get("created_at")),
        state=JobState(shape["state"]),
        done=int(shape.get("done", 0)),
        total=int(shape.get("total", 0)),
        error=shape.get("error") or "",
        result=shape.get("result"),
        finished_at=_seconds(shape["finished_at"]) if shape.get("finished_at") else None,
        cancelling=bool(shape.get("cancelling", False)),
    )


def line_result(shape: Json) -> LineResult:
    return LineResult(
        number=int(shape["line"]),
        status=LineStatus(shape["status"]),
        image_id=shape.get("image_id"),
        identity=shape.get("identity"),
        face_ids=tuple(shape.get("face_ids") or ()),
        code=shape.get("code"),
        reason=shape.get("reason"),
    )


def page(shape: Json, member: str, item: Callable[[Json], T]) -> Page[T]:
    """Items of the list `member`, with NextToken as the cursor."""
    return Page(tuple(item(one) for one in shape[member]), shape.get("NextToken"))


def _seconds(value: object) -> float:
    """A time as epoch seconds; 0 where it is absent."""
    if isinstance(value, int | float):
        return float(value)
    return datetime.fromisoformat(value).timestamp() if isinstance(value, str) and value else 0.0


def video_page(shape: Json) -> VideoPage:
    """The answer of /v1/videos/{job_id} or its appearances. The job has its id, state and error alone."""
    states = {"SUCCEEDED": JobState.SUCCEEDED, "FAILED": JobState.FAILED}
    state = states.get(shape["JobStatus"], JobState.RUNNING)
    error = shape.get("StatusMessage", "") if state is JobState.FAILED else ""
    told = shape.get("VideoMetadata")
    facts = told and VideoFacts(
        codec=told["Codec"],
        format=told["Format"],
        duration_ms=told["DurationMillis"],
        frame_rate=told["FrameRate"],
        width=told["FrameWidth"],
        height=told["FrameHeight"],
        full_range=told["ColorRange"] == "FULL",
    )
    job = Job(shape["JobId"], JobKind.VIDEO, None, 0.0, state=state, error=error)
    faces = tuple(
        VideoFace(
            one["Timestamp"],
            detail(one["Person"]["Face"]),
            one["Person"]["Index"],
            face_matches(one.get("FaceMatches", ()), ""),
        )
        for one in shape.get("Persons", ())
    )
    seen = tuple(
        Appearance(one["index"], one["from_ms"], one["to_ms"], one["frames"], face_matches(one["FaceMatches"], ""))
        for one in shape.get("appearances", ())
    )
    video = Video(job, VideoSource(), facts or None, shape.get("JobTag"), True)
    return VideoPage(video, faces, seen, shape.get("NextToken"))


def appearance_search(shape: Json, collection_id: str) -> AppearanceSearch:
    """The answer of /v1/appearances."""
    matches = face_matches(shape["FaceMatches"], collection_id)
    return AppearanceSearch(matches, int(shape["pictures"]), shape.get("FaceModelVersion", ""))
