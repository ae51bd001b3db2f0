"""Events as AWS documents them: API Gateway's payloads of both versions, S3's notifications, SQS's batches."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

KEY_ID = "a1b2c3d4e5"
HOST = "abcdef1234.execute-api.eu-central-1.amazonaws.com"
Json = dict[str, Any]


def _body(body: bytes | None, binary: bool) -> tuple[str | None, bool]:
    if not body:
        return None, False
    return (base64.b64encode(body).decode(), True) if binary else (body.decode(), False)


def rest(
    method: str,
    target: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    key_id: str | None = KEY_ID,
    binary: bool = True,
    request_id: str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    arn: str | None = None,
) -> Json:
    """What a REST API sends to a function (Lambda proxy integration, payload version 1.0). `target` is path and query
    as a client writes them. With the binary media type */* every body comes as base64, without as text. `arn` is the
    identity of IAM that has signed the request, where the method asks for one."""
    url = urlsplit(target)
    query = parse_qs(url.query, keep_blank_values=True)
    sent = {
        "Accept": "*/*",
        "Host": HOST,
        "User-Agent": "curl/8.9.1",
        "X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793",
        "X-Forwarded-For": "198.51.100.7, 203.0.113.9",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
        **({"x-api-key": "the key itself, which API Gateway passes on"} if key_id else {}),
        **(headers or {}),
    }
    text, is_base64 = _body(body, binary)
    identity: Json = {
        "accessKey": None,
        "accountId": None,
        "caller": None,
        "cognitoAuthenticationProvider": None,
        "cognitoAuthenticationType": None,
        "cognitoIdentityId": None,
        "cognitoIdentityPoolId": None,
        "principalOrgId": None,
        "sourceIp": "198.51.100.7",
        "user": None,
        "userAgent": "curl/8.9.1",
        "userArn": arn,
    }
    if key_id:
        identity |= {"apiKey": "the key itself, which API Gateway passes on", "apiKeyId": key_id}
    return {
        "resource": "/v1/{proxy+}",
        "path": url.path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": {"proxy": url.path.removeprefix("/v1/")},
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdef1234",
            "domainName": HOST,
            "domainPrefix": "abcdef1234",
            "extendedRequestId": "JKJaXmPLvHcESHA=",
            "httpMethod": method,
            "identity": identity,
            "path": f"/live{url.path}",
            "protocol": "HTTP/1.1",
            "requestId": request_id,
            "requestTime": "24/Nov/2026:12:00:00 +0000",
            "requestTimeEpoch": 1795521600000,
            "resourceId": "123456",
            "resourcePath": "/v1/{proxy+}",
            "stage": "live",
        },
        "body": text,
        "isBase64Encoded": is_base64,
    }


def http(
    method: str,
    target: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    subject: str | None = "ada",
    stage: str = "$default",
    domain: str = "",
) -> Json:
    """What an HTTP API sends (payload version 2.0), with a JWT authorizer before it. Under a `domain` of one's own,
    which leads to a stage, its name is not in the path."""
    url = urlsplit(target)
    path = url.path if stage == "$default" or domain else f"/{stage}{url.path}"
    text, is_base64 = _body(body, True)
    context: Json = {
        "accountId": "123456789012",
        "apiId": "abcdef1234",
        "domainName": domain or HOST,
        "domainPrefix": (domain or HOST).partition(".")[0],
        "http": {
            "method": method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": "198.51.100.7",
            "userAgent": "curl/8.9.1",
        },
        "requestId": "JKJaXmPLvHcESHA=",
        "routeKey": "$default",
        "stage": stage,
        "time": "24/Nov/2026:12:00:00 +0000",
        "timeEpoch": 1795521600000,
    }
    if subject:
        context["authorizer"] = {"jwt": {"claims": {"sub": subject, "scope": "faces"}, "scopes": ["faces"]}}
    query = parse_qs(url.query, keep_blank_values=True)
    event: Json = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": urlencode(query, doseq=True),
        "headers": {"host": HOST, "x-forwarded-port": "443", "x-forwarded-proto": "https", **(headers or {})},
        "requestContext": context,
        "isBase64Encoded": is_base64,
    }
    if query:
        event["queryStringParameters"] = {name: ",".join(values) for name, values in query.items()}
    return event if text is None else event | {"body": text}


def s3_record(
    bucket: str, key: str, version: str | None = None, name: str = "ObjectCreated:Put", size: int = 1
) -> Json:
    """One record of a notification (event version 2.x); the key is written as in a form, as S3 does it."""
    told: Json = {"key": quote_plus(key, safe="/"), "size": size, "eTag": "d41d8cd98f00b204e9800998ecf8427e"}
    if version is not None:
        told["versionId"] = version
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": "2026-11-24T12:00:00.000Z",
        "eventName": name,
        "userIdentity": {"principalId": "AWS:AIDAJDPLRKLG7UEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "198.51.100.7"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "incoming",
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                "arn": f"arn:aws:s3:::{bucket}",
            },
            "object": {**told, "sequencer": "0055AED6DCD90281E5"},
        },
    }


def s3_test(bucket: str) -> Json:
    """What S3 sends when a notification is configured."""
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-11-24T12:00:00.000Z",
        "Bucket": bucket,
        "RequestId": "5582815E1AEA5ADF",
        "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
    }


def sqs(bodies: Mapping[str, str | Json]) -> Json:
    """A batch of messages, bodies by message id."""
    return {
        "Records": [
            {
                "messageId": message_id,
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1795521600000",
                    "SenderId": "AROAJFQW7VXYEXAMPLE:S3-PROD-END",
                    "ApproximateFirstReceiveTimestamp": "1795521600001",
                },
                "messageAttributes": {},
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:kenspeckle-incoming",
                "awsRegion": "eu-central-1",
            }
            for message_id, body in bodies.items()
        ]
    }


def notification(records: Sequence[Json]) -> Json:
    """A notification of S3, as it invokes a function or lies in a message."""
    return {"Records": list(records)}
