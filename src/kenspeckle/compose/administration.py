"""Keys and webhooks for commands: those of a server or of the local data folder, behind one interface."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from kenspeckle.compose.data_folder import open_folder
from kenspeckle.compose.webhooks import endpoints_of
from kenspeckle.domain import Key
from kenspeckle.usecases.access import plans
from kenspeckle.usecases.access.audited_keys import AuditedAccess
from kenspeckle.usecases.access.credentials import check_scopes, describe, expiry, reveal
from kenspeckle.usecases.access.keys import Access
from kenspeckle.usecases.webhooks import views
from kenspeckle.usecases.webhooks.endpoints import Endpoints

Json: TypeAlias = dict[str, Any]


class Keys(Protocol):
    """Interface of both; every answer is as `/v1/keys` gives it."""

    def create(self, **new: Any) -> Json: ...
    def list(self) -> list[Json]: ...
    def show(self, key_id: str) -> Json: ...
    def revoke(self, key_id: str) -> Json: ...
    def limit(self, key_id: str, rate: str | None, burst: int | None, quota: str | None) -> Json: ...
    def rotate(self, key_id: str) -> Json: ...
    def first(self) -> bool: ...


class LocalKeys:
    """Keys of the local data folder."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def create(self, **new: Any) -> Json:
        scopes = check_scopes(new["scopes"])
        expires_at = expiry(new["expires"], time.time()) if new["expires"] is not None else None
        plan = plans.change(plans.initial(scopes), new["rate"], new["burst"], new["quota"])
        made = self._access.create(
            new["name"], scopes, new["collections"], aws=new["aws"], expires_at=expires_at, plan=plan
        )
        return reveal(made)

    def adopt(self, access_key_id: str, secret: str, **new: Any) -> Json:
        """A pair of another issuer; `new` as for `create`, without `aws`."""
        scopes = check_scopes(new["scopes"])
        expires_at = expiry(new["expires"], time.time()) if new["expires"] is not None else None
        plan = plans.change(plans.initial(scopes), new["rate"], new["burst"], new["quota"])
        adopted = self._access.adopt(
            access_key_id, secret, new["name"], scopes, new["collections"], expires_at=expires_at, plan=plan
        )
        return self._describe(adopted)

    def list(self) -> list[Json]:
        used = self._access.count_spent()
        return [describe(key, time.time(), used) for key in self._access.list()]

    def show(self, key_id: str) -> Json:
        return self._describe(self._access.show(key_id))

    def revoke(self, key_id: str) -> Json:
        return self._describe(self._access.revoke(key_id))

    def limit(self, key_id: str, rate: str | None, burst: int | None, quota: str | None) -> Json:
        return self._describe(self._access.limit(key_id, rate, burst, quota))

    def rotate(self, key_id: str) -> Json:
        return reveal(self._access.rotate(key_id))

    def first(self) -> bool:
        return self._access.open

    def _describe(self, key: Key) -> Json:
        return describe(key, time.time(), self._access.count_spent())


@contextmanager
def open_keys(url: str | None, api_key: str | None, data_dir: Path | None) -> Iterator[Keys]:
    """Keys of the server at `url`, or of the data folder. Raises what each is opened with."""
    if url:
        from kenspeckle.client.administration import RemoteKeys  # late: as below
        from kenspeckle.client.http import Remote  # late: httpx, which a local command does not need

        with Remote(url, api_key) as remote:
            yield RemoteKeys(remote)
        return
    with open_local_keys(data_dir) as keys:
        yield keys


@contextmanager
def open_local_keys(data_dir: Path | None) -> Iterator[LocalKeys]:
    """Keys of the data folder. Raises what it is opened with."""
    with open_folder(data_dir) as instance:
        access = AuditedAccess(instance.recorder, instance.catalog, instance.master, usage=instance.catalog)
        try:
            yield LocalKeys(access)
        finally:
            access.close()


class Webhooks(Protocol):
    """Interface of both; every answer is as `/v1/webhooks` gives it."""

    def create(self, **new: Any) -> Json: ...
    def list(self) -> list[Json]: ...
    def show(self, webhook_id: str) -> Json: ...
    def change(self, webhook_id: str, **change: Any) -> Json: ...
    def rotate(self, webhook_id: str, keep: str) -> Json: ...
    def delete(self, webhook_id: str) -> None: ...
    def test(self, webhook_id: str) -> Json: ...
    def deliveries(self, webhook_id: str, state: str | None, limit: int) -> tuple[Json, ...]: ...
    def retry(self, webhook_id: str, message_id: str | None) -> int: ...


class LocalWebhooks:
    """Webhooks of the local data folder."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints

    def create(self, **new: Any) -> Json:
        made, secret = self._endpoints.create(new["url"], new["events"], new["collections"], new["description"])
        return {**views.webhook(made), "secret": secret}

    def list(self) -> list[Json]:
        return [views.webhook(one) for one in self._endpoints.list()]

    def show(self, webhook_id: str) -> Json:
        return views.webhook(self._endpoints.show(webhook_id))

    def change(self, webhook_id: str, **change: Any) -> Json:
        return views.webhook(self._endpoints.change(webhook_id, **change))

    def rotate(self, webhook_id: str, keep: str) -> Json:
        seconds = 0.0 if keep.strip() == "0" else expiry(keep, 0.0)
        changed, secret = self._endpoints.rotate(webhook_id, seconds)
        return {**views.webhook(changed), "secret": secret}

    def delete(self, webhook_id: str) -> None:
        self._endpoints.delete(webhook_id)

    def test(self, webhook_id: str) -> Json:
        return views.delivery(asyncio.run(self._endpoints.test(webhook_id)))

    def deliveries(self, webhook_id: str, state: str | None, limit: int) -> tuple[Json, ...]:
        return tuple(views.delivery(one) for one in self._endpoints.deliveries(webhook_id, state, limit).items)

    def retry(self, webhook_id: str, message_id: str | None) -> int:
        return self._endpoints.retry(webhook_id, message_id)


@contextmanager
def open_webhooks(url: str | None, api_key: str | None, data_dir: Path | None) -> Iterator[Webhooks]:
    """Webhooks of the server at `url`, or of the data folder. Raises what each is opened with."""
    if url:
        from kenspeckle.client.administration import RemoteWebhooks  # late: as below
        from kenspeckle.client.http import Remote  # late: httpx, which a local command does not need

        with Remote(url, api_key) as remote:
            yield RemoteWebhooks(remote)
        return
    with open_folder(data_dir) as instance:
        yield LocalWebhooks(endpoints_of(instance.settings, instance.recorder, instance.catalog, instance.master))
