"""Encodings of face_recognition: every format it is taken in, nothing hostile, and no photograph behind them."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kenspeckle.client.errors import CommandFailed
from kenspeckle.errors import ImageNotFound
from kenspeckle.intake.encodings import read
from tests.moving.conftest import Command
from tests.moving.folders import make, opened

PEOPLE = {"Ada King": 2, "Grace-Hopper": 1}


def _encoding(number: int) -> np.ndarray[Any, Any]:
    vector = np.random.default_rng(number).standard_normal(128)
    return vector / np.linalg.norm(vector) * 1.4


def _pairs() -> list[tuple[str, np.ndarray[Any, Any]]]:
    names = [name for name, count in PEOPLE.items() for _ in range(count)]
    return [(name, _encoding(number)) for number, name in enumerate(names)]


def _json(path: Path) -> list[object]:
    people: dict[str, Any] = {}
    for name, encoding in _pairs():
        people.setdefault(name, []).append(encoding.tolist())
    people["Grace-Hopper"] = people["Grace-Hopper"][0]  # one alone needs no list of lists
    path.with_suffix(".json").write_text(json.dumps(people))
    return [path.with_suffix(".json")]


def _csv(path: Path) -> list[object]:
    rows = [",".join([name, *map(repr, encoding.tolist())]) for name, encoding in _pairs()]
    head = ",".join(["name", *(f"e{number}" for number in range(128))])
    path.with_suffix(".csv").write_text("\n".join([head, *rows, ""]))
    return [path.with_suffix(".csv")]


def _npz(path: Path) -> list[object]:
    names, encodings = zip(*_pairs(), strict=True)
    np.savez_compressed(path.with_suffix(".npz"), names=np.array(names), encodings=np.array(encodings))
    return [path.with_suffix(".npz")]


def _npy(path: Path) -> list[object]:
    names, encodings = zip(*_pairs(), strict=True)
    np.save(path.with_suffix(".npy"), np.array(encodings, np.float32))
    path.with_suffix(".txt").write_text("\n".join(names))
    return [path.with_suffix(".npy"), "--names", path.with_suffix(".txt")]


@pytest.mark.parametrize("written", [_json, _csv, _npz, _npy])
def test_every_format(command: Command, tmp_path: Path, written: Any) -> None:
    words = ("import", "--encodings", *written(tmp_path / "known"), "--data-dir", "data", "--json")
    done = command(*words)
    assert done.code == 0, done.err
    assert done.json == {
        "collection": "kenspeckle",
        "faces": 3,
        "present": 0,
        "without_photograph": 3,
        "users": 0,
        "unlinked": 0,
    }
    # Two encodings that are nothing like each other came under one name.
    mixed = "Ada King: seems to be two people (similarity 0), in encoding 1 and in encoding 2."
    assert mixed in done.err
    again = command(*words)
    assert again.json["present"] == 3
    assert "two people" not in again.err
    with opened(tmp_path / "data") as folder:
        found = folder.catalog.faces("kenspeckle", 100, None).items
        assert [face.external_image_id for face in found] == ["Ada_King", "Ada_King", "Grace-Hopper"]
        stored = [folder.catalog.face("kenspeckle", face.face_id)[1] for face in found]
        expected = [encoding.astype(np.float32) for _, encoding in _pairs()]
        assert [one.tobytes() for one in stored] == [one.tobytes() for one in expected]
        image = folder.catalog.image("kenspeckle", "Ada_King")
        assert not image.kept
        with pytest.raises(ImageNotFound):
            folder.images.get(image.digest)
        assert folder.catalog.thumbnail("kenspeckle", found[0].face_id) is None


def test_encodings_travel_like_other_faces(command: Command, tmp_path: Path) -> None:
    command("import", "--encodings", *_json(tmp_path / "known"), "--data-dir", "data")
    assert command("export", "kenspeckle", "out.tar", "--images", "--data-dir", "data").code == 0
    done = command("import", "out.tar", "--data-dir", "new", "--json")
    assert (done.json["faces"], done.json["without_photograph"]) == (3, 3)
    assert command("backup", "all.tar", "--data-dir", "new", "--json").json["missing"] == []


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path("owned").touch, ())


def test_a_pickle_is_never_opened(command: Command, tmp_path: Path) -> None:
    for name in ("known.pkl", "known.pickle", "known.dat", "known"):
        (tmp_path / name).write_bytes(pickle.dumps(_Evil()))
        refused = command("import", "--encodings", name, "--data-dir", "data")
        assert refused.code == 1
        assert "pickle" in refused.err
    for name in ("known.json", "known.csv", "known.npz", "known.npy"):
        (tmp_path / name).write_bytes(pickle.dumps(_Evil()))
        words = ("--names", "known") if name.endswith("npy") else ()
        assert command("import", "--encodings", name, *words, "--data-dir", "data").code == 1
    np.save(tmp_path / "objects.npy", np.array([_Evil()], dtype=object), allow_pickle=True)
    assert command("import", "--encodings", "objects.npy", "--names", "known", "--data-dir", "data").code == 1
    assert not (tmp_path / "owned").exists()


def _huge_npy(shape: str) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(512)


def _zipped(*, encrypted: bool = False, method: int = zipfile.ZIP_DEFLATED, damaged: bool = False) -> bytes:
    """An .npz that zipfile opens, and whose first array it can't read."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("names.npy", _huge_npy("(1,)"))
        packed.writestr("encodings.npy", b"")
    made = bytearray(file.getvalue())
    for place, at in ((0, 6), (made.index(b"PK\x01\x02"), 8)):
        made[place + at] |= encrypted
        made[place + at + 2 : place + at + 4] = method.to_bytes(2, "little")
    if damaged:
        made[30 + len("names.npy")] = 0xFF
    return bytes(made)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", b"[1, 2]", "no list of encodings"),
        ("a.json", b"{", "can't be read"),
        ("a.json", b"[" * 100_000, "can't be read"),
        ("a.json", b"{}", "holds no encodings"),
        ("a.json", b'{"ada": []}', "'ada' has no list"),
        ("a.json", b'{"ada": ["x"]}', "no number"),
        ("a.json", b'{"ada": [true]}', "no number"),
        ("a.csv", b"ada,x\nada,x\n", "could not convert"),
        ("a.csv", b"\xff\xfe\x00", "can't be read"),
        ("a.npz", b"PK", "not a zip file"),
        ("a.npz", _zipped(encrypted=True), "password"),
        ("a.npz", _zipped(method=99), "can't be read"),
        ("a.npz", _zipped(damaged=True), "can't be read"),
        ("a.npy", _huge_npy("(1000000000000, 128)"), "larger than the file"),
        ("a.npy", _huge_npy("(-1, 128)"), "can't be read"),
        ("a.npy", _huge_npy("__import__('os')"), "can't be read"),
        ("a.npy", b"\x93NUMPY\x09\x00", "can't be read"),
    ],
)
def test_what_can_not_be_read_is_told(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "names.txt").write_text("ada\n")
    with pytest.raises(CommandFailed) as refused:
        read(tmp_path / name, tmp_path / "names.txt" if name.endswith("npy") else None)
    assert says in refused.value.message


def test_a_zip_bomb_takes_no_memory(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("names.npy", _huge_npy("(1 << 40,)"))
        packed.writestr("encodings.npy", _huge_npy("(1099511627776, 128)") + bytes(50_000_000))
    (tmp_path / "bomb.npz").write_bytes(file.getvalue())
    with pytest.raises(CommandFailed):
        read(tmp_path / "bomb.npz", None)


@pytest.mark.parametrize("numbers", [[0.0] * 128, [0.5] * 127, [1e300] * 128])
def test_what_is_no_encoding_stores_nothing(command: Command, tmp_path: Path, numbers: list[float]) -> None:
    (tmp_path / "bad.json").write_text(json.dumps({"ada": [_encoding(1).tolist(), numbers]}))
    refused = command("import", "--encodings", "bad.json", "--data-dir", "data")
    assert refused.code == 1
    assert "Encoding 2, of ada, is not 128 finite numbers" in refused.err
    with opened(tmp_path / "data") as folder:
        assert folder.catalog.counts()["collections"] == 0


def test_names_that_would_become_one_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "two.json").write_text(json.dumps({"Ada+King": [_encoding(1).tolist()], "Ada King": [[0.0]]}))
    with pytest.raises(CommandFailed, match="would both have the identity Ada_King"):
        read(tmp_path / "two.json", None)


def test_a_collection_of_another_pack_takes_none(command: Command, tmp_path: Path) -> None:
    make(tmp_path / "data", [], contract="f" * 64)
    words = _json(tmp_path / "known")
    refused = command("import", "--encodings", *words, "--collection", "people", "--data-dir", "data")
    assert refused.code == 1
    assert "not comparable" in refused.err


def test_names_belong_to_arrays(command: Command, tmp_path: Path) -> None:
    array, names, file = _npy(tmp_path / "known")
    assert "--names goes with an .npy file" in command("import", "--encodings", array, "--data-dir", "data").err
    assert "--names goes with --encodings" in command("import", array, names, file, "--data-dir", "data").err
    (tmp_path / "few.txt").write_text("ada\n")
    few = command("import", "--encodings", array, "--names", "few.txt", "--data-dir", "data")
    assert "1 names do not go with encodings of the shape (3, 128)" in few.err
