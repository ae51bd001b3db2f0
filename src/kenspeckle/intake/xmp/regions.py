"""Face regions in XMP: of the Metadata Working Group (digiKam, Picasa, Lightroom, PhotoPrism), of Microsoft's People
Tags, and of IPTC's extension.

The formats: MWG Guidelines 2.0, section 5.9; Microsoft's "People Tagging Overview"; IPTC Photo Metadata Standard,
"Image Region". Each writes its RDF in several forms (attributes, elements, nested descriptions), which are all read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from kenspeckle.domain import Box
from kenspeckle.domain.detection import overlap
from kenspeckle.domain.people import person_name
from kenspeckle.errors import InvalidValue

RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
MWG: Final = "{http://www.metadataworkinggroup.com/schemas/regions/}"
DIMENSIONS: Final = "{http://ns.adobe.com/xap/1.0/sType/Dimensions#}"
AREA: Final = "{http://ns.adobe.com/xmp/sType/Area#}"
_PEOPLE: Final = "{http://ns.microsoft.com/photo/1.2/}"
_PEOPLE_LIST: Final = "{http://ns.microsoft.com/photo/1.2/t/RegionInfo#}"
_PERSON: Final = "{http://ns.microsoft.com/photo/1.2/t/Region#}"
_IPTC: Final = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"

MOST_REGIONS: Final = 1000
"""Regions of one packet that are looked at."""

SAME: Final = 0.3
"""Intersection over union from which two regions are one, in several formats or files."""

_ASPECT: Final = 0.02
"""How far the shape of a picture may be from the one that its regions were drawn in."""


@dataclass(frozen=True, slots=True)
class Region:
    """A named face: the box in ratios of the picture as it is stored, or, with `upright`, as it is shown."""

    name: str
    box: Box
    upright: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """Regions of a packet, and what is wrong with others of them."""

    regions: tuple[Region, ...] = ()
    remarks: tuple[str, ...] = ()


def parse(packet: bytes) -> Element:
    """The XMP. Raises InvalidValue for what is no XML, and for XML that declares a document type or entities."""
    try:
        wide = packet[:2] in (b"\xff\xfe", b"\xfe\xff")  # UTF-16
        root: Element = fromstring(packet if wide else packet.strip(b"\0 \t\r\n"), forbid_dtd=True)
    except DefusedXmlException as error:
        raise InvalidValue("Its XMP declares a document type, which XMP has none of.", field="xmp") from error
    except (ParseError, LookupError, ValueError) as error:
        raise InvalidValue(f"Its XMP is no XML: {error}.", field="xmp") from error
    return root


def read(packet: bytes, width: int, height: int) -> Found:
    """The named faces of a packet, each once; `width` and `height` are the picture's as it is stored, in pixels.
    Raises InvalidValue, as `parse`."""
    root = parse(packet)
    found: list[Region] = []
    remarks: list[str] = []
    seen = 0
    for name, area, upright in _all(root, width, height):
        seen += 1
        if seen > MOST_REGIONS:
            remarks.append(f"It has more than {MOST_REGIONS} regions; the others were not read.")
            break
        if isinstance(area, str):
            remarks.append(area)
            continue
        try:
            one = Region(person_name(name), area, upright)
        except InvalidValue as error:
            remarks.append(error.message)
            continue
        # One face in two of the formats, as most programs write it; the first is the one that they read themselves.
        if not any(other.upright == one.upright and overlap(other.box, one.box) > SAME for other in found):
            found.append(one)
    return Found(tuple(found), tuple(dict.fromkeys(remarks)))


def find_applied_to(regions: Element) -> tuple[float, float] | None:
    """Width and height that MWG's regions were drawn in, None where they do not say."""
    told = next(iter(_fields(regions, MWG + "AppliedToDimensions")), None)
    if told is None:
        return None
    wide, high = _number(told, DIMENSIONS + "w"), _number(told, DIMENSIONS + "h")
    return (wide, high) if wide and high and wide > 0 and high > 0 else None


def same_shape(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether (width, height) differ in nothing but scale."""
    return abs(one[0] * other[1] / (one[1] * other[0]) - 1) <= _ASPECT


_Told = tuple[str, Box | str, bool]
"""A name, the box or why there is none, and whether the box is of the upright picture."""


def _all(root: Element, width: int, height: int) -> Iterator[_Told]:
    for regions in root.iter(MWG + "Regions"):
        yield from _mwg(regions, width, height)
    for regions in root.iter(_PEOPLE + "RegionInfo"):
        for each in _fields(regions, _PEOPLE_LIST + "Regions"):
            for one in list_items(each):
                name = _text(one, _PERSON + "PersonDisplayName")
                if name:
                    yield name, _box(name, *_numbers(_text(one, _PERSON + "Rectangle"))), False
    for regions in root.iter(_IPTC + "ImageRegion"):
        for one in list_items(regions):
            name = _iptc_name(one)
            if name:
                yield name, _iptc_box(name, one, width, height), False


def _mwg(regions: Element, width: int, height: int) -> Iterator[_Told]:
    drawn = find_applied_to(regions)
    upright = False
    for each in _fields(regions, MWG + "RegionList"):
        for one in list_items(each):
            name = _text(one, MWG + "Name")
            if not name or _text(one, MWG + "Type") not in ("", "Face"):
                continue
            if drawn is not None and not same_shape(drawn, (width, height)):
                upright = same_shape(drawn, (height, width))
                if not upright:
                    told = f"{drawn[0]:g} x {drawn[1]:g}; the photograph has {width} x {height}"
                    yield name, f"The region of {_short(name)} was drawn in another picture, of {told}.", False
                    continue
            yield name, _mwg_box(name, one, drawn or (width, height)), upright


def _mwg_box(name: str, region: Element, drawn: tuple[float, float]) -> Box | str:
    area = next(iter(_fields(region, MWG + "Area")), None)
    if area is None:
        return _box(name)
    x, y, wide, high = (_number(area, AREA + one) for one in "xywh")
    across = _number(area, AREA + "d")
    if across is not None and wide is None:
        wide, high = (across * min(drawn) / side for side in drawn)
    if x is None or y is None or wide is None or high is None:
        return _box(name)
    if _text(area, AREA + "unit") == "pixel":
        x, y, wide, high = x / drawn[0], y / drawn[1], wide / drawn[0], high / drawn[1]
    return _box(name, x - wide / 2, y - high / 2, wide, high)


def _iptc_name(region: Element) -> str:
    for people in _fields(region, _IPTC + "PersonInImage"):
        for one in list_items(people):
            return (one.text or "").strip()
    for people in _fields(region, _IPTC + "PersonInImageWDetails"):
        for one in list_items(people):
            return _text(one, _IPTC + "PersonName")
    return _text(region, _IPTC + "Name")


def _iptc_box(name: str, region: Element, width: int, height: int) -> Box | str:
    edge = next(iter(_fields(region, _IPTC + "RegionBoundary")), None)
    if edge is None:
        return _box(name)
    across, down = (width, height) if _text(edge, _IPTC + "rbUnit") == "pixel" else (1, 1)
    x, y, wide, high, radius = (_number(edge, _IPTC + one) for one in ("rbX", "rbY", "rbW", "rbH", "rbRx"))
    points = [
        (_number(one, _IPTC + "rbX"), _number(one, _IPTC + "rbY"))
        for each in _fields(edge, _IPTC + "rbVertices")
        for one in list_items(each)
    ]
    if points:
        right, bottom = (max((one[at] or 0.0) for one in points) for at in (0, 1))
        x, y = (min((one[at] or 0.0) for one in points) for at in (0, 1))
        wide, high = right - x, bottom - y
    elif radius is not None and x is not None and y is not None:
        tall = radius * width / height if across == 1 else radius
        x, y, wide, high = x - radius, y - tall, 2 * radius, 2 * tall
    if x is None or y is None or wide is None or high is None:
        return _box(name)
    return _box(name, x / across, y / down, wide / across, high / down)


def _box(name: str, *numbers: float) -> Box | str:
    """The part of a box that lies in the picture; a sentence where that is no face's."""
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or min(numbers[2:]) <= 0:
        return f"The region of {_short(name)} is no rectangle."
    left, top, wide, high = numbers
    if not (0 <= left + wide / 2 <= 1 and 0 <= top + high / 2 <= 1):
        return f"The region of {_short(name)} lies outside the picture."
    right, bottom = min(1.0, left + wide), min(1.0, top + high)
    left, top = max(0.0, left), max(0.0, top)
    return Box(left, top, right - left, bottom - top)


def _short(name: str) -> str:
    plain = " ".join(name.split())
    return plain if len(plain) <= 40 else plain[:40] + "..."


def _holders(node: Element) -> Iterator[Element]:
    """Where the fields of a structure may stand: in the element, or in a description inside it."""
    yield node
    yield from node.findall(RDF + "Description")


def _fields(node: Element, name: str) -> Iterator[Element]:
    for holder in _holders(node):
        yield from holder.findall(name)


def list_items(node: Element) -> Iterator[Element]:
    """Items of a list."""
    for kind in ("Bag", "Seq", "Alt"):
        for each in node.findall(RDF + kind):
            yield from each.findall(RDF + "li")


def _text(node: Element, name: str) -> str:
    """A field as text, "" where it is missing: an attribute, an element, or of several languages the default."""
    for holder in _holders(node):
        if name in holder.attrib:
            return holder.attrib[name].strip()
        child = holder.find(name)
        if child is not None:
            choices = list(list_items(child))
            usual = [one for one in choices if one.get(_LANGUAGE) == "x-default"]
            return ((usual or choices or [child])[0].text or "").strip()
    return ""


def _number(node: Element, name: str) -> float | None:
    found = _numbers(_text(node, name))
    return found[0] if len(found) == 1 else None


def _numbers(text: str) -> list[float]:
    try:
        return [float(one) for one in text[:200].split(",")]
    except ValueError:
        return []
