"""The verifier against botocore's signer: whatever it signs passes, and whatever is changed afterwards does not."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from kenspeckle.rekognition import credential_scope, sigv4
from kenspeckle.rekognition.credential_scope import Signed
from kenspeckle.rekognition.errors import Refusal

SERVICE, REGION = "rekognition", "eu-central-1"
CODES = ("IncompleteSignatureException", "InvalidSignatureException", "UnrecognizedClientException")
PARTS = ("AWS4-HMAC-SHA256 ", "Credential=", "a/20260101/r/s/aws4_request", ",", "=", "\udcff")

text = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), max_size=20)
names = st.from_regex(r"x-[a-z][a-z0-9\-]{0,12}", fullmatch=True).filter(lambda name: not name.startswith("x-amz"))
queries = st.lists(st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=12)), max_size=5)
paths = st.lists(st.text(st.characters(exclude_characters="/?#", codec="utf-8"), min_size=1, max_size=6), max_size=3)
keys = st.builds(
    lambda key, secret: Credentials(key, secret),
    st.from_regex(r"[A-Z0-9]{16,20}", fullmatch=True),
    st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=40),
)


@st.composite
def requests(draw: st.DrawFn) -> AWSRequest:
    path = "/" + "/".join(quote(part, safe="") for part in draw(paths).copy() if part not in (".", ".."))
    pairs = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in draw(queries)]
    headers = draw(st.dictionaries(names, text, max_size=4))
    url = f"http://localhost:8080{path}" + (f"?{'&'.join(pairs)}" if pairs else "")
    return AWSRequest("POST", url, headers, draw(st.binary(max_size=200)))


def received(request: AWSRequest) -> tuple[Signed, bytes]:
    """The request as a server has it after botocore's HTTP client sent it."""
    prepared = request.prepare()
    where = urlsplit(prepared.url)
    headers = [(name.lower(), str(value)) for name, value in request.headers.items()]
    if "host" not in dict(headers):
        headers.append(("host", where.netloc))
    body = prepared.body or b""
    return Signed("POST", where.path, where.query, headers), body if isinstance(body, bytes) else body.encode()


@pytest.mark.parametrize("zone", ["UTC0", "JST-9", "EST5EDT"])
@pytest.mark.parametrize(
    "date",
    [
        "Sun, 30 Aug 2015 12:36:00 GMT",
        "Sun, 30 Aug 2015 12:36:00 -0000",  # as Python's email.utils.formatdate writes it
        "Sun, 30 Aug 2015 21:36:00 +0900",
        "20150830T123600Z",
    ],
)
def test_a_date_is_the_same_wherever_the_server_stands(zone: str, date: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scope = f"AKID/20150830/{REGION}/{SERVICE}/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=date;host, Signature={'0' * 64}"
    headers = [("host", "localhost"), ("date", date), ("authorization", authorization)]
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        claim = credential_scope.read(Signed("POST", "/", "", headers))
    time.tzset()
    assert claim is not None
    assert claim.stamp == "20150830T123600Z"


def by_header(request: AWSRequest, credentials: Credentials) -> tuple[Signed, bytes]:
    SigV4Auth(credentials, SERVICE, REGION).add_auth(request)
    return received(request)


def by_query(request: AWSRequest, credentials: Credentials) -> tuple[Signed, bytes]:
    request.data = b""
    SigV4QueryAuth(credentials, SERVICE, REGION, expires=300).add_auth(request)
    return received(request)


def now() -> float:
    return dt.datetime.now(dt.UTC).timestamp()


@pytest.mark.parametrize("signer", [by_header, by_query])
@settings(max_examples=80, derandomize=True, deadline=None)
@given(request=requests(), credentials=keys, data=st.data())
def test_what_botocore_signs(
    signer: Callable[[AWSRequest, Credentials], tuple[Signed, bytes]],
    request: AWSRequest,
    credentials: Credentials,
    data: st.DataObject,
) -> None:
    signed, body = signer(request, credentials)
    claim = credential_scope.read(signed)
    assert claim is not None
    assert claim.access_key_id == credentials.access_key
    credential_scope.check(claim, region=REGION, service=SERVICE, now=now())
    sigv4.verify(signed, claim, body, credentials.secret_key)

    with pytest.raises(Refusal) as wrong:
        sigv4.verify(signed, claim, body + data.draw(st.binary(min_size=1, max_size=3)), credentials.secret_key)
    assert wrong.value.code == "InvalidSignatureException"
    with pytest.raises(Refusal):
        sigv4.verify(signed, claim, body, credentials.secret_key + "x")
    other = data.draw(st.sampled_from(["method", "path", "query", "header"]))
    with pytest.raises(Refusal):
        sigv4.verify(tampered(signed, other, claim.signed_headers), claim, body, credentials.secret_key)


def tampered(signed: Signed, part: str, names: tuple[str, ...]) -> Signed:
    values: dict[str, Any] = {name: getattr(signed, name) for name in ("method", "path", "query", "headers")}
    if part == "method":
        values["method"] = "PUT"
    elif part == "path":
        values["path"] += "x"
    elif part == "query":
        values["query"] += "&x=y"
    else:
        values["headers"] = [(name, value + "x" if name in names else value) for name, value in signed.headers]
    return Signed(**values)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    authorization=st.one_of(
        st.text(max_size=80),
        st.lists(
            st.sampled_from(["AWS4-HMAC-SHA256 ", "Credential=", "a/20260101/r/s/aws4_request", ",", "=", "\udcff"])
        ).map("".join),
    ),
    stamp=st.one_of(st.none(), st.text(max_size=16), st.just("20260101T000000Z"), st.just("00000000T000000Z")),
    date=st.one_of(st.none(), st.text(max_size=30), st.just("Thu, 01 Jan 1970 00:00:00 -0000")),
    query=st.text(max_size=60).map(lambda one: "X-Amz-Signature=" + one),
)
def test_nonsense_is_refused_and_nothing_else_is_raised(
    authorization: str, stamp: str | None, date: str | None, query: str
) -> None:
    given_headers = {"authorization": authorization, "x-amz-date": stamp, "date": date, "host": "localhost"}
    headers = [(name, value) for name, value in given_headers.items() if value is not None]
    for request in (Signed("POST", "/", "", headers), Signed("POST", "/", query, headers[1:])):
        with pytest.raises(Refusal) as refused:
            verified(request)
        assert refused.value.code in CODES


def verified(request: Signed) -> None:
    claim = credential_scope.read(request)
    assert claim is not None
    credential_scope.check(claim, region=REGION, service=SERVICE, now=now())
    sigv4.verify(request, claim, b"", "secret")
