"""Restarts under load: clients that try again lose nothing, meet no other refusal than 503, and need no new address."""

from __future__ import annotations

import collections
import signal
import socket
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from kenspeckle.cli.launch import launch
from tests.faults.conftest import listed_faces
from tests.faults.portraits import Portraits
from tests.soak import either

CLIENTS = 4
PATIENCE = 150.0
"""Seconds that a client tries one request, over restarts on a busy machine."""


class Load:
    """Clients that index, search, list and delete, and send again what got no answer or 503."""

    def __init__(self, portraits: Portraits, url: str) -> None:
        self.portraits = portraits
        self.url = url
        self.stop = threading.Event()
        self.kept: dict[str, list[str]] = {}
        self.deleted: set[str] = set()
        self.statuses: collections.Counter[int] = collections.Counter()
        self.retried = 0
        self.wrong: list[str] = []
        self._lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(own,)) for own in range(CLIENTS)]

    def _run(self, own: int) -> None:
        with httpx.Client(base_url=self.url, timeout=30) as client:
            self._work(client, own)

    def _work(self, client: httpx.Client, own: int) -> None:
        for number in range(own, 100_000, CLIENTS):
            if self.stop.is_set():
                return
            name, photograph = self.portraits.named(number)
            answer = self._sent(client, "PUT", f"/v1/index/{name}", photograph)
            ids = [record["Face"]["FaceId"] for record in answer.json().get("FaceRecords", [])]
            if len(ids) != 1:
                self.wrong.append(f"{name}: {answer.status_code} {answer.text[:200]}")
                return
            found = self._sent(client, "PUT", "/v1/search?max_faces=4096", photograph).json()
            matches = {one["Face"]["FaceId"] for one in found["faces"]["FaceMatches"]}
            with self._lock:
                if ids[0] not in matches or matches & self.deleted:
                    self.wrong.append(f"{name}: {ids} not in {len(matches)} matches, or a deleted one is")
            if number % 5 == own % 5:
                # By which of several tries it was deleted, nobody can know.
                if self._sent(client, "DELETE", f"/v1/collections/kenspeckle/faces/{ids[0]}").status_code in (200, 404):
                    with self._lock:
                        self.deleted.add(ids[0])
            else:
                with self._lock:
                    self.kept[name] = ids

    def _sent(self, client: httpx.Client, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                answer = client.request(method, path, content=body)
            except httpx.TransportError:
                answer = None
            with self._lock:
                if answer is None or answer.status_code == 503:
                    self.retried += 1
                else:
                    self.statuses[answer.status_code] += 1
                    return answer
            assert time.monotonic() < until, f"{method} {path} got no answer"
            time.sleep(0.25)


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.timeout(14_400)
def test_restarts_under_load(portraits: Portraits, tmp_path: Path) -> None:
    port = free_port()
    load = Load(portraits, f"http://127.0.0.1:{port}")
    restarts = either(2, 50)
    for number in range(restarts):
        with launch(tmp_path, "--port", str(port)) as server:
            if number == 0:
                for thread in load.threads:
                    thread.start()
            done, until = len(load.kept), time.monotonic() + PATIENCE
            while len(load.kept) < done + 2 * CLIENTS and time.monotonic() < until:
                time.sleep(0.02)
            # In turn as an upgrade does it, and as a power cut does.
            server.process.send_signal(signal.SIGTERM if number % 2 == 0 else signal.SIGKILL)
            server.process.wait(30)
            assert "unexpected error" not in "\n".join(server.log)
    with launch(tmp_path, "--port", str(port)) as server:
        load.stop.set()
        for thread in load.threads:
            thread.join(2 * PATIENCE)
        with httpx.Client(base_url=server.url, timeout=30) as client:
            listed = listed_faces(client)
    assert load.wrong == []
    assert load.statuses.keys() <= {200, 404}
    assert load.retried > 0
    assert listed == load.kept
    assert len(load.kept) >= restarts * CLIENTS
