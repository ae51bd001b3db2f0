"""All errors of the core: each has a stable code, a message that says how to mend it, and facts. No HTTP.

Each edge has one table from these classes to its answers: `serving/problems.py`, `rekognition/error_table.py`,
`compreface/errors.py`.
"""

from __future__ import annotations


class KenspeckleError(Exception):
    """Base of all errors that a client or an operator may see. `code` is stable; `field` names the input at fault."""

    code = "error"

    def __init__(self, message: str, *, field: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.retry_after = retry_after


class InvalidValue(KenspeckleError):
    """A parameter, name or body breaks a rule that the message states."""

    code = "invalid_value"


class InvalidCursor(InvalidValue):
    """A page token that this service did not issue for this list."""

    code = "invalid_cursor"


class UnsupportedImage(KenspeckleError):
    """The bytes are no image, or of a format that is not accepted."""

    code = "unsupported_image"


class DamagedImage(UnsupportedImage):
    """The bytes begin like an image but can't be decoded to the end."""

    code = "damaged_image"


class ImageTooLarge(KenspeckleError):
    """More bytes or more pixels than the operator allows."""

    code = "image_too_large"


class ImageTooSmall(KenspeckleError):
    """Too few pixels for a face."""

    code = "image_too_small"


class InvalidVideo(KenspeckleError):
    """A file that is no video, or one that can't be decoded or is not taken."""

    code = "invalid_video"


class VideoTooLarge(KenspeckleError):
    """A video of more bytes than the operator allows."""

    code = "video_too_large"


class NoFace(KenspeckleError):
    """The photograph shows no face, or none that passes the quality bar."""

    code = "no_face"


class TooManyFaces(KenspeckleError):
    """The photograph shows several faces where one was asked for; nothing of it was stored."""

    code = "too_many_faces"


class NotFound(KenspeckleError):
    """Base of what does not exist."""

    code = "not_found"


class CollectionNotFound(NotFound):
    code = "collection_not_found"


class FaceNotFound(NotFound):
    code = "face_not_found"


class UserNotFound(NotFound):
    code = "user_not_found"


class PersonNotFound(NotFound):
    code = "person_not_found"


class ImageNotFound(NotFound):
    code = "image_not_found"


class IdentityNotFound(NotFound):
    """No face has this ExternalImageId."""

    code = "identity_not_found"


class KeyNotFound(NotFound):
    code = "key_not_found"


class WebhookNotFound(NotFound):
    code = "webhook_not_found"


class JobNotFound(NotFound):
    code = "job_not_found"

    @classmethod
    def of_id(cls, job_id: str) -> JobNotFound:
        """The same error for a job that does not exist and for one that the key may not see."""
        return cls(f"There is no job '{job_id[:80]}'.", field="job_id")


class ReceiptNotFound(NotFound):
    code = "receipt_not_found"

    @classmethod
    def of_id(cls, receipt_id: str) -> ReceiptNotFound:
        """The same error for a receipt that is not kept and for one that the key may not see."""
        return cls(f"No receipt '{receipt_id[:80]}' is kept here.", field="receipt_id")


class AlreadyExists(KenspeckleError):
    """A collection of that name exists."""

    code = "already_exists"


class Conflict(KenspeckleError):
    """The write collides with what is stored, or with another write under way."""

    code = "conflict"


class IdempotencyMismatch(KenspeckleError):
    """A request token was used before with other parameters."""

    code = "idempotency_mismatch"


class QuotaExceeded(KenspeckleError):
    """A limit of the data model (faces of a user, tags of a collection) would be exceeded."""

    code = "quota_exceeded"


class PackMismatch(KenspeckleError):
    """A collection's templates were made by another pack and can't be compared with this one's."""

    code = "pack_mismatch"


OTHER_PACK = "The collection has come to another model pack meanwhile; ask again."


class BucketNotAllowed(KenspeckleError):
    """An S3 object that can't be read: a bucket the operator did not name, or an object that is not there."""

    code = "invalid_s3_object"


class Unauthenticated(KenspeckleError):
    """No key, or one that is unknown, revoked or expired."""

    code = "unauthenticated"


class Forbidden(KenspeckleError):
    """The key has no right to do this."""

    code = "forbidden"


class RateLimited(KenspeckleError):
    """The key's rate or quota is used up."""

    code = "rate_limited"


class Overloaded(KenspeckleError):
    """The queue is full or the wait took too long; `retry_after` says after how many seconds to try again."""

    code = "overloaded"


class ShuttingDown(Overloaded):
    """The server finishes accepted requests and accepts no new ones."""

    code = "shutting_down"


class StorageFull(KenspeckleError):
    """The disk (or bucket quota) is full; nothing of the request was stored."""

    code = "storage_full"


class StorageUnavailable(KenspeckleError):
    """The catalog or the image store can't be reached or is damaged."""

    code = "storage_unavailable"
    repeatable = False
    """Whether nothing was stored, and the same call may succeed at once."""
    lost = False
    """Whether the connection was lost: others that were made before may be, too."""
    uncertain = False
    """Whether what was asked for may be stored nevertheless: the connection was lost at the commit."""


TEMPLATES_DIFFER = (
    "Templates of the collection differ in length: the catalog is damaged. `kenspeckle doctor` says more."
)
"""The message of StorageUnavailable where such templates are compared."""


class RecognizerUnavailable(KenspeckleError):
    """Amazon Rekognition, in the managed profile, does not answer or refuses the request; the log says which right is
    missing."""

    code = "recognizer_unavailable"


class ModelMissing(KenspeckleError):
    """The model pack is not on this machine, or a file of it is damaged."""

    code = "model_missing"


class SettingError(KenspeckleError):
    """A setting has an invalid value; the message names the source (file, environment, command line)."""

    code = "invalid_setting"


class NotOffered(KenspeckleError):
    """The operation is not offered by this server or this recognizer."""

    code = "not_offered"
