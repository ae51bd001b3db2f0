"""A real uvicorn on loopback with the wire edge, the real use cases and fakes of what lies below them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from starlette.applications import Starlette

from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.errors import BucketNotAllowed, ImageTooLarge
from kenspeckle.rekognition.protocol import routes
from kenspeckle.serving.server import Server, config
from kenspeckle.serving.threads import Threads
from kenspeckle.settings import Settings
from kenspeckle.usecases.access.credentials import Created
from kenspeckle.usecases.access.keys import Access
from kenspeckle.usecases.jobs.queue import JobQueue
from kenspeckle.usecases.recognition.admission import Gate
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.local import LocalRecognizer
from tests.fakes import FakeCatalog, FakeImages
from tests.fakes.drawn import BruteIndex, DrawnEngines
from tests.fakes.jobs import FakeJobs
from tests.rekognition.conforming import attach
from tests.rekognition.portraits import PortraitEngine

REGION = "us-east-1"
ACCOUNT = "123456789012"


class Buckets:
    """`images.places.Places` in memory."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str | None], bytes] = {}
        self.granted: dict[str, set[str]] = {}

    def read(
        self, bucket: str, name: str, version: str | None, max_bytes: int, only: Sequence[str] | None = None
    ) -> bytes:
        data = self.objects.get((bucket, name, version))
        if only is not None and not self.granted.get(bucket, set()) & set(only):
            data = None
        if data is None:
            raise BucketNotAllowed(f"There is no object '{name}' in a bucket '{bucket}' here.")
        if len(data) > max_bytes:
            raise ImageTooLarge(f"The object has more than {max_bytes} bytes.")
        return data


@dataclass
class Served:
    """What a test may reach of a running server."""

    url: str
    access: Access
    recognizer: LocalRecognizer
    buckets: Buckets
    offset: list[float] = field(default_factory=lambda: [0.0])
    """Seconds by which the server's clock is ahead of the machine's."""

    def client(self, key: Created | None = None, **config: Any) -> Any:
        """A boto3 client as users make it, whose answers are held to the service model. No retries unless asked."""
        retries = config.pop("retries", {"total_max_attempts": 1})
        made = boto3.client(
            "rekognition",
            region_name=config.pop("region_name", REGION),
            endpoint_url=self.url,
            aws_access_key_id=key.access_key_id if key else "ANYKEY",
            aws_secret_access_key=key.secret_access_key if key else "any secret",
            aws_session_token=config.pop("aws_session_token", None),
            config=Config(retries=retries, **config),
        )
        attach(made)
        return made


@contextmanager
def served(
    folder: Path, settings: Mapping[str, Any] | None = None, engine: PortraitEngine | None = None
) -> Iterator[Served]:
    """The server, ready; stopped at the end."""
    chosen = Settings(aws_region=REGION, aws_account_id=ACCOUNT, **(settings or {}))
    catalog, engine, gate = FakeCatalog(), engine or PortraitEngine(), Gate(2, 8, 5)
    recognizer = LocalRecognizer(
        Context(
            engines=DrawnEngines(engine),
            catalog=catalog,
            index=BruteIndex(catalog),
            images=FakeImages(),
            gate=gate,
            settings=chosen,
            jobs=JobQueue(FakeJobs()),
        )
    )
    recognizer.start()
    access = Access(catalog, MasterKey(folder / "master.key"))
    buckets, offset, threads = Buckets(), [0.0], Threads(10)
    app = Starlette(
        routes=routes(
            recognizer,
            access,
            buckets,
            chosen,
            gate=gate,
            call=threads.call,
            face_models={engine.pack.name: engine.pack.version},
            clock=lambda: time.time() + offset[0],
        )
    )
    with running(app) as url:
        yield Served(url, access, recognizer, buckets, offset)
    threads.close()
    access.close()
    recognizer.close()


@contextmanager
def running(app: Any) -> Iterator[str]:
    """The app behind our server on a free port of 127.0.0.1; yields its URL."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = Server(config(app, Settings()))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        until = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < until, "uvicorn did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)
