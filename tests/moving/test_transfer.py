"""Export and import: what arrives is what left; what is not ours, not whole or not comparable is refused."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kenspeckle.domain import User
from kenspeckle.errors import InvalidValue
from kenspeckle.ports import NewFace
from kenspeckle.usecases.archive.reader import Archive
from kenspeckle.usecases.transfer import export_format
from tests import forks
from tests.moving.conftest import Command
from tests.moving.folders import (
    PACK,
    PEOPLE,
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

OTHER = "f" * 64


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Nine photographs, eighteen faces, two of them a user's, and a user without faces."""
    folder = make(tmp_path / "data", range(9))
    with opened(folder) as one:
        one.catalog.create_user(User("ada", PEOPLE, "CREATED", 3000.25))
        members = [template(0), template(10)]
        mean = np.mean(members, axis=0)
        length = np.mean([np.linalg.norm(member) for member in members])
        together = (mean * (length / np.linalg.norm(mean))).astype(np.float32)
        one.catalog.link_faces(PEOPLE, "ada", [face_id(0), face_id(10)], together, 100)
        one.catalog.create_user(User("nobody", PEOPLE, "CREATED", 3001.0))
    return folder


@pytest.fixture
def exported(command: Command, data: Path, tmp_path: Path) -> list[dict[str, Any]]:
    """The lines of an export."""
    assert command("export", PEOPLE, "people.jsonl", "--data-dir", data).code == 0
    return [json.loads(line) for line in (tmp_path / "people.jsonl").read_text("utf-8").splitlines()]


def _written(path: Path, found: list[dict[str, Any]]) -> Path:
    """The lines with a digest that is right, whatever they say."""
    body = b"".join(json.dumps(line).encode() + b"\n" for line in found[:-1])
    end = {"kind": "end", "lines": len(found) - 1, "sha256": hashlib.sha256(body).hexdigest()}
    path.write_bytes(body + json.dumps(end).encode() + b"\n")
    return path


def test_with_photographs_all_arrives(command: Command, data: Path, tmp_path: Path) -> None:
    before = shown(data)
    made = command("export", PEOPLE, "people.tar", "--images", "--data-dir", data, "--json")
    assert made.code == 0, made.err
    assert (made.json["faces"], made.json["users"], made.json["photographs"]) == (18, 2, 9)
    assert (tmp_path / "people.tar").stat().st_mode & 0o777 == 0o600
    done = command("import", "people.tar", "--data-dir", "new", "--json")
    assert done.code == 0, done.err
    assert (done.json["faces"], done.json["present"], done.json["users"], done.json["unlinked"]) == (18, 0, 2, 0)
    assert shown(tmp_path / "new") == before

    assert f"photograph {image(4).image_id}: 2 faces became one person, {identity(4)}." in done.err
    assert f"{image(1).image_id}: 2 faces" not in done.err, "one of them is a user's"
    assert "seems to be two people" in done.err

    revision = _revision(tmp_path / "new")
    again = command("import", "people.tar", "--data-dir", "new", "--json")
    assert "became one person" not in again.err
    assert (again.json["faces"], again.json["present"], again.json["users"]) == (0, 18, 0)
    assert shown(tmp_path / "new") == before
    assert _revision(tmp_path / "new") == revision, "importing again writes nothing"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["data", "new", "people.tar"]


def test_lines_alone_carry_everything_but_photographs(
    command: Command, data: Path, tmp_path: Path, exported: list[dict[str, Any]]
) -> None:
    assert [line["kind"] for line in exported] == ["header", *["face"] * 18, *["user"] * 2, "end"]
    assert exported[0]["contract"] == PACK.contract
    done = command("import", "people.jsonl", "--collection", "guests", "--data-dir", data, "--json")
    assert (done.json["collection"], done.json["faces"], done.json["without_photograph"]) == ("guests", 18, 18)
    with opened(data) as folder:
        assert folder.catalog.tags("guests") == {"team": "blue"}
        for number in (0, 11, 82):
            record, vector = folder.catalog.face("guests", face_id(number))
            assert vector.tobytes() == template(number).tobytes()
            assert record.detail == detail(number)
            assert record.face.external_image_id == identity(number // 10)
            assert not folder.catalog.image_of("guests", record.face.image_id).kept
        assert folder.catalog.user("guests", "ada")[0].face_count == 2


def test_templates_may_be_lists(command: Command, tmp_path: Path, exported: list[dict[str, Any]]) -> None:
    for line in exported[1:19]:
        line["template"] = np.frombuffer(base64.b64decode(line["template"]), "<f4").tolist()
    done = command("import", _written(tmp_path / "lists.jsonl", exported), "--data-dir", "new", "--json")
    assert done.json["faces"] == 18
    with opened(tmp_path / "new") as folder:
        assert folder.catalog.face(PEOPLE, face_id(11))[1].tobytes() == template(11).tobytes()


def test_faces_that_are_there_under_other_ids_are_linked(command: Command, data: Path, tmp_path: Path) -> None:
    """The same photograph, indexed here by itself: its face becomes the user's all the same."""
    assert command("export", PEOPLE, "people.tar", "--images", "--data-dir", data).code == 0
    make(tmp_path / "new", [])
    with opened(tmp_path / "new") as folder:
        folder.catalog.add_faces(image(0), identity(0), [NewFace(face_id(777), detail(0), template(0))], "1")
    done = command("import", "people.tar", "--data-dir", "new", "--json")
    assert (done.json["faces"], done.json["present"], done.json["unlinked"]) == (17, 1, 0)
    with opened(tmp_path / "new") as folder:
        assert {one for one, _ in folder.catalog.user_templates(PEOPLE, "ada")} == {face_id(777), face_id(10)}


def test_a_face_of_another_user_stays_so(command: Command, data: Path, tmp_path: Path) -> None:
    assert command("export", PEOPLE, "people.jsonl", "--data-dir", data).code == 0
    make(tmp_path / "new", range(9))
    with opened(tmp_path / "new") as folder:
        folder.catalog.create_user(User("eve", PEOPLE, "CREATED", 1.0))
        folder.catalog.link_faces(PEOPLE, "eve", [face_id(0)], template(0), 100)
    done = command("import", "people.jsonl", "--data-dir", "new")
    assert "1 face left without a user" in done.err
    with opened(tmp_path / "new") as folder:
        assert folder.catalog.face(PEOPLE, face_id(0))[0].face.user_id == "eve"
        assert folder.catalog.face(PEOPLE, face_id(10))[0].face.user_id == "ada"


def test_templates_of_another_pack_are_refused(
    command: Command, tmp_path: Path, exported: list[dict[str, Any]]
) -> None:
    exported[0] |= {"contract": OTHER, "pack": "another"}
    alien = _written(tmp_path / "alien.jsonl", exported)
    for place in ("empty", "data"):
        refused = command("import", alien, "--data-dir", place)
        assert refused.code == 1
        assert "holds templates of the pack 'another' (contract ffffffffffff), not comparable" in refused.err
    with opened(tmp_path / "empty") as folder:
        assert folder.catalog.counts()["collections"] == 0
    make(tmp_path / "old", range(2), contract=OTHER)
    own = command("import", "people.jsonl", "--data-dir", "old")
    assert own.code == 1
    assert "not comparable" in own.err
    assert command("import", alien, "--data-dir", "old", "--json").json["faces"] == 18 - 3


def test_no_byte_of_an_export_may_change(command: Command, tmp_path: Path, exported: list[dict[str, Any]]) -> None:
    whole = (tmp_path / "people.jsonl").read_bytes()
    bad = tmp_path / "bad.jsonl"
    for at in range(0, len(whole), len(whole) // 16):
        bad.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert command("import", bad, "--data-dir", "new").code == 1
    for length in range(0, len(whole) - 1, len(whole) // 6):  # without its last newline nothing of it is lost
        bad.write_bytes(whole[:length])
        assert command("import", bad, "--data-dir", "new").code == 1
    bad.write_bytes(whole + b"{}\n")
    assert "SHA-256" in command("import", bad, "--data-dir", "new").err
    bad.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    assert "cut off" in command("import", bad, "--data-dir", "new").err
    with opened(tmp_path / "new") as folder:
        assert folder.catalog.counts()["faces"] == 0


def _change(*path: str, to: object) -> Callable[[dict[str, Any]], None]:
    def change(line: dict[str, Any]) -> None:
        for name in path[:-1]:
            line = line[name]
        line[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_change("face_id", to="../../etc/passwd"), "face_id"),
        (_change("face_id", to=7), "text"),
        (_change("identity", to="<script>"), "external_image_id"),
        (_change("identity", to="a" * 300), "external_image_id"),
        (_change("user", to="a b"), "user_id"),
        (_change("template", to="AAAA"), "512 bytes"),
        (_change("template", to="&&&"), "base64"),
        (_change("template", to="Ā"), "base64"),
        (_change("template", to=[0.5] * 127), "128 numbers"),
        (_change("template", to=[0.0] * 128), "not all of them zero"),
        (_change("template", to=[1e300] * 128), "finite"),
        (_change("template", to=["x"] * 128), "number"),
        (_change("template", to=base64.b64encode(np.full(128, np.nan, "<f4").tobytes()).decode()), "finite"),
        (_change("box", to=None), "object"),
        (_change("box", "left", to=True), "number"),
        (_change("box", "left", to=1e308), "from -1000000 to 1000000"),
        (_change("pose", "yaw", to=-1e9), "from -1000000 to 1000000"),
        (_change("confidence", to=1e7), "from -1000000 to 1000000"),
        (_change("landmarks", to=[{"kind": "nose", "x": 1e300, "y": 0}]), "from -1000000 to 1000000"),
        (_change("landmarks", to=[[]]), "wrong kind"),
        *((_change("landmarks", to=[{"kind": bad, "x": 0, "y": 0}]), "not allowed") for bad in ("", "a\0b", "x" * 65)),
        (_change("landmarks", to=[{}] * 501), "at most 500"),
        (_change("model", to="a\nb"), "not allowed"),
        (_change("image", "sha256", to="../" * 20), "not allowed"),
        (_change("image", "media_type", to="text/html"), "not allowed"),
        (_change("image", "width", to=-1), "whole number"),
        (_change("image", "width", to=1 << 60), "whole number"),
        (_change("image", "size", to=1.5), "whole number"),
        (_change("image", "key", to=""), "key"),
        (_change("image", "metadata", to={"a": "b" * 3000}), "2048"),
        (_change("image", "metadata", to={"a": 1}), "text"),
        *(
            (_change("image", "metadata", to={name: "x"}), "a name of a header")
            for name in ("", "a b", "a:b", "ä", "日本", "a\r\nset-cookie", "a\n", "\0")
        ),
        (_change("image", "metadata", to={"a": "b\r\nset-cookie: c"}), "without control characters"),
        (_change("image", "metadata", to={"a": "\0"}), "without control characters"),
        (_change("image", "key", to="a\0b"), "printable"),
        (_change("created_at", to=95_000_000_000), "that has been"),
        (_change("created_at", to=time.time() + 3 * 86_400), "tomorrow"),
        (_change("image", to={}), "is missing"),
        (_change("created_at", to="now"), "number"),
    ],
)
def test_a_face_that_can_not_be_is_refused_with_its_line(
    exported: list[dict[str, Any]], change: Callable[[dict[str, Any]], None], says: str
) -> None:
    export_format.face(exported[5], 6, PEOPLE, 128)
    change(exported[5])
    with pytest.raises(InvalidValue) as refused:
        export_format.face(json.loads(json.dumps(exported[5])), 6, PEOPLE, 128)
    assert refused.value.message.startswith("Line 6: ")
    assert says in refused.value.message


@pytest.mark.parametrize(
    ("at", "change", "says"),
    [
        (0, _change("version", to=2), "reads 1. Use a newer one"),
        (0, _change("version", to="x" * 70_000), f"the format {'x' * 20}; this"),
        (0, _change("format", to="other"), "no export of Kenspeckle"),
        (0, _change("collection", to="../up"), "collection"),
        (0, _change("dimension", to=0), "whole number"),
        (0, _change("faces", to=17), "as many faces"),
        (0, _change("tags", to={"aws:x": "y"}), "tags"),
        (3, _change("kind", to="program"), "unknown kind"),
        (3, _change("kind", to=None), "no object with a 'kind'"),
    ],
)
def test_a_file_that_can_not_be_is_refused_before_anything_is_stored(
    command: Command,
    tmp_path: Path,
    exported: list[dict[str, Any]],
    at: int,
    change: Callable[[dict[str, Any]], None],
    says: str,
) -> None:
    change(exported[at])
    refused = command("import", _written(tmp_path / "bad.jsonl", exported), "--data-dir", "new")
    assert refused.code == 1
    assert says in refused.err
    with opened(tmp_path / "new") as folder:
        assert folder.catalog.counts()["collections"] == 0


def test_photographs_are_what_their_bytes_say(command: Command, data: Path, tmp_path: Path) -> None:
    """A line may claim what it likes: a photograph that is none is left out, and its face comes without it."""
    page = b"<html><script>alert(1)</script></html>"
    with opened(data) as folder:
        where = next((data / "images").rglob(digest(3)))
        fake = hashlib.sha256(page).hexdigest()
        folder.images.put(fake, page)
        where.unlink()
    with closing(sqlite3.connect(data / "kenspeckle.db")) as connection, connection:
        connection.execute("UPDATE images SET digest = ? WHERE digest = ?", (fake, digest(3)))
        connection.execute("UPDATE images SET media_type = 'image/webp' WHERE digest = ?", (digest(4),))
    assert command("export", PEOPLE, "people.tar", "--images", "--data-dir", data).code == 0
    done = command("import", "people.tar", "--data-dir", "new", "--json")
    assert (done.json["faces"], done.json["without_photograph"]) == (18, 1)
    assert not list((tmp_path / "new").rglob(fake))
    with opened(tmp_path / "new") as folder:
        assert folder.catalog.image(PEOPLE, "4.png").media_type == "image/png"
        assert not folder.catalog.image(PEOPLE, "3.png").kept


def test_thumbnails_come_with_images_only(command: Command, tmp_path: Path) -> None:
    make(tmp_path / "data", [])
    jpeg = _jpeg()
    with opened(tmp_path / "data") as folder:
        for number, thumbnail in ((0, jpeg), (1, photograph(1)), (2, b"<html>")):
            face = NewFace(face_id(number), detail(number), template(number), thumbnail)
            folder.catalog.add_faces(image(number, kept=False), identity(number), [face], "1")
    assert command("export", PEOPLE, "people.tar", "--images", "--data-dir", "data").code == 0
    assert command("export", PEOPLE, "people.jsonl", "--data-dir", "data").code == 0
    assert b"thumbnail" not in (tmp_path / "people.jsonl").read_bytes()
    assert command("import", "people.tar", "--data-dir", "new").code == 0
    with opened(tmp_path / "new") as folder:
        found = [folder.catalog.thumbnail(PEOPLE, face_id(number)) for number in range(3)]
    assert found == [jpeg, None, None], "what is no JPEG is not served as one"


def _jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), "teal").save(file, "JPEG")
    return file.getvalue()


def test_missing_photographs_do_not_stop_an_export(command: Command, data: Path) -> None:
    next((data / "images").rglob(digest(2))).unlink()
    made = command("export", PEOPLE, "people.tar", "--images", "--data-dir", data, "--json")
    assert made.code == 1
    assert made.json["missing"] == [digest(2)]
    done = command("import", "people.tar", "--data-dir", "new", "--json")
    assert (done.json["faces"], done.json["without_photograph"]) == (18, len(numbers_of(2)))


def test_what_is_not_there_and_what_is_something_else(command: Command, data: Path, tmp_path: Path) -> None:
    assert "no collection named 'none'" in command("export", "none", "none.jsonl", "--data-dir", data).err
    assert not (tmp_path / "none.jsonl").exists()
    assert command("backup", "backup.tar", "--data-dir", data).code == 0
    assert "kenspeckle restore" in command("import", "backup.tar", "--data-dir", data).err
    assert command("export", PEOPLE, "people.tar", "--images", "--data-dir", data).code == 0
    assert "kenspeckle import" in command("restore", "people.tar", "--data-dir", "new").err
    assert "exists" in command("export", PEOPLE, "people.tar", "--data-dir", data).err
    (tmp_path / "text").write_text("hello")
    assert "no archive" in command("import", "text", "--data-dir", data).err
    (tmp_path / "empty").touch()
    assert command("import", "empty", "--data-dir", data).code == 1


def test_an_export_is_of_one_moment(command: Command, data: Path, tmp_path: Path) -> None:
    """Another process deletes and adds while it is written."""
    script = (
        "import sys; from pathlib import Path; from tests.moving.folders import *\n"
        "with opened(Path(sys.argv[1])) as folder:\n"
        "    for number in range(100, 100_000):\n"
        "        folder.add(number)\n"
        "        folder.catalog.delete_faces(PEOPLE, [face_id(one) for one in numbers_of(number - 1)])\n"
        "        print(number, flush=True)\n"
    )
    root = Path(__file__).parents[2]
    with forks.Popen([sys.executable, "-c", script, str(data)], cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        for number in range(4):
            made = command("export", PEOPLE, f"{number}.tar", "--images", "--data-dir", data, "--json")
            with (tmp_path / f"{number}.tar").open("rb") as file:
                Archive(file).verify(lambda *_: None)
            done = command("import", f"{number}.tar", "--data-dir", f"new{number}", "--json")
            assert done.json["faces"] == made.json["faces"] >= 18
        process.kill()


def _revision(data_dir: Path) -> int:
    with opened(data_dir) as folder:
        return folder.catalog.revision(PEOPLE)
