"""Decodes bodies with AWS's chunked signing (`Content-Encoding: aws-chunked`) and checks each chunk's signature.

After "Signature calculations for the authorization header: transferring payload in multiple chunks" in the S3 API
reference; a chunk is `<size in hex>;chunk-signature=<hex>\\r\\n<data>\\r\\n`, the last one has size 0.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from kenspeckle.rekognition.credential_scope import Claim, Signed
from kenspeckle.rekognition.errors import Refusal, serialization
from kenspeckle.rekognition.sigv4 import signature

_HEAD = re.compile(rb"([0-9a-fA-F]{1,8});chunk-signature=([0-9a-f]{64})\Z")
_LONGEST_HEAD = 128
_EMPTY = hashlib.sha256(b"").hexdigest()


def decode(request: Signed, body: bytes, signer: tuple[Claim, bytes] | None) -> bytes:
    """The body without its chunks. `signer` is the verified claim with its signing key; None (an open
    server) leaves the chunks' signatures unchecked.

    Raises Refusal: SerializationException where the form is broken, InvalidSignatureException for a wrong chunk."""
    data = bytearray()
    previous = signer[0].signature if signer is not None else ""
    at = 0
    while True:
        end = body.find(b"\r\n", at, at + _LONGEST_HEAD)
        head = _HEAD.match(body[at:end]) if end >= 0 else None
        if head is None:
            raise serialization("The body is not in the aws-chunked form that x-amz-content-sha256 promises.")
        size = int(head[1], 16)
        chunk = body[end + 2 : end + 2 + size]
        at = end + 2 + size + 2
        if len(chunk) != size or body[at - 2 : at] != b"\r\n":
            raise serialization("A chunk of the body is shorter than its header says.")
        if signer is not None:
            claim, key = signer
            text = "\n".join(
                (
                    "AWS4-HMAC-SHA256-PAYLOAD",
                    claim.stamp,
                    claim.scope,
                    previous,
                    _EMPTY,
                    hashlib.sha256(chunk).hexdigest(),
                )
            )
            previous = signature(key, text)
            if not hmac.compare_digest(previous, head[2].decode()):
                raise Refusal("InvalidSignatureException", "The signature of a chunk of the body does not match.")
        if size == 0:
            break
        data += chunk
    declared = request.header("x-amz-decoded-content-length")
    if declared is not None and declared != str(len(data)):
        raise serialization(f"The body has {len(data)} bytes; x-amz-decoded-content-length says '{declared[:20]}'.")
    if at != len(body):
        raise serialization("The body goes on after its last chunk.")
    return bytes(data)
