"""Thousands of hostile photographs: every answer is 2xx or 4xx, memory stays bounded, the server lives."""

from __future__ import annotations

import collections
import threading
from collections.abc import Iterator

import httpx

from kenspeckle.cli.launch import Launched
from tests.faults.conftest import resident_mib
from tests.faults.mutations import mutated, seeds
from tests.faults.portraits import Portraits
from tests.soak import either

CLIENTS = 4
MOST_MIB = 1200
"""Under this the server has to stay. A photograph just under the limit of 50 million pixels takes about 400 MiB while
it is decoded, and only one of them is at a time."""

ROUTES = ("/v1/detect", "/v1/search", "/v1/index/mutated.jpg")
EXTENSIONS = ("jpg", "png", "webp", "heic", "txt")


def test_mutated_photographs(server: Launched, client: httpx.Client, portraits: Portraits) -> None:
    count = either(150, 10_000)
    images = mutated(seeds(portraits[0]), count, seed=count)
    lock = threading.Lock()
    statuses: collections.Counter[int] = collections.Counter()
    wrong: list[str] = []
    most = [resident_mib(server.process.pid)]

    def watch(stop: threading.Event) -> None:
        while not stop.wait(0.2):
            most[0] = max(most[0], resident_mib(server.process.pid))

    def send(one: httpx.Client, number: int, what: str, data: bytes) -> None:
        route = ROUTES[number % len(ROUTES)].replace("jpg", EXTENSIONS[number % len(EXTENSIONS)])
        declared = ("image/jpeg", "application/octet-stream", "text/plain", "image/heic")[number % 4]
        method = "PUT" if "index" in route else "POST"
        answer = one.request(method, route, content=data, headers={"content-type": declared})
        with lock:
            statuses[answer.status_code] += 1
            if not (200 <= answer.status_code < 500):
                wrong.append(f"{route} {declared} {what}: {answer.status_code} {answer.text[:200]}")
            elif answer.status_code >= 400 and not answer.json()["detail"]:
                wrong.append(f"{what}: {answer.status_code} without a word")

    def worker(numbered: Iterator[tuple[int, tuple[str, bytes]]]) -> None:
        with httpx.Client(base_url=server.url, timeout=60) as one:
            while True:
                with lock:
                    found = next(numbered, None)
                if found is None:
                    return
                try:
                    send(one, found[0], *found[1])
                except httpx.HTTPError as error:
                    with lock:
                        wrong.append(f"{found[1][0]}: {error!r}")

    stop = threading.Event()
    watcher = threading.Thread(target=watch, args=(stop,))
    numbered = enumerate(images)
    workers = [threading.Thread(target=worker, args=(numbered,)) for _ in range(CLIENTS)]
    for thread in (watcher, *workers):
        thread.start()
    for thread in workers:
        thread.join()
    stop.set()
    watcher.join()
    assert not wrong, "\n".join(wrong[:20])
    assert sum(statuses.values()) == count
    assert statuses[200] > count // 20
    assert statuses[415] + statuses[422] > count // 4
    assert statuses[413] >= 5
    assert most[0] < MOST_MIB
