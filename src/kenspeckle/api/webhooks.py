"""`/v1/webhooks`: endpoints and their deliveries. Every route needs the scope admin."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api import webhook_schemas as shapes
from kenspeckle.api.edge import answer
from kenspeckle.api.route import ADMIN, LISTED, JsonBody, route
from kenspeckle.domain import validation
from kenspeckle.serving import bodies
from kenspeckle.usecases.access.credentials import expiry
from kenspeckle.usecases.webhooks import views
from kenspeckle.usecases.webhooks.endpoints import KEEP_SECONDS, Endpoints

_Id = Annotated[str, Path(description="Id of the endpoint.", max_length=64)]
_WITH_SECRET = {**shapes.WEBHOOK, "secret": shapes.SECRET}
_BODY = ("request_timeout", "storage_full")
_UNKNOWN = ("webhook_not_found",)
_route = partial(route, tag="webhooks", right=ADMIN, recognizes=False)


class DeliveriesQuery(BaseModel):
    state: Annotated[
        str | None, Field(description="Only pending, delivered, failed or erased ones.", max_length=16)
    ] = None
    limit: Annotated[int, Field(description="Deliveries at most.", ge=1, le=validation.MAX_PAGE)] = 100
    cursor: Annotated[str | None, Field(description="`cursor` of the page before.", max_length=4096)] = None


class Webhooks:
    """Endpoints by their ids; one that is not there is 404."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints

    @_route(
        "POST",
        "/v1/webhooks",
        body=JsonBody(
            shapes.NewWebhook, {"url": shapes.WEBHOOK["url"], "events": ["faces.matched"], "collections": ["staff"]}
        ),
        answer=shapes.WebhookWithSecret,
        example=lambda: _WITH_SECRET,
        status=201,
        codes=(*_BODY, "quota_exceeded"),
    )
    async def create_webhook(self, request: Request) -> Response:
        """Create an endpoint. Its secret is in this answer only."""
        new = await bodies.json(request, shapes.NewWebhook)
        made, key = await run_in_threadpool(
            self._endpoints.create, new.url, new.events, new.collections, new.description
        )
        return answer({**views.webhook(made), "secret": key}, 201)

    @_route(
        "GET",
        "/v1/webhooks",
        answer=shapes.WebhookList,
        example=lambda: {"webhooks": [shapes.WEBHOOK]},
    )
    async def list_webhooks(self, request: Request) -> Response:
        """All endpoints, oldest first."""
        return answer({"webhooks": [views.webhook(one) for one in await run_in_threadpool(self._endpoints.list)]})

    @_route(
        "GET",
        "/v1/webhooks/{webhook_id}",
        answer=shapes.WebhookAnswer,
        example=lambda: shapes.WEBHOOK,
        codes=_UNKNOWN,
    )
    async def show_webhook(self, request: Request, webhook_id: _Id) -> Response:
        """One endpoint."""
        return answer(views.webhook(await run_in_threadpool(self._endpoints.show, webhook_id)))

    @_route(
        "PATCH",
        "/v1/webhooks/{webhook_id}",
        body=JsonBody(shapes.WebhookChange, {"enabled": True}),
        answer=shapes.WebhookAnswer,
        example=lambda: shapes.WEBHOOK,
        codes=(*_BODY, *_UNKNOWN),
    )
    async def change_webhook(self, request: Request, webhook_id: _Id) -> Response:
        """Change an endpoint, disable it, or enable it again, which sends its pending messages."""
        new = await bodies.json(request, shapes.WebhookChange)

        def change() -> dict[str, object]:
            return views.webhook(self._endpoints.change(webhook_id, **new.model_dump()))

        return answer(await run_in_threadpool(change))

    @_route(
        "DELETE",
        "/v1/webhooks/{webhook_id}",
        answer=shapes.WebhookAnswer,
        example=lambda: shapes.WEBHOOK,
        codes=_UNKNOWN,
    )
    async def delete_webhook(self, request: Request, webhook_id: _Id) -> Response:
        """Delete an endpoint, with its log and pending messages; answers the deleted endpoint."""
        return answer(views.webhook(await run_in_threadpool(self._endpoints.delete, webhook_id)))

    @_route(
        "POST",
        "/v1/webhooks/{webhook_id}/rotate",
        body=JsonBody(shapes.Rotation, {"keep": "24h"}),
        answer=shapes.WebhookWithSecret,
        example=lambda: _WITH_SECRET,
        codes=(*_BODY, *_UNKNOWN, "conflict"),
    )
    async def rotate_webhook(self, request: Request, webhook_id: _Id) -> Response:
        """Make a new secret. For a day, or as long as `keep` says, messages are signed with both."""
        keep = parse_keep((await bodies.json(request, shapes.Rotation)).keep)
        changed, key = await run_in_threadpool(self._endpoints.rotate, webhook_id, keep)
        return answer({**views.webhook(changed), "secret": key})

    @_route(
        "POST",
        "/v1/webhooks/{webhook_id}/test",
        answer=shapes.DeliveryAnswer,
        example=lambda: {**shapes.DELIVERY, "event": "webhook.test", "collection": None},
        codes=_UNKNOWN,
    )
    async def test_webhook(self, request: Request, webhook_id: _Id) -> Response:
        """Send one test message now and wait for the result: 200 whether it arrived or not; `state` says which."""
        return answer(views.delivery(await self._endpoints.test(webhook_id)))

    @_route(
        "GET",
        "/v1/webhooks/{webhook_id}/deliveries",
        answer=shapes.DeliveryList,
        example=lambda: {"deliveries": [shapes.DELIVERY], "cursor": None},
        codes=(*LISTED, *_UNKNOWN),
    )
    async def list_deliveries(
        self, request: Request, webhook_id: _Id, query: Annotated[DeliveriesQuery, Query()]
    ) -> Response:
        """The delivery log of an endpoint, newest first."""
        page = await run_in_threadpool(self._endpoints.deliveries, webhook_id, query.state, query.limit, query.cursor)
        return answer({"deliveries": [views.delivery(one) for one in page.items], "cursor": page.cursor})

    @_route(
        "POST",
        "/v1/webhooks/{webhook_id}/retry",
        body=JsonBody(shapes.Retry, {"message_id": shapes.DELIVERY["message_id"]}),
        answer=shapes.Retried,
        example=lambda: {"messages": 1},
        codes=(*_BODY, *_UNKNOWN, "conflict"),
    )
    async def retry_webhook(self, request: Request, webhook_id: _Id) -> Response:
        """Send failed messages again, or one message; their ids stay the same."""
        asked = await bodies.json(request, shapes.Retry)
        count = await run_in_threadpool(self._endpoints.retry, webhook_id, asked.message_id)
        return answer({"messages": count})


def parse_keep(text: str | None) -> float:
    """Seconds that `keep` names. Raises InvalidValue."""
    if text is None:
        return KEEP_SECONDS
    return 0.0 if text.strip() == "0" else expiry(text, 0.0)
