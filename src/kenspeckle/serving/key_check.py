"""Looks at the keys of hosts that send many wrong ones: many keys at once, and before the application is called.

Such a host may be shared, so each of its keys is looked at without delay. Only what is refused waits, and is answered
and recorded in less work than the application takes.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Protocol

from starlette.responses import Response
from starlette.types import Scope

from kenspeckle.errors import KenspeckleError, Unauthenticated
from kenspeckle.serving import logs, problems
from kenspeckle.serving.envelope import REFUSED, address_of, complete, request_id_of
from kenspeckle.serving.metrics import Metrics
from kenspeckle.usecases.audit import actor

if TYPE_CHECKING:
    from kenspeckle.usecases.access.authentication import Authentication
    from kenspeckle.usecases.audit.refused_requests import Refusals

PACE = 0.01
"""Least seconds between two looks at the catalog: what comes meanwhile is looked up together."""
TELL_SECONDS = 1.0
"""Seconds whose refusals share a log line for each host."""
MOST_HOSTS = 100
"""Hosts with a line of their own."""
UNMATCHED = "unmatched"
"""The route of these requests in audit trail and metrics: they are refused before they have one."""

_IN_HEADER = re.compile(rb"Credential=([A-Za-z0-9_\-]{1,128})/")
_IN_QUERY = re.compile(rb"(?:^|&)X-Amz-Credential=([A-Za-z0-9_\-]{1,128})(?:/|%2[Ff])")


class Verdict(Enum):
    """What becomes of a request that is not refused."""

    PASS = 0
    """It is let in at once."""
    WAIT = 1
    """It names no key, or one that it does not need: it waits as others without a key do."""


Then = Callable[["Verdict | Response"], None]


class AmazonRefusal(Protocol):
    """Makes the answer to a pair that is unknown, in the format of Amazon's protocol."""

    def __call__(self, request_id: str) -> Response: ...


@dataclass(frozen=True, slots=True)
class _Named:
    """A key as a request names it."""

    text: str
    pair: bool
    """Whether it is the access key id of a pair, whose signature is still to be checked."""


class KeyCheck:
    """Used by all connections of one event loop."""

    def __init__(
        self, access: Authentication, metrics: Metrics, refusals: Refusals | None, refuse_pair: AmazonRefusal
    ) -> None:
        self._access = access
        self._metrics = metrics
        self._refusals = refusals
        self._refuse_pair = refuse_pair
        self._asked: list[tuple[Scope, _Named, Then]] = []
        self._busy = False
        self._untold: Counter[str] = Counter()

    def ask(self, scope: Scope, then: Then) -> None:
        """Call `then` with the verdict, or with the answer of a request that is refused: at once where the catalog need
        not be read."""
        if not self._access.locked:
            then(Verdict.PASS)
            return
        named = _named(scope)
        if named is None:
            then(Verdict.WAIT)
        elif self._is_known(named):
            then(self._decide(scope, named, self._why_refused(named)))
        else:
            self._asked.append((scope, named, then))
            if not self._busy:
                self._busy = True
                self._look()

    def _look(self) -> None:
        if not self._asked:
            self._busy = False
            return
        batch, self._asked = self._asked, []
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(None, self._why_all, [named for _, named, _ in batch])
        work.add_done_callback(partial(self._tell, batch, loop))

    def _tell(
        self,
        batch: Sequence[tuple[Scope, _Named, Then]],
        loop: asyncio.AbstractEventLoop,
        work: asyncio.Future[list[str | None]],
    ) -> None:
        loop.call_later(PACE, self._look)
        if work.cancelled():
            return
        if work.exception() is not None:
            logs.errors.error("keys could not be looked up", exc_info=work.exception())
        reasons = work.result() if work.exception() is None else [None] * len(batch)
        for (scope, named, then), reason in zip(batch, reasons, strict=True):
            then(self._decide(scope, named, reason))

    def _is_known(self, named: _Named) -> bool:
        access = self._access
        return access.pair_is_known(named.text) if named.pair else access.is_known(named.text)

    def _why_all(self, batch: Sequence[_Named]) -> list[str | None]:
        return [self._why_refused(one) for one in batch]

    def _why_refused(self, named: _Named) -> str | None:
        """None too where the catalog does not answer: the application says so."""
        try:
            if named.pair:
                return None if self._access.aws_secret(named.text) is not None else "unknown"
            self._access.find_active(named.text)
        except Unauthenticated as error:
            return error.message
        except KenspeckleError:
            return None
        return None

    def _decide(self, scope: Scope, named: _Named, reason: str | None) -> Verdict | Response:
        if reason is None:
            return Verdict.PASS
        if not _needs_key(scope):
            return Verdict.WAIT
        state = scope.setdefault("state", {})
        state["request_id"] = request_id = request_id_of(scope)
        if named.pair:
            response, state[REFUSED] = self._refuse_pair(request_id), "UnrecognizedClientException"
        else:
            error = Unauthenticated(reason)
            response, state[REFUSED] = problems.unseen(error, scope), error.code
        response.raw_headers = complete(response.raw_headers, request_id, scope)
        self._record(scope, request_id, state[REFUSED], response.status_code)
        return response

    def _record(self, scope: Scope, request_id: str, code: str, status: int) -> None:
        address = address_of(scope)
        self._metrics.request(scope["method"], UNMATCHED, status, 0.0)
        if self._refusals is not None:
            self._refusals.note(
                f"{scope['method']} {UNMATCHED}",
                code,
                key_id=actor.NOBODY,
                name="",
                request_id=request_id,
                address=address,
            )
        if not self._untold:
            asyncio.get_running_loop().call_later(TELL_SECONDS, self._log)
        self._untold[address if address in self._untold or len(self._untold) < MOST_HOSTS else ""] += 1

    def _log(self) -> None:
        untold, self._untold = self._untold, Counter()
        for address, count in untold.items():
            logs.access.info("requests with wrong keys", extra={"count": count, "client": address or None})


def _named(scope: Scope) -> _Named | None:
    """The one key that the request names; None for none, and for several."""
    if _is_amazons(scope):
        signed = [value for name, value in scope["headers"] if name == b"authorization"]
        found = _IN_HEADER.search(signed[0]) if signed else _IN_QUERY.search(scope["query_string"])
        return _Named(found[1].decode("ascii"), pair=True) if found is not None else None
    keys = [value for name, value in scope["headers"] if name == b"x-api-key"]
    return _Named(keys[0].decode("latin-1"), pair=False) if len(keys) == 1 and keys[0] else None


def _is_amazons(scope: Scope) -> bool:
    return bool(scope["method"] == "POST" and scope["path"] == "/")


def _needs_key(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.startswith(("/v1/", problems.COMPREFACE)) or _is_amazons(scope)
