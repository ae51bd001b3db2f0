"""`intake.xmp.names`: files and sidecars, orientation, and which region shows which face."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from kenspeckle.domain import Box, Face
from kenspeckle.formats import xmp
from kenspeckle.intake.xmp.names import Frame, Names, match_faces, names, sidecars
from kenspeckle.intake.xmp.regions import Region
from tests.intake.xmp import packets

SIZE = (400, 300)
LEFT = (0.1, 0.2, 0.2, 0.25)
RIGHT = (0.6, 0.2, 0.2, 0.25)


def photograph(packet: bytes | None = None, orientation: int = 1) -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", SIZE).save(file, "JPEG", exif=exif, **({"xmp": packet} if packet else {}))
    return file.getvalue()


def face(number: int, box: packets.Box) -> Face:
    return Face(f"face-{number}", "image", "people", None, Box(*box), 99.0, "1", 0.0)


def put(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def test_sidecars_of_both_names_are_found(tmp_path: Path) -> None:
    path = put(tmp_path, "a.jpg", b"")
    for name in ("a.XMP", "a.jpg.xmp", "b.xmp", "a.jpg.bak.xmp", "A.xmp", "a.jpeg.xmp"):
        put(tmp_path, name, b"")
    assert [one.name for one in sidecars(path)] == ["a.jpg.xmp", "a.XMP"]
    assert sidecars(tmp_path / "none" / "a.jpg") == []


def test_a_sidecar_goes_before_the_file_and_adds_to_it(tmp_path: Path) -> None:
    data = photograph(packets.lightroom({"Old": LEFT, "Inside": RIGHT}, SIZE))
    path = put(tmp_path, "a.jpg", data)
    put(tmp_path, "a.jpg.xmp", packets.microsoft({"New": LEFT}, SIZE))
    put(tmp_path, "a.xmp", packets.picasa({"Third": (0.4, 0.7, 0.1, 0.1)}, SIZE))
    assert [one.name for one in names(path, data).regions] == ["New", "Third", "Inside"]


def test_bad_xmp_is_said_and_the_rest_is_read(tmp_path: Path) -> None:
    data = photograph(packets.lightroom({"Ada": LEFT}, SIZE))
    path = put(tmp_path, "a.jpg", data)
    put(tmp_path, "a.jpg.xmp", b'<!DOCTYPE x [<!ENTITY a "ha">]><x>&a;</x>')
    put(tmp_path, "a.xmp", b"<" * (xmp.MOST_BYTES + 1))
    told = names(path, data)
    assert [one.name for one in told.regions] == ["Ada"]
    assert told.remarks == (
        "a.jpg.xmp: Its XMP declares a document type, which XMP has none of.",
        "a.xmp: It has more than 4 MB of XMP.",
    )
    (tmp_path / "a.xmp").unlink()
    (tmp_path / "a.jpg.xmp").unlink()
    (tmp_path / "a.xmp").mkdir()
    assert names(path, data).remarks == ("a.xmp: It can't be read: Is a directory.",)
    (tmp_path / "a.xmp").rmdir()
    os.mkfifo(tmp_path / "a.xmp")
    assert names(path, data).remarks == ("a.xmp: It can't be read: It is no file.",)
    assert names(path, b"no photograph") == Names()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_regions_are_turned_as_the_picture_is(orientation: int) -> None:
    """Pillow's own turning of a picture with a white rectangle says where the box comes to lie."""
    from PIL import ImageDraw, ImageOps

    picture = Image.new("L", SIZE)
    ImageDraw.Draw(picture).rectangle((40, 60, 119, 134), fill=255)
    exif = picture.getexif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    picture.save(file, "PNG", exif=exif)
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(file.getvalue())))
    left, top, right, bottom = turned.getbbox() or (0, 0, 0, 0)
    frame = Frame(*SIZE, orientation)
    box = Box(0.1, 0.2, 0.2, 0.25)
    shown = frame.to_upright(box)
    wide, high = turned.size
    assert (shown.left, shown.top) == pytest.approx((left / wide, top / high))
    assert (shown.width, shown.height) == pytest.approx(((right - left) / wide, (bottom - top) / high))
    back = frame.to_stored(shown)
    assert (back.left, back.top, back.width, back.height) == pytest.approx(LEFT)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("upright", [False, True])
def test_regions_of_a_turned_photograph_show_its_faces(orientation: int, upright: bool, tmp_path: Path) -> None:
    """Drawn in the stored picture, as MWG has it, or in the upright one, as AppliedToDimensions may say."""
    frame = Frame(*SIZE, orientation)
    seen = [frame.to_upright(Box(*LEFT)), frame.to_upright(Box(*RIGHT))]
    faces = [face(at, (one.left, one.top, one.width, one.height)) for at, one in enumerate(seen)]
    size = SIZE[::-1] if orientation >= 5 else SIZE
    drawn = {
        name: (one.left, one.top, one.width, one.height)
        for name, one in zip(("Ada", "Bea"), seen if upright else (Box(*LEFT), Box(*RIGHT)), strict=True)
    }
    data = photograph(packets.lightroom(drawn, size if upright else SIZE), orientation)
    found, missed = match_faces(names(put(tmp_path, "a.jpg", data), data), faces)
    if upright and orientation in (2, 3):
        # Nothing tells such a picture from the stored one: Ada's region shows Bea where they are mirrored.
        assert missed == []
    else:
        assert found == {"Ada": ["face-0"], "Bea": ["face-1"]}
        assert missed == []


def told(*regions: tuple[str, packets.Box]) -> Names:
    return Names(Frame(*SIZE, 1), tuple(Region(name, Box(*box)) for name, box in regions))


def test_programs_draw_faces_larger_and_smaller() -> None:
    for box in ((0.05, 0.1, 0.3, 0.45), (0.14, 0.28, 0.12, 0.14), (0.13, 0.25, 0.2, 0.25)):
        assert match_faces(told(("Ada", box)), [face(0, LEFT), face(1, RIGHT)]) == ({"Ada": ["face-0"]}, [])


def test_regions_without_a_face_are_told_and_take_none() -> None:
    assert match_faces(told(("Ada", (0.4, 0.7, 0.1, 0.1))), [face(0, LEFT)]) == ({}, ["Ada"])
    whole = told(("Everything", (0.0, 0.0, 1.0, 1.0)))
    assert match_faces(whole, [face(0, LEFT), face(1, RIGHT)]) == ({}, ["Everything"])
    assert match_faces(Names(), [face(0, LEFT)]) == ({}, [])


def test_a_face_has_one_name_and_a_name_may_have_two_faces() -> None:
    close, wide = (0.11, 0.21, 0.2, 0.25), (0.05, 0.12, 0.3, 0.42)
    assert match_faces(told(("Wide", wide), ("Close", close)), [face(0, LEFT)]) == ({"Close": ["face-0"]}, ["Wide"])
    mirror = told(("Ada", LEFT), ("Ada", RIGHT))
    assert match_faces(mirror, [face(0, LEFT), face(1, RIGHT)]) == ({"Ada": ["face-0", "face-1"]}, [])
