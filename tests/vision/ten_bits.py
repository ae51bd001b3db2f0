"""AVIFs of 10 bits with transparency, which Pillow does not write: made of AV1 frames and the boxes around them."""

from __future__ import annotations

import struct
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context

from PIL import Image

from tests.videos import av


def avif(picture: Image.Image, mask: Image.Image | None) -> bytes:
    """The picture with 10 bits a component, 4:2:0; `mask` is its transparency, an auxiliary item of 10 bits."""
    items = [_frame(picture), *([_frame(mask.convert("RGB"))] if mask else [])]
    shape = _full(b"ispe", struct.pack(">II", *picture.size))
    properties = [
        shape,
        _full(b"pixi", bytes([3, 10, 10, 10])),
        _box(b"av1C", bytes([0x81, 0, 0x4C, 0])),
        _box(b"colr", b"nclx", struct.pack(">HHHB", 1, 13, 6, 0)),
        _full(b"pixi", bytes([1, 10])),
        _full(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"),
    ]
    uses = [struct.pack(">HB", 1, 4) + bytes([1, 2, 0x83, 4]), struct.pack(">HB", 2, 4) + bytes([1, 5, 0x83, 6])]
    count = struct.pack(">H", len(items))
    named = [
        _full(b"infe", struct.pack(">HH4s", number, 0, b"av01"), b"\0", version=2)
        for number in range(1, len(items) + 1)
    ]
    fixed = (
        _full(b"hdlr", struct.pack(">I4s12s", 0, b"pict", bytes(12)), b"\0"),
        _full(b"pitm", struct.pack(">H", 1)),
        _full(b"iinf", count, *named),
        _full(b"iref", _box(b"auxl", struct.pack(">HHH", 2, 1, 1))) if mask else b"",
        _box(
            b"iprp",
            _box(b"ipco", *properties),
            _full(b"ipma", struct.pack(">I", len(items)), *uses[: len(items)]),
        ),
    )

    def meta(at: int) -> bytes:
        places = []
        for number, item in enumerate(items, 1):
            places.append(struct.pack(">HHHII", number, 0, 1, at, len(item)))
            at += len(item)
        return _full(b"meta", *fixed, _full(b"iloc", bytes([0x44, 0]), count, *places))

    head = _box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")
    return head + meta(len(head) + len(meta(0)) + 8) + _box(b"mdat", *items)


def _frame(picture: Image.Image) -> bytes:
    """In a process of its own: SVT-AV1 makes the one that encodes a real-time process (SCHED_FIFO), as which everything
    that it starts later would keep all others from the cores."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_encoded, picture).result()


def _encoded(picture: Image.Image) -> bytes:
    context = av.CodecContext.create("libsvtav1", "w")
    context.width, context.height, context.pix_fmt = *picture.size, "yuv420p10le"
    context.time_base = context.framerate = Fraction(1, 1)
    context.options = {"preset": "10", "crf": "5"}
    frame = av.VideoFrame.from_image(picture).reformat(format=context.pix_fmt)
    frame.pts = 0
    return b"".join(bytes(one) for one in [*context.encode(frame), *context.encode(None)])


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _full(kind: bytes, *parts: bytes, version: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24), *parts)
