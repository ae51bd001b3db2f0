"""`kenspeckle encrypt` and `decrypt`: everything is converted, whatever cuts it off, and no half state is served."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from kenspeckle.catalog.encrypt import Converter
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.compose.conversion import convert_folder
from kenspeckle.domain import Collection, User
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.errors import SettingError, StorageUnavailable
from kenspeckle.images.store import open_images
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.index.saved_codes import SavedCodes
from kenspeckle.ports import NewFace, Pending
from kenspeckle.settings import load
from tests import forks
from tests.encryption.secrets import PNG, found, raw
from tests.moving.conftest import Command
from tests.moving.folders import (
    PACK,
    PEOPLE,
    Folder,
    detail,
    digest,
    face_id,
    identity,
    image,
    make,
    numbers_of,
    opened,
    photograph,
    shown,
    template,
)
from tests.s3server import served_s3

NUMBERS = range(12)
KILLS = int(os.environ.get("KENSPECKLE_SOAK_KILLS") or (200 if os.environ.get("KENSPECKLE_SOAK") else 8))
THUMBNAIL = b"\xff\xd8\xff\xe0 a thumbnail " * 40


def untold(step: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""


def filled(data: Path, numbers: range = NUMBERS) -> Path:
    """A data folder with users, thumbnails, a photograph under two identities, and one that two collections share."""
    make(data, numbers)
    with opened(data) as folder:
        catalog = folder.catalog
        for user in ("anna", "berta"):
            catalog.create_user(User(user, PEOPLE, "CREATED", 1.0))
        catalog.link_faces(PEOPLE, "anna", [face_id(numbers_of(1)[0])], template(1000), 100)
        kept = image(900, kept=False)
        catalog.add_faces(kept, "thumbs", [NewFace(face_id(9001), detail(9001), template(9001), THUMBNAIL)], "v1")
        catalog.add_faces(image(0), "other-name", [NewFace(face_id(9002), detail(9002), template(9002))], "v1")
        catalog.create_collection(Collection("others", PACK.name, PACK.contract, 1.0))
        faces = [NewFace(face_id(9003), detail(9003), template(9003))]
        staged = folder.images.stage(digest(0), photograph(0))
        catalog.add_faces(image(0, "others"), identity(0), faces, "v1")
        staged.publish()
    return data


def secrets(numbers: range = NUMBERS) -> list[bytes]:
    templates = [template(one).tobytes() for number in numbers for one in numbers_of(number)]
    return [THUMBNAIL, template(1000).tobytes(), *templates, *map(photograph, numbers)]


def both(data: Path) -> tuple[dict[str, object], dict[str, object], bytes | None]:
    with opened(data) as folder:
        thumbnail = folder.catalog.thumbnail(PEOPLE, face_id(9001))
    return shown(data), shown(data, "others"), thumbnail


def test_there_and_back(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    data = filled(tmp_path / "data")
    before = both(data)
    assert found(secrets(), raw(data)) > 100
    assert b"AgeRange" in raw(data)
    monkeypatch.setenv("KENSPECKLE_ENCRYPTION", "on")
    said = command("encrypt", "--data-dir", data, "--json")
    assert (said.code, said.json["missing"], said.json["collections"]) == (0, 0, [PEOPLE, "others"]), said.err
    assert both(data) == before
    everything = raw(data)
    assert found(secrets(), everything) == 0
    assert PNG not in everything
    assert b"AgeRange" not in everything
    assert digest(0) not in str(list(data.rglob("*")))
    assert digest(0).encode() not in everything
    with closing(sqlite3.connect(data / "kenspeckle.db")) as connection:
        audited = connection.execute("SELECT collection_id FROM audit WHERE operation = 'EncryptCollection'").fetchall()
    assert audited == [(PEOPLE,), ("others",)]

    assert "already" in command("encrypt", "--data-dir", data).out
    monkeypatch.setenv("KENSPECKLE_ENCRYPTION", "off")
    assert command("decrypt", "--data-dir", data).code == 0
    assert both(data) == before
    assert {one.name for one in (data / "images").rglob("*") if len(one.name) == 64} == {digest(one) for one in NUMBERS}
    with closing(sqlite3.connect(data / "kenspeckle.db")) as connection:
        assert connection.execute("SELECT count(*) FROM collection_keys").fetchone() == (0,)


def test_a_kill_before_the_end_is_recorded_leaves_what_was_begun(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = filled(tmp_path / "data")
    monkeypatch.setenv("KENSPECKLE_ENCRYPTION", "on")
    finish = Converter.finish

    def killed(catalog: Converter, pending: Pending, *, encrypt: bool) -> None:
        finish(catalog, pending, encrypt=encrypt)
        raise KeyboardInterrupt

    with monkeypatch.context() as cut, suppress(KeyboardInterrupt):
        cut.setattr(Converter, "finish", killed)
        convert_folder(load({"data_dir": data}), untold)
    assert command("encrypt", "--data-dir", data).code == 0
    with closing(sqlite3.connect(data / "kenspeckle.db")) as connection:
        rows = connection.execute("SELECT operation, collection_id FROM audit WHERE operation LIKE 'Encrypt%'")
        assert rows.fetchall() == [
            ("EncryptCollectionBegun", PEOPLE),
            ("EncryptCollectionBegun", "others"),
            ("EncryptCollectionBegun", "others"),
            ("EncryptCollection", "others"),
        ]
    assert command("audit", "verify", "--data-dir", data).code == 0


def test_what_was_converted_is_recorded_where_old_bytes_can_not_go_yet(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = filled(tmp_path / "data")
    monkeypatch.setenv("KENSPECKLE_ENCRYPTION", "on")
    with monkeypatch.context() as busy:
        busy.setattr(SqlCatalog, "scrub", lambda *_, **__: False)
        said = command("encrypt", "--data-dir", data)
    assert (said.code, "Run it again" in said.err) == (1, True), said.err
    assert command("encrypt", "--data-dir", data).code == 0
    with closing(sqlite3.connect(data / "kenspeckle.db")) as connection:
        audited = connection.execute("SELECT collection_id FROM audit WHERE operation = 'EncryptCollection'").fetchall()
    assert audited == [(PEOPLE,), ("others",)]


def test_saved_codes_do_not_outlive_the_clear(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = filled(tmp_path / "data", range(2))
    with opened(data) as folder:
        saved = SavedCodes(data / "codes", folder.catalog, folder.catalog, 1)
        with closing(FollowingIndex(folder.catalog, lambda _: PACK.dimension, 1, saved=saved)) as index:
            index.load(PEOPLE, "face")
            index.upkeep()
        assert len(list((data / "codes").iterdir())) == 1
    monkeypatch.setenv("KENSPECKLE_ENCRYPTION", "on")
    assert command("encrypt", "--data-dir", data).code == 0
    assert list((data / "codes").iterdir()) == []
    with opened(data, encryption=True) as folder:
        saved = SavedCodes(data / "codes", folder.catalog, folder.catalog, 1)
        with closing(FollowingIndex(folder.catalog, lambda _: PACK.dimension, 1, saved=saved)) as index:
            index.load(PEOPLE, "face")
            index.upkeep(last=True)
    assert list((data / "codes").iterdir()) == []


def test_the_setting_has_to_agree(tmp_path: Path, command: Command) -> None:
    data = filled(tmp_path / "data", range(2))
    said = command("encrypt", "--data-dir", data)
    assert said.code == 1
    assert "KENSPECKLE_ENCRYPTION is off" in said.err
    with pytest.raises(SettingError, match=r"'people', 'others' are not encrypted\. Run `kenspeckle encrypt`"):
        Folder(data, encryption=True)


def test_nobody_may_be_at_work(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    data = filled(tmp_path / "data", range(2))
    monkeypatch.setenv("KENSPECKLE_ENCRYPTION", "on")
    other = (
        "import sys; from kenspeckle.catalog.sql import SqlCatalog; c = SqlCatalog.open(sys.argv[1]); "
        "print(1, flush=1); sys.stdin.read()"
    )
    with forks.Popen(
        [sys.executable, "-c", other, f"sqlite:///{data / 'kenspeckle.db'}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        said = command("encrypt", "--data-dir", data)
        process.communicate()
    assert said.code == 1
    assert "stop the service" in said.err
    assert command("encrypt", "--data-dir", data).code == 0


def test_nobody_gets_in_meanwhile(tmp_path: Path) -> None:
    url = f"sqlite:///{filled(tmp_path / 'data', range(2)) / 'kenspeckle.db'}"
    with closing(Converter.open(url, master=MasterKey(tmp_path / "data" / "master.key"), alone=True)) as alone:
        assert len(alone.pending(encrypt=True)) == 2
        with pytest.raises(StorageUnavailable, match="busy"):
            SqlCatalog.open(f"{url}?timeout=0.1")
    SqlCatalog.open(url).close()


def test_a_photograph_that_is_missing_or_damaged(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make(tmp_path / "data", range(3))
    monkeypatch.setenv("KENSPECKLE_ENCRYPTION", "on")
    damaged = data / "images" / digest(1)[:2] / digest(1)[2:4] / digest(1)
    damaged.write_bytes(b"something else")
    said = command("encrypt", "--data-dir", data)
    assert said.code == 1
    assert "'1.png' of collection 'people' can't be converted" in said.err.replace("\n", " ")
    with pytest.raises(StorageUnavailable, match="interrupted"):
        Folder(data, encryption=True)
    damaged.unlink()
    said = command("encrypt", "--data-dir", data, "--json")
    assert (said.code, said.json["missing"]) == (0, 1)
    with opened(data, encryption=True) as folder:
        assert folder.photographs.get(PEOPLE, digest(0)) == photograph(0)


def cut_off(data: Path, verb: str, seconds: float) -> bool:
    """Kill a process that converts after so long; whether it was still at work."""
    settings = load({"data_dir": data, "encryption": verb == "encrypt"}, environ={})
    child = os.fork()
    if child == 0:
        try:
            convert_folder(settings, untold)
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_kill_9_anywhere(tmp_path: Path) -> None:
    numbers = range(60)
    data = filled(tmp_path / "data", numbers)
    before = both(data)
    moments = random.Random(os.urandom(8))
    halfway, longest = 0, 0.3
    for number in range(10 * KILLS):
        if number >= KILLS and halfway:
            break
        killed = cut_off(data, moments.choice(["encrypt", "encrypt", "decrypt"]), moments.uniform(0.0, longest))
        # On a busy machine it begins late.
        longest = max(0.05, min(5.0, longest * (1.2 if killed else 0.8)))
        with opened(data) as folder:
            now = folder.catalog.encryption()
        if now.halfway:
            assert killed
            halfway += 1
            for wish in (True, False):
                with pytest.raises(StorageUnavailable, match=r"`kenspeckle (en|de)crypt` was interrupted"):
                    SqlCatalog.open(f"sqlite:///{data / 'kenspeckle.db'}", encryption=wish)
    assert halfway
    convert_folder(load({"data_dir": data, "encryption": True}, environ={}), untold)
    assert both(data) == before
    assert found([THUMBNAIL, *secrets(range(0, 60, 9))], raw(data)) == 0
    assert PNG not in raw(data)


def test_photographs_in_a_bucket(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    data = filled(tmp_path / "data", range(3))
    with served_s3() as s3:
        bucket = s3.bucket("converted")
        images = open_images(f"s3://{bucket}")
        for number in range(3):
            images.put(digest(number), photograph(number))
        images.stage(digest(7), photograph(7))  # left of a request that was cut off
        shutil.rmtree(data / "images")
        monkeypatch.setenv("KENSPECKLE_IMAGES_URL", f"s3://{bucket}")

        def stored() -> dict[str, bytes]:
            keys = [one["Key"] for one in s3.client.list_objects_v2(Bucket=bucket)["Contents"]]
            return {key: s3.client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

        for switch, verb in (("on", "encrypt"), ("off", "decrypt")):
            monkeypatch.setenv("KENSPECKLE_ENCRYPTION", switch)
            assert command(verb, "--data-dir", data).code == 0
            plain = {key.rsplit("/")[-1]: one for key, one in stored().items() if PNG in one}
            assert plain == ({} if switch == "on" else {digest(one): photograph(one) for one in range(3)})
            assert len(stored()) == (4 if switch == "on" else 3)  # of one photograph, two collections had one copy


def test_the_doctor_sees_it(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    data = filled(tmp_path / "data", range(3))

    def codes() -> set[str]:
        said = command("doctor", "--json", "--data-dir", data)
        return {one["code"] for check in said.json["checks"] for one in check["findings"] if one["severity"] != "note"}

    plain = codes()
    monkeypatch.setenv("KENSPECKLE_ENCRYPTION", "on")
    assert codes() - plain == {"not_encrypted"}
    assert command("encrypt", "--data-dir", data).code == 0
    assert codes() - plain == {"key_beside_data"}
    apart = tmp_path / "apart"
    (data / "master.key").rename(apart)
    monkeypatch.setenv("KENSPECKLE_MASTER_KEY_FILE", str(apart))
    assert codes() <= plain
    monkeypatch.setenv("KENSPECKLE_ENCRYPTION", "off")
    assert codes() - plain == {"encryption_off"}
    monkeypatch.setenv("KENSPECKLE_ENCRYPTION", "on")
    apart.write_bytes(os.urandom(32))
    assert {"collection_key_lost", "key_of_another"} <= codes()
