"""Signs requests as botocore does, in the forms that SDKs use, for requests that boto3 itself would not send."""

from __future__ import annotations

import hashlib
import hmac
import http.client
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from kenspeckle.usecases.access.credentials import Created
from tests.rekognition.served import REGION, Served

HEADERS = {"Content-Type": "application/x-amz-json-1.1"}


def credentials(key: Created) -> Credentials:
    return Credentials(key.access_key_id, key.secret_access_key)


def request_of(server: Served, operation: str, body: Any, headers: Mapping[str, str] | None = None) -> AWSRequest:
    """An unsigned request."""
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    target = {"X-Amz-Target": f"RekognitionService.{operation}"}
    return AWSRequest("POST", server.url + "/", {**HEADERS, **target, **(headers or {})}, data)


def sign(request: AWSRequest, key: Created, region: str = REGION, service: str = "rekognition") -> AWSRequest:
    SigV4Auth(credentials(key), service, region).add_auth(request)
    return request


def presign(request: AWSRequest, key: Created, expires: int = 60) -> AWSRequest:
    """The signature goes to the URL. As other SDKs do and botocore does not, it is over the body that is sent."""

    class OverBody(SigV4QueryAuth):  # type: ignore[misc]  # botocore has no types
        def payload(self, request: AWSRequest) -> str:
            return hashlib.sha256(body).hexdigest()

    body, request.data = request.data, b""
    OverBody(credentials(key), "rekognition", REGION, expires=expires).add_auth(request)
    request.data = body
    return request


def send(request: AWSRequest) -> tuple[int, dict[str, Any], Mapping[str, str]]:
    """Status, parsed body and headers of the answer."""
    prepared = request.prepare()
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in prepared.headers.items()}
    return deliver(prepared.url, headers, prepared.body or b"")


def deliver(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any], Mapping[str, str]]:
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port or 80, timeout=20)
    try:
        connection.request(
            "POST", (where.path or "/") + (f"?{where.query}" if where.query else ""), body, dict(headers)
        )
        answer = connection.getresponse()
        return answer.status, orjson.loads(answer.read()), dict(answer.headers)
    finally:
        connection.close()


def chunked(server: Served, operation: str, body: bytes, key: Created, size: int = 64) -> AWSRequest:
    """Signed in aws-chunked form; chunks of `size` bytes. Written out here, since botocore has only the seed."""
    streaming = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

    class Seed(SigV4Auth):  # type: ignore[misc]  # botocore has no types
        def payload(self, request: AWSRequest) -> str:
            return streaming

    headers = {
        "Content-Encoding": "aws-chunked",
        "X-Amz-Content-SHA256": streaming,
        "X-Amz-Decoded-Content-Length": str(len(body)),
    }
    request = request_of(server, operation, b"", headers)
    seed = Seed(credentials(key), "rekognition", REGION)
    seed.add_auth(request)
    stamp = request.headers["X-Amz-Date"]
    scope = f"{stamp[:8]}/{REGION}/rekognition/aws4_request"
    signing_key = f"AWS4{key.secret_access_key}".encode()
    for text in (stamp[:8], REGION, "rekognition", "aws4_request"):
        signing_key = hmac.new(signing_key, text.encode(), hashlib.sha256).digest()
    previous = request.headers["Authorization"].rpartition("=")[2]
    data = b""
    for part in [*(body[at : at + size] for at in range(0, len(body), size)), b""]:
        digests = [hashlib.sha256(b"").hexdigest(), hashlib.sha256(part).hexdigest()]
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", stamp, scope, previous, *digests])
        previous = hmac.new(signing_key, text.encode(), hashlib.sha256).hexdigest()
        data += f"{len(part):x};chunk-signature={previous}\r\n".encode() + part + b"\r\n"
    request.data = data
    return request
