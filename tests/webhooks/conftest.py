"""What tests of webhooks share: a real receiver that behaves as its path says, and a catalog with a dispatcher."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as RealClient

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import Delivery
from kenspeckle.domain.audit import PURPOSE
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.usecases.audit.recorder import Recorder
from kenspeckle.usecases.webhooks.dispatcher import Dispatcher
from kenspeckle.usecases.webhooks.endpoints import Endpoints
from kenspeckle.usecases.webhooks.events import Announcer
from kenspeckle.webhook_transport.allowlist import Reach
from kenspeckle.webhook_transport.http import Transport
from tests.catalogs import gallery, new_face, photo


@dataclass
class Receiver:
    """`got` are requests by path; `plan` are statuses that a path answers one after the other, then 204."""

    server: ThreadingHTTPServer
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    plan: dict[str, list[int]] = field(default_factory=dict)
    let_go: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def of(self, path: str) -> list[tuple[dict[str, str], bytes]]:
        return [(headers, body) for where, headers, body in self.got if where == path]

    def ids(self, path: str) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.of(path)]

    def verified(self, path: str, secret: str) -> list[dict[str, Any]]:
        """Messages at this path as the client library of Standard Webhooks sees them; it raises for a wrong one."""
        return [RealClient(secret).verify(body, headers) for headers, body in self.of(path)]


@contextmanager
def receiving(port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if len(body) < int(self.headers["content-length"]):
                return  # who sent it was killed, and sends it again
            heard.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            if self.path.startswith("/hang"):
                heard.let_go.wait(30)
                self.close_connection = True
                return
            if self.path.startswith("/endless"):
                self.send_response(200)
                self.end_headers()
                while not heard.let_go.is_set():
                    self.wfile.write(b"x" * 1000)
                return
            if self.path.startswith("/drip"):
                while not heard.let_go.wait(0.1):
                    self.wfile.write(b"H")
                return
            planned = heard.plan.get(self.path)
            self.send_response(planned.pop(0) if planned else 204)
            if self.path.startswith("/moved"):
                self.send_header("location", heard.url("/elsewhere"))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

        def handle(self) -> None:
            with suppress(OSError):
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    heard = Receiver(server)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        heard.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@dataclass
class Post:
    """A catalog, its endpoints, and dispatchers over them; no model is needed. `skew` is added to the clock."""

    catalog: SqlCatalog
    recorder: Recorder
    endpoints: Endpoints
    dispatchers: list[Dispatcher] = field(default_factory=list)
    skew: float = 0.0
    faces: int = 0

    def now(self) -> float:
        return time.time() + self.skew

    def dispatcher(
        self, *, pauses: tuple[float, ...] = (0.1, 0.1, 0.1), seconds: float = 0.5, days: int = 30
    ) -> Dispatcher:
        made = Dispatcher(
            self.endpoints,
            lambda: Transport(Reach.parse("127.0.0.1"), seconds, "test"),
            pauses=pauses,
            seconds=seconds,
            days=days,
            now=self.now,
        )
        self.dispatchers.append(made)
        made.start()
        return made

    def index(self, name: str = "ada-king.jpg", collection: str = "people") -> str:
        """Store a face, with what tells of it; its id."""
        self.faces += 1
        image, face = photo(self.faces, collection), new_face(self.faces)
        messages = Announcer(self.catalog, now=self.now).announce_indexed(image, name, [face])
        self.catalog.add_faces(image, name, [face], "v1", messages)
        for one in self.dispatchers:
            one.nudge()
        return face.face_id

    def log(self, webhook_id: str) -> list[Delivery]:
        return list(self.endpoints.deliveries(webhook_id).items)


def opened(folder: Path) -> Post:
    catalog = SqlCatalog.open(f"sqlite:///{folder / 'kenspeckle.db'}")
    master = MasterKey(folder / "master.key")
    recorder = Recorder(catalog, master.derive(PURPOSE))
    recorder.begin()
    post: list[Post] = []
    reach = Reach.parse("127.0.0.1")
    endpoints = Endpoints(
        recorder,
        catalog,
        master,
        reach.check_url,
        lambda: Transport(reach, 0.5, "test"),
        now=lambda: post[0].now(),
    )
    post.append(Post(catalog, recorder, endpoints))
    return post[0]


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    made = opened(tmp_path)
    made.catalog.create_collection(gallery("people"))
    yield made
    for one in made.dispatchers:
        one.close()
    made.catalog.close()


def until(there: Callable[[], object], seconds: float = 15.0) -> None:
    """Wait for something that has to come."""
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)
