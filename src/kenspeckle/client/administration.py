"""Keys and webhooks of a remote service: answers of `/v1/keys` and `/v1/webhooks`, as JSON."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from kenspeckle.client.http import Remote

Json = dict[str, Any]


class RemoteKeys:
    """Keys of a service; the key of `remote` needs the scope admin. Answers are as `/v1/keys` gives them.

    Raises the server's errors as the domain errors that they were there."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def create(self, **new: Any) -> Json:
        """`name`, `scopes`, `collections`, `aws`, `expires`, `rate`, `burst`, `quota`; with the secret."""
        return self._remote.call("POST", "/v1/keys", _drop_none(new))

    def list(self) -> list[Json]:
        found: list[Json] = self._remote.call("GET", "/v1/keys")["keys"]
        return found

    def show(self, key_id: str) -> Json:
        return self._remote.call("GET", _key(key_id))

    def revoke(self, key_id: str) -> Json:
        return self._remote.call("DELETE", _key(key_id))

    def limit(self, key_id: str, rate: str | None, burst: int | None, quota: str | None) -> Json:
        return self._remote.call("PATCH", _key(key_id), _drop_none({"rate": rate, "burst": burst, "quota": quota}))

    def rotate(self, key_id: str) -> Json:
        return self._remote.call("POST", _key(key_id) + "/rotate")

    def first(self) -> bool:
        """Whether there is no key yet: a service that answers others has one."""
        return not self.list()


class RemoteWebhooks:
    """Webhooks of a service; the key of `remote` needs the scope admin. Answers are as `/v1/webhooks` gives them.

    Raises the server's errors as the domain errors that they were there."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def create(self, **new: Any) -> Json:
        """`url`, `events`, `collections`, `description`; with the secret."""
        return self._remote.call("POST", "/v1/webhooks", _drop_none(new))

    def list(self) -> list[Json]:
        found: list[Json] = self._remote.call("GET", "/v1/webhooks")["webhooks"]
        return found

    def show(self, webhook_id: str) -> Json:
        return self._remote.call("GET", _webhook(webhook_id))

    def change(self, webhook_id: str, **change: Any) -> Json:
        """`url`, `events`, `collections`, `description`, `enabled`; None leaves it as it is."""
        return self._remote.call("PATCH", _webhook(webhook_id), _drop_none(change))

    def rotate(self, webhook_id: str, keep: str) -> Json:
        return self._remote.call("POST", _webhook(webhook_id) + "/rotate", {"keep": keep})

    def delete(self, webhook_id: str) -> None:
        self._remote.call("DELETE", _webhook(webhook_id))

    def test(self, webhook_id: str) -> Json:
        return self._remote.call("POST", _webhook(webhook_id) + "/test")

    def deliveries(self, webhook_id: str, state: str | None, limit: int) -> tuple[Json, ...]:
        parameters = {"limit": str(limit), **({"state": state} if state else {})}
        answer = self._remote.call("GET", _webhook(webhook_id) + "/deliveries", parameters=parameters)
        return tuple(answer["deliveries"])

    def retry(self, webhook_id: str, message_id: str | None) -> int:
        answer = self._remote.call("POST", _webhook(webhook_id) + "/retry", _drop_none({"message_id": message_id}))
        return int(answer["messages"])


def _drop_none(values: Json) -> Json:
    return {name: value for name, value in values.items() if value is not None}


def _key(key_id: str) -> str:
    return f"/v1/keys/{quote(key_id, safe='')}"


def _webhook(webhook_id: str) -> str:
    return f"/v1/webhooks/{quote(webhook_id, safe='')}"
