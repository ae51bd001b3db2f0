"""What Rekognition's protocol adds: signature, base64, JSON and HTTP of a photograph of 200 kB, by one client.

Once with a recognizer that answers at once, so that the protocol stands alone, and once with the real one, beside the
same search in this process. `python -m benchmarks.wire` prints the figures.
"""

from __future__ import annotations

import base64
import gc
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from kenspeckle import settings as settings_
from kenspeckle.domain import Box, Face, FaceDetail, FaceMatch, FaceSearch, ImageSearch, Landmark, Plan, Pose, Quality
from kenspeckle.domain import operations as ops

BYTES = 200_000
LIMIT_MS = 1.5
REGION = "us-east-1"
COLLECTION = "kenspeckle"


def run(rounds: int = 300, photograph: bytes | None = None) -> dict[str, Any]:
    """Rows of medians in milliseconds: `ours_ms` over HTTP, `reference_ms` in process, `added_ms` their difference.

    The real recognizer is measured where a `photograph` with a face is given."""
    rows = [_idle(rounds)]
    if photograph is not None:
        rows.append(_real(max(10, rounds // 10), photograph))
    goal = {
        "name": "time that Rekognition's protocol adds to a photograph of 200 kB",
        "value": rows[0]["added_ms"],
        "limit": LIMIT_MS,
        "unit": "ms",
    }
    return {"bytes": BYTES, "rounds": rounds, "rows": rows, "goals": [goal]}


class Client:
    """A signed SearchFacesByImage over one connection that stays open."""

    def __init__(self, url: str, key: dict[str, str], photograph: bytes) -> None:
        image = {"Bytes": base64.b64encode(photograph).decode()}
        self._body = json.dumps({"CollectionId": COLLECTION, "Image": image}).encode()
        self._url = url
        self._key = Credentials(key["access_key_id"], key["secret_access_key"])
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
        self._signed_at = 0.0

    def search(self) -> float:
        """Milliseconds from sending to the last byte of the answer; signing is the client's own time."""
        if time.monotonic() - self._signed_at > 60:
            self._sign()
        start = time.perf_counter()
        self._connection.request("POST", "/", self._body, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        took = (time.perf_counter() - start) * 1000
        if answer.status != 200:
            raise RuntimeError(f"SearchFacesByImage answered {answer.status}: {content[:200]!r}")
        return took

    def close(self) -> None:
        self._connection.close()

    def _sign(self) -> None:
        target = {"X-Amz-Target": "RekognitionService.SearchFacesByImage", "Content-Type": "application/x-amz-json-1.1"}
        request = AWSRequest("POST", self._url + "/", target, self._body)
        SigV4Auth(self._key, "rekognition", REGION).add_auth(request)
        self._headers = dict(request.headers.items())
        self._signed_at = time.monotonic()


def _idle(rounds: int) -> dict[str, Any]:
    photograph = b"\xff\xd8\xff" + bytes(BYTES - 3)
    recognizer = Idle()
    with (
        tempfile.TemporaryDirectory() as folder,
        _idle_server(Path(folder)) as (url, key),
        closing(Client(url, key, photograph)) as client,
    ):
        return _row(
            "signed SearchFacesByImage, 200 kB, a recognizer that answers at once",
            rounds,
            client.search,
            lambda: recognizer.handle(ops.SearchImage(collection_id=COLLECTION, image=photograph)),
        )


def _real(rounds: int, photograph: bytes) -> dict[str, Any]:
    from kenspeckle.cli.launch import launch
    from kenspeckle.compose.embedded import build

    padded = photograph.ljust(BYTES, b"\0")
    with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as there:
        with closing(build(settings_.load({"data_dir": Path(there)}))) as remote:
            remote.recognizer.handle(ops.IndexFaces(collection_id=COLLECTION, image=padded))
            made = remote.access.create("benchmark", aws=True, plan=Plan())
        key = {"access_key_id": made.access_key_id or "", "secret_access_key": made.secret_access_key or ""}
        with (
            closing(build(settings_.load({"data_dir": Path(here)}))) as local,
            launch(Path(there)) as server,
            closing(Client(server.url, key, padded)) as client,
        ):
            local.recognizer.handle(ops.IndexFaces(collection_id=COLLECTION, image=padded))
            return _row(
                "signed SearchFacesByImage, 200 kB, the real recognizer",
                rounds,
                client.search,
                lambda: local.recognizer.handle(ops.SearchImage(collection_id=COLLECTION, image=padded)),
            )


def _row(what: str, rounds: int, ours: Callable[[], float], reference: Callable[[], object]) -> dict[str, Any]:
    """Both in turn, so that whatever else the machine does meets both."""
    for _ in range(min(20, rounds)):
        ours()
        reference()
    times: list[tuple[float, float]] = []
    gc.disable()
    try:
        for _ in range(rounds):
            took = ours()
            start = time.perf_counter()
            reference()
            times.append((took, (time.perf_counter() - start) * 1000))
    finally:
        gc.enable()
    ours_ms, reference_ms = (statistics.median(column) for column in zip(*times, strict=True))
    return {
        "what": what,
        "ours_ms": ours_ms,
        "reference_ms": reference_ms,
        "ratio": ours_ms / reference_ms,
        "added_ms": statistics.median(one - other for one, other in times),
    }


class Idle:
    """A recognizer that has its answer ready: ten matches."""

    def __init__(self) -> None:
        box, numbers = Box(0.3, 0.2, 0.25, 0.4), range(10)
        kinds = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")
        detail = FaceDetail(
            box, 99.5, tuple(Landmark(kind, 0.4, 0.4) for kind in kinds), Pose(1.0, 2.0, 3.0), Quality(80.0, 70.0)
        )
        faces = [
            Face(f"{number:08x}-0000-4000-8000-000000000000", "-", COLLECTION, f"{number}.jpg", box, 99.5, "1", 0.0)
            for number in numbers
        ]
        matches = tuple(FaceMatch(face, 99.0) for face in faces)
        self._answer = ImageSearch((FaceSearch(detail, matches),), (), "1")

    def handle(self, operation: object) -> ImageSearch:
        return self._answer


@contextmanager
def _idle_server(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The wire edge over `Idle`, in a process of its own; its URL and a key pair."""
    command = [sys.executable, "-m", "benchmarks.wire", "--serve", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[1])
    try:
        assert process.stdout is not None
        announced = json.loads(process.stdout.readline())
        yield announced["url"], announced["key"]
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


def _serve(folder: Path) -> None:
    """What the other process runs."""
    import socket

    import uvicorn
    from starlette.applications import Starlette

    from kenspeckle.catalog.sql import SqlCatalog
    from kenspeckle.encryption.master_key import MasterKey
    from kenspeckle.images.client_buckets import ClientBuckets
    from kenspeckle.rekognition.protocol import routes
    from kenspeckle.serving.threads import Threads
    from kenspeckle.usecases.access.keys import Access
    from kenspeckle.usecases.recognition.admission import Gate

    settings = settings_.load({"data_dir": folder, "aws_region": REGION})
    access = Access(SqlCatalog.open(settings.catalog), MasterKey.of(settings))
    made = access.create("benchmark", aws=True, plan=Plan())
    gate = Gate(settings.workers, settings.queue, settings.wait_seconds)
    threads = Threads(gate.workers + gate.queue)
    app = Starlette(
        routes=routes(
            Idle(),  # type: ignore[arg-type]  # only the one operation that is measured
            access,
            ClientBuckets.parse(""),
            settings,
            gate=gate,
            call=threads.call,
            face_models={"idle": "1"},
        )
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        key = {"access_key_id": made.access_key_id, "secret_access_key": made.secret_access_key}
        listener.listen()
        print(json.dumps({"url": f"http://127.0.0.1:{listener.getsockname()[1]}", "key": key}), flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", access_log=False)).run([listener])


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        _serve(Path(sys.argv[2]))
    else:
        print(json.dumps(run(), indent=1))


if __name__ == "__main__":
    main()
