"""As many different photographs of the two sample people as a test wants, each with one face, small and quick."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageEnhance

from kenspeckle import settings

SIDE = 224
_FRAMES = {"grace_hopper.jpg": (110, 20, 430, 420), "astronaut.png": (120, 10, 360, 300)}
"""Left, top, right and bottom of the part of each sample that shows the head."""


def sample(name: str) -> Path:
    """Where `kenspeckle models pull --samples` puts a sample photograph."""
    return settings.load().models_dir / "samples" / name


class Portraits:
    """`portraits[n]` is the n-th photograph as JPEG; equal numbers give equal bytes, others give others."""

    def __init__(self) -> None:
        self._heads = [Image.open(sample(name)).convert("RGB").crop(frame) for name, frame in _FRAMES.items()]

    def __getitem__(self, number: int) -> bytes:
        head = self._heads[number % len(self._heads)]
        step = number // len(self._heads)
        left, top, light = step % 12, step // 12 % 12, 0.7 + 0.05 * (step // 144 % 12)
        picture = head.crop((left, top, head.width - 12 + left, head.height - 12 + top))
        picture.thumbnail((SIDE, SIDE))
        file = io.BytesIO()
        ImageEnhance.Brightness(picture).enhance(light).save(file, "JPEG", quality=80 + step // 1728 % 15)
        return file.getvalue()

    def named(self, number: int) -> tuple[str, bytes]:
        """(file name, photograph); every photograph has a name of its own."""
        return f"portrait-{number}.jpg", self[number]
