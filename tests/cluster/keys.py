"""A key that is revoked in the middle of a fault: no replica lets it in a second later."""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpx

from tests.cluster.machines import ADMIN

STOPS_SECONDS = 1.0
"""A key that is revoked anywhere lets nobody in so long after the answer."""
ASKED = "/v1/collections"


class Revoked:
    """One key: made and used before the fault, revoked in it or after it."""

    def __init__(self, url: str, replicas: Mapping[str, str]) -> None:
        self._url = url
        self._replicas = replicas
        answer = _tried("POST", f"{url}/v1/keys", json={"name": "guest", "scopes": ["read"]})
        self._id = answer.json()["id"]
        self._own = {"x-api-key": answer.json()["api_key"]}
        self._since: float | None = None
        for where in replicas.values():  # each trusts it now
            _tried("GET", where + ASKED, headers=self._own)

    def revoke(self) -> None:
        """By whichever replica the balancer takes."""
        if self._since is None:
            _tried("DELETE", f"{self._url}/v1/keys/{self._id}", fine=404)
            self._since = time.monotonic()

    def let_in(self, *, patience: float) -> list[str]:
        """Replicas that let it in. One that does not answer, or not now, lets nobody in."""
        assert self._since is not None
        time.sleep(max(0.0, self._since + STOPS_SECONDS - time.monotonic()))
        wrong = []
        for name, where in self._replicas.items():
            try:
                answer = httpx.get(where + ASKED, headers=self._own, timeout=patience)
            except httpx.TransportError:
                continue
            if answer.status_code not in (401, 503, 507):
                wrong.append(f"replica {name} answers {answer.status_code} to a key that was revoked before")
        return wrong


def _tried(method: str, url: str, *, fine: int = 200, seconds: float = 120.0, **more: object) -> httpx.Response:
    """The first answer that is no 5xx."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = httpx.request(method, url, timeout=30, **{"headers": ADMIN, **more})  # type: ignore[arg-type]  # as it takes them
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        else:
            if answer.is_success or answer.status_code == fine:
                return answer
            if answer.status_code < 500 or time.monotonic() > deadline:
                answer.raise_for_status()
        time.sleep(0.2)
