"""A Ray cluster that can't be joined, said without a Ray."""

from __future__ import annotations

import socket
import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import MagicMock

import pytest

from kenspeckle.compose import ray_cluster
from kenspeckle.compose.service import Service
from kenspeckle.errors import SettingError
from kenspeckle.settings import Settings
from tests.ports import unused_port

MISMATCH = """Version mismatch: The cluster was started with:
    Ray: 2.52.1
    Python: 3.11.7
This process on node 127.0.0.1 was started with:
    Ray: 2.60.0
    Python: 3.11.7
"""


def joined(monkeypatch: pytest.MonkeyPatch, address: str) -> str:
    """What is said where Ray itself refuses."""

    def init(**_: Any) -> None:
        raise RuntimeError(MISMATCH)

    monkeypatch.setattr(ray_cluster, "import_module", lambda _: SimpleNamespace(init=init))
    with pytest.raises(SettingError) as refused, ray_cluster.join(cast(Service, None), address):
        pass
    return refused.value.message


def test_an_address_at_which_nobody_listens_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray itself tries for minutes."""
    address = f"127.0.0.1:{unused_port()}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    for named in (address, f"ray://{address}", "auto"):
        said = joined(monkeypatch, named)
        assert f"{address}' can't be joined: [Errno" in said
        assert "--ray" in said


def test_workers_that_do_not_come_up_are_told_from_nodes_that_lack_something() -> None:
    """As where Ray ends each of them for want of memory."""

    class GetTimeoutError(Exception):
        pass

    def get(*_: object, **__: object) -> None:
        raise GetTimeoutError("Get timed out: some object(s) not ready.")

    ray = MagicMock(get=get, exceptions=SimpleNamespace(GetTimeoutError=GetTimeoutError))
    ray.cluster_resources.return_value = {"CPU": 2.0}
    with pytest.raises(SettingError, match=r"2 workers .* where memory is short"):
        ray_cluster.RayExaminer(ray, Settings())


def test_another_version_of_ray_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        said = joined(monkeypatch, f"127.0.0.1:{there.getsockname()[1]}")
    assert "started with: Ray: 2.52.1 Python: 3.11.7" in said
    assert "started with: Ray: 2.60.0" in said


def test_an_actor_has_one_core_for_its_networks() -> None:
    """The second one is another actor's; networks for two would be loaded beside those for one."""
    code = (
        "from kenspeckle import cpu; from kenspeckle.compose.ray_cluster import Looker; "
        "from kenspeckle.settings import load; "
        "looker = Looker(load(environ={})); "
        "print(cpu.cores(), looker._engines.default._embedder._two)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "None"]
