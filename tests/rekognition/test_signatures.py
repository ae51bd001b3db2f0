"""Who may pass: each form of signature that SDKs use, and each way of getting it wrong, over a real server."""

from __future__ import annotations

import datetime as dt
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.exceptions import ClientError

from kenspeckle.usecases.access.credentials import Created
from tests.rekognition.portraits import portrait
from tests.rekognition.served import REGION, Served, served
from tests.rekognition.signing import chunked, credentials, deliver, presign, request_of, send, sign


@pytest.fixture
def shifted(locked_server: Served) -> Iterator[list[float]]:
    yield locked_server.offset
    locked_server.offset[0] = 0.0


def code(server: Served, key: Created, **config: str) -> str:
    """The error class that boto3 sees."""
    with pytest.raises(ClientError) as refused:
        server.client(key, **config).list_collections()
    return str(refused.value.response["Error"]["Code"])


def test_unsigned_requests_are_refused(locked_server: Served) -> None:
    status, answer, headers = send(request_of(locked_server, "ListCollections", {}))
    assert (status, answer["__type"]) == (400, "MissingAuthenticationTokenException")
    assert headers["x-amzn-requestid"]


def test_any_signature_or_none_passes_an_open_server(open_server: Served) -> None:
    assert send(request_of(open_server, "ListCollections", {}))[0] == 200
    broken = request_of(open_server, "ListCollections", {}, {"Authorization": "AWS4-HMAC-SHA256 what?"})
    assert send(broken)[0] == 200
    assert open_server.client(aws_session_token="any").list_collections()["CollectionIds"]


def test_wrong_secret(locked_server: Served, admin: Created) -> None:
    forged = Created(admin.key, admin.api_key, admin.access_key_id, "not the secret")
    assert code(locked_server, forged) == "InvalidSignatureException"


def test_unknown_revoked_and_expired_keys(locked_server: Served) -> None:
    unknown = Created(locked_server.access.list()[0], "", "KSPAUNKNOWN", "secret")
    assert code(locked_server, unknown) == "UnrecognizedClientException"
    revoked = locked_server.access.create("revoked", aws=True)
    locked_server.client(revoked).list_collections()
    locked_server.access.revoke(revoked.key.key_id)
    assert code(locked_server, revoked) == "UnrecognizedClientException"
    expired = locked_server.access.create("expired", aws=True, expires_at=time.time() - 1)
    assert code(locked_server, expired) == "UnrecognizedClientException"


def test_a_pair_is_read_once_for_all_who_ask_at_the_same_time(
    locked_server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hundreds of bodies that drip, signed with one id alone, would each take a thread."""
    unseen = locked_server.access.create("unseen", ["admin"], aws=True)
    locked_server.access.forget()
    read, asked, goes_on = locked_server.access.aws_secret, [], threading.Event()

    def slow(access_key_id: str) -> Any:
        if not locked_server.access.pair_is_known(access_key_id):
            asked.append(access_key_id)
            goes_on.wait(10)
        return read(access_key_id)

    monkeypatch.setattr(locked_server.access, "aws_secret", slow)
    request = sign(request_of(locked_server, "ListCollections", {}), unseen)
    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(send, request) for _ in range(20)]
        time.sleep(0.3)
        goes_on.set()
        assert [one.result()[0] for one in answers] == [200] * 20
    assert asked.count(unseen.access_key_id or "") <= 2, "one may have come later"


def test_session_tokens_are_refused(locked_server: Served, admin: Created) -> None:
    assert code(locked_server, admin, aws_session_token="AQoD") == "UnrecognizedClientException"


@pytest.fixture(scope="module")
def lenient_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Takes any region, and session tokens of adopted pairs."""
    with served(tmp_path_factory.mktemp("lenient"), {"any_region": True, "session_tokens": True}) as server:
        yield server


def test_an_adopted_pair_runs_as_its_program_has_it(lenient_server: Served) -> None:
    own = lenient_server.access.create("own", aws=True)
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    key = lenient_server.access.adopt("ASIAIOSFODNN7EXAMPLE", secret, "role")
    adopted = Created(key, "", key.key_id, secret)
    for region in ("us-east-1", "eu-west-1", "ap-southeast-2"):
        made = lenient_server.client(adopted, region_name=region, aws_session_token="IQoJb3JpZ2luX2Vj")
        assert made.list_collections()["CollectionIds"]
        assert lenient_server.client(own, region_name=region).list_collections()["CollectionIds"]
    assert code(lenient_server, own, aws_session_token="AQoD") == "UnrecognizedClientException"
    forged = Created(key, "", key.key_id, "another secret, of 40 characters or so..")
    assert code(lenient_server, forged, aws_session_token="AQoD") == "InvalidSignatureException"
    unsigned = request_of(lenient_server, "ListCollections", {})
    signed = sign(unsigned, adopted)
    signed.headers["X-Amz-Security-Token"] = "added later"
    status, answer, _ = send(signed)
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")
    assert "must be a 'SignedHeader'" in str(answer)


def test_another_region_is_refused_with_the_right_one(locked_server: Served, admin: Created) -> None:
    with pytest.raises(ClientError, match="'us-east-1', not 'eu-west-1'"):
        locked_server.client(admin, region_name="eu-west-1").list_collections()


def test_another_service_is_refused(locked_server: Served, admin: Created) -> None:
    status, answer, _ = send(sign(request_of(locked_server, "ListCollections", {}), admin, service="s3"))
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")


@pytest.mark.parametrize(("seconds", "word"), [(301, "expired"), (-301, "not yet current")])
def test_clock_skew_beyond_five_minutes(
    locked_server: Served, admin: Created, shifted: list[float], seconds: float, word: str
) -> None:
    shifted[0] = seconds
    with pytest.raises(ClientError, match=f"InvalidSignatureException.*{word}"):
        locked_server.client(admin).list_collections()
    shifted[0] = seconds * 0.9
    locked_server.client(admin).list_collections()


def test_a_replay_passes_until_the_signature_expires(
    locked_server: Served, admin: Created, shifted: list[float]
) -> None:
    request = sign(request_of(locked_server, "ListCollections", {}), admin)
    assert [send(request)[0] for _ in range(2)] == [200, 200]
    shifted[0] = 400
    status, answer, _ = send(request)
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")


def test_another_body_under_a_signature_stores_nothing(locked_server: Served, admin: Created) -> None:
    request = sign(request_of(locked_server, "CreateCollection", {"CollectionId": "first-choice"}), admin)
    request.data = b'{"CollectionId":"other-choice"}'
    assert send(request)[1]["__type"] == "InvalidSignatureException"
    assert "other-choice" not in locked_server.client(admin).list_collections()["CollectionIds"]


def test_another_operation_under_a_signature_is_refused(locked_server: Served, admin: Created) -> None:
    request = sign(request_of(locked_server, "DescribeCollection", {"CollectionId": "kenspeckle"}), admin)
    request.headers.replace_header("X-Amz-Target", "RekognitionService.DeleteCollection")
    assert send(request)[1]["__type"] == "InvalidSignatureException"


def test_an_unsigned_target_is_refused(locked_server: Served, admin: Created) -> None:
    request = request_of(locked_server, "ListCollections", {})
    target = request.headers["X-Amz-Target"]
    del request.headers["X-Amz-Target"]
    sign(request, admin)
    request.headers["X-Amz-Target"] = target
    answer = send(request)[1]
    assert answer["__type"] == "InvalidSignatureException"
    assert "'x-amz-target' must be a 'SignedHeader'" in answer["Message"]


def test_a_date_header_will_do(locked_server: Served, admin: Created) -> None:
    request = request_of(locked_server, "ListCollections", {}, {"Date": formatdate(usegmt=True)})
    sign(request, admin)
    assert "X-Amz-Date" not in request.headers
    assert send(request)[0] == 200


@pytest.mark.parametrize(
    ("authorization", "named"),
    [
        ("Bearer abc", "Unsupported AWS 'algorithm'"),
        ("AWS4-HMAC-SHA256", "'Credential'"),
        ("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=1", "Credential must be like"),
        ("AWS4-ECDSA-P256-SHA256 Credential=a/20260101/rekognition/aws4_request", "Unsupported AWS 'algorithm'"),
        ("AWS4-HMAC-SHA256 Credential=\xff\xfe/1/2/3/aws4_request,SignedHeaders=\xff;host,Signature=\xff", "Date"),
    ],
)
def test_malformed_authorization(locked_server: Served, authorization: str, named: str) -> None:
    headers = {"X-Amz-Target": "RekognitionService.ListCollections", "Authorization": authorization}
    if named != "Date":
        headers["X-Amz-Date"] = "20260101T000000Z"
    status, answer, _ = deliver(locked_server.url, headers, b"{}")
    assert (status, answer["__type"]) == (400, "IncompleteSignatureException")
    assert named in answer["Message"]


def test_repeated_headers_are_signed_joined(locked_server: Served, admin: Created) -> None:
    request = request_of(locked_server, "ListCollections", {})
    request.headers.add_header("X-Custom", "one")
    request.headers.add_header("X-Custom", "two   words")
    sign(request, admin)
    where = locked_server.url.removeprefix("http://")
    connection = http.client.HTTPConnection(where, timeout=20)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", "2")
    for name, value in request.headers.items():
        connection.putheader(name, value)
    connection.endheaders(b"{}")
    assert connection.getresponse().status == 200
    connection.close()


def test_presigned_with_a_body(locked_server: Served, admin: Created, shifted: list[float]) -> None:
    request = presign(request_of(locked_server, "DescribeCollection", {"CollectionId": "kenspeckle"}), admin)
    assert send(request)[1]["FaceCount"] == 0
    shifted[0] = 59
    assert send(request)[0] == 200
    shifted[0] = 62
    assert send(request)[1]["__type"] == "InvalidSignatureException"


def test_presigned_by_boto3_carries_members_in_the_url(locked_server: Served, admin: Created) -> None:
    client = locked_server.client(admin)
    url = client.generate_presigned_url("list_faces", Params={"CollectionId": "kenspeckle", "MaxResults": 3})
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "RekognitionService.ListFaces"}
    assert deliver(url, headers, b"")[1]["Faces"] == []
    ids = ["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"]
    url = client.generate_presigned_url("delete_faces", Params={"CollectionId": "kenspeckle", "FaceIds": ids})
    headers["X-Amz-Target"] = "RekognitionService.DeleteFaces"
    assert len(deliver(url, headers, b"")[1]["UnsuccessfulFaceDeletions"]) == 2
    assert deliver(url.replace("0001", "0003"), headers, b"")[1]["__type"] == "InvalidSignatureException"


@pytest.mark.parametrize("number", ["9" * 400, "9" * 5000, "1e400", "nan", "-1", "ten"])
def test_numbers_of_a_url_that_can_not_be(locked_server: Served, admin: Created, number: str) -> None:
    for member in ("MaxFaces", "FaceMatchThreshold"):
        request = request_of(locked_server, "SearchFaces", b"")
        face = "00000000-0000-4000-8000-000000000000"
        request.url += f"?CollectionId=kenspeckle&FaceId={face}&{member}={number}"
        status, answer, _ = send(presign(request, admin))
        assert (status, answer["__type"] in ("SerializationException", "ValidationException")) == (400, True), answer


@pytest.mark.parametrize("expires", ["0", "604801", "-5", "ten", ""])
def test_presigned_lifetimes_have_bounds(locked_server: Served, admin: Created, expires: str) -> None:
    request = presign(request_of(locked_server, "ListCollections", {}), admin)
    request.url = request.url.replace("X-Amz-Expires=60", f"X-Amz-Expires={expires}")
    assert send(request)[1]["__type"] == "IncompleteSignatureException"


def test_chunked_bodies(locked_server: Served, admin: Created) -> None:
    body = b'{"CollectionId": "kenspeckle", "MaxResults": 5, "NextToken": null}'
    request = chunked(locked_server, "ListFaces", body, admin, size=20)
    assert send(request)[1]["Faces"] == []
    whole = request.data
    request.data = whole.replace(b'"Coll', b'"Call')
    assert send(request)[1]["__type"] == "InvalidSignatureException"
    request.data = whole[:-40]
    assert send(request)[1]["__type"] == "SerializationException"
    request.data = whole + b"0"
    assert send(request)[1]["__type"] == "SerializationException"
    request.data = body
    assert send(request)[1]["__type"] == "SerializationException"


def test_chunked_bodies_on_an_open_server(open_server: Served, admin: Created) -> None:
    body = b'{"CollectionId": "kenspeckle"}'
    assert send(chunked(open_server, "ListFaces", body, admin))[1]["Faces"] == []


def test_unsigned_payload_when_the_client_says_so(locked_server: Served, admin: Created) -> None:
    request = request_of(locked_server, "ListCollections", {}, {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})

    class Unsigned(SigV4Auth):  # type: ignore[misc]  # botocore has no types
        def payload(self, request: object) -> str:
            return "UNSIGNED-PAYLOAD"

    Unsigned(credentials(admin), "rekognition", REGION).add_auth(request)
    assert send(request)[0] == 200


def test_who_can_not_be_right_whatever_comes_is_refused_before_the_body(locked_server: Served) -> None:
    fresh = locked_server.access.create("fresh", aws=True)
    for header, waits in (("UNSIGNED-PAYLOAD", False), ("a" * 64, True)):
        request = request_of(locked_server, "ListCollections", {}, {"X-Amz-Content-SHA256": header})
        forged = Created(fresh.key, fresh.api_key, fresh.access_key_id, "not the secret")
        lines = "".join(f"{name}: {value}\r\n" for name, value in sign(request, forged).headers.items())
        host, port = locked_server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=0.5) as connection:
            connection.sendall(f"POST / HTTP/1.1\r\nHost: {host}:{port}\r\n{lines}Content-Length: 50\r\n\r\n".encode())
            if waits:  # For a body whose digest might make it right.
                with pytest.raises(TimeoutError):
                    connection.recv(1)
            else:
                assert b"InvalidSignatureException" in connection.recv(4096)


def test_the_last_use_of_a_key_is_recorded(locked_server: Served) -> None:
    key = locked_server.access.create("seldom", aws=True)
    locked_server.client(key).list_collections()
    until = time.monotonic() + 5
    while locked_server.access.show(key.key.key_id).last_used_at is None:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_photographs_reach_the_core_signed(locked_server: Served, admin: Created) -> None:
    answer = locked_server.client(admin).detect_faces(Image={"Bytes": portrait(0.5)})
    assert len(answer["FaceDetails"]) == 1


def test_signing_date_is_todays(locked_server: Served, admin: Created) -> None:
    request = sign(request_of(locked_server, "ListCollections", {}), admin)
    today = dt.datetime.now(dt.UTC).strftime("%Y%m%d")
    request.headers.replace_header(
        "Authorization", request.headers["Authorization"].replace(f"/{today}/", "/20200101/")
    )
    answer = send(request)[1]
    assert answer["__type"] == "InvalidSignatureException"
    assert "Date in Credential scope" in answer["Message"]
