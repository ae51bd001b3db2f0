"""The master key: its forms, what it seals, and that it is never replaced or shown."""

from __future__ import annotations

import base64
import multiprocessing
import stat
from pathlib import Path

import pytest

from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.errors import SettingError, StorageUnavailable
from kenspeckle.settings import Settings


def test_the_master_key_is_made_at_first_need_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "data" / "master.key"
    sealer = MasterKey(file)
    assert not file.exists()
    sealed = sealer.seal(b"secret", "KSPA1")
    assert len(file.read_bytes()) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"secret" not in sealed
    assert MasterKey(file).unseal(sealed, "KSPA1") == b"secret"
    assert sealer.seal(b"secret", "KSPA1") != sealed


def _seal_in_a_process(file: Path) -> bytes:
    return MasterKey(file).seal(b"secret", "KSPA1")


def test_processes_that_start_at_once_make_one_master_key(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        sealed = pool.map(_seal_in_a_process, [file] * 8)
    assert [MasterKey(file).unseal(one, "KSPA1") for one in sealed] == [b"secret"] * 8


def test_a_secret_opens_only_under_its_key_its_context_and_whole(tmp_path: Path) -> None:
    sealer = MasterKey(tmp_path / "master.key")
    sealed = sealer.seal(b"secret", "KSPA1")
    flipped = bytearray(sealed)
    flipped[-1] ^= 1
    for damaged in (bytes(flipped), sealed[:-1], sealed[:5], b"", b"\x02" + sealed[1:]):
        with pytest.raises(StorageUnavailable, match="can't be decrypted"):
            sealer.unseal(damaged, "KSPA1")
    with pytest.raises(StorageUnavailable):
        sealer.unseal(sealed, "KSPA2")
    with pytest.raises(StorageUnavailable):
        MasterKey(tmp_path / "other", "11" * 32).unseal(sealed, "KSPA1")


def test_a_lost_master_key_is_not_replaced_in_silence(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    sealed = MasterKey(file).seal(b"secret", "KSPA1")
    file.unlink()
    with pytest.raises(StorageUnavailable, match="missing"):
        MasterKey(file).unseal(sealed, "KSPA1")
    assert not file.exists()


RAW = bytes(range(200, 232))


@pytest.mark.parametrize(
    "content", [RAW, RAW.hex().encode(), RAW.hex().upper().encode() + b"\n", base64.b64encode(RAW)]
)
def test_forms_of_a_master_key_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "given"
    file.write_bytes(content)
    file.chmod(0o600)
    settings = Settings(data_dir=tmp_path, master_key_file=str(file))
    sealed = MasterKey.of(settings).seal(b"secret", "KSPA1")
    assert MasterKey(tmp_path / "none", RAW.hex()).unseal(sealed, "KSPA1") == b"secret"


def test_a_master_key_file_that_the_operator_named_is_never_made(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, master_key_file=str(tmp_path / "mount" / "key"))
    with pytest.raises(StorageUnavailable, match="missing"):
        MasterKey.of(settings).seal(b"secret", "KSPA1")


@pytest.mark.parametrize("given", ["x", "x" * 32, "zz" * 32, "11" * 31, "11" * 33, "ü" * 32])
def test_a_bad_master_key_is_a_setting_error_that_does_not_show_it(tmp_path: Path, given: str) -> None:
    with pytest.raises(SettingError, match="openssl rand") as refused:
        MasterKey(tmp_path / "none", given).seal(b"secret", "KSPA1")
    assert given not in refused.value.message or given == "x"


def test_a_master_key_that_others_can_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "master.key"
    file.write_bytes(RAW)
    file.chmod(0o644)
    MasterKey(file).seal(b"secret", "KSPA1")
    assert "can be read by others" in caplog.text
