"""Collections and their users, as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kenspeckle.domain import (
    Associated,
    Collection,
    UnsuccessfulFace,
    User,
    UserMatch,
    UserSearch,
)
from kenspeckle.shapes.dump.faces import Json, face_detail, unsearched_face


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
        "UnsuccessfulFaceAssociations": unsuccessful(answer.unsuccessful),
        "UserStatus": answer.status,
    }


def disassociate_faces(answer: Associated) -> Json:
    """DisassociateFacesResponse."""
    return {
        "DisassociatedFaces": [{"FaceId": face_id} for face_id in answer.associated],
        "UnsuccessfulFaceDisassociations": unsuccessful(answer.unsuccessful),
        "UserStatus": answer.status,
    }


def unsuccessful(ones: Sequence[UnsuccessfulFace]) -> list[Json]:
    answer: list[Json] = []
    for one in ones:
        shape: Json = {"FaceId": one.face_id, "Reasons": list(one.reasons)}
        if one.user_id is not None:
            shape["UserId"] = one.user_id
        if one.confidence is not None:
            shape["Confidence"] = one.confidence
        answer.append(shape)
    return answer
