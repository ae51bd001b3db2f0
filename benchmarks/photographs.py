"""The photographs that are measured on: those beside the project where there are any, else the samples."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from kenspeckle.models import install

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "faces"
SIDES = (320, 512, 768, 1024, 1366)
"""Longest sides, in pixels, to which the samples are scaled."""


@dataclass(frozen=True, slots=True)
class Photograph:
    name: str
    data: bytes
    width: int
    height: int


def photographs(models_dir: Path, most: int, progress: Callable[[str, int, int], None]) -> tuple[str, list[Photograph]]:
    """(what they are, at most `most` of them, spread over all folders)."""
    if BESIDE.is_dir():
        return f"photographs of {BESIDE.name}/ beside the project", _spread(most)
    samples = install.samples(models_dir, progress)
    found = [_scaled(path, side) for side in SIDES for path in (samples.grace_hopper, samples.astronaut)]
    return f"two public-domain photographs, scaled to {len(SIDES)} sizes", found[:most]


def _spread(most: int) -> list[Photograph]:
    """Files of all folders in turn, so that no kind of photograph dominates."""
    kinds = [sorted(path for path in folder.rglob("*") if _is_image(path)) for folder in sorted(BESIDE.iterdir())]
    kinds = [kind for kind in kinds if kind]
    chosen: list[Path] = []
    for kind in kinds:
        share = max(1, most // len(kinds))
        step = max(1, len(kind) // share)
        chosen += kind[::step][:share]
    return [_opened(path) for path in chosen[:most]]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in {".jpg", ".jpeg", ".png"}


def _opened(path: Path) -> Photograph:
    data = path.read_bytes()
    with Image.open(io.BytesIO(data)) as picture:
        return Photograph(str(path.relative_to(BESIDE)), data, *picture.size)


def _scaled(path: Path, side: int) -> Photograph:
    with Image.open(path) as picture:
        scale = side / max(picture.size)
        size = (round(picture.width * scale), round(picture.height * scale))
        file = io.BytesIO()
        picture.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(file, "JPEG", quality=90)
    return Photograph(f"{path.stem}-{side}.jpg", file.getvalue(), *size)
