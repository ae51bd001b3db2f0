"""Clients of a cluster under faults: they index, search and delete through the balancer, and remember every answer."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, deque

import httpx

from tests.cluster.machines import ADMIN
from tests.faults.conftest import listed_faces
from tests.faults.portraits import Portraits

DELETED = 5
"""Every photograph of so many is deleted again."""
PATIENCE_SECONDS = 180.0
"""A request that no try of so long answers is a loss."""


class Work:
    """What was answered holds: `acknowledged` are face ids by name, `deleted` those of which the deletion was answered.
    What was answered wrongly is in `wrong`; answers that say "later", and connections that were cut, are in `failed`.
    """

    def __init__(self, url: str, pause: float = 0.0) -> None:
        """`pause`: seconds that a client rests after each photograph."""
        self._url = url
        self._rest = pause
        self._portraits = Portraits()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._next = 0
        self._threads: list[threading.Thread] = []
        self.acknowledged: dict[str, str] = {}
        self.deleted: dict[str, str] = {}
        self.answered: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.unanswered: deque[int] = deque()
        """Numbers of photographs that were sent once and not acknowledged: they are sent again."""
        self.allowed = {503}
        """Statuses with which a replica may say that it can't do it now."""
        self.wrong: list[str] = []
        self._dice = random.Random(5)
        self._last = 0.0
        self._pause = 0.0

    def start(self, clients: int) -> None:
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]
        for one in self._threads:
            one.start()

    def stop(self) -> None:
        """Let every client finish what it is at."""
        self._stop.set()
        for one in self._threads:
            one.join()

    def watch(self) -> None:
        """Begin to look for the longest pause between two answers to anybody."""
        with self._lock:
            self._last, self._pause = time.monotonic(), 0.0

    @property
    def pause(self) -> float:
        """The longest since `watch`, in seconds."""
        with self._lock:
            return self._pause

    def wait_for(self, more: int) -> None:
        """Until so many more photographs were indexed. Raises TimeoutError."""
        wanted = self.answered["index"] + more
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.answered["index"] < wanted and not self.wrong:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no work was done for {PATIENCE_SECONDS:.0f} s")
            time.sleep(0.01)

    def _run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=60, headers=ADMIN) as client:
            while not self._stop.is_set() and not self.wrong:
                try:
                    self._one(client)
                except Exception as error:
                    self._note(f"{type(error).__name__}: {error}")
                self._stop.wait(self._rest)

    def _one(self, client: httpx.Client) -> None:
        """Index a photograph, find it, and delete every so-manieth, which is not found any more."""
        number = self._take()
        name, data = self._portraits.named(number)
        records = self._ask(client, "index", "PUT", f"/v1/index/{name}", content=data).json()["FaceRecords"]
        if len(records) != 1:
            self._note(f"{name}: {len(records)} faces")
            return
        face = str(records[0]["Face"]["FaceId"])
        with self._lock:
            self.acknowledged[name] = face
        if face not in self._found(client, data):
            self._note(f"{name} was indexed and not found by the next search")
        if number % DELETED:
            return
        with self._lock:
            del self.acknowledged[name]
        self._ask(client, "delete", "DELETE", f"/v1/collections/kenspeckle/faces/{face}", fine=(404,))
        with self._lock:
            self.deleted[name] = face
        self._found(client, data)

    def _take(self) -> int:
        with self._lock:
            if self.unanswered:
                return self.unanswered.popleft()
            self._next += 1
            return self._next

    def _found(self, client: httpx.Client, data: bytes) -> set[str]:
        """Faces that a search finds. None of them was deleted before it began."""
        with self._lock:
            gone = set(self.deleted.values())
        answer = self._ask(client, "search", "PUT", "/v1/search", content=data, params={"max_faces": 20}).json()
        found = {str(one["Face"]["FaceId"]) for one in answer["faces"]["FaceMatches"]}
        if found & gone:
            self._note(f"{found & gone} were deleted and are found")
        return found

    def _ask(
        self, client: httpx.Client, what: str, *words: str, fine: tuple[int, ...] = (), **more: object
    ) -> httpx.Response:
        """The answer, from whichever try brings one: each of these requests may be repeated."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = client.request(*words, **more)  # type: ignore[arg-type]  # as request takes them
            except httpx.TransportError as error:
                failure = type(error).__name__
            else:
                if answer.is_success or answer.status_code in fine:
                    with self._lock:
                        self.answered[what] += 1
                        now = time.monotonic()
                        self._last, self._pause = now, max(self._pause, now - self._last)
                    return answer
                failure = str(answer.status_code)
                self.judge(what, answer)
            with self._lock:
                self.failed[failure] += 1
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} was not answered for {PATIENCE_SECONDS:.0f} s ({failure})")
            time.sleep(0.1)

    def judge(self, what: str, answer: httpx.Response) -> None:
        """Raises ValueError for an answer that does not say that it is to be asked for later. Without a request's id it
        is the balancer's own: no replica is there, or the one that had the request has died."""
        own = "x-request-id" in answer.headers
        later = answer.status_code in self.allowed and (answer.status_code != 503 or "retry-after" in answer.headers)
        if not later if own else answer.status_code not in (502, 503, 504):
            raise ValueError(f"{what}: {answer.status_code} {dict(answer.headers)} {answer.text[:300]}")

    def probe(self, what: str, url: str, seconds: float) -> str:
        """What a replica answers to one request of this kind, asked directly and once, within so many seconds."""
        began = time.monotonic()
        try:
            with httpx.Client(base_url=url, timeout=seconds, headers=ADMIN) as client:
                answer = self._probed(what, client)
        except httpx.TimeoutException:
            return "no answer"
        if not answer.is_success:
            self.judge(what, answer)
        took = time.monotonic() - began
        return f"{answer.status_code} after {took:.1f} s" if took >= 1 else str(answer.status_code)

    def _probed(self, what: str, client: httpx.Client) -> httpx.Response:
        if what == "ready":
            return client.get("/readyz")
        if what == "list":
            return client.get("/v1/collections/kenspeckle/faces", params={"limit": 10})
        if what == "search":
            return client.put("/v1/search", content=self._portraits[1])
        if what == "photograph":
            with self._lock:
                name = next(iter(self.acknowledged))
            return client.get(f"/v1/images/{name}")
        assert what == "index"
        passed = []
        while not (number := self._take()) % DELETED:  # those are deleted again
            passed.append(number)
        self.unanswered.extend(passed)
        name, data = self._portraits.named(number)
        try:
            answer = client.put(f"/v1/index/{name}", content=data)
        except httpx.TransportError:
            self.unanswered.append(number)
            raise
        if answer.is_success:
            with self._lock:
                self.acknowledged[name] = str(answer.json()["FaceRecords"][0]["Face"]["FaceId"])
        else:
            self.unanswered.append(number)
        return answer

    def is_approximate(self, url: str) -> bool:
        """Whether a replica searches at Milvus; asked with a stored face, so that no photograph is looked at."""
        with self._lock:
            face = next(one for name, one in self.acknowledged.items() if _number(name) % DELETED)
        try:
            path = f"/v1/collections/kenspeckle/faces/{face}/search"
            answer = httpx.post(url + path, headers=ADMIN, timeout=60, params={"max_faces": 1})
        except httpx.TransportError:
            return False
        return answer.is_success and "x-kenspeckle-approximate" in answer.headers

    def sample(self, url: str, count: int = 2) -> list[str]:
        """What is wrong at a replica while clients work: some that were acknowledged are found and have their
        photographs, some that were deleted are not."""
        with self._lock:
            lasting = [one for one in self.acknowledged.items() if _number(one[0]) % DELETED]
            kept = self._dice.sample(lasting, min(count, len(lasting)))
            gone = self._dice.sample(sorted(self.deleted.items()), min(count, len(self.deleted)))
        wrong = []
        with httpx.Client(base_url=url, timeout=60, headers=ADMIN) as client:
            for name, face in kept:
                if face not in self._found(client, self._portraits[_number(name)]):
                    wrong.append(f"{name}, {face}, was acknowledged and is not found at {url}")
                photograph = self._ask(client, "photograph", "GET", f"/v1/images/{name}", fine=(404,))
                if photograph.content != self._portraits[_number(name)]:
                    wrong.append(f"{name}: its photograph is not there: {photograph.status_code}")
            for name, _ in gone:
                self._found(client, self._portraits[_number(name)])
        return wrong

    def _note(self, what: str) -> None:
        with self._lock:
            self.wrong.append(what)

    def check(self, url: str) -> list[str]:
        """What is wrong at a replica once the clients have stopped: it lists what was acknowledged and nothing else,
        and has the photographs."""
        wrong = []
        with httpx.Client(base_url=url, timeout=60, headers=ADMIN) as client:
            listed = listed_faces(client)
            held = {name: ids[0] for name, ids in listed.items() if name.startswith("portrait-") and len(ids) == 1}
            wrong += [
                f"{name}: acknowledged {self.acknowledged.get(name)}, there {listed.get(name)}"
                for name in sorted(self.acknowledged.keys() | listed.keys())
                if name.startswith("portrait-") and held.get(name) != self.acknowledged.get(name)
            ]
            for name in list(self.acknowledged)[:50]:
                data = self._portraits[_number(name)]
                if client.get(f"/v1/images/{name}").content != data:
                    wrong.append(f"{name}: its photograph is not there")
        return wrong


def _number(name: str) -> int:
    """Of a portrait, by its name."""
    return int(name.removeprefix("portrait-").removesuffix(".jpg"))
