"""`/v1/webhooks`: who is told of what happens, and what has become of each message. Every route needs the scope
admin."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import JsonValue
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api import webhook_schemas as shapes
from kenspeckle.api.edge import answer
from kenspeckle.api.openapi import json_body, refusals
from kenspeckle.domain import validation
from kenspeckle.serving import bodies
from kenspeckle.usecases.access.credentials import expiry
from kenspeckle.usecases.webhooks import views
from kenspeckle.usecases.webhooks.endpoints import KEEP_SECONDS, Endpoints

_Id = Annotated[str, Path(description="Id of the endpoint.", max_length=64)]
_NEW = json_body(
    shapes.NewWebhook, {"url": shapes.WEBHOOK["url"], "events": ["faces.matched"], "collections": ["staff"]}
)
_WITH_SECRET = {**shapes.WEBHOOK, "secret": shapes.SECRET}
_CHANGE = json_body(shapes.WebhookChange, {"enabled": True})
_ROTATION = json_body(shapes.Rotation, {"keep": "24h"})
_RETRY = json_body(shapes.Retry, {"message_id": shapes.DELIVERY["message_id"]})
_COMMON = ("unauthenticated", "forbidden", "storage_unavailable")
_BODY = (*_COMMON, "invalid_value", "request_timeout", "storage_full")


def _said(example: JsonValue, *codes: str, status: int = 200) -> dict[int | str, dict[str, Any]]:
    return {status: {"content": {"application/json": {"example": example}}}, **refusals(codes)}


def router(endpoints: Endpoints) -> APIRouter:
    """The routes. Whoever mounts them checks the scope `admin` first, which is why the handlers read the body: FastAPI
    would have read it before."""
    routes = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
    _endpoints(routes, endpoints)
    _endpoint(routes, endpoints)
    _sending(routes, endpoints)
    return routes


def _endpoints(routes: APIRouter, endpoints: Endpoints) -> None:
    @routes.post(
        "",
        status_code=201,
        response_model=shapes.WebhookWithSecret,
        operation_id="create_webhook",
        openapi_extra={"requestBody": _NEW},
        responses=_said(_WITH_SECRET, *_BODY, "quota_exceeded", status=201),
    )
    async def create_webhook(request: Request) -> Response:
        """Make an endpoint. Its secret is in this answer only."""
        new = await bodies.json(request, shapes.NewWebhook)
        made, key = await run_in_threadpool(endpoints.create, new.url, new.events, new.collections, new.description)
        return answer({**views.webhook(made), "secret": key}, 201)

    @routes.get(
        "",
        response_model=shapes.WebhookList,
        operation_id="list_webhooks",
        responses=_said({"webhooks": [shapes.WEBHOOK]}, *_COMMON),
    )
    async def list_webhooks() -> Response:
        """All endpoints, oldest first."""
        return answer({"webhooks": [views.webhook(one) for one in await run_in_threadpool(endpoints.list)]})


def _endpoint(routes: APIRouter, endpoints: Endpoints) -> None:
    @routes.get(
        "/{webhook_id}",
        response_model=shapes.WebhookAnswer,
        operation_id="show_webhook",
        responses=_said(shapes.WEBHOOK, *_COMMON, "webhook_not_found"),
    )
    async def show_webhook(webhook_id: _Id) -> Response:
        """One endpoint."""
        return answer(views.webhook(await run_in_threadpool(endpoints.show, webhook_id)))

    @routes.patch(
        "/{webhook_id}",
        response_model=shapes.WebhookAnswer,
        operation_id="change_webhook",
        openapi_extra={"requestBody": _CHANGE},
        responses=_said(shapes.WEBHOOK, *_BODY, "webhook_not_found"),
    )
    async def change_webhook(webhook_id: _Id, request: Request) -> Response:
        """Change an endpoint, disable it, or enable it again: then what waited for it is sent."""
        new = await bodies.json(request, shapes.WebhookChange)

        def change() -> dict[str, object]:
            return views.webhook(endpoints.change(webhook_id, **new.model_dump()))

        return answer(await run_in_threadpool(change))

    @routes.delete(
        "/{webhook_id}",
        response_model=shapes.WebhookAnswer,
        operation_id="delete_webhook",
        responses=_said(shapes.WEBHOOK, *_COMMON, "webhook_not_found"),
    )
    async def delete_webhook(webhook_id: _Id) -> Response:
        """Delete an endpoint, with its log and what waits for it; the answer is what it was."""
        return answer(views.webhook(await run_in_threadpool(endpoints.delete, webhook_id)))

    @routes.post(
        "/{webhook_id}/rotate",
        response_model=shapes.WebhookWithSecret,
        operation_id="rotate_webhook",
        openapi_extra={"requestBody": _ROTATION},
        responses=_said(_WITH_SECRET, *_BODY, "webhook_not_found", "conflict"),
    )
    async def rotate_webhook(webhook_id: _Id, request: Request) -> Response:
        """Make a new secret. For a day, or as long as `keep` says, messages are signed with both."""
        keep = kept((await bodies.json(request, shapes.Rotation)).keep)
        changed, key = await run_in_threadpool(endpoints.rotate, webhook_id, keep)
        return answer({**views.webhook(changed), "secret": key})


def _sending(routes: APIRouter, endpoints: Endpoints) -> None:
    @routes.post(
        "/{webhook_id}/test",
        response_model=shapes.DeliveryAnswer,
        operation_id="test_webhook",
        responses=_said(
            {**shapes.DELIVERY, "event": "webhook.test", "collection": None},
            *_COMMON,
            "webhook_not_found",
            "overloaded",
        ),
    )
    async def test_webhook(webhook_id: _Id) -> Response:
        """Send one message now and wait for what comes of it: 200 whether it arrived or not; `state` tells."""
        return answer(views.delivery(await endpoints.test(webhook_id)))

    @routes.get(
        "/{webhook_id}/deliveries",
        response_model=shapes.DeliveryList,
        operation_id="list_deliveries",
        responses=_said(
            {"deliveries": [shapes.DELIVERY], "cursor": None},
            *_COMMON,
            "invalid_value",
            "invalid_cursor",
            "webhook_not_found",
        ),
    )
    async def list_deliveries(
        webhook_id: _Id,
        state: Annotated[
            str | None, Query(description="Only pending, delivered, failed or erased ones.", max_length=16)
        ] = None,
        limit: Annotated[int, Query(description="Deliveries at most.", ge=1, le=validation.MAX_PAGE)] = 100,
        cursor: Annotated[str | None, Query(description="`cursor` of the page before.", max_length=4096)] = None,
    ) -> Response:
        """What has become of messages to an endpoint, newest first."""
        page = await run_in_threadpool(endpoints.deliveries, webhook_id, state, limit, cursor)
        return answer({"deliveries": [views.delivery(one) for one in page.items], "cursor": page.cursor})

    @routes.post(
        "/{webhook_id}/retry",
        response_model=shapes.Retried,
        operation_id="retry_webhook",
        openapi_extra={"requestBody": _RETRY},
        responses=_said({"messages": 1}, *_BODY, "webhook_not_found", "conflict"),
    )
    async def retry_webhook(webhook_id: _Id, request: Request) -> Response:
        """Send again what failed for good, or one message; under the ids that they have."""
        asked = await bodies.json(request, shapes.Retry)
        count = await run_in_threadpool(endpoints.retry, webhook_id, asked.message_id)
        return answer({"messages": count})


def kept(text: str | None) -> float:
    """Seconds that `keep` names. Raises InvalidValue."""
    if text is None:
        return KEEP_SECONDS
    return 0.0 if text.strip() == "0" else expiry(text, 0.0)
