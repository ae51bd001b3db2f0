"""Anchors of the audit trail as objects of a bucket whose lock (S3 Object Lock) keeps each from being replaced or
removed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from kenspeckle.domain.audit_anchor import AuditAnchor, read, to_line
from kenspeckle.images import s3
from kenspeckle.images.bucket import bucket_errors
from kenspeckle.images.urls import BucketUrl

log = logging.getLogger(__name__)

_NAME = "anchor-{:019}.json"
_LARGEST = 4096
"""Bytes of an object that are read; an anchor has less than 300."""


class BucketAnchors:
    """Implements `ports.Anchors`: an object for each anchor, under the number of its row. The bucket's own default
    retention locks it. Versions are read, so that nobody hides one by a deletion or by another one of its name; and
    `is_ours` tells the seal of this trail, so that nobody hides it behind others.

    Raises StorageFull, StorageUnavailable."""

    def __init__(self, url: BucketUrl, is_ours: Callable[[AuditAnchor], bool]) -> None:
        self._url = url
        self._is_ours = is_ours
        self._client = s3.Client()
        self._is_locked: bool | None = None

    def read(self) -> Sequence[AuditAnchor]:
        """The one of the highest row that is ours, if there is one."""
        with bucket_errors(self._url.bucket):
            for key, version in sorted(self._versions(), reverse=True):
                anchor = self._read(key, version)
                if anchor is not None and key == self._key(anchor) and self._is_ours(anchor):
                    return [anchor]
        return []

    def keep(self, make: Callable[[Sequence[AuditAnchor]], AuditAnchor | None]) -> None:
        anchor = make(self.read())
        if anchor is None:
            return
        with bucket_errors(self._url.bucket):
            self._check_lock()
            self._client.s3.put_object(Bucket=self._url.bucket, Key=self._key(anchor), Body=to_line(anchor))

    def close(self) -> None:
        """Nothing is held open."""

    def _key(self, anchor: AuditAnchor) -> str:
        return self._url.prefix + _NAME.format(anchor.number)

    def _versions(self) -> Iterator[tuple[str, str]]:
        """Key and version of each object; deletions are not among them."""
        pages = self._client.s3.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self._url.bucket, Prefix=self._url.prefix + "anchor-"):
            for one in page.get("Versions", ()):
                yield one["Key"], one["VersionId"]

    def _read(self, key: str, version: str) -> AuditAnchor | None:
        answer = self._client.s3.get_object(Bucket=self._url.bucket, Key=key, VersionId=version)
        with s3.body_of(answer) as body:
            return read(body.read(_LARGEST))

    def _check_lock(self) -> None:
        """Warn, once, of a bucket that keeps nobody from removing anchors."""
        if self._is_locked is not None:
            return
        try:
            answer = self._client.s3.get_object_lock_configuration(Bucket=self._url.bucket)
            rule = answer["ObjectLockConfiguration"].get("Rule", {}).get("DefaultRetention", {})
            self._is_locked = rule.get("Mode") == "COMPLIANCE"
        except s3.ERRORS as error:
            if not s3.is_refusal(error):
                raise
            self._is_locked = False
        if not self._is_locked:
            log.warning(
                "the bucket %s of AUDIT_ANCHORS_URL has no default retention in mode COMPLIANCE: whoever may delete in "
                "it can remove anchors of the audit trail",
                self._url.bucket,
            )
