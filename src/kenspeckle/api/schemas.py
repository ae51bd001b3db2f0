"""Pydantic models of the JSON of answers, which describe it; and what models of all groups of routes share.

Answers are written by `kenspeckle.shapes`; tests hold each of them to its model here.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Percent = Annotated[float, Field(ge=0, le=100)]


class Shape(BaseModel):
    """Base of all models: members that are not declared are refused."""

    model_config = ConfigDict(extra="forbid")


class BoundingBox(Shape):
    """A rectangle in ratios of the photograph's width and height; it may lie partly outside."""

    Width: float
    Height: float
    Left: float
    Top: float


class Landmark(Shape):
    """A point of the face; left and right as the viewer sees them."""

    Type: str = Field(description="eyeLeft, eyeRight, nose, mouthLeft, mouthRight; with attributes 25 more")
    X: float
    Y: float


class Pose(Shape):
    """Rotation of the head in degrees."""

    Roll: float
    Yaw: float
    Pitch: float


class ImageQuality(Shape):
    Brightness: Percent
    Sharpness: Percent


class Flag(Shape):
    Value: bool
    Confidence: Percent


class GenderGuess(Shape):
    Value: str = Field(description="Female or Male, as a network takes the face to look.")
    Confidence: Percent


class YearRange(Shape):
    """Years, both included."""

    Low: int
    High: int


class Gaze(Shape):
    """Degrees against the line to the camera."""

    Yaw: float
    Pitch: float
    Confidence: Percent


class FaceDetail(Shape):
    """A face as seen in a photograph."""

    BoundingBox: BoundingBox
    Confidence: Percent = Field(description="That this is a face at all.")
    Landmarks: list[Landmark]
    Pose: Pose
    Quality: ImageQuality
    AgeRange: YearRange | None = Field(default=None, description="With attributes; absent where it is not told.")
    Smile: Flag | None = None
    EyesOpen: Flag | None = None
    MouthOpen: Flag | None = None
    FaceOccluded: Flag | None = None
    EyeDirection: Gaze | None = None
    Gender: GenderGuess | None = Field(default=None, description="Only where the operator has switched it on.")
    Eyeglasses: Flag | None = Field(default=None, description="This and the next three over Amazon Rekognition alone.")
    Sunglasses: Flag | None = None
    Beard: Flag | None = None
    Mustache: Flag | None = None


class Face(Shape):
    """A face held by a collection."""

    FaceId: str
    BoundingBox: BoundingBox
    ImageId: str
    ExternalImageId: str | None = Field(default=None, description="The identity it was indexed under.")
    Confidence: Percent
    IndexFacesModelVersion: str
    UserId: str | None = Field(default=None, description="The user it belongs to; absent where it belongs to none.")


class StoredFace(Face):
    """A face held by a collection, with the time since when."""

    CreationTimestamp: float = Field(description="Seconds since the epoch.")


class PersonReference(Shape):
    """Whose a face is."""

    person_id: str
    name: str = Field(description="Display name.")


class FaceRecord(Shape):
    Face: Face
    FaceDetail: FaceDetail


class StoredFaceRecord(Shape):
    Face: StoredFace
    FaceDetail: FaceDetail
    Person: PersonReference | None = Field(default=None, description="Whose it is; absent where nobody knows.")


class UnindexedFace(Shape):
    """A detected face that was not stored."""

    Reasons: list[str]
    FaceDetail: FaceDetail


class UnsearchedFace(Shape):
    """A detected face that was not searched."""

    FaceDetails: FaceDetail
    Reasons: list[str]


class IndexFaces(Shape):
    FaceRecords: list[FaceRecord] = Field(description="Faces stored, largest first.")
    UnindexedFaces: list[UnindexedFace]
    FaceModelVersion: str


class FaceMatch(Shape):
    Similarity: Percent
    Face: Face
    Person: PersonReference | None = Field(default=None, description="Whose it is; absent where nobody knows.")


class SeenBefore(Shape):
    """Faces without a name that a searched face belongs to."""

    group_id: str
    face_count: int
    first_seen: str = Field(description="ISO 8601, in UTC: when the first photograph of them was stored.")
    last_seen: str


class SearchFacesByImage(Shape):
    SearchedFaceBoundingBox: BoundingBox
    SearchedFaceConfidence: Percent
    FaceMatches: list[FaceMatch] = Field(description="Most similar first.")
    FaceModelVersion: str
    Group: SeenBefore | None = Field(
        default=None,
        description="With the setting SEARCH_GROUPS, where nobody with a name reaches FACE_MATCH_THRESHOLD: the faces "
        "without a name that this one belongs to.",
    )


class Search(Shape):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    faces: SearchFacesByImage = Field(description="Search of the largest face.")
    matched_names: list[str] = Field(alias="matchedFaces", description="Names of who was found, best first.")
    searches: list[SearchFacesByImage] | None = Field(
        default=None, description="One a face, largest first; with all_faces only."
    )
    details: list[FaceDetail] | None = Field(
        default=None, description="Each searched face as it is in the photograph, in the order of searches."
    )
    unsearched: list[UnsearchedFace] | None = Field(default=None, description="With all_faces only.")


class SearchFaces(Shape):
    SearchedFaceId: str
    FaceMatches: list[FaceMatch]
    FaceModelVersion: str


class DetectFaces(Shape):
    FaceDetails: list[FaceDetail]


class ComparedSourceImageFace(Shape):
    BoundingBox: BoundingBox
    Confidence: Percent


class CompareFacesMatch(Shape):
    Similarity: Percent
    Face: FaceDetail


class CompareFaces(Shape):
    SourceImageFace: ComparedSourceImageFace
    FaceMatches: list[CompareFacesMatch] = Field(description="Faces of the target, most similar first.")
    UnmatchedFaces: list[FaceDetail]


class Collection(Shape):
    CollectionId: str
    CollectionARN: str
    FaceCount: int
    UserCount: int
    FaceModelVersion: str
    CreationTimestamp: float = Field(description="Seconds since the epoch.")
    Pack: str = Field(description="Model pack that its faces were described by.")
    Revision: int = Field(description="Grows by one with each write.")
    Tags: dict[str, str]
    RetentionDays: int | None = Field(description="Age at which faces are erased; null keeps them without limit.")


class CollectionList(Shape):
    CollectionIds: list[str]
    FaceModelVersions: list[str]
    Collections: list[Collection]
    NextToken: str | None = None


class FaceList(Shape):
    Faces: list[StoredFace]
    FaceModelVersion: str
    NextToken: str | None = None


class UnsuccessfulFaceDeletion(Shape):
    FaceId: str
    Reasons: list[str]
    UserId: str | None = Field(default=None, description="The user that the face belongs to, if that is why it stayed.")


class SignedReceipt(Shape):
    """What was erased, signed with Ed25519 over `receipt` as JSON with sorted keys and no spaces. Its `state` is
    pending as long as files of the service may hold bytes of it; GET /v1/receipts/{id} has the complete one then."""

    receipt: dict[str, JsonValue]
    public_key: str = Field(description="Base64; compare it with the one of /v1/info.")
    signature: str = Field(description="Base64.")


class DeletedFaces(Shape):
    DeletedFaces: list[str]
    UnsuccessfulFaceDeletions: list[UnsuccessfulFaceDeletion]
    Receipt: SignedReceipt | None = Field(default=None, description="Absent where nothing was deleted.")


class User(Shape):
    UserId: str
    UserStatus: str


class UserDescription(User):
    FaceCount: int
    CreationTimestamp: float = Field(description="Seconds since the epoch.")


class UserList(Shape):
    Users: list[User]
    NextToken: str | None = None


class FaceReference(Shape):
    FaceId: str


class UnsuccessfulFace(Shape):
    FaceId: str
    Reasons: list[str]
    UserId: str | None = None
    Confidence: Percent | None = None


class AssociateFaces(Shape):
    AssociatedFaces: list[FaceReference]
    UnsuccessfulFaceAssociations: list[UnsuccessfulFace]
    UserStatus: str


class DisassociateFaces(Shape):
    DisassociatedFaces: list[FaceReference]
    UnsuccessfulFaceDisassociations: list[UnsuccessfulFace]
    UserStatus: str


class UserMatch(Shape):
    Similarity: Percent
    User: User


class UserReference(Shape):
    UserId: str


class SearchUsers(Shape):
    UserMatches: list[UserMatch]
    FaceModelVersion: str
    SearchedUser: UserReference | None = None
    SearchedFace: FaceReference | None = None


class SearchedFaceDetails(Shape):
    FaceDetail: FaceDetail


class SearchUsersByImage(Shape):
    UserMatches: list[UserMatch]
    FaceModelVersion: str
    UnsearchedFaces: list[UnsearchedFace]
    SearchedFace: SearchedFaceDetails | None = Field(default=None, description="Absent where no face was searched.")


class KeyRights(Shape):
    """What the key of a request may do."""

    id: str
    name: str
    scopes: list[str]
    collections: list[str] = Field(description="The collections it is for; empty for all.")
    expires_at: str | None


class Info(BaseModel):
    """More members than these depend on the recognizer."""

    name: str
    version: str
    key: KeyRights | None = Field(description="Who asks: the key's rights; null on an open server.")
    model_config = ConfigDict(extra="allow")


class Status(Shape):
    status: str


class Problem(BaseModel):
    """RFC 9457 problem+json. `code` is stable; match on it, not on words."""

    type: str
    title: str
    status: int
    code: str
    detail: str = Field(description="What was wrong and how to mend it.")
    field: str | None = Field(default=None, description="The input at fault.")
    request_id: str


class Thumbnail(Shape):
    face_id: str
    jpeg: str = Field(description="The picture as base64.")


class Thumbnails(Shape):
    thumbnails: list[Thumbnail]
