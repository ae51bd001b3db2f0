"""`/v1/keys`: makes, lists, rotates and revokes keys over HTTP. Every route needs the scope admin."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api.edge import answer
from kenspeckle.api.openapi import json_body, refusals
from kenspeckle.domain import Key
from kenspeckle.serving import bodies
from kenspeckle.usecases.access import plans
from kenspeckle.usecases.access.credentials import DEFAULT_SCOPES, checked_scopes, described, expiry, revealed
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
    """What a key may do. Without limits said: 10 requests a second and 25 at once, with the scope admin any."""

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
    """How much a key may ask from now on; what is left out stays as it is."""

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


_NEW = json_body(NewKey, {"name": "front desk", "scopes": ["search", "read"], "collections": ["visitors"]})
_LIMITS = json_body(NewLimits, {"rate": 5, "burst": 10, "quota": "10000/day"})
_NO_RIGHT = refusals(("unauthenticated", "forbidden"))
_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "`key_not_found`: No such key"}}


def router(access: Access) -> APIRouter:
    """The routes. Whoever mounts them checks the scope `admin` first, which is why the handlers read the body: FastAPI
    would have read it before."""
    routes = APIRouter(prefix="/v1/keys", tags=["keys"])
    _keys(routes, access)
    _key(routes, access)
    return routes


def _keys(routes: APIRouter, access: Access) -> None:
    @routes.post(
        "",
        status_code=201,
        response_model=CreatedKey,
        operation_id="create_key",
        openapi_extra={"requestBody": _NEW},
        responses={**_NO_RIGHT, **refusals(("invalid_value", "request_timeout", "storage_full"))},
    )
    async def create_key(request: Request) -> Response:
        """Make a key. Its secret is in this answer only."""
        new = await bodies.json(request, NewKey)
        expires_at = expiry(new.expires, time.time()) if new.expires is not None else None
        scopes = checked_scopes(new.scopes)
        plan = plans.changed(plans.initial(scopes), new.rate, new.burst, new.quota)
        created = await run_in_threadpool(
            access.create, new.name, scopes, new.collections, aws=new.aws, expires_at=expires_at, plan=plan
        )
        return answer(revealed(created), 201)

    @routes.get("", response_model=KeyList, operation_id="list_keys", responses=_NO_RIGHT)
    async def list_keys() -> Response:
        """All keys, revoked and expired ones included, oldest first."""
        found, spent = await run_in_threadpool(lambda: (access.list(), access.spent()))
        return answer({"keys": [described(key, time.time(), spent) for key in found]})


def _key(routes: APIRouter, access: Access) -> None:
    async def shown(work: Callable[..., Key], *words: Any) -> Response:
        key, spent = await run_in_threadpool(lambda: (work(*words), access.spent()))
        return answer(described(key, time.time(), spent))

    @routes.get("/{key_id}", response_model=KeyAnswer, operation_id="show_key", responses={**_NO_RIGHT, **_UNKNOWN})
    async def show_key(key_id: str) -> Response:
        """One key."""
        return await shown(access.show, key_id)

    @routes.patch(
        "/{key_id}",
        response_model=KeyAnswer,
        operation_id="limit_key",
        openapi_extra={"requestBody": _LIMITS},
        responses={**_NO_RIGHT, **_UNKNOWN, **refusals(("invalid_value", "request_timeout", "storage_full"))},
    )
    async def limit_key(key_id: str, request: Request) -> Response:
        """Change how much a key may ask; all servers on the catalog follow within half a second."""
        new = await bodies.json(request, NewLimits)
        return await shown(access.limit, key_id, new.rate, new.burst, new.quota)

    @routes.delete(
        "/{key_id}", response_model=KeyAnswer, operation_id="revoke_key", responses={**_NO_RIGHT, **_UNKNOWN}
    )
    async def revoke_key(key_id: str) -> Response:
        """Make a key worthless, for good."""
        return await shown(access.revoke, key_id)

    @routes.post(
        "/{key_id}/rotate",
        status_code=201,
        response_model=CreatedKey,
        operation_id="rotate_key",
        responses={**_NO_RIGHT, **_UNKNOWN, **refusals(("conflict", "storage_full"))},
    )
    async def rotate_key(key_id: str) -> Response:
        """Replace a key by a new one with the same rights and expiry; the old one is revoked at once."""
        return answer(revealed(await run_in_threadpool(access.rotate, key_id)), 201)
