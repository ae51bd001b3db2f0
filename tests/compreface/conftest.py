"""One server for all tests of the protocol, with keys for collections of their own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.cli.launch import launch
from kenspeckle.domain import Plan
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.models import install
from kenspeckle.settings import load
from kenspeckle.usecases.access.keys import Access

KEYS = 40
"""As many tests of the protocol as one test process may run."""


@dataclass(frozen=True)
class Real:
    """`admin` may do everything; each of `keys` everything in one collection that nobody else has."""

    url: str
    admin: str
    keys: Iterator[str]
    weak: dict[str, str]
    """Keys of one scope for the default collection, by scope."""
    grace: bytes
    astronaut: bytes
    rocket: bytes
    folder: Path

    def client(self, key: str | None) -> httpx.Client:
        headers = {} if key is None else {"x-api-key": key}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, verify=False)


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    folder = tmp_path_factory.mktemp("compreface")
    samples = install.samples(load(environ={}).models_dir, lambda *_: None)
    with closing(SqlCatalog.open(f"sqlite:///{folder / 'kenspeckle.db'}")) as catalog:
        access = Access(catalog, MasterKey(folder / "master.key"))
        admin = access.create("admin", ["admin"]).api_key or ""
        scopes = ["index", "search", "read", "delete"]
        quick = Plan()  # no limit: a quick machine sends more than a key's usual rate
        keys = [access.create(f"own-{n}", scopes, [f"own-{n}"], plan=quick).api_key or "" for n in range(KEYS)]
        weak = {one: access.create(one, [one], ["kenspeckle"]).api_key or "" for one in scopes}
        access.close()
    with launch(folder) as server:
        with httpx.Client(base_url=server.url, headers={"x-api-key": admin}) as http:
            for number in range(KEYS):
                assert http.put(f"/v1/collections/own-{number}").status_code in (200, 201)
        yield Real(
            server.url,
            admin,
            itertools.chain(keys),
            weak,
            samples.grace_hopper.read_bytes(),
            samples.astronaut.read_bytes(),
            samples.rocket.read_bytes(),
            samples.grace_hopper.parent,
        )


@pytest.fixture
def http(real: Real) -> Iterator[httpx.Client]:
    """A client of a collection that is empty."""
    with real.client(next(real.keys)) as client:
        yield client


Add = Callable[[str, bytes], str]


@pytest.fixture
def add(http: httpx.Client) -> Add:
    """Adds a photograph of a subject; the image's id."""

    def added(subject: str, photograph: bytes) -> str:
        answer = http.post(
            "/api/v1/recognition/faces", params={"subject": subject}, files={"file": ("a.jpg", photograph)}
        )
        assert answer.status_code == 201, answer.text
        assert answer.json()["subject"] == subject
        return str(answer.json()["image_id"])

    return added
