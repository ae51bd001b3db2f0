"""What every route handler needs, in one frozen bundle."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.domain import Principal
from kenspeckle.domain.operations import A, Operation
from kenspeckle.ports import Recognizer, StagedVideos
from kenspeckle.serving import bodies
from kenspeckle.serving.bodies import Body
from kenspeckle.serving.budget import BODIES
from kenspeckle.serving.envelope import Life
from kenspeckle.serving.metrics import Metrics
from kenspeckle.serving.threads import Threads
from kenspeckle.settings import Settings
from kenspeckle.usecases.recognition.admission import Gate

if TYPE_CHECKING:
    from kenspeckle.usecases.access.rate_limits import Limits

Authenticate: TypeAlias = Callable[[Request], Principal | Awaitable[Principal]]
"""Authenticates a request by its headers alone. Raises Unauthenticated. Must not block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    recognizer: Recognizer
    settings: Settings
    gate: Gate
    threads: Threads
    metrics: Metrics
    life: Life
    authenticate: Authenticate
    limits: Limits | None = None
    staged: StagedVideos | None = None
    """Where uploaded videos wait; None: they are not taken."""
    writable: Callable[[], None] | None = None
    """Raises where every write would be refused."""
    face_models: Mapping[str, str] = field(default_factory=dict)
    """Version of the face model by name of the pack."""

    async def handle(self, operation: Operation[A]) -> A:
        """The recognizer's answer, computed in a thread."""
        return await self.threads.call(self.recognizer.handle, operation)

    async def photograph(self, request: Request) -> Body:
        """The photograph that the request brings. It is refused before its body is read if the gate has no place, and
        takes none while the body is read, so that a slow sender blocks no others. Call `admit` afterwards."""
        self.gate.check()
        return await bodies.photograph(request, self.settings.max_image_bytes)

    async def pair(self, request: Request) -> tuple[Body, Body]:
        """As `photograph`, of a form with two."""
        self.gate.check()
        return await bodies.pair(request, self.settings.max_image_bytes)

    async def several(self, request: Request, name: str, most: int) -> tuple[Body, ...]:
        """As `photograph`, of a form with 1 to `most` of them under one name."""
        self.gate.check()
        return await bodies.several(request, name, most, self.settings.max_image_bytes)

    @contextmanager
    def admit(self, request: Request) -> Iterator[None]:
        """Holds a place at the gate for a photograph that was read. Raises Overloaded."""
        with self.gate.admit(checked=True):
            # From here on the gate limits what is in memory.
            request.scope["state"][BODIES].give_back()
            yield

    def arn(self, collection_id: str) -> str:
        settings = self.settings
        return f"arn:aws:rekognition:{settings.aws_region}:{settings.aws_account_id}:collection/{collection_id}"

    def face_model(self, pack: str) -> str:
        return self.face_models.get(pack, pack)


def answer(content: Any, status: int = 200) -> Response:
    """JSON without validation: `shapes` makes it, and tests compare it with the schemas."""
    return Response(
        orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), status_code=status, media_type="application/json"
    )
