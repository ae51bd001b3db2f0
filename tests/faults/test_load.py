"""Load: many clients at once meet no 5xx; a server that is told to stop answers what it took."""

from __future__ import annotations

import collections
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx

from kenspeckle.cli.launch import Launched, launch
from tests.faults.conftest import listed_faces
from tests.faults.portraits import Portraits
from tests.soak import either

CLIENTS = 4


def test_concurrent_clients_meet_no_5xx(
    server: Launched, client: httpx.Client, portraits: Portraits, faceless: bytes
) -> None:
    share = either(96, 20_000) // CLIENTS
    statuses: collections.Counter[tuple[str, int]] = collections.Counter()
    lock = threading.Lock()
    client.put("/v1/index/portrait-0.jpg", content=portraits[0]).raise_for_status()

    def run(own: int) -> None:
        with httpx.Client(base_url=server.url, timeout=60) as one:
            for number in range(share):
                photograph = portraits[number * CLIENTS + own]
                requests: tuple[tuple[str, Callable[[], httpx.Response]], ...] = (
                    ("index", partial(one.put, f"/v1/index/load-{own}-{number}.jpg", content=photograph)),
                    ("search", partial(one.post, "/v1/search", content=photograph)),
                    ("search", partial(one.put, "/v1/search?all_faces=true", content=photograph)),
                    ("detect", partial(one.post, "/v1/detect", content=photograph)),
                    ("list", partial(one.get, "/v1/collections/kenspeckle/faces?limit=50")),
                    ("faceless", partial(one.post, "/v1/search", content=faceless)),
                    ("image", partial(one.get, "/v1/images/portrait-0.jpg")),
                    ("info", partial(one.get, "/v1/info")),
                )
                what, answer = requests[number % 8]
                with lock:
                    statuses[what, answer().status_code] += 1

    threads = [threading.Thread(target=run, args=(own,)) for own in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(statuses.values()) == share * CLIENTS
    assert {what for what in statuses if what[1] >= 500} == set()
    assert {what for what in statuses if what[1] >= 400} == {("faceless", 422)}


def test_a_stopped_server_answers_what_it_took(portraits: Portraits, tmp_path: Path) -> None:
    acknowledged: dict[str, list[str]] = {}
    cut_off: list[str] = []
    refused: collections.Counter[int] = collections.Counter()
    lock = threading.Lock()

    def run(url: str, own: int) -> None:
        with httpx.Client(base_url=url, timeout=30) as one:
            for number in range(own, 10_000, CLIENTS):
                name, photograph = portraits.named(number)
                try:
                    answer = one.put(f"/v1/index/{name}", content=photograph)
                except httpx.ConnectError:
                    return  # not taken
                except httpx.TransportError as error:
                    with lock:
                        cut_off.append(f"{name}: {error!r}")
                    return
                with lock:
                    if answer.status_code == 200:
                        acknowledged[name] = [record["Face"]["FaceId"] for record in answer.json()["FaceRecords"]]
                    else:
                        refused[answer.status_code] += 1

    with launch(tmp_path) as server:
        threads = [threading.Thread(target=run, args=(server.url, own)) for own in range(CLIENTS)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + 30
        while len(acknowledged) < 2 * CLIENTS and time.monotonic() < until:
            time.sleep(0.01)
        server.process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        code = server.process.wait(30)
        took = time.monotonic() - begun
        for thread in threads:
            thread.join(30)
    assert code == 0, "\n".join(server.log)
    assert took < 20
    assert len(acknowledged) >= 2 * CLIENTS
    assert refused.keys() <= {503}
    # A connection that idles when the server stops is closed; a request that crosses its closing was not taken.
    with launch(tmp_path) as server, httpx.Client(base_url=server.url) as client:
        listed = listed_faces(client)
    assert listed == acknowledged, cut_off
