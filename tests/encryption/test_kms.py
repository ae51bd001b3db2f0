"""The master key from AWS KMS, on a real server of its protocol: made, decrypted at the next start, and what fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.encryption.master_key import FILE, KMS_FILE, MasterKey
from kenspeckle.errors import KenspeckleError, StorageUnavailable
from kenspeckle.settings import Settings, load
from tests.catalogs import gallery, new_face, photo
from tests.s3server import served_s3


@dataclass(frozen=True)
class Keys:
    """KMS, and one key in it."""

    client: Any
    key: str

    def settings(self, data: Path, key: str = "", **more: Any) -> Settings:
        return load({"data_dir": data, "master_key_kms": key or self.key, **more}, environ={})


@pytest.fixture(scope="module")
def kms() -> Iterator[Keys]:
    with served_s3() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_KMS", server.url)
        client = Session().create_client("kms")
        key = client.create_key()["KeyMetadata"]["KeyId"]
        client.create_alias(AliasName="alias/faces", TargetKeyId=key)
        yield Keys(client, "alias/faces")


def test_made_once_and_decrypted_ever_after(kms: Keys, tmp_path: Path) -> None:
    settings = kms.settings(tmp_path, encryption=True)
    with_key = MasterKey.of(settings)
    catalog = SqlCatalog.of(settings, with_key)
    catalog.create_collection(gallery())
    catalog.add_faces(photo(1), None, [new_face(1, b"\xff\xd8 jpeg")], "v1")
    template = catalog.face("people", "face-1")[1].tobytes()
    catalog.close()
    held = tmp_path / KMS_FILE
    assert held.stat().st_mode & 0o777 == 0o600
    ciphertext = held.read_bytes()
    assert with_key._known is not None
    assert with_key._known not in ciphertext
    assert not (tmp_path / FILE).exists()

    again = MasterKey.of(settings)
    assert again.derive("a") == with_key.derive("a") != MasterKey.of(kms.settings(tmp_path / "new")).derive("a")
    catalog = SqlCatalog.of(settings, again)
    assert catalog.face("people", "face-1")[1].tobytes() == template
    assert catalog.thumbnail("people", "face-1") == b"\xff\xd8 jpeg"
    catalog.close()
    assert held.read_bytes() == ciphertext


def test_a_key_in_a_file_moves_to_kms(kms: Keys, tmp_path: Path) -> None:
    before = MasterKey.of(load({"data_dir": tmp_path}, environ={})).derive("a")
    assert MasterKey.of(kms.settings(tmp_path)).derive("a") == before
    (tmp_path / FILE).unlink()
    assert MasterKey.of(kms.settings(tmp_path)).derive("a") == before


def refused(settings: Settings) -> KenspeckleError:
    with pytest.raises(KenspeckleError) as caught:
        MasterKey.of(settings).derive("a")
    assert "KENSPECKLE_MASTER_KEY_KMS" in caught.value.message
    return caught.value


def test_what_can_fail(kms: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no key 'alias/absent'" in refused(kms.settings(tmp_path, "alias/absent")).message
    assert list(tmp_path.glob(KMS_FILE + "*")) in ([], [tmp_path / (KMS_FILE + ".lock")])
    MasterKey.of(kms.settings(tmp_path)).derive("a")
    other = kms.client.create_key()["KeyMetadata"]["KeyId"]
    # AWS has a code of its own for it; this server says that access is denied.
    assert "was made with this key" in refused(kms.settings(tmp_path, other)).message
    (tmp_path / KMS_FILE).write_bytes(b"something else")
    assert "is damaged" in refused(kms.settings(tmp_path)).message
    both = kms.settings(tmp_path, master_key="ab" * 32)
    assert "KENSPECKLE_MASTER_KEY both" in refused(both).message
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:9")
    error = refused(kms.settings(tmp_path))
    assert isinstance(error, StorageUnavailable)
    assert error.retry_after


def test_a_ciphertext_that_is_lost(kms: Keys, tmp_path: Path) -> None:
    settings = kms.settings(tmp_path, encryption=True)
    catalog = SqlCatalog.of(settings, MasterKey.of(settings))
    catalog.create_collection(gallery())
    catalog.close()
    (tmp_path / KMS_FILE).unlink()
    with pytest.raises(StorageUnavailable, match=r"master\.key\.kms is missing"):
        SqlCatalog.of(settings, MasterKey.of(settings))
    assert not (tmp_path / KMS_FILE).exists()
