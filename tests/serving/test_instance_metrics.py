"""Numbers of the instance: each is told, one that fails takes no other with it; boards and alerts name real ones."""

from __future__ import annotations

import errno
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
import yaml
from docs.making.metrics import text

from kenspeckle import __version__
from kenspeckle.cli.launch import launch
from kenspeckle.compose.instance import writable
from kenspeckle.errors import KenspeckleError, StorageFull, StorageUnavailable
from kenspeckle.models import install
from kenspeckle.serving.instance_metrics import InstanceCollector, Sources
from kenspeckle.serving.tls import end_of
from kenspeckle.serving.writable import TRUST_SECONDS, Writable
from kenspeckle.settings import load

DEPLOY = Path(__file__).parents[2] / "deploy"


def _values(collector: InstanceCollector) -> dict[str, float]:
    return {sample.name: sample.value for metric in collector.collect() for sample in metric.samples}


def _number(numbers: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", numbers, re.MULTILINE)
    assert found is not None, name
    return float(found[1])


def test_a_number_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    def fails() -> Mapping[str, int]:
        raise StorageUnavailable("The catalog does not answer.")

    told = _values(InstanceCollector(Sources(counts=fails, folders={"data": tmp_path, "gone": tmp_path / "gone"})))
    assert told == {
        "kenspeckle_build_info": 1,
        "kenspeckle_people": 0,
        "kenspeckle_webhook_backlog": 0,
        "kenspeckle_last_backup_timestamp_seconds": 0,
    }


def test_the_last_backup_is_not_looked_for_each_time() -> None:
    looks, clock = [], [0.0]

    def last() -> float:
        looks.append(clock[0])
        return 7.0

    collector = InstanceCollector(Sources(counts=dict, last_backup=last), ticks=lambda: clock[0])
    for at in (0.0, 1.0, 59.0, 61.0):
        clock[0] = at
        assert _values(collector)["kenspeckle_last_backup_timestamp_seconds"] == 7.0
    assert looks == [0.0, 61.0]


def test_a_server_tells_what_is_stored(tmp_path: Path) -> None:
    grace = install.samples(load(environ={}).models_dir, lambda *_: None).grace_hopper.read_bytes()
    with launch(tmp_path) as server, httpx.Client(base_url=server.url) as http:
        http.put("/v1/index/grace.jpg", content=grace).raise_for_status()
        http.put("/v1/search", content=grace).raise_for_status()
        numbers = http.get("/metrics").text
        assert http.get("/readyz").status_code == 200
        assert list(tmp_path.glob(".writable*")) == []
    for name, value in {
        "kenspeckle_faces": 1,
        "kenspeckle_photographs": 1,
        "kenspeckle_people": 1,
        "kenspeckle_collections": 1,
        'kenspeckle_searches_total{outcome="match"}': 1,
        'kenspeckle_searches_total{outcome="miss"}': 0,
        "kenspeckle_last_backup_timestamp_seconds": 0,
        "kenspeckle_webhook_backlog": 0,
    }.items():
        assert _number(numbers, name) == value
    for name in ('kenspeckle_disk_free_bytes{folder="data"}', "kenspeckle_database_bytes"):
        assert _number(numbers, name) > 1000
    assert f'version="{__version__}"' in numbers
    assert "kenspeckle_tls" not in numbers


def test_a_certificate_that_can_not_be_read_has_no_end(tmp_path: Path) -> None:
    assert end_of(tmp_path / "gone.pem") is None
    tmp_path.joinpath("no.pem").write_text("no certificate")
    assert end_of(tmp_path / "no.pem") is None


@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EROFS, StorageUnavailable)],
)
def test_a_disk_that_takes_nothing_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[KenspeckleError]
) -> None:
    clock = [0.0]
    probe = Writable([tmp_path], ticks=lambda: clock[0])
    probe.check()

    def refuses(**_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkstemp", refuses)
        probe.check()  # what was found a moment ago holds
        clock[0] = TRUST_SECONDS
        for _ in range(2):
            with pytest.raises(error) as told:
                probe.check()
            assert str(tmp_path) not in told.value.message
    clock[0] = 2 * TRUST_SECONDS
    probe.check()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_is_not_writable(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        Writable([tmp_path / "gone"]).check()


def test_a_folder_that_is_made_later_is_tried_where_it_will_be(tmp_path: Path) -> None:
    Writable([tmp_path], [tmp_path / "images" / "later"]).check()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnavailable):
        Writable([tmp_path], [tmp_path / "file" / "images"]).check()


def test_a_service_without_photographs_is_ready(tmp_path: Path) -> None:
    writable(load({"data_dir": tmp_path}, environ={})).check()
    assert list(tmp_path.iterdir()) == []


def test_boards_and_alerts_name_numbers_that_exist() -> None:
    exist = set(re.findall(r"^(kenspeckle_\w+)", text(), re.MULTILINE))
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())
    alerts = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    board = json.loads((DEPLOY / "grafana.json").read_text())
    panels = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert len(alerts) > 8
    assert len(panels) > 12
    for expression in alerts + panels:
        named = set(re.findall(r"kenspeckle_\w+", expression))
        assert named <= exist, (expression, named - exist)
