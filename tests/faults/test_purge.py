"""The purge of a large collection by a real server that is killed or stopped in its middle, while the clock leaps: the
next start goes on, the receipt becomes complete, and no template of it is left in a file."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.cli.launch import Launched, launch
from kenspeckle.domain import Collection
from kenspeckle.models import registry
from kenspeckle.ports import NewPhotograph
from kenspeckle.usecases.recognition.collections import PURGED_AT_ONCE
from tests.catalogs import new_face, photo, template
from tests.faults.conftest import listed_faces
from tests.faults.test_clock import DAY, Skew, shim, skew

__all__ = ["shim", "skew"]

LARGE = PURGED_AT_ONCE + 1000
STAYS = range(LARGE, LARGE + 10)
PATIENCE = 120.0


def fill(data: Path) -> None:
    """A collection `large`, and a small one `others`."""
    data.mkdir(mode=0o700)
    info = registry.SFACE.info
    with closing(SqlCatalog.open(f"sqlite:///{data / 'kenspeckle.db'}")) as catalog:
        for name, numbers in (("large", range(LARGE)), ("others", STAYS)):
            catalog.create_collection(Collection(name, info.name, info.contract, 1.0))
            catalog.add_photographs(
                name,
                [NewPhotograph(photo(one, name), f"{one}.jpg", [new_face(one)], "v1") for one in numbers],
                info.contract,
            )


def until(holds: Callable[[], bool], server: Launched) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "\n".join(server.log)
        time.sleep(0.1)


@pytest.mark.parametrize(("killed", "days"), [(True, 400), (True, -400), (False, 0)])
def test_a_purge_that_is_ended_in_its_middle(skew: Skew, tmp_path: Path, killed: bool, days: int) -> None:
    data = tmp_path / "data"
    fill(data)
    skew(0)
    with launch(data, settings=skew.environment) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        answer = client.delete("/v1/collections/large", params={"receipt": "true"})
        answer.raise_for_status()
        receipt = answer.json()["Receipt"]["receipt"]["id"]
        assert client.get("/v1/collections/large").status_code == 404
        time.sleep(random.uniform(0.0, 0.5))
        skew(days * DAY)
        (server.process.kill if killed else server.process.terminate)()
        server.process.wait()
    with launch(data, settings=skew.environment) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        assert client.get("/v1/collections/large").status_code == 404

        def is_complete() -> bool:
            shown = client.get(f"/v1/receipts/{receipt}")
            shown.raise_for_status()
            return bool(shown.json()["receipt"]["complete"])

        until(is_complete, server)
        assert set(listed_faces(client, "others")) == {f"{one}.jpg" for one in STAYS}
        everything = b"".join(one.read_bytes() for one in data.rglob("*") if one.is_file())
        assert not [one for one in range(LARGE) if template(one).tobytes() in everything]
        assert all(template(one).tobytes() in everything for one in STAYS)
        assert "Traceback" not in "\n".join(server.log)
