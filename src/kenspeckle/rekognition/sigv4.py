"""Verifies Signature Version 4: whether a request's signature was made with a secret.

After AWS's published description ("Create a signed AWS API request" in the IAM user guide). Pure functions.
"""

from __future__ import annotations

import hashlib
import hmac
import posixpath
import re
from functools import lru_cache
from urllib.parse import quote

from kenspeckle.rekognition.credential_scope import ALGORITHM, STREAMING, TERMINATOR, Claim, Signed, pairs_of, unquote
from kenspeckle.rekognition.errors import Refusal

UNSIGNED = "UNSIGNED-PAYLOAD"

_SPACES = re.compile(r"[ \t]+")
_UNRESERVED = "-_.~"


def verify(request: Signed, claim: Claim, body: bytes, secret: str) -> None:
    """Whether the signature is that of the secret over this request and body. Raises InvalidSignatureException.

    With a chunked payload this is the seed signature; `aws_chunked.decode` checks those of the chunks."""
    needs_body = claim.payload not in (UNSIGNED, STREAMING)
    if not _matches(request, claim, hashlib.sha256(body).hexdigest() if needs_body else claim.payload or "", secret):
        raise Refusal(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details.",
        )


def verify_head(request: Signed, claim: Claim, secret: str) -> bool:
    """Whether the signature is valid, as far as can be checked without the body: with the body's declared digest. False
    where none is declared; `verify` has to follow in any case. Raises InvalidSignatureException where no body could
    make it valid."""
    if claim.payload in (UNSIGNED, STREAMING):
        verify(request, claim, b"", secret)
        return True
    return claim.payload is not None and _matches(request, claim, claim.payload, secret)


def _matches(request: Signed, claim: Claim, payload: str, secret: str) -> bool:
    expected = signature(signing_key(secret, claim), string_to_sign(claim, canonical_request(request, claim, payload)))
    return hmac.compare_digest(expected, claim.signature)


def canonical_request(request: Signed, claim: Claim, payload: str) -> str:
    """The text whose digest is signed; `payload` is the body's SHA-256 or the word that stands for it."""
    pairs = [
        (quote(unquote(name), safe=_UNRESERVED), quote(unquote(value), safe=_UNRESERVED))
        for name, value in pairs_of(request.query)
        if claim.expires is None or name != "X-Amz-Signature"
    ]
    headers = []
    for name in claim.signed_headers:
        values = [_SPACES.sub(" ", value.strip()) for key, value in request.headers if key == name]
        headers.append(f"{name}:{','.join(values)}\n")
    return "\n".join(
        (
            request.method,
            _canonical_path(request.path),
            "&".join(f"{name}={value}" for name, value in sorted(pairs)),
            "".join(headers),
            ";".join(claim.signed_headers),
            payload,
        )
    )


def string_to_sign(claim: Claim, canonical: str) -> str:
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    return "\n".join((ALGORITHM, claim.stamp, claim.scope, digest))


def signing_key(secret: str, claim: Claim) -> bytes:
    """The key of a day, region and service; kept, since clients sign many requests a day with it."""
    return _signing_key(secret, claim.date, claim.region, claim.service)


def signature(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=256)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _canonical_path(path: str) -> str:
    """Normalized, then encoded once more than on the wire, as all services but S3 have it."""
    if path == "/":
        return path
    normal = posixpath.normpath("/" + path.lstrip("/"))
    if path.endswith(("/", "/.", "/..")) and normal != "/":
        normal += "/"
    return quote(normal.encode("utf-8", "surrogateescape"), safe="/" + _UNRESERVED)
