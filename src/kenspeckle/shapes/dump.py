"""Domain objects as JSON in Amazon Rekognition's shapes: its member names and nesting. Pure functions for every edge;
members without a value are left out, as Rekognition does. Numbers are those of `kenspeckle.domain`: ratios,
percentages, degrees, epoch seconds.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from kenspeckle.domain import (
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
    Face,
    FaceDetail,
    FaceMatch,
    FaceRecord,
    FaceSearch,
    Group,
    ImageSearch,
    Indexed,
    Job,
    JobState,
    Landmark,
    LineResult,
    Mixed,
    NamedFaces,
    Page,
    Person,
    PersonRef,
    Pose,
    Receipt,
    Undone,
    UnindexedFace,
    UnsuccessfulFace,
    User,
    UserMatch,
    UserSearch,
    VideoPage,
)
from kenspeckle.domain.attributes import ALL
from kenspeckle.moments import iso

Json: TypeAlias = dict[str, Any]

LANDMARKS = (
    *("eyeLeft", "eyeRight", "mouthLeft", "mouthRight", "nose"),
    *(
        "leftEyeBrowLeft",
        "leftEyeBrowRight",
        "leftEyeBrowUp",
        "rightEyeBrowLeft",
        "rightEyeBrowRight",
        "rightEyeBrowUp",
    ),
    *("leftEyeLeft", "leftEyeRight", "leftEyeUp", "leftEyeDown"),
    *("rightEyeLeft", "rightEyeRight", "rightEyeUp", "rightEyeDown"),
    *("noseLeft", "noseRight", "mouthUp", "mouthDown", "leftPupil", "rightPupil"),
    *("upperJawlineLeft", "midJawlineLeft", "chinBottom", "midJawlineRight", "upperJawlineRight"),
)
"""The order in Amazon's answers; some programs access them by position."""

FLAGS = {
    Attribute.SMILE: "Smile",
    Attribute.EYEGLASSES: "Eyeglasses",
    Attribute.SUNGLASSES: "Sunglasses",
    Attribute.BEARD: "Beard",
    Attribute.MUSTACHE: "Mustache",
    Attribute.EYES_OPEN: "EyesOpen",
    Attribute.MOUTH_OPEN: "MouthOpen",
    Attribute.FACE_OCCLUDED: "FaceOccluded",
}
"""Members of FaceDetail that are a yes or no."""


def bounding_box(box: Box) -> Json:
    return {"Width": box.width, "Height": box.height, "Left": box.left, "Top": box.top}


def face_detail(detail: FaceDetail) -> Json:
    """FaceDetail with the DEFAULT attributes, and what else was inferred; also what Rekognition calls ComparedFace."""
    more = detail.attributes
    head = detail.pose if more is None or more.pose is None else more.pose
    places = (*detail.landmarks, *(() if more is None else more.landmarks))
    return {
        "BoundingBox": bounding_box(detail.box),
        "Confidence": detail.confidence,
        "Landmarks": _landmarks(places),
        "Pose": _pose(head),
        "Quality": {"Brightness": detail.quality.brightness, "Sharpness": detail.quality.sharpness},
        **({} if more is None else _inferred(more)),
    }


def attributes(more: Attributes) -> Json:
    """What was inferred, with its version, for storage and exports."""
    shape: Json = {"Version": more.version, **_inferred(more)}
    if more.asked != ALL:
        shape["Asked"] = sorted(more.asked)
    if more.pose is not None:
        shape["Pose"] = _pose(more.pose)
    if more.landmarks:
        shape["Landmarks"] = _landmarks(more.landmarks)
    return shape


def _inferred(more: Attributes) -> Json:
    """The members of FaceDetail beyond DEFAULT."""
    shape: Json = {}
    if more.age is not None:
        shape["AgeRange"] = {"Low": more.age.low, "High": more.age.high}
    if more.gender is not None:
        shape["Gender"] = {"Value": more.gender.value, "Confidence": more.gender.confidence}
    for name, member in FLAGS.items():
        if name in more.flags:
            shape[member] = {"Value": more.flags[name].value, "Confidence": more.flags[name].confidence}
    if more.eyes is not None:
        shape["EyeDirection"] = {
            "Yaw": more.eyes.yaw,
            "Pitch": more.eyes.pitch,
            "Confidence": more.eyes.confidence,
        }
    return shape


def _landmarks(places: Iterable[Landmark]) -> list[Json]:
    return [{"Type": one.kind, "X": one.x, "Y": one.y} for one in sorted(places, key=_place)]


def _pose(head: Pose) -> Json:
    return {"Roll": head.roll, "Yaw": head.yaw, "Pitch": head.pitch}


def _place(one: Landmark) -> int:
    return LANDMARKS.index(one.kind) if one.kind in LANDMARKS else len(LANDMARKS)


def face(one: Face) -> Json:
    answer: Json = {
        "FaceId": one.face_id,
        "BoundingBox": bounding_box(one.box),
        "ImageId": one.image_id,
        "Confidence": one.confidence,
        "IndexFacesModelVersion": one.index_model,
    }
    if one.external_image_id is not None:
        answer["ExternalImageId"] = one.external_image_id
    if one.user_id is not None:
        answer["UserId"] = one.user_id
    return answer


def stored_face(one: Face) -> Json:
    """A face with its time of storing, which the lists of `/v1` have and Amazon's shapes lack."""
    return {**face(one), "CreationTimestamp": one.created_at}


def face_record(record: FaceRecord) -> Json:
    return {"Face": face(record.face), "FaceDetail": face_detail(record.detail)}


def stored_face_record(record: FaceRecord) -> Json:
    """A FaceRecord with the face's time of storing."""
    return {**face_record(record), "Face": stored_face(record.face)}


def unindexed_face(one: UnindexedFace) -> Json:
    return {"Reasons": [str(reason) for reason in one.reasons], "FaceDetail": face_detail(one.detail)}


def unsearched_face(one: UnindexedFace) -> Json:
    """UnsearchedFace; its member is called FaceDetails, in the plural."""
    return {"FaceDetails": face_detail(one.detail), "Reasons": [str(reason) for reason in one.reasons]}


def index_faces(answer: Indexed) -> Json:
    """IndexFacesResponse."""
    return {
        "FaceRecords": [face_record(record) for record in answer.records],
        "UnindexedFaces": [unindexed_face(one) for one in answer.unindexed],
        "FaceModelVersion": answer.model,
    }


def face_matches(matches: Iterable[FaceMatch], *, people: bool = False) -> list[Json]:
    """With `people`, which Rekognition's shape has not, whose each face is."""
    found: list[Json] = []
    for one in matches:
        shape: Json = {"Similarity": one.similarity, "Face": face(one.face)}
        found.append(with_person(shape, one.person) if people else shape)
    return found


def with_person(shape: Json, one: PersonRef | None) -> Json:
    """A face with whose it is, where that is known."""
    return shape if one is None else {**shape, "Person": {"person_id": one.person_id, "name": one.name}}


def person(one: Person) -> Json:
    """A person, as `/v1` answers it."""
    shape: Json = {
        "person_id": one.person_id,
        "name": one.name,
        "user_id": one.user_id,
        "external_image_ids": list(one.external_image_ids),
        "face_count": one.face_count,
        "cover_face_id": one.cover_face_id,
        "hidden": one.hidden,
    }
    return shape if one.undo_id is None else {**shape, "undo_id": one.undo_id}


def people(page: Page[Person]) -> Json:
    """A page of people."""
    answer: Json = {"people": [person(one) for one in page.items]}
    if page.cursor is not None:
        answer["NextToken"] = page.cursor
    return answer


def group(one: Group) -> Json:
    """A group of faces without a name, as `/v1` answers it; times are ISO 8601 in UTC."""
    return {
        "group_id": one.group_id,
        "face_count": one.face_count,
        "cover_face_id": one.cover_face_id,
        "face_ids": list(one.face_ids),
        "first_seen": iso(one.first_seen, "milliseconds"),
        "last_seen": iso(one.last_seen, "milliseconds"),
    }


def groups(page: Page[Group]) -> Json:
    """A page of groups."""
    answer: Json = {"groups": [group(one) for one in page.items]}
    if page.cursor is not None:
        answer["NextToken"] = page.cursor
    return answer


def duplicates(found: Duplicates) -> Json:
    """What may be there twice, as `/v1` answers it."""
    answer: Json = {
        "pairs": [
            {
                "pair_id": one.pair_id,
                "people": [person(each) for each in one.people],
                "similarity": one.similarity,
                "evidence": list(one.evidence),
            }
            for one in found.pairs
        ],
        "faces": [
            {
                "face_id": one.face_id,
                "person": {"person_id": one.person.person_id, "name": one.person.name},
                "similarity": one.similarity,
                "other": {"person_id": one.other.person_id, "name": one.other.name},
                "other_similarity": one.other_similarity,
            }
            for one in found.faces
        ],
        "photographs": [_copies(copies) for copies in found.photographs],
    }
    answer["mixed"] = [mixed(one) for one in found.mixed]
    answer["alike"] = [_copies(copies) for copies in found.alike]
    if found.cursor is not None:
        answer["NextToken"] = found.cursor
    return answer


def mixed(one: Mixed) -> Json:
    """A person whose faces seem to show several people, as `/v1` answers it."""
    return {
        "person": {"person_id": one.person.person_id, "name": one.person.name},
        "face_ids": [list(some) for some in one.face_ids],
        "similarity": one.similarity,
    }


def _copies(copies: Iterable[tuple[str, str]]) -> list[Json]:
    return [{"image_id": image_id, "external_image_id": identity or None} for image_id, identity in copies]


def named_faces(one: NamedFaces) -> Json:
    """Faces that were given a name, as `/v1` answers it."""
    whose = None if one.person is None else person(one.person)
    return {"person": whose, "face_ids": list(one.face_ids), "others": list(one.others)}


def undone(one: Undone) -> Json:
    """What was undone, as `/v1` answers it."""
    return {"undone": one.kind, "people": [person(each) for each in one.people]}


def search_faces_by_image(search: FaceSearch, model: str, *, people: bool = False) -> Json:
    """SearchFacesByImageResponse of one searched face; `people` as for `face_matches`."""
    shape: Json = {
        "SearchedFaceBoundingBox": bounding_box(search.detail.box),
        "SearchedFaceConfidence": search.detail.confidence,
        "FaceMatches": face_matches(search.matches, people=people),
        "FaceModelVersion": model,
    }
    if people and search.group is not None:
        shape["Group"] = {
            "group_id": search.group.group_id,
            "face_count": search.group.face_count,
            "first_seen": iso(search.group.first_seen, "milliseconds"),
            "last_seen": iso(search.group.last_seen, "milliseconds"),
        }
    return shape


def largest_search(answer: ImageSearch, *, people: bool = False) -> Json:
    """SearchFacesByImageResponse of the largest face of the photograph; `people` as for `face_matches`."""
    return search_faces_by_image(answer.searches[0], answer.model, people=people)


def search_faces(face_id: str, matches: Iterable[FaceMatch], model: str, *, people: bool = False) -> Json:
    """SearchFacesResponse; `people` as for `face_matches`."""
    shown = face_matches(matches, people=people)
    return {"SearchedFaceId": face_id, "FaceMatches": shown, "FaceModelVersion": model}


def detect_faces(details: Iterable[FaceDetail]) -> Json:
    """DetectFacesResponse."""
    return {"FaceDetails": [face_detail(detail) for detail in details]}


def compare_faces(answer: Comparison) -> Json:
    """CompareFacesResponse."""
    return {
        "SourceImageFace": {
            "BoundingBox": bounding_box(answer.source.box),
            "Confidence": answer.source.confidence,
        },
        "FaceMatches": [
            {"Similarity": similarity, "Face": face_detail(detail)} for detail, similarity in answer.matches
        ],
        "UnmatchedFaces": [face_detail(detail) for detail in answer.unmatched],
    }


def list_faces(faces: Iterable[Face], cursor: str | None, model: str) -> Json:
    """ListFacesResponse."""
    answer: Json = {"Faces": [face(one) for one in faces], "FaceModelVersion": model}
    if cursor is not None:
        answer["NextToken"] = cursor
    return answer


def stored_faces(faces: Iterable[Face], cursor: str | None, model: str) -> Json:
    """ListFacesResponse with the time of storing of each face."""
    faces = tuple(faces)
    return {**list_faces(faces, cursor, model), "Faces": [stored_face(one) for one in faces]}


def thumbnails(found: Mapping[str, bytes]) -> Json:
    """Pictures by face id, as base64."""
    return {"thumbnails": [{"face_id": face_id, "jpeg": b64encode(jpeg).decode()} for face_id, jpeg in found.items()]}


def delete_faces(answer: Deleted) -> Json:
    """DeleteFacesResponse."""
    return {
        "DeletedFaces": list(answer.deleted),
        "UnsuccessfulFaceDeletions": _unsuccessful(answer.unsuccessful),
    }


def receipt(one: Receipt) -> Json:
    """A receipt of erasure, as `kenspeckle receipts verify` takes it."""
    return {"receipt": dict(one.content), "public_key": one.public_key, "signature": one.signature}


def erased(answer: Erased) -> Json:
    """What was erased, in the shape of DeleteFacesResponse with the receipt."""
    return with_receipt({"DeletedFaces": list(answer.face_ids), "UnsuccessfulFaceDeletions": []}, answer.receipt)


def with_receipt(shape: Json, one: Receipt | None) -> Json:
    """An answer with its receipt, where there is one."""
    return shape if one is None else {**shape, "Receipt": receipt(one)}


def collection(one: Collection, arn: str, model: str) -> Json:
    """DescribeCollectionResponse, with the name, tags, pack and revision that Rekognition's lacks."""
    return {
        "CollectionId": one.collection_id,
        "CollectionARN": arn,
        "FaceCount": one.face_count,
        "UserCount": one.user_count,
        "FaceModelVersion": model,
        "CreationTimestamp": one.created_at,
        "Pack": one.pack,
        "Revision": one.revision,
        "Tags": dict(one.tags),
        "RetentionDays": one.retention_days,
    }


def user_description(one: User) -> Json:
    """A user, with the members that ListUsers leaves out."""
    return {**user(one), "FaceCount": one.face_count, "CreationTimestamp": one.created_at}


def user(one: User) -> Json:
    """User as ListUsers names it, and MatchedUser."""
    return {"UserId": one.user_id, "UserStatus": one.status}


def list_users(users: Iterable[User], cursor: str | None) -> Json:
    """ListUsersResponse."""
    answer: Json = {"Users": [user(one) for one in users]}
    if cursor is not None:
        answer["NextToken"] = cursor
    return answer


def user_matches(matches: Iterable[UserMatch]) -> list[Json]:
    return [{"Similarity": one.similarity, "User": user(one.user)} for one in matches]


def search_users(
    matches: Iterable[UserMatch], model: str, *, face_id: str | None = None, user_id: str | None = None
) -> Json:
    """SearchUsersResponse, of a search by a stored face or by a user."""
    answer: Json = {"UserMatches": user_matches(matches), "FaceModelVersion": model}
    if face_id is not None:
        answer["SearchedFace"] = {"FaceId": face_id}
    if user_id is not None:
        answer["SearchedUser"] = {"UserId": user_id}
    return answer


def search_users_by_image(answer: UserSearch) -> Json:
    """SearchUsersByImageResponse."""
    shape: Json = {
        "UserMatches": user_matches(answer.matches),
        "FaceModelVersion": answer.model,
        "UnsearchedFaces": [unsearched_face(one) for one in answer.unsearched],
    }
    if answer.detail is not None:
        shape["SearchedFace"] = {"FaceDetail": face_detail(answer.detail)}
    return shape


def associate_faces(answer: Associated) -> Json:
    """AssociateFacesResponse."""
    return {
        "AssociatedFaces": [{"FaceId": face_id} for face_id in answer.associated],
        "UnsuccessfulFaceAssociations": _unsuccessful(answer.unsuccessful),
        "UserStatus": answer.status,
    }


def disassociate_faces(answer: Associated) -> Json:
    """DisassociateFacesResponse."""
    return {
        "DisassociatedFaces": [{"FaceId": face_id} for face_id in answer.associated],
        "UnsuccessfulFaceDisassociations": _unsuccessful(answer.unsuccessful),
        "UserStatus": answer.status,
    }


def _unsuccessful(ones: Sequence[UnsuccessfulFace]) -> list[Json]:
    answer: list[Json] = []
    for one in ones:
        shape: Json = {"FaceId": one.face_id, "Reasons": list(one.reasons)}
        if one.user_id is not None:
            shape["UserId"] = one.user_id
        if one.confidence is not None:
            shape["Confidence"] = one.confidence
        answer.append(shape)
    return answer


def job(one: Job) -> Json:
    """A job, as `/v1/jobs` answers it; times are ISO 8601 in UTC."""
    return {
        "job_id": one.job_id,
        "kind": one.kind.value,
        "collection_id": one.collection_id,
        "state": one.state.value,
        "done": one.done,
        "total": one.total,
        "error": one.error or None,
        "result": None if one.result is None else dict(one.result),
        "cancelling": one.cancelling,
        "created_at": iso(one.created_at, "milliseconds"),
        "finished_at": iso(one.finished_at, "milliseconds"),
        **({"tag": one.parameters["tag"]} if one.parameters.get("tag") else {}),
    }


def jobs(page: Page[Job]) -> Json:
    """A page of jobs."""
    answer: Json = {"jobs": [job(one) for one in page.items]}
    if page.cursor is not None:
        answer["NextToken"] = page.cursor
    return answer


def line_result(one: LineResult) -> Json:
    """What became of a line of a manifest."""
    return {
        "line": one.number,
        "status": one.status.value,
        "image_id": one.image_id,
        "identity": one.identity,
        "face_ids": list(one.face_ids),
        "code": one.code,
        "reason": one.reason,
    }


def index_results(page: Page[LineResult]) -> Json:
    """A page of what became of the lines of a manifest."""
    answer: Json = {"results": [line_result(one) for one in page.items]}
    if page.cursor is not None:
        answer["NextToken"] = page.cursor
    return answer


STATUSES = {JobState.SUCCEEDED: "SUCCEEDED", JobState.FAILED: "FAILED", JobState.CANCELLED: "FAILED"}


def _video(page: VideoPage) -> Json:
    """What all answers about a video have: status, metadata, source."""
    video, job = page.video, page.video.job
    answer: Json = {"JobId": job.job_id, "JobStatus": STATUSES.get(job.state, "IN_PROGRESS")}
    said = job.error or ("The job was cancelled." if job.state is JobState.CANCELLED else "")
    said = said or str((job.result or {}).get("remark", ""))
    if said:
        answer["StatusMessage"] = said
    if video.tag is not None:
        answer["JobTag"] = video.tag
    if video.source.bucket:
        named = {"Bucket": video.source.bucket, "Name": video.source.name}
        version = {} if video.source.version is None else {"Version": video.source.version}
        answer["Video"] = {"S3Object": {**named, **version}}
    if video.facts is not None and job.state is JobState.SUCCEEDED:
        facts = video.facts
        answer["VideoMetadata"] = {
            "Codec": facts.codec,
            "DurationMillis": facts.duration_ms,
            "Format": facts.format,
            "FrameRate": facts.frame_rate,
            "FrameHeight": facts.height,
            "FrameWidth": facts.width,
            "ColorRange": "FULL" if facts.full_range else "LIMITED",
        }
    if page.cursor is not None:
        answer["NextToken"] = page.cursor
    return answer


def face_search(page: VideoPage, *, people: bool = False) -> Json:
    """GetFaceSearchResponse. Somebody who is not found in the collection has no FaceMatches. `people` as for
    `face_matches`."""
    return {
        **_video(page),
        "Persons": [
            {
                "Timestamp": one.at,
                "Person": {
                    "Index": one.person,
                    "BoundingBox": bounding_box(one.detail.box),
                    "Face": face_detail(one.detail),
                },
                **({"FaceMatches": face_matches(one.matches, people=people)} if one.matches else {}),
            }
            for one in page.faces
        ],
    }


def face_detection(page: VideoPage) -> Json:
    """GetFaceDetectionResponse."""
    return {**_video(page), "Faces": [{"Timestamp": one.at, "Face": face_detail(one.detail)} for one in page.faces]}


def appearances(page: VideoPage) -> Json:
    """Who was seen from when to when. `name` is that of the best match."""
    return {**_video(page), "appearances": [_appearance(one) for one in page.appearances]}


def _appearance(one: Appearance) -> Json:
    best = one.matches[0] if one.matches else None
    identity = None if best is None else best.face.external_image_id
    return {
        "index": one.person,
        "from_ms": one.first_ms,
        "to_ms": one.last_ms,
        "frames": one.frames,
        "name": (best.name or None) if best is not None else None,
        "external_image_id": identity,
        "similarity": None if best is None else best.similarity,
        "FaceMatches": face_matches(one.matches, people=True),
    }


def appearance_search(found: AppearanceSearch) -> Json:
    """Who an appearance shows. `name` is that of the best match, null for somebody unknown."""
    best = found.matches[0] if found.matches else None
    return {
        "name": (best.name or None) if best is not None else None,
        "external_image_id": None if best is None else best.face.external_image_id,
        "similarity": None if best is None else best.similarity,
        "pictures": found.pictures,
        "FaceMatches": face_matches(found.matches, people=True),
        "FaceModelVersion": found.model,
    }


def searched(answer: ImageSearch, every: bool) -> dict[str, Any]:
    """The answer of a search as `/v1/search` gives it."""
    used = answer.searches if every else answer.searches[:1]
    best_first = sorted((match for one in used for match in one.matches), key=lambda match: -match.similarity)
    names = [one.name for one in best_first if one.name]
    shape: dict[str, Any] = {"faces": largest_search(answer, people=True), "matchedFaces": list(dict.fromkeys(names))}
    if every:
        shape["searches"] = [search_faces_by_image(one, answer.model, people=True) for one in answer.searches]
        shape["details"] = [face_detail(one.detail) for one in answer.searches]
        shape["unsearched"] = [unsearched_face(one) for one in answer.unsearched]
    return shape
