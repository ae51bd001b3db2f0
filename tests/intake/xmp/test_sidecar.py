"""`intake.xmp.sidecar`: new sidecars, and regions put into those of other programs, which lose no byte."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import pytest

from kenspeckle.domain import Box
from kenspeckle.errors import InvalidValue, StorageUnavailable
from kenspeckle.intake.xmp.names import Frame
from kenspeckle.intake.xmp.regions import Region, read
from kenspeckle.intake.xmp.sidecar import with_regions, write
from tests.intake.xmp import packets

SIZE = (400, 300)
FRAME = Frame(*SIZE, 1)
ADA = Region('Ada & "李小龙" <King>', Box(0.1, 0.2, 0.2, 0.25), upright=True)
BEA = Region("Bea", Box(0.6, 0.2, 0.2, 0.25), upright=True)

LIGHTROOM = b"""<?xpacket begin='\xef\xbb\xbf' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 7.0">
 <r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <!-- a note --><r:Description r:about="" xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
    crs:Exposure2012="+0.35" crs:Notes="one&#xA;two">
   <crs:ToneCurve><r:Seq><r:li>0, 0</r:li></r:Seq></crs:ToneCurve>
  </r:Description>
 </r:RDF>
</x:xmpmeta>
<?xpacket end='w'?>"""


def test_a_new_sidecar_can_be_read(tmp_path: Path) -> None:
    photograph = tmp_path / "a.jpg"
    photograph.write_bytes(b"")
    photograph.chmod(0o640)
    assert write(photograph, FRAME, [ADA, BEA]) == (tmp_path / "a.jpg.xmp", 2)
    written = (tmp_path / "a.jpg.xmp").read_bytes()
    assert (tmp_path / "a.jpg.xmp").stat().st_mode & 0o777 == 0o640
    found = read(written, *SIZE)
    assert [one.name for one in found.regions] == [ADA.name, "Bea"]
    assert found.regions[0].box.left == pytest.approx(0.1)
    assert ElementTree.fromstring(written) is not None  # as any other reader
    assert write(photograph, FRAME, [ADA, BEA]) == (tmp_path / "a.jpg.xmp", 0)
    assert (tmp_path / "a.jpg.xmp").read_bytes() == written
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.jpg", "a.jpg.xmp"]


@pytest.mark.parametrize("box", [Box(-0.3, 0.2, 0.4, 0.5), Box(0.8, 0.7, 0.9, 0.8), Box(-0.1, -0.1, 1.2, 1.2)])
def test_a_face_that_reaches_over_the_edge_is_written_within_the_picture_and_once(box: Box, tmp_path: Path) -> None:
    photograph = tmp_path / "a.jpg"
    photograph.write_bytes(b"")
    edge = Region("Ada", box, upright=True)
    assert write(photograph, FRAME, [edge])[1] == 1
    (area,) = [one for one in ElementTree.parse(tmp_path / "a.jpg.xmp").iter() if one.tag.endswith("}Area")]
    x, y, w, h = (float(next(v for k, v in area.attrib.items() if k.endswith("}" + name))) for name in "xywh")
    assert min(x - w / 2, y - h / 2) >= -1e-6
    assert max(x + w / 2, y + h / 2) <= 1 + 1e-6
    assert write(photograph, FRAME, [edge])[1] == 0


def test_a_face_outside_the_picture_is_not_written(tmp_path: Path) -> None:
    photograph = tmp_path / "a.jpg"
    photograph.write_bytes(b"")
    assert write(photograph, FRAME, [Region("Ada", Box(1.1, 0.2, 0.2, 0.2), upright=True), BEA])[1] == 1


def test_a_foreign_sidecar_keeps_every_byte(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    place = tmp_path / "a.xmp"
    place.write_bytes(LIGHTROOM)
    place.chmod(0o664)
    assert write(tmp_path / "a.jpg", FRAME, [ADA]) == (place, 1)
    after = place.read_bytes()
    at = after.index(b"<rdf:Description")
    assert after[:at] == LIGHTROOM[:at]
    assert after.endswith(LIGHTROOM[at:])
    assert place.stat().st_mode & 0o777 == 0o664
    assert [one.name for one in read(after, *SIZE).regions] == [ADA.name]
    # Regions that are there are added to.
    assert write(tmp_path / "a.jpg", FRAME, [ADA, BEA]) == (place, 1)
    assert [one.name for one in read(place.read_bytes(), *SIZE).regions] == [ADA.name, "Bea"]
    assert place.read_bytes().count(b"<mwg-rs:Regions") == 1


@pytest.mark.parametrize("flavour", packets.FLAVOURS)
def test_faces_that_another_program_has_named_stay(flavour: str) -> None:
    before = packets.FLAVOURS[flavour]({"Ann": (0.12, 0.2, 0.2, 0.25)}, SIZE)
    after, count = with_regions(before, FRAME, [ADA, BEA])
    assert count == 1
    assert [one.name for one in read(after, *SIZE).regions] in (["Ann", "Bea"], ["Bea", "Ann"])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_are_written_as_the_picture_is_stored(orientation: int) -> None:
    frame = Frame(*SIZE, orientation)
    after, _ = with_regions(packets.packet(""), frame, [BEA])
    (one,) = read(after, *SIZE).regions
    back = frame.to_upright(one.box)
    assert (back.left, back.top) == pytest.approx((BEA.box.left, BEA.box.top), abs=1e-5)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no XML", "is no XML"),
        (b'<!DOCTYPE x [<!ENTITY a "ha">]><x>&a;</x>', "document type"),
        (b"<x/>", "can't be added to"),
        (f"<rdf:RDF {packets.RDF}/>".encode(), "can't be added to"),
        (LIGHTROOM.decode().replace("\ufeff", "").encode("utf-16"), "not written in UTF-8"),
        (b'<?xml version="1.0" encoding="iso-8859-1"?>' + packets.packet("").split(b"?>", 1)[1], "can't be added to"),
        (packets.lightroom({"Ann": (0.6, 0.6, 0.1, 0.1)}, (300, 300)), "drawn in another picture"),
        (packets.lightroom({}, SIZE).replace(b"<rdf:Bag></rdf:Bag>", b"<rdf:Bag/>"), "can't be added to"),
        (b" " * (5 << 20), "more than 4 MB"),
    ],
)
def test_a_sidecar_that_can_not_be_added_to_stays_as_it_is(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    place = tmp_path / "a.jpg.xmp"
    place.write_bytes(content)
    with pytest.raises(InvalidValue, match=said):
        write(tmp_path / "a.jpg", FRAME, [ADA])
    assert place.read_bytes() == content
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_can_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        write(tmp_path / "gone" / "a.jpg", FRAME, [ADA])
    (tmp_path / "a.xmp").mkdir()
    with pytest.raises(StorageUnavailable):
        write(tmp_path / "a.jpg", FRAME, [ADA])
    (tmp_path / "a.xmp").rmdir()
    os.mkfifo(tmp_path / "a.xmp")
    with pytest.raises(StorageUnavailable):
        write(tmp_path / "a.jpg", FRAME, [ADA])


@pytest.mark.parametrize("shared", [True, False])
def test_a_sidecar_is_written_by_several_at_once(shared: bool, tmp_path: Path) -> None:
    """One that photographs share, or one that is made: each call has a lock of its own, as processes have."""
    names = [f"a.{at}" if shared else "a.jpg" for at in range(8)]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    place = tmp_path / ("a.xmp" if shared else "a.jpg.xmp")
    if shared:
        place.write_bytes(LIGHTROOM)
    regions = [Region(f"Person {at}", Box(at / 10, 0.1, 0.05, 0.05), upright=True) for at in range(8)]
    begin = threading.Barrier(8)

    def written(at: int) -> int:
        begin.wait()
        return write(tmp_path / names[at], FRAME, [regions[at]])[1]

    with ThreadPoolExecutor(8) as several:
        assert sum(several.map(written, range(8))) == 8
    found = read(place.read_bytes(), *SIZE).regions
    assert {one.name for one in found} == {one.name for one in regions}


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "kept.xmp").write_bytes(LIGHTROOM)
    (tmp_path / "a.jpg.xmp").symlink_to(tmp_path / "real" / "kept.xmp")
    write(tmp_path / "a.jpg", FRAME, [ADA])
    assert (tmp_path / "a.jpg.xmp").is_symlink()
    assert ADA.name in [one.name for one in read((tmp_path / "real" / "kept.xmp").read_bytes(), *SIZE).regions]
