"""The S3 bucket of photographs: written once, read, and removed with every version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from kenspeckle.aws.clients import Amazon
from kenspeckle.aws.failures import BUSY_SECONDS, Refused
from kenspeckle.errors import ImageNotFound, Overloaded, SettingError, StorageUnavailable

REMOVED_AT_ONCE = 1000
IDENTITY = "identity"
"""Metadata of an object with the identity; without it, the ExternalImageId of the photograph's faces would be
unknown."""

TAKEN = "PreconditionFailed"
CONTENDED = "ConditionalRequestConflict"
"""Error codes while another request writes the same object."""


class Bucket:
    """The bucket at s3://name/prefix, which exists; `prefix` is empty or ends in a slash.

    Raises StorageUnavailable and Overloaded from any method."""

    def __init__(self, amazon: Amazon, url: str) -> None:
        """Raises SettingError."""
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
            raise SettingError(
                "With RECOGNIZER=rekognition photographs lie in a bucket: set KENSPECKLE_IMAGES_URL=s3://bucket/prefix.",
                field="images_url",
            )
        self._amazon = amazon
        self.name = parts.netloc
        prefix = unquote(parts.path).strip("/")
        self.prefix = f"{prefix}/" if prefix else ""

    def put(self, key: str, data: bytes, media_type: str, identity: str | None) -> bool:
        """Whether the object is new; an existing one is not changed."""
        try:
            self._amazon.s3(
                "put_object",
                expected=(TAKEN, CONTENDED),
                Bucket=self.name,
                Key=key,
                Body=data,
                ContentType=media_type,
                Metadata={} if identity is None else {IDENTITY: identity},
                IfNoneMatch="*",
            )
        except Refused as refused:
            if refused.code == CONTENDED:
                raise Overloaded(
                    "The same photograph is being stored by another request; send this one again.",
                    retry_after=BUSY_SECONDS,
                ) from refused
            return False
        return True

    def get(self, key: str) -> bytes:
        """Raises ImageNotFound."""
        try:
            return self._amazon.object(self.name, key, expected=("NoSuchKey", "404"))
        except Refused as refused:
            raise ImageNotFound("The photograph is not stored.") from refused

    def identity(self, key: str) -> str | None:
        """The identity that the object was put with. Raises ImageNotFound."""
        try:
            answer = self._amazon.s3("head_object", expected=("NoSuchKey", "404"), Bucket=self.name, Key=key)
        except Refused as refused:
            raise ImageNotFound("The photograph is not stored.") from refused
        found: str | None = answer.get("Metadata", {}).get(IDENTITY)
        return found

    def objects(self, prefix: str) -> Iterator[tuple[str, float]]:
        """Keys below a prefix and when they were written."""
        for one in self._list_all(prefix, "Versions"):
            if one["IsLatest"]:
                yield one["Key"], one["LastModified"].timestamp()

    def remove(self, keys: Iterable[str]) -> None:
        """Remove every version of these objects; absent ones are ignored."""
        for key in keys:
            self._remove(one for one in self._list_all(key, "Versions", "DeleteMarkers") if one["Key"] == key)

    def remove_all(self, prefix: str) -> int:
        """Remove every version of every object below a prefix; returns their number."""
        return self._remove(self._list_all(prefix, "Versions", "DeleteMarkers"))

    def _list_all(self, prefix: str, *kinds: str) -> Iterator[dict[str, Any]]:
        """All versions and marks of deletion; of a bucket without versions the objects."""
        place: dict[str, Any] = {}
        while True:
            answer = self._amazon.s3("list_object_versions", Bucket=self.name, Prefix=prefix, **place)
            for kind in kinds:
                yield from answer.get(kind, ())
            if not answer.get("IsTruncated"):
                return
            place = {"KeyMarker": answer["NextKeyMarker"]}
            if answer.get("NextVersionIdMarker"):
                place["VersionIdMarker"] = answer["NextVersionIdMarker"]

    def _remove(self, versions: Iterable[dict[str, Any]]) -> int:
        count = 0
        some: list[dict[str, Any]] = []
        for one in versions:
            some.append({"Key": one["Key"], "VersionId": one["VersionId"]})
            if len(some) == REMOVED_AT_ONCE:
                count += self._remove_some(some)
                some = []
        return count + (self._remove_some(some) if some else 0)

    def _remove_some(self, some: list[dict[str, Any]]) -> int:
        answer = self._amazon.s3("delete_objects", Bucket=self.name, Delete={"Objects": some, "Quiet": True})
        if answer.get("Errors"):
            code = answer["Errors"][0].get("Code", "")
            raise StorageUnavailable(
                f"Amazon S3 did not remove {len(answer['Errors'])} of {len(some)} photographs ({code}); ask again.",
                retry_after=BUSY_SECONDS,
            )
        return len(some)
