"""Writes who is where into the XMP beside a photograph, as regions of the Metadata Working Group.

A sidecar that is there keeps every byte: regions are put in between. It is replaced in one step, or left as it is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from kenspeckle.atomic_file import replacing
from kenspeckle.domain import Box
from kenspeckle.domain.detection import overlap
from kenspeckle.errors import InvalidValue
from kenspeckle.formats import xmp
from kenspeckle.intake.xmp.names import Frame, content_of, sidecars
from kenspeckle.intake.xmp.regions import (
    AREA,
    DIMENSIONS,
    MWG,
    RDF,
    SAME,
    Region,
    find_applied_to,
    parse,
    read,
    same_shape,
)

_NAMES: Final = " ".join(
    f'xmlns:{prefix}="{name[1:-1]}"'
    for prefix, name in (("rdf", RDF), ("mwg-rs", MWG), ("stDim", DIMENSIONS), ("stArea", AREA))
)
_EMPTY: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
    f' <rdf:RDF xmlns:rdf="{RDF[1:-1]}">\n </rdf:RDF>\n'
    '</x:xmpmeta>\n<?xpacket end="w"?>\n'
)
_ELSEWHERE: Final = "Its regions are written in a way that can't be added to; it stays as it is."


def write(path: Path, frame: Frame, named: Sequence[Region]) -> tuple[Path, int]:
    """Put the named faces of a photograph (boxes of the upright picture) into its sidecar, where no face with a
    name is yet; its place, and how many were put in. The file that is there is added to, else `a.jpg.xmp` is made.
    Photographs may share one, and threads and processes may write it at once: one after the other does.

    Raises InvalidValue where the sidecar can't be added to, StorageFull, StorageUnavailable: it is as it was."""
    while True:
        place, there = _place(path)
        with replacing(place) as replace:
            if _place(path) != (place, there):
                continue  # another process has made it meanwhile
            before = content_of(place) if there else _EMPTY.encode()
            mode = stat.S_IMODE((place if there else path).stat().st_mode)
            try:
                after, count = with_regions(xmp.check(before), frame, named)
            except InvalidValue as error:
                raise InvalidValue(f"{place.name}: {error.message}", field="xmp") from error
            if count:
                replace(after, mode if there else mode & 0o666)
            return place, count


def _place(path: Path) -> tuple[Path, bool]:
    """Where the sidecar of a photograph is, or would be; and whether it is there."""
    there = sidecars(path)
    return (Path(os.path.realpath(there[0])), True) if there else (path.with_name(path.name + ".xmp"), False)


def with_regions(packet: bytes, frame: Frame, named: Sequence[Region]) -> tuple[bytes, int]:
    """The packet with the faces that it does not name yet, and how many these are. Raises InvalidValue."""
    placed = [(one.name, _in_picture(frame.to_stored(one.box) if one.upright else one.box)) for one in named]
    stored = [Region(name, box) for name, box in placed if box is not None]
    known = read(packet, frame.width, frame.height).regions
    boxes = [frame.to_stored(one.box) if one.upright else one.box for one in known]
    new = [one for one in stored if all(overlap(one.box, box) <= SAME for box in boxes)]
    if not new:
        return packet, 0
    root = parse(packet)
    regions = next(root.iter(MWG + "Regions"), None)
    drawn = None if regions is None else find_applied_to(regions)
    if drawn is not None and not same_shape(drawn, (frame.width, frame.height)):
        raise InvalidValue("Its regions were drawn in another picture; it stays as it is.", field="xmp")
    items = "".join(map(_item, new))
    wanted: tuple[str, ...]
    if regions is None:
        text, wanted = _description(frame, items), (RDF + "RDF",)
    else:
        text, wanted = items, (MWG + "Regions", MWG + "RegionList", RDF + "Bag")
    at = _end_of(packet, wanted)
    whole = packet[:at] + text.encode() + packet[at:]
    try:
        written = read(whole, frame.width, frame.height).regions
    except InvalidValue as error:
        raise InvalidValue(_ELSEWHERE, field="xmp") from error
    if not {one.name for one in new} <= {one.name for one in written}:
        raise InvalidValue(_ELSEWHERE, field="xmp")
    return xmp.check(whole), len(new)


def _in_picture(box: Box) -> Box | None:
    """The part of a box that lies in the picture: of a face at the edge, the box reaches over it."""
    left, top = max(0.0, box.left), max(0.0, box.top)
    width, height = min(1.0, box.left + box.width) - left, min(1.0, box.top + box.height) - top
    return Box(left, top, width, height) if width > 0 and height > 0 else None


def _item(region: Region) -> str:
    box = region.box
    return (
        f'<rdf:li {_NAMES}><rdf:Description mwg-rs:Name={quoteattr(region.name)} mwg-rs:Type="Face">'
        f'<mwg-rs:Area stArea:x="{box.left + box.width / 2:.6f}" stArea:y="{box.top + box.height / 2:.6f}" '
        f'stArea:w="{box.width:.6f}" stArea:h="{box.height:.6f}" stArea:unit="normalized"/>'
        "</rdf:Description></rdf:li>\n"
    )


def _description(frame: Frame, items: str) -> str:
    return (
        f'<rdf:Description rdf:about="" {_NAMES}>\n<mwg-rs:Regions rdf:parseType="Resource">\n'
        f'<mwg-rs:AppliedToDimensions stDim:w="{frame.width}" stDim:h="{frame.height}" stDim:unit="pixel"/>\n'
        f"<mwg-rs:RegionList><rdf:Bag>\n{items}</rdf:Bag></mwg-rs:RegionList>\n"
        "</mwg-rs:Regions>\n</rdf:Description>\n"
    )


def _end_of(packet: bytes, wanted: tuple[str, ...]) -> int:
    """Where the element ends, inside, that lies in elements of these names. Raises InvalidValue where there is none
    with an end tag, and for text that is not UTF-8, which is what is put in."""
    inside: list[str] = []
    found: list[int] = []
    reader = expat.ParserCreate(namespace_separator="}")

    def end(name: str) -> None:
        if not found and tuple(one for one in inside if one in wanted) == wanted and inside[-1] == wanted[-1]:
            found.append(reader.CurrentByteIndex)
        inside.pop()

    reader.StartElementHandler = lambda name, _: inside.append("{" + name)
    reader.EndElementHandler = end
    try:
        packet.decode("utf-8")
        reader.Parse(packet, True)
    except (expat.ExpatError, UnicodeDecodeError) as error:
        raise InvalidValue("It is not written in UTF-8; it stays as it is.", field="xmp") from error
    if not found or not packet.startswith(b"</", found[0]):
        raise InvalidValue(_ELSEWHERE, field="xmp")
    return found[0]
