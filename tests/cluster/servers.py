"""A bucket and a Milvus of a cluster's own, each processes over a folder: killed and started again, they have what they
had acknowledged."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from botocore.config import Config
from botocore.session import Session

from kenspeckle.client.errors import CommandFailed
from tests.cluster.waiting import until
from tests.ports import unused_port
from tests.s3server import VARIABLES


class _Served:
    """Processes over `folder`, which is removed at the end. They are a group of their own, killed together."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix=f"kenspeckle-{name.lower()}-"))
        self._process: subprocess.Popen[bytes] | None = None

    def _begin(self, command: list[str], answers: Callable[[], bool]) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=Path(__file__).parents[2],
            )

        def up() -> bool:
            assert self._process is not None
            if self._process.poll() is not None:
                raise CommandFailed(f"{self.name} did not start: {(self.folder / 'log').read_text()[-2000:]}")
            return answers()

        until(up)

    def kill(self) -> None:
        """`kill -9` of all its processes."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Bucket(_Served):
    """S3 over a folder: an object is there as a whole once its writing was answered."""

    def __init__(self) -> None:
        super().__init__("Bucket")
        self.port = unused_port()
        self.start()

    @property
    def client(self) -> Any:
        """It reaches the bucket itself, and tries until that answers."""
        return Session().create_client(
            "s3",
            region_name=VARIABLES["AWS_DEFAULT_REGION"],
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=VARIABLES["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=VARIABLES["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"max_attempts": 5}, s3={"addressing_style": "path"}),
        )

    def bucket(self, name: str) -> str:
        """A new one."""
        (self.folder / "data" / name).mkdir()
        return name

    def start(self) -> None:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        words = ["--host", "127.0.0.1", "--port", str(self.port), str(data)]

        def answers() -> bool:
            with suppress(httpx.TransportError):
                return httpx.get(f"http://127.0.0.1:{self.port}/", timeout=5).status_code == 200
            return False

        self._begin([sys.executable, "-m", "localbucket", *words], answers)


class Milvus(_Served):
    """Of the wheel. `port` is another one after each start."""

    def __init__(self) -> None:
        super().__init__("Milvus")
        self.port = 0
        self.start()

    def start(self) -> None:
        told = self.folder / "port"
        told.unlink(missing_ok=True)
        self._begin([sys.executable, "-m", "tests.milvus_server", str(told), str(self.folder)], told.exists)
        self.port = int(told.read_text())

    def database(self, name: str) -> str:
        """A new one in it; INDEX_URL's path."""
        from pymilvus import MilvusClient

        client = MilvusClient(uri=f"http://127.0.0.1:{self.port}", timeout=30)
        try:
            client.create_database(name)
        finally:
            client.close()
        return name
