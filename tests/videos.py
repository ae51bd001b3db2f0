"""Videos for tests, made of the two public-domain photographs, with movement, blur and cuts."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageFilter

from kenspeckle.settings import load

av: Any = importlib.import_module("av")  # its types know no video apart from sound
SAMPLES = load(environ={}).models_dir / "samples"
SIZE = (640, 360)
RATE = 10
GRACE, EILEEN = "grace_hopper.jpg", "astronaut.png"

Picture = Callable[[float], Image.Image]
"""What is to be seen at a time in seconds."""
Shot = tuple[float, Picture]
"""Seconds, and what they show."""


@cache
def portrait(name: str, height: int) -> Image.Image:
    with Image.open(SAMPLES / name) as picture:
        width = round(picture.width * height / picture.height)
        return picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def shot(
    *cast: tuple[str, float, float], height: int = 300, speed: float = 60, blur: float = 0, ground: str = "#446"
) -> Picture:
    """People at places, who move; every second one to the left."""

    def picture(at: float) -> Image.Image:
        image = Image.new("RGB", SIZE, ground)
        for number, (name, left, top) in enumerate(cast):
            side = left + speed * at * (-1) ** number
            image.paste(portrait(name, height), (round(side), round(top + 10 * math.sin(3 * at))))
        return image.filter(ImageFilter.GaussianBlur(blur)) if blur else image

    return picture


def empty(at: float) -> Image.Image:
    return Image.new("RGB", SIZE, "#787")


def make(
    path: Path,
    shots: Iterable[Shot],
    *,
    rate: int = RATE,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> Path:
    """The video at `path`, in the format of its name's ending. `options` are those of its container."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        first = True
        number = 0
        for seconds, picture in shots:
            for frame in range(round(seconds * rate)):
                image = picture(frame / rate)
                if first:
                    stream.width, stream.height = image.size
                    stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                    first = False
                made = av.VideoFrame.from_image(image)
                made.pts, made.time_base = number, Fraction(1, rate)
                number += 1
                container.mux(stream.encode(made))
        container.mux(stream.encode())
    return path


def silence(path: Path) -> Path:
    """Half a second of sound, without a picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        for number in range(4):
            frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.sample_rate, frame.pts = 8000, 1024 * number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def two_people(path: Path, **more: object) -> Path:
    """Five seconds: Grace, both, nobody, Eileen."""
    return make(
        path,
        [
            (1.5, shot((GRACE, 60, 20))),
            (1.5, shot((GRACE, 20, 20), (EILEEN, 330, 20), speed=30, ground="#a98")),
            (0.6, empty),
            (1.4, shot((EILEEN, 100, 20), blur=0.8, ground="#353")),
        ],
        **more,  # type: ignore[arg-type]
    )


def brief(path: Path) -> Path:
    """A second of both: for tests of what becomes of results."""
    return make(path, [(1.2, shot((GRACE, 20, 20), (EILEEN, 330, 20), speed=30, ground="#a98"))])
