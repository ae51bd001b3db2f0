"""`/v1/keys`: makes, lists, rotates and revokes keys over HTTP. Every route needs the scope admin."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api.edge import answer
from kenspeckle.api.route import ADMIN, JsonBody, route
from kenspeckle.domain import Key
from kenspeckle.serving import bodies
from kenspeckle.usecases.access import plans
from kenspeckle.usecases.access.credentials import DEFAULT_SCOPES, check_scopes, describe, expiry, reveal
from kenspeckle.usecases.access.keys import Access

_EXAMPLE_KEY: dict[str, JsonValue] = {
    "id": "key-4xk2mwq7c3ta",
    "name": "front desk",
    "kind": "api",
    "scopes": ["search", "read"],
    "collections": ["visitors"],
    "state": "active",
    "created_at": "2026-01-31T12:00:00Z",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": None,
    "rate": 10.0,
    "burst": 25,
    "quota": "10000/day",
    "used": 42,
}


_Rate = Annotated[
    float | Literal["none"] | None, Field(description="Requests a second, 0.001 to 100000, or none for any.")
]
_Burst = Annotated[int | None, Field(description="Requests at once, 1 to 1000000.", ge=1, le=1_000_000)]
_Quota = Annotated[
    str | None, Field(description="Requests a day, week or month: 10000/day; none for any.", max_length=64)
]


class NewKey(BaseModel):
    """A new key. Default limits: 10 requests a second and 25 at once; none with the scope admin."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="What the key is for; names need not be unique.", min_length=1, max_length=128)
    scopes: list[str] = Field(
        default=[scope.value for scope in DEFAULT_SCOPES],
        description="Any of index, search, read, delete and admin.",
        min_length=1,
        max_length=16,
    )
    collections: list[str] = Field(default=[], description="Only these; empty for all of them.", max_length=1000)
    aws: bool = Field(default=False, description="Make a pair for AWS SDKs too.")
    expires: str | None = Field(
        default=None, description="An age (12h, 30d) or an ISO date or time in UTC.", max_length=64
    )
    rate: _Rate = None
    burst: _Burst = None
    quota: _Quota = None


class NewLimits(BaseModel):
    """New limits of a key; members that are left out stay as they are."""

    model_config = ConfigDict(extra="forbid")

    rate: _Rate = None
    burst: _Burst = None
    quota: _Quota = None


class KeyAnswer(BaseModel):
    """A key without its secret. Times are ISO 8601 in UTC."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE_KEY]})

    id: str
    name: str
    kind: str
    scopes: list[str]
    collections: list[str]
    state: str = Field(description="active, expired or revoked.")
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    rate: float | None = Field(description="Requests a second; null for any.")
    burst: int | None = Field(description="Requests at once.")
    quota: str | None = Field(description="Requests a day, week or month of UTC; null for any.")
    used: int | None = Field(description="Requests that counted in the quota's present period.")


class KeyList(BaseModel):
    """All keys that were ever made, oldest first."""

    keys: list[KeyAnswer]


class CreatedKey(BaseModel):
    """A new key with its secrets, which no other answer contains."""

    id: str
    name: str
    scopes: list[str]
    collections: list[str]
    api_key: str = Field(description="Goes into the header x-api-key.")
    access_key_id: str | None = Field(default=None, description="Only with `aws`.")
    secret_access_key: str | None = Field(default=None, description="Only with `aws`.")


_CREATED: dict[str, JsonValue] = {
    "id": "key-4xk2mwq7c3ta",
    "name": "front desk",
    "scopes": ["search", "read"],
    "collections": ["visitors"],
    "api_key": "ksp_2b7d0d1f3c559b2f6f0e6f",
}
_UNKNOWN = ("key_not_found",)
_BODY = ("request_timeout", "storage_full")
_route = partial(route, tag="keys", right=ADMIN, recognizes=False)
_KeyId = Annotated[str, Path(description="Id of the key.")]


class Keys:
    """Answers have a key's properties, and its secret only in the answer that creates it."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @_route(
        "POST",
        "/v1/keys",
        body=JsonBody(NewKey, {"name": "front desk", "scopes": ["search", "read"], "collections": ["visitors"]}),
        answer=CreatedKey,
        example=lambda: _CREATED,
        status=201,
        codes=_BODY,
    )
    async def create_key(self, request: Request) -> Response:
        """Create a key. Its secret is in this answer only."""
        new = await bodies.json(request, NewKey)
        expires_at = expiry(new.expires, time.time()) if new.expires is not None else None
        scopes = check_scopes(new.scopes)
        plan = plans.change(plans.initial(scopes), new.rate, new.burst, new.quota)
        created = await run_in_threadpool(
            self._access.create, new.name, scopes, new.collections, aws=new.aws, expires_at=expires_at, plan=plan
        )
        return answer(reveal(created), 201)

    @_route(
        "GET",
        "/v1/keys",
        answer=KeyList,
        example=lambda: {"keys": [_EXAMPLE_KEY]},
    )
    async def list_keys(self, request: Request) -> Response:
        """All keys, revoked and expired ones included, oldest first."""
        found, spent = await run_in_threadpool(lambda: (self._access.list(), self._access.count_spent()))
        return answer({"keys": [describe(key, time.time(), spent) for key in found]})

    @_route(
        "GET",
        "/v1/keys/{key_id}",
        answer=KeyAnswer,
        example=lambda: _EXAMPLE_KEY,
        codes=_UNKNOWN,
    )
    async def show_key(self, request: Request, key_id: _KeyId) -> Response:
        """One key."""
        return await self._show(self._access.show, key_id)

    @_route(
        "PATCH",
        "/v1/keys/{key_id}",
        body=JsonBody(NewLimits, {"rate": 5, "burst": 10, "quota": "10000/day"}),
        answer=KeyAnswer,
        example=lambda: _EXAMPLE_KEY,
        codes=(*_UNKNOWN, *_BODY),
    )
    async def limit_key(self, request: Request, key_id: _KeyId) -> Response:
        """Change a key's limits; all servers on the catalog follow within half a second."""
        new = await bodies.json(request, NewLimits)
        return await self._show(self._access.limit, key_id, new.rate, new.burst, new.quota)

    @_route(
        "DELETE",
        "/v1/keys/{key_id}",
        answer=KeyAnswer,
        example=lambda: _EXAMPLE_KEY,
        codes=_UNKNOWN,
    )
    async def revoke_key(self, request: Request, key_id: _KeyId) -> Response:
        """Revoke a key permanently."""
        return await self._show(self._access.revoke, key_id)

    @_route(
        "POST",
        "/v1/keys/{key_id}/rotate",
        answer=CreatedKey,
        example=lambda: _CREATED,
        status=201,
        codes=(*_UNKNOWN, "conflict", "storage_full"),
    )
    async def rotate_key(self, request: Request, key_id: _KeyId) -> Response:
        """Replace a key by a new one with the same rights and expiry; the old one is revoked at once."""
        return answer(reveal(await run_in_threadpool(self._access.rotate, key_id)), 201)

    async def _show(self, work: Callable[..., Key], *words: Any) -> Response:
        key, spent = await run_in_threadpool(lambda: (work(*words), self._access.count_spent()))
        return answer(describe(key, time.time(), spent))
