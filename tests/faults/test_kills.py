"""`kill -9` of a server that indexes and deletes: what it acknowledged holds after the next start, whole and once."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections import deque
from pathlib import Path

import httpx

from kenspeckle.cli.launch import launch
from kenspeckle.doctor.runner import examine
from kenspeckle.settings import load
from tests.faults.conftest import listed_faces, stored_photographs
from tests.faults.portraits import Portraits
from tests.soak import either, kills

CLIENTS = 3
QUIET = {"KENSPECKLE_LOG_LEVEL": "WARNING"}
DELETED = 5
"""Every photograph of so many is deleted again."""
START_SECONDS = either(20, 300)
"""A start slower than this is not clean; a soak shares its machine with whatever else runs there."""


class Enrolment:
    """Clients that index photographs, delete every fifth again, and remember every answer.

    What got no answer is sent again in the next round."""

    def __init__(self, portraits: Portraits) -> None:
        self.portraits = portraits
        self.acknowledged: dict[str, list[str]] = {}
        self.numbers: dict[str, int] = {}
        self.unanswered: deque[int] = deque()
        self.deleted: dict[str, str] = {}
        self.doubtful: dict[str, str] = {}
        self.next = 0
        self.wrong: list[str] = []
        self._lock = threading.Lock()

    def run(self, url: str, stop: threading.Event) -> None:
        """One client, until `stop` is set or the server is gone."""
        with httpx.Client(base_url=url, timeout=60) as client:
            while not stop.is_set():
                number = self._take()
                try:
                    self.send(client, number)
                except httpx.TransportError:
                    with self._lock:
                        self.unanswered.append(number)
                    return

    def send(self, client: httpx.Client, number: int) -> None:
        """Index one photograph, and keep what was answered."""
        name, photograph = self.portraits.named(number)
        answer = client.put(f"/v1/index/{name}", content=photograph, headers={"x-amz-meta-number": str(number)})
        with self._lock:
            if answer.status_code != 200:
                self.wrong.append(f"{name}: {answer.status_code} {answer.text[:200]}")
                return
            ids = [record["Face"]["FaceId"] for record in answer.json()["FaceRecords"]]
            if len(ids) != 1 or self.acknowledged.get(name, ids) != ids:
                self.wrong.append(f"{name}: {ids}, before {self.acknowledged.get(name)}")
            if number % DELETED:
                self.acknowledged[name] = ids
            else:
                self.doubtful[name] = ids[0]
            self.numbers[name] = number
        if number % DELETED == 0:
            self.delete(client, name, ids[0])

    def delete(self, client: httpx.Client, name: str, face_id: str) -> None:
        """Delete the face of a photograph; that it is gone already is an answer too."""
        answer = client.delete(f"/v1/collections/kenspeckle/faces/{face_id}")
        with self._lock:
            if answer.status_code not in (200, 404):
                self.wrong.append(f"{name}: {answer.status_code} {answer.text[:200]}")
                return
            self.deleted[name] = face_id
            del self.doubtful[name]

    def wait_for_more(self) -> None:
        """Until one more photograph was acknowledged, so that a kill meets work however slow the machine is."""
        before, until = len(self.numbers), time.monotonic() + 20
        while len(self.numbers) == before and time.monotonic() < until:
            time.sleep(0.005)

    def _take(self) -> int:
        with self._lock:
            if self.unanswered:
                return self.unanswered.popleft()
            self.next += 1
            # Now and then one that was answered already: it must change nothing.
            again = self.next - 7
            return again if self.next % 7 == 0 and again % DELETED and again > 0 else self.next


def test_killed_servers_lose_nothing_that_they_acknowledged(portraits: Portraits, tmp_path: Path) -> None:
    killed = 0
    dice = random.Random(20)
    enrolment = Enrolment(portraits)
    for _ in kills("a server that indexes and deletes", short=3):
        killed += 1
        begun = time.monotonic()
        with launch(tmp_path, settings=QUIET, patience=START_SECONDS) as server:
            assert time.monotonic() - begun < START_SECONDS
            _check(enrolment, server.url)
            stop = threading.Event()
            threads = [threading.Thread(target=enrolment.run, args=(server.url, stop)) for _ in range(CLIENTS)]
            for thread in threads:
                thread.start()
            enrolment.wait_for_more()
            time.sleep(dice.uniform(0.0, 0.5))
            server.process.kill()
            stop.set()
            for thread in threads:
                thread.join(30)
            assert not [line for line in server.log if "error" in line.lower()]
    with (
        launch(tmp_path, patience=START_SECONDS) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        _check(enrolment, server.url)
        for name, face_id in list(enrolment.doubtful.items()):
            enrolment.delete(client, name, face_id)
        for number in list(enrolment.unanswered):
            enrolment.send(client, number)
        listed = _check(enrolment, server.url)
        assert listed.keys() == enrolment.acknowledged.keys()
        assert len(enrolment.numbers) >= killed
        _check_photographs(enrolment, client, tmp_path)
    examined = examine(load({"data_dir": tmp_path}, environ={}), thorough=True, progress=lambda *_: None)
    assert [one.findings for one in examined if one.needs_action] == []


def _check(enrolment: Enrolment, url: str) -> dict[str, list[str]]:
    """Every acknowledged face is listed under its id, and no deleted one; no photograph has two. What is listed."""
    assert not enrolment.wrong
    with httpx.Client(base_url=url, timeout=60) as client:
        listed = listed_faces(client)
    lost = {name for name, ids in enrolment.acknowledged.items() if listed.get(name) != ids}
    assert not lost
    twice = {name for name, ids in listed.items() if len(ids) > 1}
    assert not twice
    gone = set(enrolment.deleted.values())
    assert not gone & {one for ids in listed.values() for one in ids}
    return listed


def _check_photographs(enrolment: Enrolment, client: httpx.Client, data_dir: Path) -> None:
    """What is kept can be had, is found by a search, and nothing half-written is left behind."""
    for name in random.Random(21).sample(sorted(enrolment.acknowledged), min(20, len(enrolment.acknowledged))):
        photograph = enrolment.portraits[enrolment.numbers[name]]
        kept = client.get(f"/v1/images/{name}")
        assert kept.status_code == 200
        assert kept.content == photograph
        found = client.put("/v1/search", content=photograph, params={"max_faces": 4096}).json()
        matches = {match["Face"]["FaceId"]: match["Similarity"] for match in found["faces"]["FaceMatches"]}
        assert matches[enrolment.acknowledged[name][0]] > 99
    for name in sorted(enrolment.deleted)[-20:]:
        probe = enrolment.portraits[enrolment.numbers[name]]
        found = client.put("/v1/search", content=probe, params={"max_faces": 4096, "threshold": 0}).json()
        assert not set(enrolment.deleted.values()) & {one["Face"]["FaceId"] for one in found["faces"]["FaceMatches"]}
        assert client.get(f"/v1/images/{name}").status_code == 404
    photographs = (enrolment.portraits[enrolment.numbers[name]] for name in enrolment.acknowledged)
    assert stored_photographs(data_dir) == {hashlib.sha256(photograph).hexdigest() for photograph in photographs}
