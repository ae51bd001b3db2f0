"""Erasure of the real service: right after the answer no file of the data folder holds what went; its receipt holds."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
from PIL import Image
from typer.testing import CliRunner

from kenspeckle import settings
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.cli.app import app
from kenspeckle.cli.launch import launch
from kenspeckle.compose.embedded import build
from kenspeckle.compose.service import Service
from kenspeckle.domain import operations as ops
from kenspeckle.domain.audit import describe
from kenspeckle.errors import IdentityNotFound, ImageNotFound, InvalidValue, StorageUnavailable, UserNotFound
from kenspeckle.images.folder import PRESENCE, FolderImages
from kenspeckle.ports import AuditQuery
from kenspeckle.shapes.dump import receipt as shape
from kenspeckle.usecases.audit import receipts, verification
from kenspeckle.usecases.audit.recorder import Recorder
from kenspeckle.usecases.recognition import housekeeping

GRACE = settings.load(environ={}).models_dir / "samples" / "grace_hopper.jpg"
HOME = "kenspeckle"
DAY = 86_400.0


def variation(number: int) -> bytes:
    """The portrait in other bytes."""
    picture = Image.open(GRACE).convert("RGB")
    file = io.BytesIO()
    picture.resize((300 + number, 360)).save(file, "JPEG", quality=90)
    return file.getvalue()


def parts(secret: bytes) -> list[bytes]:
    """Pieces of 48 bytes all over it, but for the head, which photographs share."""
    return [secret[at : at + 48] for at in range(len(secret) * 3 // 8 // 48 * 48, len(secret) - 48, 48)]


class Held:
    """A service on a folder, and what is secret of what it stored."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.folder = folder
        self.settings = replace(settings.load({"data_dir": folder}, environ={}), workers=1, **more)
        service = build(self.settings)
        assert isinstance(service, Service)
        self.service = service
        self.secrets: dict[str, list[bytes]] = {}

    @property
    def public_key(self) -> str:
        """The key that its receipts are verified with."""
        signer = self.service.recognizer.receipts
        assert signer is not None
        return signer.public_key

    def store(self, name: str, number: int, collection: str = HOME) -> str:
        """A face under an identity; its bytes are remembered under the identity."""
        image = variation(number)
        face = (
            self.service.recognizer.handle(
                ops.IndexFaces(collection_id=collection, image=image, external_image_id=name)
            )
            .records[0]
            .face.face_id
        )
        template = self.service.catalog.face(collection, face)[1].tobytes()
        thumbnail = self.service.catalog.thumbnail(collection, face)
        self.secrets.setdefault(name, []).extend([template, *([thumbnail] if thumbnail else [image])])
        return face

    def kept(self) -> set[str]:
        """Identities of which something is in a file."""
        raw = b"".join(file.read_bytes() for file in self.folder.rglob("*") if file.is_file())
        return {
            name for name, secrets in self.secrets.items() if any(part in raw for one in secrets for part in parts(one))
        }


@pytest.fixture(params=[True, False], ids=["photographs kept", "thumbnails kept"])
def held(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Held]:
    held = Held(tmp_path / "data", keep_images=request.param)
    yield held
    held.service.close()


def test_nothing_is_left_of_what_is_erased(held: Held) -> None:
    recognizer = held.service.recognizer
    recognizer.handle(ops.CreateCollection(collection_id="others"))
    faces = {
        name: held.store(name, number) for number, name in enumerate(("face", "image", "identity", "user", "stays"))
    }
    second = held.store("user-2", 10)
    held.store("collection", 11, "others")
    recognizer.handle(ops.CreateUser(collection_id=HOME, user_id="grace"))
    assert recognizer.handle(
        ops.AssociateFaces(
            collection_id=HOME, user_id="grace", face_ids=[faces["user"], second, faces["identity"]], threshold=0
        )
    )
    template = held.service.catalog.user(HOME, "grace")[1]
    assert template is not None
    held.secrets["template of the user"] = [template.tobytes()]
    everyone = {*held.secrets}
    assert held.kept() == everyone

    done = recognizer.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[faces["face"], faces["user"]]))
    assert (done.deleted, [one.reasons[0] for one in done.unsuccessful]) == (
        (faces["face"],),
        ["ASSOCIATED_TO_AN_EXISTING_USER"],
    )
    assert held.kept() == everyone - {"face"}

    erased = recognizer.handle(ops.EraseIdentity(collection_id=HOME, external_image_id="identity"))
    assert (erased.face_ids, erased.users, erased.complete) == ((faces["identity"],), ("grace",), True)
    assert held.kept() == everyone - {"face", "identity", "template of the user"}

    erased = recognizer.handle(ops.EraseImage(collection_id=HOME, key="image"))
    assert erased.face_ids == (faces["image"],)
    assert held.kept() == {"user", "user-2", "stays", "collection"}

    erased = recognizer.handle(ops.EraseUser(collection_id=HOME, user_id="grace"))
    assert sorted(erased.face_ids) == sorted([faces["user"], second])
    assert held.kept() == {"stays", "collection"}
    with pytest.raises(UserNotFound):
        recognizer.handle(ops.GetUser(collection_id=HOME, user_id="grace"))

    erased = recognizer.handle(ops.EraseCollection(collection_id="others"))
    assert (erased.face_count, erased.complete) == (1, True)
    assert held.kept() == {"stays"}
    matches = (
        recognizer.handle(ops.SearchImage(collection_id=HOME, image=variation(3), threshold=0, max_faces=100))
        .searches[0]
        .matches
    )
    assert [match.face.face_id for match in matches] == [faces["stays"]]
    assert {file.name for file in held.folder.glob("images/staged/*")} <= {PRESENCE}
    assert verification.verify(held.service.catalog, held.service.recorder.key).sound


def test_what_is_not_there(tmp_path: Path) -> None:
    held = Held(tmp_path / "data")
    try:
        recognizer = held.service.recognizer
        with pytest.raises(IdentityNotFound, match="No face has the identity 'nobody'"):
            recognizer.handle(ops.EraseIdentity(collection_id=HOME, external_image_id="nobody"))
        row = held.service.catalog.find_audit(AuditQuery(), 1)[0]
        assert (row.operation, row.outcome) == ("EraseIdentity", "identity_not_found")
        assert recognizer.handle(ops.EraseAged(collection_id=HOME, days=1)).receipt is None
        with pytest.raises(ImageNotFound):
            recognizer.handle(ops.EraseImage(collection_id=HOME, key="nothing.jpg"))
        with pytest.raises(UserNotFound):
            recognizer.handle(ops.EraseUser(collection_id=HOME, user_id="nobody"))
        for days in (0, 36_501):
            with pytest.raises(InvalidValue):
                recognizer.handle(ops.RetainCollection(collection_id=HOME, days=days))
    finally:
        held.service.close()


def test_a_receipt_holds_until_it_is_changed(tmp_path: Path) -> None:
    held = Held(tmp_path / "data")
    try:
        face = held.store("anna", 1)
        erased = held.service.recognizer.handle(ops.EraseIdentity(collection_id=HOME, external_image_id="anna"))
        assert erased.receipt is not None
        document = shape(erased.receipt)
        key = held.public_key
        content = receipts.verify_receipt(orjson.loads(orjson.dumps(document)), key)
        assert (content["faces"], content["erased"], content["name"]) == ([face], "identity", "anna")
        assert (content["by"]["key"], content["images"], content["complete"]) == ("cli", list(erased.images), True)
        row = held.service.catalog.find_audit(AuditQuery(operation="EraseIdentity"), 1)[0]
        assert content["audit"] == {"number": row.number, "hash": row.hash.hex()}
        for name in content:
            changed = {**document, "receipt": {**content, name: "x"}}
            with pytest.raises(InvalidValue):
                receipts.verify_receipt(changed, key)
        other = receipts.Receipts(b"o" * 32)
        with pytest.raises(InvalidValue, match="another key"):
            receipts.verify_receipt(document, other.public_key)
        no_receipts: tuple[Any, ...] = (None, [], {}, {"receipt": content}, {**document, "signature": "!"})
        for wrong in no_receipts:
            with pytest.raises(InvalidValue):
                receipts.verify_receipt(wrong, key)
        assert held.service.recognizer.info()["receipts"] == {"algorithm": "Ed25519", "public_key": key}
    finally:
        held.service.close()


@pytest.mark.parametrize("how", [RuntimeError("The process dies."), StorageUnavailable("The disk fails.")])
def test_a_crash_before_the_photograph_goes_is_mended(
    how: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(tmp_path / "data")
    face = held.store("anna", 1)

    def crash(self: FolderImages, wanted: object) -> None:
        raise how

    monkeypatch.setattr(FolderImages, "delete", crash)
    asked = ops.DeleteFaces(collection_id=HOME, face_ids=[face])
    if isinstance(how, StorageUnavailable):
        done = held.service.recognizer.handle(asked)
        assert done.deleted == (face,)
        assert done.receipt is not None
        assert not done.receipt.complete
    else:
        with pytest.raises(RuntimeError):
            held.service.recognizer.handle(asked)
    held.service.close()
    monkeypatch.undo()
    assert held.kept() == {"anna"}
    again = build(held.settings)
    again.close()
    assert held.kept() == set()
    assert again.settings == held.settings


def test_a_photograph_that_never_reached_its_place_goes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(tmp_path / "data")
    try:
        with monkeypatch.context() as patch:
            patch.setattr("kenspeckle.images.folder._Staged._move", lambda self: (_ for _ in ()).throw(OSError(5, "x")))
            face = held.store("anna", 1)
        assert len(list((held.folder / "images" / "staged").glob("*"))) == 2  # it, and the lock of this process
        held.service.recognizer.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[face]))
        assert held.kept() == set()
    finally:
        held.service.close()


def test_age_erases_in_small_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kenspeckle.usecases.recognition.erasure.AGE_BATCH", 2)
    held = Held(tmp_path / "data")
    now = [2e9]
    object.__setattr__(held.service.local.context, "now", lambda: now[0])
    ticks = [0.0]
    keeper = housekeeping.Housekeeping(
        held.service.recognizer,
        held.service.local.context,
        held.service.local.work_off,
        announcer=held.service.guard.announcer,
        now=lambda: now[0],
        ticks=lambda: ticks[0],
    )

    def later(days: float) -> None:
        now[0] += days * DAY
        ticks[0] += days * DAY
        keeper.round()

    try:
        recognizer = held.service.recognizer
        for number in range(5):
            held.store(f"old-{number}", number)
        later(20)
        held.store("young", 9)
        assert recognizer.handle(ops.RetainCollection(collection_id=HOME, days=30)).retention_days == 30
        keeper.round()
        assert len(held.kept()) == 6
        now[0] += 1000 * DAY  # a clock that was set wrong erases nothing
        keeper.round()
        assert len(held.kept()) == 6
        now[0] -= 1000 * DAY
        keeper.round()
        later(10.5)
        assert held.kept() == {"young"}
        rows = [describe(row) for row in held.service.catalog.find_audit(AuditQuery(operation="EraseAge"), 10)]
        assert [(row["face_count"], row["who"]) for row in rows] == [(1, "service"), (2, "service"), (2, "service")]
        signed = [
            describe(row) for row in held.service.catalog.find_audit(AuditQuery(operation="RetentionReceipt"), 10)
        ]
        assert sum(len(receipts.verify_receipt(row["facts"], held.public_key)["faces"]) for row in signed) == 5
        recognizer.handle(ops.RetainCollection(collection_id=HOME, days=None))
        later(100)
        assert held.kept() == {"young"}
    finally:
        held.service.close()


def test_a_collection_that_fails_keeps_no_other_from_its_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(tmp_path / "data")
    try:
        recognizer, aged = held.service.recognizer, SqlCatalog.find_aged
        recognizer.handle(ops.CreateCollection(collection_id="others"))
        for name in (HOME, "others"):
            recognizer.handle(ops.RetainCollection(collection_id=name, days=1))
        held.store("old", 1, "others")
        with held.service.catalog.database.write() as connection:
            connection.exec_driver_sql("UPDATE images SET created_at = 1000")

        def failing(catalog: SqlCatalog, collection_id: str, before: float, limit: int) -> tuple[str, ...]:
            if collection_id == HOME:  # which comes first
                raise StorageUnavailable("The catalog's database file is damaged.")
            return aged(catalog, collection_id, before, limit)

        monkeypatch.setattr(SqlCatalog, "find_aged", failing)
        held.service.housekeeping.round()
        assert held.kept() == set()
    finally:
        held.service.close()


def test_the_service_erases_by_itself_and_ends_its_threads(tmp_path: Path) -> None:
    held = Held(tmp_path / "data")
    held.store("old", 1)
    held.service.recognizer.handle(ops.RetainCollection(collection_id=HOME, days=1))
    with held.service.catalog.database.write() as connection:
        connection.exec_driver_sql("UPDATE images SET created_at = 1000")
    held.service.close()
    with launch(held.folder) as server, httpx.Client(base_url=server.url, timeout=30) as http:
        for _ in range(100):
            if not http.get(f"/v1/collections/{HOME}/faces").json()["Faces"]:
                break
        assert http.get(f"/v1/collections/{HOME}").json()["FaceCount"] == 0
    assert server.process.poll() is not None
    assert held.kept() == set()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Path]]:
    folder = tmp_path_factory.mktemp("erasure") / "data"
    with launch(folder) as server, httpx.Client(base_url=server.url, timeout=30) as http:
        yield http, folder


def test_over_http(running: tuple[httpx.Client, Path], tmp_path: Path) -> None:
    http, _ = running
    place = f"/v1/collections/{HOME}"
    key = http.get("/v1/info").json()["receipts"]["public_key"]

    def stored(name: str, number: int, collection: str = HOME) -> str:
        answer = http.put(f"/v1/index/{name}?collection={collection}", content=variation(number))
        return str(answer.json()["FaceRecords"][0]["Face"]["FaceId"])

    def content(answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        return receipts.verify_receipt(answer.json()["Receipt"], key)

    stored("a", 1)
    image = http.delete("/v1/images/a")
    assert content(image)["erased"] == "image"
    assert http.delete("/v1/images/a").status_code == 404
    nobody = http.delete(f"{place}/faces?external_image_id=B")
    assert (nobody.status_code, nobody.json()["code"]) == (404, "identity_not_found")
    assert "Receipt" not in nobody.json()
    face = stored("b", 2)
    assert content(http.delete(f"{place}/faces/{face}"))["faces"] == [face]
    face = stored("c", 3)
    http.put(f"{place}/users/cc")
    http.post(f"{place}/users/cc/faces", json={"FaceIds": [face]})
    assert content(http.delete(f"{place}/faces?external_image_id=c"))["users"] == ["cc"]
    face = stored("d", 4)
    http.post(f"{place}/users/cc/faces", json={"FaceIds": [face]})
    user = content(http.delete(f"{place}/users/cc?faces=true"))
    assert (user["faces"], user["users"]) == ([face], ["cc"])
    assert user["request_id"]
    assert http.put("/v1/collections/passing", json={"retention_days": 30}).json()["RetentionDays"] == 30
    assert http.put("/v1/collections/passing").json()["RetentionDays"] == 30
    assert http.put("/v1/collections/passing", json={"RetentionDays": None}).json()["RetentionDays"] is None
    assert http.put("/v1/collections/passing", json={"RetentionDays": 0}).status_code == 422
    stored("e", 5, "passing")
    assert content(http.delete("/v1/collections/passing?receipt=true"))["face_count"] == 1
    operations = [row["operation"] for row in http.get("/v1/audit").json()["rows"]]
    assert {"EraseImage", "DeleteFaces", "EraseIdentity", "EraseUser", "EraseCollection"} <= set(operations)


def run(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def test_a_name_that_is_not_there_has_no_receipt_and_names_the_near_ones(
    running: tuple[httpx.Client, Path], tmp_path: Path
) -> None:
    http, folder = running
    http.put("/v1/index/amy", content=variation(20))
    file = tmp_path / "receipt.json"
    for place in (["--url", str(http.base_url)], ["--data-dir", str(folder)]):
        done = run("erase", "--identity", "Amy", "--yes", "--receipt", str(file), *place)
        assert done.exit_code == 1, done.output
        assert "No face has the identity 'Amy'." in done.output
        assert "Near it: amy." in done.output
        assert not file.exists()
    unlike = run("erase", "--identity", "Zoe-Zimmermann", "--yes", "--url", str(http.base_url))
    assert (unlike.exit_code, "Near it" in unlike.output) == (1, False)
    assert http.delete(f"/v1/collections/{HOME}/faces?external_image_id=amy").status_code == 200


def _full(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_commands(running: tuple[httpx.Client, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    http, folder = running
    http.put("/v1/index/f", content=variation(6))
    http.put("/v1/index/g", content=variation(7))
    file = tmp_path / "receipt.json"
    there = ["--url", str(http.base_url), "--yes"]
    done = run("erase", "--identity", "f", "--receipt", str(file), *there)
    assert done.exit_code == 0, done.output
    assert "Erased 1 face and 1 photograph." in done.output
    local = ["--data-dir", str(folder)]
    assert run("receipts", "verify", str(file), *local).exit_code == 0
    key = run("receipts", "key", *local).output.strip()
    assert key == http.get("/v1/info").json()["receipts"]["public_key"]
    assert run("receipts", "verify", str(file), "--public-key", key).exit_code == 0
    document = orjson.loads(file.read_bytes())
    document["receipt"]["face_count"] = 2
    file.write_bytes(orjson.dumps(document))
    changed = run("receipts", "verify", str(file), "--public-key", key)
    assert (changed.exit_code, "was changed" in changed.output) == (1, True)
    refused = run("erase", "--identity", "g", "--receipt", str(tmp_path / "nowhere" / "receipt.json"), *there)
    assert (refused.exit_code, "can't be read or written" in refused.output) == (1, True)
    assert http.get(f"/v1/collections/{HOME}/faces?external_image_id=g").json()["Faces"], "no receipt, nothing erased"
    http.put("/v1/index/h", content=variation(8))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _full)
        lost = run("erase", "--identity", "h", "--receipt", str(tmp_path / "lost.json"), *there)
    assert lost.exit_code == 1
    assert orjson.loads(lost.stdout.splitlines()[0])["receipt"]["name"] == "h", "it is shown, for there is no other"
    assert run("receipts", "verify", str(file), "--data-dir", str(tmp_path / "typo")).exit_code == 2
    assert not (tmp_path / "typo").exists()
    assert run("erase", *there).exit_code == 1
    assert run("erase", "--identity", "f", "--user", "g", *there).exit_code == 1
    kept = run("collections", "retain", HOME, "30", "--json", *there[:2])
    assert orjson.loads(kept.stdout)["RetentionDays"] == 30
    assert "indefinitely" in run("collections", "retain", HOME, "off", *there[:2]).output
    for days in ("soon", "²", "9" * 20):
        refused = run("collections", "retain", HOME, days, *there[:2])
        assert (refused.exit_code, "neither a number of days nor off" in refused.output) == (1, True)
    done = run("erase", "--everything", "--json", *there)
    assert orjson.loads(done.stdout)["receipt"]["face_count"] == 1
    assert np.sum([one.stat().st_size for one in (folder / "images").rglob("*.*") if one.is_file()]) == 0


def test_the_key_of_receipts_is_not_that_of_the_trail(tmp_path: Path) -> None:
    held = Held(tmp_path / "data")
    try:
        assert isinstance(held.service.catalog, SqlCatalog)
        assert isinstance(held.service.recorder, Recorder)
        assert receipts.Receipts(held.service.recorder.key).public_key != held.public_key
    finally:
        held.service.close()
