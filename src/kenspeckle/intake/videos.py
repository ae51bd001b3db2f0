"""The videos of --save: every frame with a box and a name for each face, without sound."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Final

from PIL import Image

from kenspeckle.client.errors import CommandFailed
from kenspeckle.domain import Box, Sample, VideoFace
from kenspeckle.settings import Settings
from kenspeckle.vision.frame import Frame
from kenspeckle.vision.picture import Mark, draw_marks
from kenspeckle.vision.video import ChildDecoder

CODECS: Final = ("libx264", "h264_videotoolbox", "mpeg4")
"""Encoders in the order of preference."""
TICKS: Final = 1000
"""Units of time a second."""


def save_video(source: Path, place: Path, faces: Iterable[VideoFace], settings: Settings) -> None:
    """The video at `place`, an MP4 that only its owner can read. `faces` are in the order of time.

    Raises InvalidVideo, CommandFailed, and NotOffered where PyAV is not installed."""
    check_name(place)
    descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    partial = place.with_name(place.name + ".partial")
    try:
        with ChildDecoder(settings).open(descriptor, rate=0.0) as reader:
            samples = (one for one in reader if one is not None)
            _write(partial, _draw(samples, faces, _patience(settings)), reader.facts.frame_rate)
        partial.replace(place)
    except OSError as error:
        raise CommandFailed(f"{place} can't be written: {error.strerror}.", "Name another with --save.") from error
    finally:
        os.close(descriptor)
        partial.unlink(missing_ok=True)


def check_name(place: Path) -> None:
    """Whether a video can be saved there, before it is looked at. Raises CommandFailed."""
    if place.suffix.lower() not in (".mp4", ".m4v", ".mov"):
        raise CommandFailed(f"{place} is no name of an MP4.", "Name one that ends in .mp4 with --save.")
    if not place.parent.is_dir():
        raise CommandFailed(f"There is no folder {place.parent}.", "Make it, or name another file with --save.")


def _patience(settings: Settings) -> int:
    """Milliseconds for which a face is shown where no later sample has it."""
    return round(1000 / settings.video_frame_rate)


def _draw(samples: Iterable[Sample], faces: Iterable[VideoFace], patience: int) -> Iterator[tuple[int, Image.Image]]:
    """Frames with the faces of the sample before; between two samples a face goes from one place to the other."""
    groups = ((at, list(some)) for at, some in groupby(faces, key=lambda one: one.at))
    before: tuple[int, list[VideoFace]] = (-1, [])
    after = next(groups, None)
    for sample in samples:
        while after is not None and after[0] <= sample.at:
            before, after = after, next(groups, None)
        picture = Frame(sample).image(0)
        yield sample.at, draw_marks(picture.copy(), _marks(sample.at, before, after, patience))


def _marks(
    at: int, before: tuple[int, Sequence[VideoFace]], after: tuple[int, Sequence[VideoFace]] | None, patience: int
) -> list[Mark]:
    if at > before[0] + patience:
        return []
    later = {one.person: one.detail.box for one in after[1]} if after and after[0] <= before[0] + 2 * patience else {}
    span = after[0] - before[0] if after else 1
    return [
        Mark(_between(one.detail.box, later.get(one.person), (at - before[0]) / span), _label(one), bool(one.matches))
        for one in before[1]
    ]


def _between(one: Box, other: Box | None, share: float) -> Box:
    if other is None:
        return one
    return replace(
        one,
        left=one.left + share * (other.left - one.left),
        top=one.top + share * (other.top - one.top),
        width=one.width + share * (other.width - one.width),
        height=one.height + share * (other.height - one.height),
    )


def _label(one: VideoFace) -> str:
    if not one.matches:
        return "unknown"
    best = one.matches[0]
    return f"{best.name or best.face.face_id} {best.similarity:.1f}"


def _write(place: Path, frames: Iterator[tuple[int, Image.Image]], rate: float) -> None:
    import av  # late: an optional dependency; what is encoded here was made by us

    first = next(frames, None)
    if first is None:
        raise CommandFailed("The video has no frames.", "Check that a player shows it.")
    width, height = (side // 2 * 2 for side in first[1].size)
    opened = os.open(place, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(opened, "wb") as file, av.open(file, "w", format="mp4") as container:
        stream = _stream(av, container, rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS)
        last = -1
        for at, picture in chain([first], frames):
            last = _encode(av, container, stream, at, picture, (width, height), last)
        container.mux(stream.encode())


def _stream(av: Any, container: Any, rate: float) -> Any:
    codec = next((one for one in CODECS if one in av.codecs_available), None)
    if codec is None:
        raise CommandFailed("This PyAV has no encoder for MP4.", "Install PyAV from PyPI.")
    return container.add_stream(codec, rate=Fraction(rate).limit_denominator(1001) if 1 <= rate <= 240 else 25)


def _encode(
    av: Any, container: Any, stream: Any, at: int, picture: Image.Image, size: tuple[int, int], last: int
) -> int:
    frame = av.VideoFrame.from_image(picture if picture.size == size else picture.crop((0, 0, *size)))
    at = max(at, last + 1)
    frame.pts, frame.time_base = at, Fraction(1, TICKS)
    container.mux(stream.encode(frame))
    return at
