"""A server of S3 on loopback, and an environment in which botocore finds it and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.session import Session
from moto.s3.models import S3Backend, s3_backends
from moto.server import ThreadedMotoServer

VARIABLES = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class S3Server:
    """Where it listens, and a client that sees all of it."""

    url: str
    client: Any

    def bucket(self, name: str, *, versions: bool = False) -> str:
        self.client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        if versions:
            self.client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name


def _one_at_a_time(server: ThreadedMotoServer) -> None:
    """moto's backends share dictionaries between threads without locks, so that none of its writes is conditional."""
    listening = server._server
    assert listening is not None
    app, turn = listening.app, threading.Lock()

    def serialized(environ: Any, start_response: Any) -> Any:
        with turn:
            return app(environ, start_response)

    listening.app = serialized


def _buckets() -> list[tuple[S3Backend, str]]:
    return [(one, name) for account in s3_backends.values() for one in account.values() for name in one.buckets]


@contextmanager
def served_s3() -> Iterator[S3Server]:
    before = {name for _, name in _buckets()}
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _one_at_a_time(server)
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in VARIABLES.items():
                patch.setenv(name, value)
            patch.setenv("AWS_ENDPOINT_URL_S3", url)
            patch.delenv("AWS_PROFILE", raising=False)
            yield S3Server(url, Session().create_client("s3"))
    finally:
        server.stop()
        # moto keeps them in memory of the process: the next server would have them too.
        for backend, name in _buckets():
            if name not in before:
                backend.buckets[name].keys.clear()
                backend.delete_bucket(name)
