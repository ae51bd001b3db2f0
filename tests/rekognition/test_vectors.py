"""The verifier against AWS's published Signature Version 4 vectors, where the folder beside the project has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kenspeckle.rekognition import credential_scope, sigv4
from kenspeckle.rekognition.credential_scope import Signed
from kenspeckle.rekognition.errors import Refusal

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "sigv4"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
CASES = sorted(path.with_suffix("") for path in FOLDER.glob("**/*.req"))

pytestmark = pytest.mark.skipif(not CASES, reason=f"AWS's vectors are not at {FOLDER}")


def part(case: Path, kind: str) -> str:
    return case.with_suffix(f".{kind}").read_text("utf-8").replace("\r\n", "\n")


def parsed(text: str) -> tuple[Signed, bytes]:
    """A request as a server gets it; folded header lines are one line, as HTTP/1.1 servers hand them on."""
    head, _, body = text.partition("\n\n")
    first, *lines = head.split("\n")
    method, _, rest = first.partition(" ")
    target = rest.rpartition(" ")[0]
    path, _, query = target.partition("?")
    headers: list[tuple[str, str]] = []
    for line in lines:
        if line.startswith(" ") and headers:
            headers[-1] = (headers[-1][0], f"{headers[-1][1]} {line.strip()}")
        else:
            name, _, value = line.partition(":")
            headers.append((name.lower(), value))
    return Signed(method, path, query, headers), body.encode()


def test_the_suite_is_whole() -> None:
    assert len(CASES) >= 30


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_vector(case: Path) -> None:
    request, body = parsed(part(case, "req"))
    authorization = part(case, "authz").strip()
    signed_names = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    if "x-amz-security-token" in signed_names and request.header("x-amz-security-token") is None:
        # One vector leaves the token to its .sreq, the request as it is sent.
        request, body = parsed(part(case, "sreq"))
        request = replace(request, headers=[one for one in request.headers if one[0] != "authorization"])
    request = replace(request, headers=[*request.headers, ("authorization", authorization)])

    claim = credential_scope.read(request)
    assert claim is not None
    assert (claim.access_key_id, claim.region, claim.service) == ("AKIDEXAMPLE", "us-east-1", "service")
    canonical = part(case, "creq")
    digest = canonical.rpartition("\n")[2]
    assert sigv4.canonical_request(request, claim, digest) == canonical
    assert sigv4.string_to_sign(claim, canonical) == part(case, "sts")
    sigv4.verify(request, claim, body, SECRET)
    with pytest.raises(Refusal):
        sigv4.verify(request, claim, body + b"!", SECRET)
    with pytest.raises(Refusal):
        sigv4.verify(request, claim, body, SECRET + "!")
