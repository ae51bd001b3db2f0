"""`intake.xmp.regions`: each format in the forms that programs write, and what is wrong with XMP."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from kenspeckle.domain import Box
from kenspeckle.errors import InvalidValue
from kenspeckle.intake.xmp.regions import MOST_REGIONS, parse, read
from tests.intake.xmp import packets

FACES: Mapping[str, packets.Box] = {"Ada King": (0.1, 0.2, 0.25, 0.3), "李小龙 & <Söhne>": (0.6, 0.1, 0.2, 0.2)}
SIZE = (4000, 3000)


def sides(box: Box) -> packets.Box:
    return box.left, box.top, box.width, box.height


def descriptions(packet: bytes) -> str:
    return packet.decode().split(packets.RDF + ">")[1].split("</rdf:RDF")[0]


@pytest.mark.parametrize("flavour", packets.FLAVOURS)
def test_regions_of_each_flavour(flavour: str) -> None:
    found = read(packets.FLAVOURS[flavour](FACES, SIZE), *SIZE)
    assert found.remarks == ()
    assert [one.name for one in found.regions] == list(FACES)
    for one, box in zip(found.regions, FACES.values(), strict=True):
        assert sides(one.box) == pytest.approx(box)
        assert not one.upright


def test_pixels_circles_polygons_and_people_of_iptc() -> None:
    (one,) = read(packets.iptc({"Ada": (0.1, 0.2, 0.25, 0.3)}, SIZE, "pixel"), *SIZE).regions
    assert sides(one.box) == pytest.approx((0.1, 0.2, 0.25, 0.3))
    names = 'xmlns:I="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    circle = (
        '<I:ImageRegion><rdf:Bag><rdf:li><rdf:Description I:Name="left one">'
        "<I:PersonInImage><rdf:Bag><rdf:li>Ada King</rdf:li></rdf:Bag></I:PersonInImage>"
        '<I:RegionBoundary I:rbShape="circle" I:rbUnit="relative" I:rbX="0.5" I:rbY="0.5" I:rbRx="0.1"/>'
        "</rdf:Description></rdf:li></rdf:Bag></I:ImageRegion>"
    )
    (one,) = read(packets.packet(circle, names), 1000, 500).regions
    assert one.name == "Ada King"
    assert sides(one.box) == pytest.approx((0.4, 0.3, 0.2, 0.4))
    points = "".join(
        f'<rdf:li><rdf:Description I:rbX="{x}" I:rbY="{y}"/></rdf:li>' for x, y in ((0.2, 0.1), (0.4, 0.3), (0.3, 0.5))
    )
    polygon = (
        '<I:ImageRegion><rdf:Bag><rdf:li rdf:parseType="Resource"><I:Name>Ada</I:Name><I:RegionBoundary '
        f'rdf:parseType="Resource"><I:rbVertices><rdf:Seq>{points}</rdf:Seq></I:rbVertices>'
        "</I:RegionBoundary></rdf:li></rdf:Bag></I:ImageRegion>"
    )
    (one,) = read(packets.packet(polygon, names), 1000, 500).regions
    assert sides(one.box) == pytest.approx((0.2, 0.1, 0.2, 0.4))


def test_one_face_in_three_formats_is_one() -> None:
    inside = "".join(descriptions(make({"Ada": (0.1, 0.2, 0.25, 0.3)}, SIZE)) for make in packets.FLAVOURS.values())
    whole = packets.packet("").replace(b"</rdf:RDF>", inside.encode() + b"</rdf:RDF>")
    assert [one.name for one in read(whole, *SIZE).regions] == ["Ada"]


def test_pets_focus_points_and_faces_without_a_name_are_passed_over() -> None:
    assert read(packets.lightroom({"Rex": (0.1, 0.1, 0.2, 0.2)}, SIZE, "Pet"), *SIZE).regions == ()
    assert read(packets.microsoft({"": (0.1, 0.1, 0.2, 0.2)}, SIZE), *SIZE) == read(packets.packet(""), *SIZE)


def test_regions_of_a_turned_picture_and_of_another_one() -> None:
    """AppliedToDimensions says in which picture they were drawn."""
    faces = {"Ada": (0.1, 0.2, 0.25, 0.3)}
    (one,) = read(packets.picasa(faces, (1500, 2000)), *SIZE).regions
    assert one.upright
    cropped = read(packets.picasa(faces, (2000, 2000)), *SIZE)
    assert cropped.regions == ()
    assert cropped.remarks == (
        "The region of Ada was drawn in another picture, of 2000 x 2000; the photograph has 4000 x 3000.",
    )


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ((1.4, 0.2, 0.2, 0.2), "lies outside"),
        ((-0.5, 0.2, 0.2, 0.2), "lies outside"),
        ((0.1, 0.2, 0.0, 0.2), "no rectangle"),
        ((0.1, 0.2, -0.2, 0.2), "no rectangle"),
        ((float("nan"), 0.2, 0.2, 0.2), "no rectangle"),
        ((0.1, 0.2, float("inf"), 0.2), "no rectangle"),
    ],
)
@pytest.mark.parametrize("make", packets.FLAVOURS.values())
def test_a_region_that_is_no_place_in_the_picture(
    make: Callable[[Mapping[str, packets.Box], tuple[int, int]], bytes], box: packets.Box, said: str
) -> None:
    found = read(make({"Ada": box, "Bea": (0.5, 0.5, 0.2, 0.2)}, SIZE), *SIZE)
    assert [one.name for one in found.regions] == ["Bea"]
    (remark,) = found.remarks
    assert said in remark


def test_a_region_over_the_edge_is_cut() -> None:
    (one,) = read(packets.microsoft({"Ada": (-0.1, 0.8, 0.4, 0.3)}, SIZE), *SIZE).regions
    assert sides(one.box) == pytest.approx((0, 0.8, 0.3, 0.2))


def test_names_as_people_write_them() -> None:
    def name(written: str) -> tuple[list[str], tuple[str, ...]]:
        found = read(packets.picasa({written: (0.1, 0.2, 0.25, 0.3)}, SIZE), *SIZE)
        return [one.name for one in found.regions], found.remarks

    assert name("  Ada \u200b  King ") == (["Ada King"], ())
    assert name("שרה כהן") == (["שרה כהן"], ())
    assert name("<script>alert(1)</script>")[0] == ["<script>alert(1)</script>"]
    assert name("\u200b") == ([], ("A name needs at least one character that can be seen.",))
    long = name("A" * 10_000)
    assert long == ([], ("A name has at most 255 characters; this one has 10000.",))


BOMB = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
OUTSIDE = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'


@pytest.mark.parametrize("packet", [BOMB, OUTSIDE, b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><x/>'])
def test_entities_and_document_types_are_refused(packet: bytes) -> None:
    with pytest.raises(InvalidValue, match="declares a document type"):
        parse(packet)


@pytest.mark.parametrize(
    "packet",
    [b"", b"\0\0", b"no XML", b"<x>", b"<x></y>", b'<?xml version="1.0" encoding="nonsense"?><x/>', b"\xff\xfe<"],
)
def test_what_is_no_xml_is_said(packet: bytes) -> None:
    with pytest.raises(InvalidValue, match="Its XMP is no XML"):
        parse(packet)


def test_thousands_of_regions_are_bounded() -> None:
    many = {f"Person {number}": (number % 100 / 100, number // 100 / 100, 0.005, 0.005) for number in range(5000)}
    found = read(packets.microsoft(many, SIZE), *SIZE)
    assert len(found.regions) == MOST_REGIONS
    assert found.remarks == (f"It has more than {MOST_REGIONS} regions; the others were not read.",)


def test_deep_nesting_is_no_trouble() -> None:
    depth = 100_000
    assert read(packets.packet("<a>" * depth + "</a>" * depth), *SIZE).regions == ()
