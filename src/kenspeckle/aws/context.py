"""What all parts of the managed recognizer share: the services, the settings, a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kenspeckle import formats
from kenspeckle.aws.bucket import Bucket
from kenspeckle.aws.clients import Amazon
from kenspeckle.aws.table import Table
from kenspeckle.domain import Box
from kenspeckle.errors import ImageTooLarge, ImageTooSmall, UnsupportedImage
from kenspeckle.ports import Stages
from kenspeckle.settings import Settings

MOST_SENT = 5 * 1024 * 1024
"""Bytes of a photograph that is sent along with a call."""

MOST_NAMED = 15 * 1024 * 1024
"""Bytes of a photograph that Rekognition reads from the bucket."""

SHORTEST_SIDE = 80
"""Pixels."""


class Cutter(Protocol):
    """Cuts faces out of photographs, which Rekognition does not offer. Raises DamagedImage, ImageTooLarge."""

    def thumbnail(self, image: bytes, box: Box) -> bytes:
        """The face with some surroundings, JPEG, small."""
        ...

    def portraits(self, image: bytes, boxes: Sequence[Box]) -> Iterator[bytes]:
        """Each face with its surroundings at full resolution, JPEG, for a search of its own."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """`cutter()` is asked for with the first face that is to be cut. `stages` get the duration of each stage."""

    amazon: Amazon
    table: Table
    bucket: Bucket
    settings: Settings
    cutter: Callable[[], Cutter]
    stages: Stages = field(default_factory=Stages)
    now: Callable[[], float] = time.time

    def judge(self, image: bytes, *, most: int = MOST_SENT) -> tuple[str, int, int]:
        """Media type, width and height of a photograph that Rekognition can take.

        Raises UnsupportedImage, ImageTooLarge, ImageTooSmall: by its first bytes, before a call is paid for."""
        settings = self.settings
        if len(image) > (limit := min(most, settings.max_image_bytes)):
            raise ImageTooLarge(
                f"The photograph has {len(image)} bytes; {limit} are the most that can be "
                + ("indexed." if most == MOST_NAMED else "searched with, detected in or compared. Send a smaller one.")
            )
        kind = formats.sniff(image)
        if kind not in (formats.JPEG, formats.PNG):
            raise UnsupportedImage(
                "Amazon Rekognition takes JPEG and PNG; the bytes are neither. Save the photograph as one of them."
            )
        width, height = formats.size(image) or (SHORTEST_SIDE, SHORTEST_SIDE)
        if width * height > settings.max_image_pixels:
            raise ImageTooLarge(
                f"The photograph has {width} x {height} pixels; {settings.max_image_pixels} in all are the most."
            )
        if min(width, height) < SHORTEST_SIDE:
            raise ImageTooSmall(
                f"The photograph has {width} x {height} pixels; Amazon Rekognition needs {SHORTEST_SIDE} x "
                f"{SHORTEST_SIDE} at least."
            )
        return kind, width, height
