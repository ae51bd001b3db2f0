"""One bucket through botocore, which is configured as boto3 is: variables, profile, region, endpoint, credentials."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, closing
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from botocore.session import Session
from urllib3.exceptions import HTTPError

from kenspeckle.errors import KenspeckleError, StorageFull, StorageUnavailable

ABSENT = {"NoSuchKey", "NoSuchVersion", "404", "NotFound"}
DENIED = {"AccessDenied", "403", "Forbidden", "AllAccessDisabled", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
_FULL = {"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "XAmzQuotaExceeded", "507"}

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=15,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
)

ERRORS = (BotoCoreError, ClientError, ResponseParserError, HTTPError)
"""What botocore raises, for an answer that is no S3's too, and what it lets through of urllib3 (errors of TLS)."""


class Client:
    """A client of S3, created when it is first used, because that takes a few tenths of a second and can fail."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: Any = None

    @property
    def s3(self) -> Any:
        """Safe for many threads. Raises BotoCoreError where the configuration is wrong."""
        with self._lock:
            if self._client is None:
                self._client = Session().create_client("s3", config=_CONFIG)
            return self._client


def body_of(answer: Any) -> AbstractContextManager[Any]:
    """The bytes of an object, closed at the end. Entered by itself a body gives the stream of urllib3 in it, whose
    errors are none of botocore's: a connection that is cut would raise what nobody translates."""
    return closing(answer["Body"])


def code(error: Exception) -> str:
    """S3's code of an error; empty where S3 did not answer."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def is_refusal(error: Exception) -> bool:
    """Whether S3 answered with a client error, and not with a failure of its own."""
    return isinstance(error, ClientError) and error.response["ResponseMetadata"]["HTTPStatusCode"] < 500


def failure(error: Exception, bucket: str, setting: str = "") -> KenspeckleError:
    """The message for an error that is not about a single object. `setting` is what names the bucket."""
    found, of = code(error), f"{setting}: " if setting else ""
    if found in _FULL:
        return StorageFull(f"The bucket '{bucket}' is full: nothing was stored. Remove something and ask again.")
    if found == "NoSuchBucket":
        return StorageUnavailable(f"{of}There is no bucket '{bucket}': create it, or check endpoint and region.")
    if found in DENIED:
        return StorageUnavailable(f"{of}Access to the bucket '{bucket}' is denied; check credentials and their rights.")
    return StorageUnavailable(
        f"{of}The bucket '{bucket}' can't be reached; check endpoint, region, credentials and network.", retry_after=1
    )
