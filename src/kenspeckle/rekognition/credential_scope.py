"""Parses a request's signature from its headers or URL, and checks all of it that needs no secret.

After AWS's published description ("Create a signed AWS API request" in the IAM user guide); messages are AWS's where
they are known. `sigv4.verify` checks the signature itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_to_bytes

from kenspeckle.rekognition.errors import Refusal
from kenspeckle.usecases.access.credentials import is_foreign

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
STREAMING = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SKEW_SECONDS = 300
LONGEST_PRESIGNED = 604_800
"""Seconds (7 days); AWS's upper bound of X-Amz-Expires."""

_FORMAT = "%Y%m%dT%H%M%SZ"
_STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_KEY_ID = re.compile(r"[A-Za-z0-9_\-]{1,128}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_MUST_BE_SIGNED = (
    "x-amz-target",
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-decoded-content-length",
    "x-amz-security-token",
)
"""Headers that change what a request does or who sends it; where present they have to be among the signed ones."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The signed part of an HTTP request as received. `path` and `query` are undecoded, header names lower case."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]

    def header(self, name: str) -> str | None:
        """Values of the header, repeated ones joined by commas; None where it is absent."""
        values = [value for key, value in self.headers if key == name]
        return ",".join(values) if values else None

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Query parameters, decoded, in the order given."""
        return [(decode(name), decode(value)) for name, value in pairs_of(self.query)]


@dataclass(frozen=True, slots=True)
class Claim:
    """A request's signature and its parameters. `payload` is the declared form of the body, None where none is
    declared."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    stamp: str
    payload: str | None
    expires: int | None = None
    token: str | None = None

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


def read(request: Signed) -> Claim | None:
    """The signature that the request carries, in its header or its query; None where it carries none.

    Raises Refusal (IncompleteSignatureException) where a part is missing or malformed."""
    authorization = request.header("authorization")
    if authorization is not None:
        return _from_header(request, authorization)
    if "X-Amz-Signature=" in request.query:
        return _from_query(request)
    return None


def check(claim: Claim, *, region: str | None, service: str, now: float, tokens: bool = False) -> None:
    """Whether scope and time are right; `region` None is any. With `tokens` the pair of another issuer may come with a
    session token, which only that issuer could check: the signature decides.

    Raises Refusal (InvalidSignatureException, UnrecognizedClientException)."""
    if claim.service != service:
        raise _wrong(f"Credential should be scoped to correct service: '{service}'.")
    if region is not None and claim.region != region:
        raise _wrong(f"Credential should be scoped to a valid region: '{region}', not '{claim.region}'.")
    if claim.date != claim.stamp[:8]:
        raise _wrong(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{claim.date}' != '{claim.stamp[:8]}', from '{claim.stamp}'."
        )
    signed_at = seconds(claim.stamp)
    if signed_at > now + SKEW_SECONDS:
        raise _wrong(
            f"Signature not yet current: {claim.stamp} is still later than {_stamp(now + SKEW_SECONDS)} "
            f"({_stamp(now)} + 5 min.)"
        )
    lifetime = SKEW_SECONDS if claim.expires is None else claim.expires
    if signed_at < now - lifetime:
        span = "5 min." if claim.expires is None else f"{claim.expires} s"
        raise _wrong(
            f"Signature expired: {claim.stamp} is now earlier than {_stamp(now - lifetime)} ({_stamp(now)} - {span})"
        )
    if not _KEY_ID.fullmatch(claim.access_key_id):
        raise Refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
    if claim.token is not None and not (tokens and is_foreign(claim.access_key_id)):
        raise Refusal(
            "UnrecognizedClientException",
            "The security token included in the request is invalid. This service issues no session tokens; "
            "send none (unset AWS_SESSION_TOKEN).",
        )


def seconds(stamp: str) -> float:
    """Seconds since the epoch of a time like 20150830T123600Z. Raises Refusal."""
    try:
        return datetime.strptime(stamp, _FORMAT).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{stamp}'.") from None


def _from_header(request: Signed, authorization: str) -> Claim:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{algorithm[:40]}'. This service takes {ALGORITHM}.")
    parts: dict[str, str] = {}
    for part in rest.split(","):
        name, _, value = part.strip().partition("=")
        if name in parts:
            raise _incomplete(f"Authorization header has '{name[:40]}' more than once.")
        parts[name] = value
    absent = [name for name in ("Credential", "SignedHeaders", "Signature") if not parts.get(name)]
    if absent:
        raise _incomplete(" ".join(f"Authorization header requires '{name}' parameter." for name in absent))
    stamp = request.header("x-amz-date")
    dated_by = "x-amz-date" if stamp is not None else "date"
    return _claim(
        request,
        credential=parts["Credential"],
        signed=parts["SignedHeaders"],
        signature=parts["Signature"],
        stamp=stamp if stamp is not None else _from_date(request.header("date")),
        required=("host", dated_by),
        payload=request.header("x-amz-content-sha256"),
        token=request.header("x-amz-security-token"),
    )


def _from_query(request: Signed) -> Claim:
    parameters: dict[str, str] = {}
    for name, value in request.parameters:
        if name.startswith("X-Amz-") and name in parameters:
            raise _incomplete(f"Query has '{name[:40]}' more than once.")
        parameters[name] = value
    if parameters.get("X-Amz-Algorithm") != ALGORITHM:
        raise _incomplete(f"Query requires 'X-Amz-Algorithm={ALGORITHM}'.")
    names = ("X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Date", "X-Amz-Expires")
    absent = [name for name in names if not parameters.get(name)]
    if absent:
        raise _incomplete(" ".join(f"AWS query-string parameters must include '{name}'." for name in absent))
    expires = parameters["X-Amz-Expires"]
    if not (expires.isascii() and expires.isdigit() and len(expires) < 7 and 1 <= int(expires) <= LONGEST_PRESIGNED):
        raise _incomplete(f"X-Amz-Expires must be a number from 1 to {LONGEST_PRESIGNED}.")
    return _claim(
        request,
        credential=parameters["X-Amz-Credential"],
        signed=parameters["X-Amz-SignedHeaders"],
        signature=parameters["X-Amz-Signature"],
        stamp=parameters["X-Amz-Date"],
        required=("host",),
        payload=parameters.get("X-Amz-Content-Sha256", request.header("x-amz-content-sha256")),
        expires=int(expires),
        token=parameters.get("X-Amz-Security-Token", request.header("x-amz-security-token")),
    )


def _claim(
    request: Signed,
    *,
    credential: str,
    signed: str,
    signature: str,
    stamp: str,
    required: tuple[str, ...],
    payload: str | None,
    expires: int | None = None,
    token: str | None,
) -> Claim:
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or not all(parts):
        raise _incomplete("Credential must be like KEYID/YYYYMMDD/REGION/rekognition/aws4_request.")
    if parts[4] != TERMINATOR:
        raise _wrong(f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{parts[4][:40]}'.")
    if not _STAMP.fullmatch(stamp):
        raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{stamp[:40]}'.")
    if not _SIGNATURE.fullmatch(signature):
        raise _wrong("The signature must be 64 hexadecimal digits.")
    names = tuple(signed.lower().split(";"))
    present = {name for name, _ in request.headers}
    demanded = (*required, *(name for name in _MUST_BE_SIGNED if name in present))
    unsigned = [name for name in dict.fromkeys(demanded) if name not in names]
    if unsigned:
        raise _wrong(" ".join(f"'{name}' must be a 'SignedHeader' in the AWS Authorization." for name in unsigned))
    chunked = payload is not None and payload.startswith("STREAMING-")
    if chunked and (payload != STREAMING or expires is not None):
        raise _wrong(
            f"x-amz-content-sha256 '{(payload or '')[:60]}' is not taken here; send {STREAMING} or the body's SHA-256."
        )
    return Claim(
        access_key_id=parts[0],
        date=parts[1],
        region=parts[2],
        service=parts[3],
        signed_headers=names,
        signature=signature,
        stamp=stamp,
        payload=payload,
        expires=expires,
        token=token,
    )


def _from_date(date: str | None) -> str:
    """The signing time from a Date header, of HTTP's form or X-Amz-Date's, as clients may send instead of that."""
    if date is None:
        raise _incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if _STAMP.fullmatch(date):
        return date
    try:
        moment = parsedate_to_datetime(date)
        # "-0000" is UTC too (RFC 5322, 3.3), of which Python makes a time without a zone.
        return (moment.astimezone(UTC) if moment.tzinfo else moment).strftime(_FORMAT)
    except (ValueError, TypeError, OverflowError):
        raise _incomplete(f"Date '{date[:40]}' is no HTTP date.") from None


def _stamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime(_FORMAT)


def pairs_of(query: str) -> list[tuple[str, str]]:
    """Undecoded names and values."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(name, value) for name, _, value in pairs]


def unquote(text: str) -> bytes:
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape"))


def decode(text: str) -> str:
    return unquote(text).decode("utf-8", "replace")


def _wrong(message: str) -> Refusal:
    return Refusal("InvalidSignatureException", message)


def _incomplete(message: str) -> Refusal:
    return Refusal("IncompleteSignatureException", message)
