"""`POST /`: one request of an AWS SDK, from the socket to the answer.

target -> caller -> body -> (in a thread) signature -> JSON -> model -> right -> place at the gate -> core -> JSON
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kenspeckle.domain import Key, Principal
from kenspeckle.errors import KenspeckleError
from kenspeckle.ports import Recognizer
from kenspeckle.rekognition import aws_chunked, credential_scope, error_table, presigned, service_model, sigv4, validate
from kenspeckle.rekognition.credential_scope import Claim, Signed
from kenspeckle.rekognition.errors import Refusal, serialization
from kenspeckle.rekognition.images import Buckets
from kenspeckle.rekognition.operations import OPERATIONS, Operation
from kenspeckle.rekognition.service import Service
from kenspeckle.serving.bodies import ClientDisconnected, TooLong, TooSlow, receive_body
from kenspeckle.serving.budget import BODIES
from kenspeckle.serving.connections import of_one_host
from kenspeckle.settings import Settings
from kenspeckle.usecases.access.authentication import Authentication
from kenspeckle.usecases.access.authorization import decide
from kenspeckle.usecases.access.open_server import FAR, OPEN, is_near
from kenspeckle.usecases.access.rate_limits import Limits
from kenspeckle.usecases.recognition.admission import Gate

MEDIA_TYPE = "application/x-amz-json-1.1"

MOST_WITH_IMAGES = 16 * 1024 * 1024
"""Bytes of a request with photographs: two of 5 MiB in base64, and room to say how large a larger one is."""

MOST_WITHOUT = 1024 * 1024
"""Bytes of any other request: 4,096 face ids are 160 kB."""

MOST_COMMAS = 20_000
"""Most commas in a request's JSON, which bounds its values: each takes up to 25 times as much memory as it has bytes.
4,096 face ids have as many commas, photographs in base64 have none."""

NOT_LET_IN = frozenset(
    {
        "AccessDeniedException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    }
)
"""Authentication errors, which the audit trail records too."""

MOST_TRUSTED = 4096
"""Most access key ids, each with its host, that are remembered as having sent a valid signature."""

log = logging.getLogger(__name__)


class Call(Protocol):
    """Runs work of the core in a thread: `serving.threads.Threads.call`."""

    def __call__(self, work: Callable[..., Any], /, *args: Any) -> Awaitable[Any]: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose body is still to be read. `claim` is None on an open server, which checks no signature."""

    name: str
    operation: Operation
    signed: Signed
    claim: Claim | None
    state: dict[str, Any]
    """The request's own, shared with the middleware around it."""
    host: str
    """The client's host."""


def routes(
    recognizer: Recognizer,
    access: Authentication,
    buckets: Buckets,
    settings: Settings,
    *,
    gate: Gate,
    call: Call,
    face_models: Mapping[str, str],
    limits: Limits | None = None,
    clock: Callable[[], float] = time.time,
) -> list[Route]:
    """The route of Amazon Rekognition's protocol. `face_models` are versions of packs by
    name, that of the default one first; `limits` hold keys to their plans.

    Raises SettingError where the installed botocore lacks the service model."""
    service = Service(
        recognizer=recognizer,
        buckets=buckets,
        region=settings.aws_region,
        account=settings.aws_account_id,
        face_models=face_models,
    )
    edge = Edge(service, access, gate, call, clock)
    edge.region = None if settings.any_region else settings.aws_region
    edge.tokens = settings.session_tokens
    edge.limits = limits
    return [Route("/", edge.answer, methods=["POST"], name="rekognition")]


class Edge:
    """The edge: everything that all requests share."""

    def __init__(
        self, service: Service, access: Authentication, gate: Gate, call: Call, clock: Callable[[], float] = time.time
    ) -> None:
        self._service = service
        self._access = access
        self._gate = gate
        self._call = call
        self._clock = clock
        self.limits: Limits | None = None
        self.region: str | None = service.region
        """Region that signatures are for; None: any."""
        self.tokens = False
        """Whether adopted pairs may send session tokens."""
        self._model = service_model.load()
        self._trusted: set[tuple[str, str]] = set()
        self._reading: dict[str, asyncio.Future[Any]] = {}
        self._validators = {name: validate.compile_model(self._model, name) for name in OPERATIONS}

    async def answer(self, request: Request) -> Response:
        """Answers every request, failed ones in AWS's format."""
        request_id = str(request.scope.get("state", {}).get("request_id") or uuid.uuid4())
        try:
            return _response(await self._answer(request), request_id)
        except Refusal as refusal:
            if refusal.code in NOT_LET_IN:
                request.scope.setdefault("state", {})["refused"] = refusal.code
            if refusal.code == "InternalServerError":
                log.error("the request failed", exc_info=refusal)
            return answer_refusal(refusal, request_id)
        except ClientDisconnected:
            return Response(status_code=400)

    async def _answer(self, request: Request) -> bytes:
        name = ""
        try:
            signed = _read_signed(request)
            name = self._name_operation(signed)
            claim, is_proved = await self._claim(signed, request)
            state = request.scope.setdefault("state", {})
            if BODIES in state:
                state[BODIES].known = is_proved
            asked = Asked(name, _find_operation(name), signed, claim, state, _host(request))
            if asked.operation.images:
                # Refused before its body is read if the gate has no place. It takes a place only after its signature is
                # checked, which needs the body.
                self._gate.check()
            data = await self._read(request, asked)
            answer: bytes = await self._call(self._work, asked, data)
            return answer
        except KenspeckleError as error:
            raise error_table.refusal(error, self._model, name, {}) from error
        except (Refusal, ClientDisconnected):
            raise
        except Exception as error:
            raise Refusal("InternalServerError", error_table.INTERNAL, 500) from error

    def _name_operation(self, signed: Signed) -> str:
        """The operation of the model that the request names, in its header or its presigned URL."""
        target = signed.header("x-amz-target")
        if target is None:
            target = dict(signed.parameters).get("X-Amz-Target", "")
        prefix, _, name = target.partition(".")
        if prefix != service_model.TARGET_PREFIX or name not in self._model.operations:
            raise Refusal("UnknownOperationException", f"The operation '{target[:120]}' is not one of Rekognition's.")
        return name

    async def _claim(self, signed: Signed, request: Request) -> tuple[Claim | None, bool]:
        """The claimed key, and whether that is proved. Refuses, before the body is read, requests that no body could
        make valid. The signature of most SDKs can't be checked without the body. Until then, clients without an earlier
        valid signature from their host may have few bytes in memory, because an access key id is no secret."""
        is_open = request.scope.get("state", {}).get(OPEN)
        if is_open is None:
            known = self._access.open_is_known
            is_open = self._access.open if known else await self._call(lambda: self._access.open)
        if is_open:
            if not is_near(request.client.host if request.client else None):
                raise Refusal("AccessDeniedException", FAR)
            return None, True
        claim = credential_scope.read(signed)
        if claim is None:
            raise Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
        credential_scope.check(
            claim, region=self.region, service=service_model.SERVICE, now=self._clock(), tokens=self.tokens
        )
        # A second switch to a thread costs more than the rest here; only where the catalog has to be read is there one.
        if (claim.access_key_id, _host(request)) in self._trusted:
            return claim, True
        known = self._access.pair_is_known(claim.access_key_id)
        found = self._access.aws_secret(claim.access_key_id) if known else await self._read_pair(claim.access_key_id)
        if found is None:
            raise _unknown_pair()
        return claim, sigv4.verify_head(signed, claim, found[1])

    async def _read_pair(self, access_key_id: str) -> tuple[Key, str] | None:
        """As `Authentication.aws_secret`, read once for all who ask at the same time: hundreds of requests with one id
        would each take a thread, and threads keep memory."""
        reading = self._reading.get(access_key_id)
        if reading is None:
            reading = asyncio.ensure_future(self._call(self._access.aws_secret, access_key_id))
            self._reading[access_key_id] = reading
            reading.add_done_callback(lambda _: self._reading.pop(access_key_id, None))
        found: tuple[Key, str] | None = await asyncio.shield(reading)
        return found

    def _secret(self, claim: Claim) -> tuple[Key, str]:
        """The key and its secret, for the check that decides in every case."""
        found = self._access.aws_secret(claim.access_key_id)
        if found is None:
            raise _unknown_pair()
        return found

    async def _read(self, request: Request, asked: Asked) -> bytes:
        most = MOST_WITH_IMAGES if asked.operation.images else MOST_WITHOUT
        try:
            return await receive_body(request.receive, most, asked.state.get(BODIES))
        except TooLong:
            if asked.operation.images:
                raise validate.too_large(self._model, asked.name) from None
            raise Refusal(
                "RequestEntityTooLargeException", f"The request is larger than {most} bytes; send less.", 413
            ) from None
        except TooSlow:
            raise Refusal("RequestTimeoutException", "The request came too slowly; send it again.", 408) from None

    def _work(self, asked: Asked, data: bytes) -> bytes:
        """The work in one thread: from the signature to the answer's JSON."""
        principal, data = self._verify(asked, data)
        if BODIES in asked.state:
            # From here on the key's plan and the gate limit what is in memory.
            asked.state[BODIES].give_back()
        request: Mapping[str, Any] = {}

        def collection() -> str | None:
            nonlocal request
            request = self._validators[asked.name](self._parse(asked, data))
            return self._service.collection_of(request)

        try:
            decide(principal, asked.operation.right, collection, state=asked.state, limits=self.limits)
            with self._gate.admit(checked=True) if asked.operation.images else nullcontext():
                answer = asked.operation.run(replace(self._service, principal=principal), request)
            return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
        except KenspeckleError as error:
            raise error_table.refusal(error, self._model, asked.name, request) from error

    def _verify(self, asked: Asked, data: bytes) -> tuple[Principal, bytes]:
        """The principal, by a valid signature, and the decoded body."""
        signed, claim, key, signer = asked.signed, asked.claim, None, None
        if claim is not None:
            key, secret = self._secret(claim)
            sigv4.verify(signed, claim, data, secret)
            signer = (claim, sigv4.signing_key(secret, claim))
            self._access.record_use(key)
            if len(self._trusted) >= MOST_TRUSTED:
                self._trusted.clear()
            self._trusted.add((claim.access_key_id, asked.host))
        if signed.header("x-amz-content-sha256") == credential_scope.STREAMING:
            data = aws_chunked.decode(signed, data, signer)
        return Principal(key), data

    def _parse(self, asked: Asked, data: bytes) -> Any:
        if not data:
            return presigned.members(self._model, asked.name, asked.signed.parameters)
        if data.count(b",") > MOST_COMMAS:
            raise serialization("The request's body has more values than any request can have.")
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            raise serialization("The request's body is not valid JSON.") from None


def answer_refusal(refusal: Refusal, request_id: str) -> Response:
    """An error answer in the format that SDKs read."""
    headers = {}
    if refusal.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(refusal.retry_after)))
    said = {"__type": refusal.code, "Code": refusal.code, "Logref": request_id, "Message": _printable(refusal.message)}
    return _response(orjson.dumps(said), request_id, refusal.status, headers)


def refuse_unknown_pair(request_id: str) -> Response:
    """The answer to a request whose access key id is unknown."""
    return answer_refusal(_unknown_pair(), request_id)


def _unknown_pair() -> Refusal:
    return Refusal("UnrecognizedClientException", "The security token included in the request is invalid.")


def _printable(text: str) -> str:
    """The text without undecodable bytes, which JSON can't contain."""
    return text.encode("utf-8", "replace").decode()


def _host(request: Request) -> str:
    return of_one_host(request.client.host) if request.client else ""


def _find_operation(name: str) -> Operation:
    if name not in OPERATIONS:
        raise Refusal(
            "AccessDeniedException",
            f"Kenspeckle does not offer {name}: it recognizes faces in images. See docs/rekognition.md.",
        )
    return OPERATIONS[name]


def _read_signed(request: Request) -> Signed:
    scope = request.scope
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return Signed(
        method=scope["method"],
        path=_text(path.partition(b"?")[0]),
        query=_text(scope["query_string"]),
        headers=[(name.decode("latin-1"), _text(value)) for name, value in scope["headers"]],
    )


def _text(data: bytes) -> str:
    """Bytes of a header as text that can be encoded to the same bytes again."""
    return data.decode("utf-8", "surrogateescape")


def _response(content: bytes, request_id: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(content, status, {"x-amzn-RequestId": request_id, **(headers or {})}, media_type=MEDIA_TYPE)
