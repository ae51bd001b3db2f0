"""Jobs that index by a manifest beside the faults: each photograph of it is stored once, and none is left out."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx

from kenspeckle.client.errors import CommandFailed
from tests.cluster.machines import ADMIN
from tests.cluster.parts import DESK
from tests.cluster.waiting import until
from tests.faults.conftest import listed_faces
from tests.faults.portraits import Portraits

LINES = 40
"""Of a manifest: two slices."""
FIRST = 20_000
"""Number of the first photograph; the clients do not come so far."""
FINISHED_SECONDS = 600.0
"""A slice whose replica died is taken over after half a minute."""


class Manifests:
    """One job at a time, each into a collection of its own, which is deleted once it was found right."""

    def __init__(self, url: str, store: Callable[[str, bytes], object]) -> None:
        """`store` puts a photograph into the bucket DESK."""
        self._url = url
        self._job: dict[str, Any] | None = None
        self._number = 0
        self.finished: Counter[str] = Counter()
        """Lines by what became of them."""
        portraits = Portraits()
        names = []
        for number in range(FIRST, FIRST + LINES):
            name, data = portraits.named(number)
            store(name, data)
            names.append(name)
        self._names = names
        self._manifest = "\n".join(json.dumps({"url": f"s3://{DESK}/{one}", "identity": one}) for one in names)

    @property
    def _collection(self) -> str:
        return f"manifest-{self._number}"

    def step(self) -> list[str]:
        """Begin a job where there is none; what is wrong of one that has ended."""
        with httpx.Client(base_url=self._url, timeout=60, headers=ADMIN) as client:
            if self._job is None:
                self._begin(client)
                return []
            self._job = _asked(client, "GET", f"/v1/jobs/{self._job['job_id']}").json()
            if self._job["finished_at"] is None:
                return []
            wrong = self._wrong(client, self._job)
            if not wrong:
                _asked(client, "DELETE", f"/v1/collections/{self._collection}", fine=(404,))
            self._job = None
            return wrong

    def finish(self) -> list[str]:
        """Wait for the job that is under way."""
        wrong: list[str] = []

        def ended() -> bool:
            wrong.extend(self.step())
            return self._job is None

        if self._job is not None:
            try:
                until(ended, FINISHED_SECONDS)
            except CommandFailed:
                wrong.append(f"a job by a manifest does not end: {self._job}")
        return wrong

    def _begin(self, client: httpx.Client) -> None:
        self._number += 1
        _asked(client, "PUT", f"/v1/collections/{self._collection}", fine=(409,))
        answer = _asked(
            client, "POST", f"/v1/collections/{self._collection}/index", content=self._manifest, fine=(409,)
        )
        if answer.status_code == 409:  # begun by a request whose answer was lost
            listed = _asked(client, "GET", "/v1/jobs", params={"limit": 100}).json()["jobs"]
            self._job = next(one for one in listed if one["collection_id"] == self._collection)
        else:
            self._job = answer.json()

    def _wrong(self, client: httpx.Client, job: dict[str, Any]) -> list[str]:
        results = _asked(client, "GET", f"/v1/jobs/{job['job_id']}/results", params={"limit": 1000}).json()["results"]
        statuses = Counter(str(one["status"]) for one in results)
        self.finished += statuses
        told = f"the job into {self._collection}, {job['state']}: "
        if job["state"] != "succeeded" or sorted(one["line"] for one in results) != list(range(1, LINES + 1)):
            return [f"{told}{job}, lines {sorted(one['line'] for one in results)}"]
        if set(statuses) - {"indexed", "present"}:
            return [f"{told}{dict(statuses)}"]
        held = listed_faces(client, self._collection)
        if sorted(held) != sorted(self._names) or any(len(ids) != 1 for ids in held.values()):
            return [f"{told}it holds {held}"]
        return []


def _asked(client: httpx.Client, method: str, path: str, *, fine: tuple[int, ...] = (), **more: Any) -> httpx.Response:
    """The first answer that is no 5xx; each of these requests may be repeated."""
    deadline = time.monotonic() + 180
    while True:
        try:
            answer = client.request(method, path, **more)
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        else:
            if answer.is_success or answer.status_code in fine:
                return answer
            if answer.status_code < 500 or time.monotonic() > deadline:
                raise ValueError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        time.sleep(0.2)
