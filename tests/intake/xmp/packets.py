"""XMP as programs write it: the same faces in each of their forms. Boxes are (left, top, width, height) in ratios."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

Box = tuple[float, float, float, float]
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
MWG = (
    'xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" '
    'xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#" xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"'
)


def packet(inside: str, names: str = "") -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF {RDF}><rdf:Description rdf:about="" {names}>{inside}</rdf:Description></rdf:RDF></x:xmpmeta>\n'
        f'{" " * 200}<?xpacket end="w"?>'
    ).encode()


def lightroom(faces: Mapping[str, Box], size: tuple[int, int], kind: str = "Face") -> bytes:
    """Attributes of descriptions."""
    items = "".join(
        f'<rdf:li><rdf:Description mwg-rs:Rotation="0.00000" mwg-rs:Name={quoteattr(name)} mwg-rs:Type="{kind}">'
        f'<mwg-rs:Area stArea:h="{h}" stArea:w="{w}" stArea:x="{x + w / 2}" stArea:y="{y + h / 2}"/>'
        "</rdf:Description></rdf:li>"
        for name, (x, y, w, h) in faces.items()
    )
    return packet(
        "<mwg-rs:Regions><rdf:Description><mwg-rs:AppliedToDimensions "
        f'stDim:w="{size[0]}" stDim:h="{size[1]}" stDim:unit="pixel"/>'
        f"<mwg-rs:RegionList><rdf:Bag>{items}</rdf:Bag></mwg-rs:RegionList></rdf:Description></mwg-rs:Regions>",
        MWG,
    )


def picasa(faces: Mapping[str, Box], size: tuple[int, int]) -> bytes:
    """Elements of resources."""
    items = "".join(
        f'<rdf:li rdf:parseType="Resource"><mwg-rs:Area rdf:parseType="Resource"><stArea:x>{x + w / 2}</stArea:x>'
        f"<stArea:y>{y + h / 2}</stArea:y><stArea:w>{w}</stArea:w><stArea:h>{h}</stArea:h>"
        "<stArea:unit>normalized</stArea:unit></mwg-rs:Area>"
        f"<mwg-rs:Name>{escape(name)}</mwg-rs:Name><mwg-rs:Type>Face</mwg-rs:Type></rdf:li>"
        for name, (x, y, w, h) in faces.items()
    )
    return packet(
        '<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:AppliedToDimensions rdf:parseType="Resource">'
        f"<stDim:w>{size[0]}</stDim:w><stDim:h>{size[1]}</stDim:h><stDim:unit>pixel</stDim:unit>"
        f"</mwg-rs:AppliedToDimensions><mwg-rs:RegionList><rdf:Bag>{items}</rdf:Bag></mwg-rs:RegionList>"
        "</mwg-rs:Regions>",
        MWG,
    )


def microsoft(faces: Mapping[str, Box], size: tuple[int, int]) -> bytes:
    """People Tags, as Windows Live Photo Gallery and digiKam write them."""
    items = "".join(
        f'<rdf:li><rdf:Description MPReg:Rectangle="{x}, {y}, {w}, {h}" '
        f"MPReg:PersonDisplayName={quoteattr(name)}/></rdf:li>"
        for name, (x, y, w, h) in faces.items()
    )
    return packet(
        f'<MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag>{items}</rdf:Bag></MPRI:Regions>'
        "</MP:RegionInfo>",
        'xmlns:MP="http://ns.microsoft.com/photo/1.2/" xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#" '
        'xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#"',
    )


def iptc(faces: Mapping[str, Box], size: tuple[int, int], unit: str = "relative") -> bytes:
    """The image region of IPTC's extension."""
    across, down = size if unit == "pixel" else (1, 1)
    items = "".join(
        '<rdf:li rdf:parseType="Resource"><Iptc4xmpExt:Name><rdf:Alt><rdf:li xml:lang="de">Gesicht</rdf:li>'
        f'<rdf:li xml:lang="x-default">{escape(name)}</rdf:li></rdf:Alt></Iptc4xmpExt:Name>'
        '<Iptc4xmpExt:RegionBoundary rdf:parseType="Resource"><Iptc4xmpExt:rbShape>rectangle</Iptc4xmpExt:rbShape>'
        f"<Iptc4xmpExt:rbUnit>{unit}</Iptc4xmpExt:rbUnit>"
        f"<Iptc4xmpExt:rbX>{x * across}</Iptc4xmpExt:rbX><Iptc4xmpExt:rbY>{y * down}</Iptc4xmpExt:rbY>"
        f"<Iptc4xmpExt:rbW>{w * across}</Iptc4xmpExt:rbW><Iptc4xmpExt:rbH>{h * down}</Iptc4xmpExt:rbH>"
        "</Iptc4xmpExt:RegionBoundary></rdf:li>"
        for name, (x, y, w, h) in faces.items()
    )
    return packet(
        f"<Iptc4xmpExt:ImageRegion><rdf:Bag>{items}</rdf:Bag></Iptc4xmpExt:ImageRegion>",
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"',
    )


FLAVOURS = {"lightroom": lightroom, "picasa": picasa, "microsoft": microsoft, "iptc": iptc}
