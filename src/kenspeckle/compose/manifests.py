"""Lists objects of a bucket for the command line: as the service names them, or with the credentials of who asks."""

from __future__ import annotations

from collections.abc import Iterator

from kenspeckle.settings import Settings


def list_objects(settings: Settings, bucket: str, prefix: str, *, remote: bool) -> Iterator[str]:
    """Names of a bucket's objects that begin with `prefix`. For a server elsewhere (`remote`) this machine's own AWS
    credentials read the bucket; here the buckets are those of S3_BUCKETS.

    Raises BucketNotAllowed, StorageUnavailable, SettingError."""
    from kenspeckle.images.client_buckets import ClientBuckets  # late: botocore

    if remote:
        return ClientBuckets.parse("", others=True).list_names(bucket, prefix)
    return ClientBuckets.parse(settings.s3_buckets, others=settings.open_buckets).list_names(bucket, prefix)
