"""Calls of Rekognition, DynamoDB and S3: configured as boto3 is, retried as AWS recommends, with the core's errors."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeAlias

from kenspeckle.aws import failures
from kenspeckle.aws.failures import Refused

Json: TypeAlias = dict[str, Any]

ATTEMPTS = 4
"""Of one call, the first included. Between them botocore's standard mode waits at random, twice as long each time, at
most 1, 2 and 4 seconds: enough for short overload, and still within the 29 s that API Gateway waits."""


class Amazon:
    """The three services, for many threads. Clients are made when they are first used: each takes a tenth of a second.

    `region` is used where neither environment nor profile name one."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._lock = threading.Lock()
        self._session: Any = None
        self._clients: dict[str, Any] = {}

    def rekognition(self, operation: str, *, expected: Collection[str] = (), **parameters: Any) -> Json:
        """The answer of `operation` (index_faces). An error code that is `expected` raises Refused, any other the
        core's error for it (`failures.of`)."""
        return self._call("rekognition", operation, expected, parameters)

    def dynamodb(self, operation: str, *, expected: Collection[str] = (), **parameters: Any) -> Json:
        """As `rekognition`."""
        return self._call("dynamodb", operation, expected, parameters)

    def s3(self, operation: str, *, expected: Collection[str] = (), **parameters: Any) -> Json:
        """As `rekognition`."""
        return self._call("s3", operation, expected, parameters)

    def client(self, service: str) -> Any:
        """The botocore client. Raises BotoCoreError where the configuration is wrong."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._make(service)
            return self._clients[service]

    @property
    def region(self) -> str:
        """The region of the services."""
        return str(self.client("rekognition").meta.region_name)

    def _make(self, service: str) -> Any:
        # Imported here: a start that makes no call is quicker without botocore.
        from botocore.config import Config
        from botocore.session import Session

        if self._session is None:
            self._session = Session()
        region = self._session.get_config_variable("region") or self._region
        config = Config(
            connect_timeout=3,
            read_timeout=20,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            max_pool_connections=64,
        )
        return self._session.create_client(service, region_name=region, config=config)

    def object(self, bucket: str, key: str, *, expected: Collection[str] = ()) -> bytes:
        """The bytes of an object in S3, read to the end. Errors as of `rekognition`."""
        with _translate_errors("s3", expected, {"Bucket": bucket}):
            answer = self.client("s3").get_object(Bucket=bucket, Key=key)
            with closing(answer["Body"]) as body:  # entered by itself it raises errors of urllib3
                return bytes(body.read())

    def _call(self, service: str, operation: str, expected: Collection[str], parameters: Json) -> Json:
        with _translate_errors(service, expected, parameters):
            answer: Json = getattr(self.client(service), operation)(**parameters)
        return answer


@contextmanager
def _translate_errors(service: str, expected: Collection[str], parameters: Json) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = failures.code_of(error.response)
        if code in expected:
            raise Refused(code, error.response) from error
        raise failures.of(service, error.response, parameters) from error
    except BotoCoreError as error:
        raise failures.unreachable(service, error) from error
