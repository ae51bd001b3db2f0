"""The real service with encryption on: its whole life, and not a piece of a face in any file; and what goes wrong."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from kenspeckle import settings
from kenspeckle.compose.embedded import build
from kenspeckle.compose.service import Service
from kenspeckle.domain import operations as ops
from kenspeckle.errors import Conflict, ImageNotFound, KenspeckleError, SettingError, StorageUnavailable
from tests.encryption.secrets import JPEG, found, raw
from tests.s3server import served_s3

GRACE = settings.load(environ={}).models_dir / "samples" / "grace_hopper.jpg"
HOME = "kenspeckle"


def variation(number: int) -> bytes:
    """The portrait in other bytes."""
    file = io.BytesIO()
    Image.open(GRACE).convert("RGB").resize((300 + number, 360)).save(file, "JPEG", quality=90)
    return file.getvalue()


@contextmanager
def started(folder: Path, **more: Any) -> Iterator[Service]:
    """A service on the folder."""
    made = replace(settings.load({"data_dir": folder}, environ={}), **({"workers": 1, "encryption": True} | more))
    service = build(made)
    assert isinstance(service, Service)
    try:
        yield service
    finally:
        service.close()


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A master key in a file apart from the data."""
    file = tmp_path_factory.mktemp("elsewhere") / "master"
    file.write_text("5c" * 32)
    file.chmod(0o600)
    return str(file)


def lived(service: Service) -> tuple[list[str], list[bytes]]:
    """Index, find again, make a user, cut out, take apart; ids of the faces that are left, and all that is secret."""
    recognizer, catalog = service.recognizer, service.catalog
    images = [variation(number) for number in range(3)]
    faces, secrets = [], list(images) if service.settings.keep_images else []
    for number, image in enumerate(images):
        record = recognizer.handle(
            ops.IndexFaces(collection_id=HOME, image=image, external_image_id=f"grace-{number}.jpg")
        ).records[0]
        again = recognizer.handle(
            ops.IndexFaces(collection_id=HOME, image=image, external_image_id=f"grace-{number}.jpg")
        )
        assert (again.created, again.records[0].face.face_id) == (False, record.face.face_id)
        faces.append(record.face.face_id)
        secrets += [
            catalog.face(HOME, faces[-1])[1].tobytes(),
            recognizer.handle(ops.GetThumbnail(collection_id=HOME, face_id=faces[-1])),
        ]
    recognizer.handle(ops.CreateUser(collection_id=HOME, user_id="grace"))
    assert recognizer.handle(ops.AssociateFaces(collection_id=HOME, user_id="grace", face_ids=faces[:2], threshold=0))
    template = catalog.user(HOME, "grace")[1]
    assert template is not None
    secrets.append(template.tobytes())
    assert [
        match.user.user_id
        for match in recognizer.handle(ops.SearchUsersByImage(collection_id=HOME, image=images[2])).matches
    ] == ["grace"]
    assert recognizer.handle(ops.EraseIdentity(collection_id=HOME, external_image_id="grace-0.jpg")).face_ids == (
        faces[0],
    )
    return faces[1:], secrets


@pytest.mark.parametrize("keep_images", [True, False], ids=["photographs", "thumbnails"])
def test_a_whole_life(tmp_path: Path, master: str, keep_images: bool) -> None:
    data = tmp_path / "data"
    with started(data, master_key_file=master, keep_images=keep_images) as service:
        faces, secrets = lived(service)
        everything = raw(data)
        assert len(everything) > 50_000
        assert found(secrets, everything) == 0
        assert JPEG not in everything
    assert found(secrets, raw(data)) == 0
    with started(data, master_key_file=master, keep_images=keep_images) as service:
        recognizer = service.recognizer
        matches = (
            recognizer.handle(ops.SearchImage(collection_id=HOME, image=variation(9), threshold=90)).searches[0].matches
        )
        assert sorted(match.face.face_id for match in matches) == sorted(faces)
        assert recognizer.handle(ops.GetThumbnail(collection_id=HOME, face_id=faces[0])).startswith(JPEG)
        if keep_images:
            assert recognizer.handle(ops.GetImage(collection_id=HOME, key="grace-1.jpg"))[1] == variation(1)
            assert recognizer.handle(ops.GetImage(collection_id=HOME, key="grace-1.jpg"))[0].digest not in str(
                list(data.rglob("*"))
            )
        recognizer.handle(ops.DeleteCollection(collection_id=HOME))
        with pytest.raises(KenspeckleError):
            recognizer.handle(ops.GetImage(collection_id=HOME, key="grace-1.jpg"))
    assert not [one for one in (data / "images").rglob("*") if len(one.name) == 64]


def test_a_life_in_a_bucket(tmp_path: Path, master: str) -> None:
    with served_s3() as s3:
        bucket = s3.bucket("sealed")
        with started(tmp_path / "data", master_key_file=master, images_url=f"s3://{bucket}/x") as service:
            _, secrets = lived(service)
            assert service.recognizer.handle(ops.GetImage(collection_id=HOME, key="grace-1.jpg"))[1] == variation(1)
        objects = [one["Key"] for one in s3.client.list_objects_v2(Bucket=bucket)["Contents"]]
        stored = b"".join(s3.client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in objects)
        assert len(objects) == 2
        assert found(secrets, stored) == 0
        assert JPEG not in stored


def test_two_collections_share_nothing(tmp_path: Path, master: str) -> None:
    with started(tmp_path / "data", master_key_file=master) as service:
        service.recognizer.handle(ops.CreateCollection(collection_id="others"))
        for collection in (HOME, "others"):
            service.recognizer.handle(
                ops.IndexFaces(collection_id=collection, image=variation(1), external_image_id="grace.jpg")
            )
        names = [one for one in (tmp_path / "data" / "images").rglob("*") if len(one.name) == 64]
        assert len({one.read_bytes() for one in names}) == 2
        service.recognizer.handle(ops.DeleteCollection(collection_id="others"))
        assert service.recognizer.handle(ops.GetImage(collection_id=HOME, key="grace.jpg"))[1] == variation(1)


def test_a_collection_that_is_made_anew_meanwhile(tmp_path: Path, master: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The photograph was staged under the old key; what would be stored under the new one could not be found."""
    with started(tmp_path / "data", master_key_file=master) as service:
        add = service.catalog.add_faces

        def late(*given: Any, **more: Any) -> Any:
            monkeypatch.undo()
            service.recognizer.handle(ops.DeleteCollection(collection_id=HOME))
            service.recognizer.handle(ops.CreateCollection(collection_id=HOME))
            return add(*given, **more)

        monkeypatch.setattr(service.catalog, "add_faces", late)
        with pytest.raises(Conflict, match="made anew meanwhile"):
            service.recognizer.handle(
                ops.IndexFaces(collection_id=HOME, image=variation(1), external_image_id="grace.jpg")
            )
        assert service.recognizer.handle(
            ops.IndexFaces(collection_id=HOME, image=variation(1), external_image_id="grace.jpg")
        ).created
        assert service.recognizer.handle(ops.GetImage(collection_id=HOME, key="grace.jpg"))[1] == variation(1)
        assert not [one for one in (tmp_path / "data" / "images" / "staged").iterdir() if len(one.name) > 64]


def test_the_wrong_master_key(tmp_path: Path, master: str) -> None:
    data = tmp_path / "data"
    with started(data, master_key_file=master) as service:
        service.recognizer.handle(ops.IndexFaces(collection_id=HOME, image=variation(1), external_image_id="grace.jpg"))
    before = raw(data)
    with (
        pytest.raises(StorageUnavailable, match=r"another master key.*KENSPECKLE_MASTER_KEY_FILE"),
        started(data, master_key="ab" * 32),
    ):
        pass
    with (
        pytest.raises(StorageUnavailable, match=r"gone.* is missing"),
        started(data, master_key_file=str(tmp_path / "gone")),
    ):
        pass
    with pytest.raises(StorageUnavailable, match=r"master\.key is missing"), started(data):
        pass
    with (
        pytest.raises(SettingError, match="KENSPECKLE_ENCRYPTION is off, but the collection 'kenspeckle' is encr"),
        started(data, master_key_file=master, encryption=False),
    ):
        pass
    assert raw(data) == before
    assert not (data / "master.key").exists()


def test_an_altered_catalog_is_an_error_and_never_a_match(tmp_path: Path, master: str) -> None:
    data = tmp_path / "data"
    with started(data, master_key_file=master) as service:
        for number in (1, 2):
            service.recognizer.handle(
                ops.IndexFaces(collection_id=HOME, image=variation(number), external_image_id=f"grace-{number}.jpg")
            )
    original = (data / "kenspeckle.db").read_bytes()
    with closing(sqlite3.connect(data / "kenspeckle.db")) as connection:
        one, other = (blob for (blob,) in connection.execute("SELECT template FROM faces ORDER BY row"))
    flipped = one[:99] + bytes([one[99] ^ 1]) + one[100:]
    for first, second in ((flipped, other), (other, one), (bytes(512), other), (one[:20], other), (b"", other)):
        (data / "kenspeckle.db").write_bytes(original)
        with closing(sqlite3.connect(data / "kenspeckle.db")) as connection, connection:
            connection.executemany("UPDATE faces SET template = ? WHERE row = ?", [(first, 1), (second, 2)])
        with started(data, master_key_file=master) as service:
            with pytest.raises(StorageUnavailable, match=r"template of face .* can't be decrypted"):
                service.recognizer.handle(ops.SearchImage(collection_id=HOME, image=variation(3), threshold=0))
            assert service.recognizer.handle(ops.GetImage(collection_id=HOME, key="grace-1.jpg"))[1] == variation(1)


def test_an_altered_photograph(tmp_path: Path, master: str) -> None:
    data = tmp_path / "data"
    with started(data, master_key_file=master) as service:
        for number in (1, 2):
            service.recognizer.handle(
                ops.IndexFaces(collection_id=HOME, image=variation(number), external_image_id=f"grace-{number}.jpg")
            )
        first, second = (one for one in (data / "images").rglob("*") if len(one.name) == 64)
        whole = first.read_bytes()

        def ask() -> list[bytes]:
            return [
                service.recognizer.handle(ops.GetImage(collection_id=HOME, key=f"grace-{number}.jpg"))[1]
                for number in (1, 2)
            ]

        assert ask() == [variation(1), variation(2)]
        changes: tuple[Callable[[], object], ...] = (
            lambda: first.write_bytes(whole[:-1]),
            lambda: first.write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:]),
            lambda: first.write_bytes(second.read_bytes()),
            lambda: first.write_bytes(variation(1)),
        )
        for change in changes:
            change()
            with pytest.raises(StorageUnavailable, match="damaged"):
                ask()
        first.unlink()
        with pytest.raises(ImageNotFound):
            ask()
