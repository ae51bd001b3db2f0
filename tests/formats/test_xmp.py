"""`formats.xmp`: the packet of each format, as Pillow and others write it, and damage in between."""

from __future__ import annotations

import hashlib
import io
import random
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from kenspeckle.errors import InvalidValue
from kenspeckle.formats import xmp

PACKET = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF ' + b"x" * 500 + b"</x:xmpmeta>"


def saved(kind: str, packet: bytes = PACKET) -> bytes:
    file = io.BytesIO()
    picture = Image.new("RGB", (64, 48), "red")
    if kind == "PNG":
        told = PngImagePlugin.PngInfo()
        told.add_itxt("XML:com.adobe.xmp", packet.decode(), zip=len(packet) > 1000)
        picture.save(file, kind, pnginfo=told)
    elif kind == "TIFF":
        picture.save(file, kind, tiffinfo={700: packet})
    else:
        picture.save(file, kind, xmp=packet)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_the_packet_of_each_format(kind: str) -> None:
    assert xmp.packets(saved(kind)) == (PACKET,)


def test_none_where_there_is_none() -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 48)).save(file, "JPEG")
    assert xmp.packets(file.getvalue()) == ()
    assert xmp.packets(b"") == ()
    assert xmp.packets(b"GIF89a") == ()


def test_a_png_that_has_it_behind_the_pixels() -> None:
    """As ExifTool writes it; and packed."""
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + PACKET
    clean = io.BytesIO()
    Image.new("RGB", (64, 48)).save(clean, "PNG")
    bare = clean.getvalue()
    end = bare.index(b"IEND") - 4
    assert xmp.packets(bare[:end] + chunk(b"iTXt", text) + bare[end:]) == (PACKET,)
    packed = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(PACKET)
    assert xmp.packets(bare[:end] + chunk(b"iTXt", packed) + bare[end:]) == (PACKET,)


def test_a_jpeg_with_extension_segments() -> None:
    """What does not fit into one segment lies in several, under the digest that the main packet names."""
    more = b"<rdf:RDF " + b"y" * 100_000
    digest = hashlib.md5(more).hexdigest().upper().encode()
    main = PACKET + b"<note HasExtendedXMP='" + digest + b"'/>"
    whole = saved("JPEG", main)
    pieces = []
    for offset in range(0, len(more), 60_000):
        body = b"http://ns.adobe.com/xmp/extension/\0" + digest + struct.pack(">II", len(more), offset)
        body += more[offset : offset + 60_000]
        pieces.append(b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body)
    assert xmp.packets(whole[:2] + b"".join(pieces) + whole[2:]) == (main, more)
    assert xmp.packets(whole[:2] + pieces[0] + whole[2:]) == (main,)
    other = b"".join(pieces).replace(digest, b"0" * 32)
    assert xmp.packets(whole[:2] + other + whole[2:]) == (main,)


def test_an_item_of_heic() -> None:
    """A container as phones write it: the packet is an item of its own."""

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body) + 8) + kind + body

    def full(kind: bytes, body: bytes) -> bytes:
        return box(kind, bytes(4) + body)

    def entry(number: int, kind: bytes) -> bytes:
        return box(b"infe", b"\2\0\0\0" + struct.pack(">HH", number, 0) + kind + b"\0application/rdf+xml\0")

    kind = box(b"ftyp", b"heic\0\0\0\0mif1heic")

    def meta(offset: int) -> bytes:
        places = b"\x44\0" + struct.pack(">H", 2)
        for number, length in ((1, 0), (2, len(PACKET))):
            places += struct.pack(">HHHII", number, 0, 1, offset, length)
        inside = full(b"pitm", struct.pack(">H", 1))
        inside += full(b"iinf", struct.pack(">H", 2) + entry(1, b"hvc1") + entry(2, b"mime"))
        inside += full(b"iloc", places) + box(b"iprp", box(b"ipco", b""))
        return full(b"meta", inside)

    length = len(kind + meta(0))
    assert xmp.packets(kind + meta(length + 8) + box(b"mdat", PACKET)) == (PACKET,)


def test_one_that_is_too_large_is_refused() -> None:
    with pytest.raises(InvalidValue, match="more than 4 MB of XMP"):
        xmp.packets(saved("PNG", b"<" * (xmp.MOST_BYTES + 1)))
    with pytest.raises(InvalidValue, match="more than 4 MB of XMP"):
        xmp.packets(saved("WEBP", b"<" * (xmp.MOST_BYTES + 1)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_damage_raises_nothing(kind: str) -> None:
    whole = saved(kind)
    dice = random.Random(kind)
    for _ in range(300):
        cut = bytearray(whole[: dice.randrange(len(whole))])
        for _ in range(dice.randrange(4)):
            if cut:
                cut[dice.randrange(len(cut))] = dice.randrange(256)
        for packet in xmp.packets(bytes(cut)):
            assert len(packet) <= len(whole)
