"""What holds of mirrors where no Milvus is asked: refusals, erasure by a command, backups, the setting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.compose.embedded import build
from kenspeckle.compose.service import Service
from kenspeckle.domain import operations as ops
from kenspeckle.errors import Conflict, SettingError, StorageUnavailable
from kenspeckle.index.address import parse
from kenspeckle.index.milvus import Milvus
from kenspeckle.ports import Mirror
from kenspeckle.settings import load
from tests.milvus.test_service import NAME, store_face
from tests.moving.conftest import Command, command, commands
from tests.moving.folders import make

__all__ = ["command", "commands"]

PLACE = "milvus.example:19530/faces"


@contextmanager
def built(folder: Path, **more: object) -> Iterator[Service]:
    service = build(load({"data_dir": folder, "host": "127.0.0.1", **more}, environ={}), at_once=False)
    assert isinstance(service, Service)
    try:
        service.recognizer.handle(ops.CreateCollection(collection_id=NAME))
        store_face(service, 1)
        yield service
    finally:
        service.close()


def mirror_of(catalog: SqlCatalog, name: str) -> Mirror:
    found = catalog.describe_mirrored(name)
    return Mirror(0, found.collection_row, name, PLACE, "kenspeckle_1", found.contract, 128)


def test_an_encrypted_collection_is_refused_with_the_reason(tmp_path: Path) -> None:
    more = {"encryption": True, "index_faces": 1, "index_url": "milvus://127.0.0.1:9"}
    with built(tmp_path, **more) as service:
        with pytest.raises(Conflict, match=r"encrypted.*INDEX_ENCRYPTED=on"):
            service.recognizer.handle(ops.SyncCollection(collection_id=NAME))
        assert service.local.context.keeper is not None
        assert not service.local.context.keeper.bounds.mirrors(service.catalog.describe_mirrored(NAME))


def test_without_a_vector_database_a_sync_is_refused(tmp_path: Path) -> None:
    with built(tmp_path) as service, pytest.raises(Conflict, match="INDEX_URL is memory://"):
        service.recognizer.handle(ops.SyncCollection(collection_id=NAME))


def test_an_erasure_waits_for_a_copy_that_nobody_can_reach_until_it_is_forgotten(
    tmp_path: Path, command: Command
) -> None:
    """INDEX_URL was changed back, and templates still lie there."""
    with built(tmp_path) as service:
        service.catalog.add_mirror(mirror_of(service.catalog, NAME))
        erased = service.recognizer.handle(ops.EraseIdentity(collection_id=NAME, external_image_id="1.jpg"))
        assert not erased.complete
        assert erased.receipt is not None
        assert f"Milvus at {PLACE}" in str(erased.receipt.content["remains"])
        wanted = ops.GetReceipt(receipt_id=erased.receipt.receipt_id)
        service.local.completion.round()
        assert not service.recognizer.handle(wanted).complete
        wrong = command("catalog", "forget-index", "elsewhere:1/x", "--data-dir", tmp_path)
        assert wrong.code != 0
        assert PLACE in wrong.err
        said = command("catalog", "forget-index", PLACE, "--data-dir", tmp_path, "--json")
        assert said.json == {"place": PLACE, "copies": 1}
        service.local.completion.round()
        assert service.recognizer.handle(wanted).complete


def test_a_restored_catalog_has_no_mirrors(tmp_path: Path, command: Command) -> None:
    """What the original has in Milvus is the original's, and of another time."""
    make(tmp_path / "data", range(2))
    with closing(SqlCatalog.open(f"sqlite:///{tmp_path / 'data' / 'kenspeckle.db'}")) as catalog:
        name = catalog.collections(1, None).items[0].collection_id
        catalog.add_mirror(mirror_of(catalog, name))
    assert command("backup", "all.tar", "--data-dir", tmp_path / "data").code == 0
    assert command("restore", "all.tar", "--data-dir", "restored").code == 0
    with closing(SqlCatalog.open(f"sqlite:///{tmp_path / 'restored' / 'kenspeckle.db'}")) as catalog:
        assert catalog.mirrors() == ()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("milvus://localhost", "localhost:19530/default"),
        ("milvus://user:p%40ss@db:1/faces", "db:1/faces"),
        ("milvus+tls://[::1]:2/x", "[::1]:2/x"),
    ],
)
def test_the_address(url: str, place: str) -> None:
    address = parse(url)
    assert address is not None
    assert address.place == place
    assert "p@ss" not in repr(address)
    assert parse("memory://") is None


@pytest.mark.parametrize(
    ("version", "fine"),
    [
        ("v2.2.16", False),
        ("1.1.0", False),
        ("unknown", False),
        ("v2.3.5-lite", True),
        ("2.6.1", True),
        ("v3.0.0", True),
        ("Managed (Compatible with Milvus 2.x)", True),
        ("Managed (Compatible with Milvus 2.5)", True),
    ],
)
def test_a_server_of_another_version(version: str, fine: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Milvus, "_call", lambda *_, **__: version)
    address = parse("milvus://db")
    assert address is not None
    if fine:
        assert Milvus(address).check() == version
        return
    with pytest.raises(StorageUnavailable, match=r"INDEX_URL.*2\.3 or newer"):
        Milvus(address).check()


@pytest.mark.parametrize("url", ["", "milvus://", "http://db:1", "milvus://db:port", "milvus://db/a/b", "memory://x"])
def test_a_wrong_address_names_the_setting(url: str) -> None:
    with pytest.raises(SettingError, match="INDEX_URL"):
        parse(url)
