"""`kenspeckle index --by xmp` and `--write-xmp`, with two people in one photograph."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from kenspeckle.intake.xmp.regions import read
from kenspeckle.models import registry
from tests.cli.conftest import Command
from tests.intake.xmp import packets

WIDE, HIGH = 900, 500


@pytest.fixture(scope="module")
def both(samples: registry.Samples) -> Image.Image:
    """Grace on the left, Eileen on the right."""
    together = Image.new("RGB", (WIDE, HIGH), "white")
    for at, source in enumerate((samples.grace_hopper, samples.astronaut)):
        one = ImageOps.contain(Image.open(source).convert("RGB"), (440, HIGH))
        together.paste(one, (at * 460, 0))
    return together


@pytest.fixture(scope="module")
def samples_boxes() -> dict[str, packets.Box]:
    """Where the two faces are, as a person would draw it: roughly."""
    return {"霍普": (0.12, 0.1, 0.24, 0.42), "Eileen Collins": (0.6, 0.05, 0.22, 0.42)}


def saved(picture: Image.Image, place: Path, packet: bytes | None, orientation: int = 1) -> Path:
    """The picture as a camera would store it that was held that way, with XMP."""
    back = {1: None, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    stored = picture if back is None else picture.transpose(back)
    stored.save(file, place.suffix[1:].replace("jpg", "jpeg"), exif=exif, **({"xmp": packet} if packet else {}))
    place.write_bytes(file.getvalue())
    return place


def test_each_face_has_the_name_of_its_region(
    command: Command,
    both: Image.Image,
    samples: registry.Samples,
    samples_boxes: dict[str, packets.Box],
    tmp_path: Path,
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    saved(both, album / "one.jpg", packets.lightroom(samples_boxes, (WIDE, HIGH)))
    saved(both, album / "two.webp", packets.microsoft(samples_boxes, (WIDE, HIGH)))
    saved(both, album / "three.jpg", None)
    (album / "three.jpg.xmp").write_bytes(packets.picasa(samples_boxes, (WIDE, HIGH)))
    done = command("index", album, "--by", "xmp")
    assert (done.code, "6 faces named by XMP" in done.err) == (0, True), done.err
    people = command("people", "list", "--json").json
    assert [(one["name"], one["face_count"]) for one in people] == [("Eileen Collins", 3), ("霍普", 3)]
    assert command("search", samples.grace_hopper, "--json").json["matchedFaces"] == ["霍普"]
    # Again nothing changes; and what was corrected here stays.
    command("people", "rename", people[1]["person_id"], "Grace")
    again = command("index", album, "--by", "xmp", "--json")
    assert again.code == 0
    assert [one["name"] for one in command("people", "list", "--json").json] == ["Eileen Collins", "Grace"]
    # A face that is erased takes its person with it.
    for person in people:
        for face in command("people", "show", person["person_id"], "--json").json["Faces"]:
            command("faces", "delete", face["FaceId"], "--yes")
    assert command("people", "list", "--hidden", "--json").json == []


def test_a_turned_photograph_and_one_face_without_a_region(
    command: Command, both: Image.Image, samples_boxes: dict[str, packets.Box], tmp_path: Path
) -> None:
    x, y, w, h = samples_boxes["霍普"]
    # Turned a quarter to the left; the box goes along.
    place = saved(both, tmp_path / "t.jpg", packets.lightroom({"Grace": (y, 1 - x - w, h, w)}, (HIGH, WIDE)), 6)
    (line,) = command("index", place, "--by", "xmp", "--write-xmp", "--json").out.splitlines()
    assert '"name":"Grace"' in line.replace(" ", "")
    (person,) = command("people", "list", "--json").json
    assert person["face_count"] == 1
    (face,) = command("people", "show", person["person_id"], "--json").json["Faces"]
    assert face["BoundingBox"]["Left"] < 0.5
    (written,) = read((tmp_path / "t.jpg.xmp").read_bytes(), HIGH, WIDE).regions
    assert written.name == "Grace"
    assert written.box.top > 0.5


def test_sidecars_are_written_and_read_back(
    command: Command, both: Image.Image, samples: registry.Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = {"Grace": samples.grace_hopper, "李小龙": samples.astronaut}
    album = tmp_path / "album"
    for name, source in people.items():
        (album / name).mkdir(parents=True)
        saved(Image.open(source).convert("RGB"), album / name / "a.jpg", None)
    done = command("index", album, "--by", "folder", "--write-xmp")
    assert (done.code, "2 faces written into sidecars" in done.err) == (0, True), done.err
    assert sorted(one.name for one in album.rglob("*.xmp")) == ["a.jpg.xmp", "a.jpg.xmp"]
    monkeypatch.setenv("KENSPECKLE_DATA_DIR", str(tmp_path / "other"))
    assert command("index", album, "--by", "xmp").code == 0
    assert [one["name"] for one in command("people", "list", "--json").json] == ["Grace", "李小龙"]


def test_bad_xmp_is_told_and_nothing_is_lost(command: Command, samples: registry.Samples, tmp_path: Path) -> None:
    picture = Image.open(samples.grace_hopper).convert("RGB")
    box = {"Ada": (1.2, 0.1, 0.3, 0.3), "B" * 10_000: (0.2, 0.1, 0.6, 0.6), "Nobody": (0.0, 0.9, 0.05, 0.05)}
    saved(picture, tmp_path / "a.jpg", packets.iptc(box, picture.size))
    bomb = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;">]><x>&b;</x>'
    (tmp_path / "a.jpg.xmp").write_bytes(bomb)
    done = command("index", tmp_path / "a.jpg", "--by", "xmp", "--write-xmp")
    assert done.code == 0
    for said in ("document type", "outside the picture", "at most 255 characters", "regions of Nobody are"):
        assert said in done.err
    assert (tmp_path / "a.jpg.xmp").read_bytes() == bomb
    assert len(command("faces", "list", "--json").json) == 1
    assert command("index", tmp_path / "a.jpg", "--by", "xmp", "--unnamed").code == 2
