"""One Amazon for all tests of a worker, and photographs of two people and of none."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from kenspeckle import settings
from tests.aws.amazon import Amazon, amazon


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amazon]:
    with amazon(tmp_path_factory.mktemp("eyes")) as found:
        yield found


def _sample(name: str) -> bytes:
    path: Path = settings.load(environ={}).models_dir / "samples" / name
    return path.read_bytes()


@pytest.fixture(scope="session")
def grace() -> bytes:
    return _sample("grace_hopper.jpg")


@pytest.fixture(scope="session")
def eileen() -> bytes:
    return _sample("astronaut.png")


@pytest.fixture(scope="session")
def rocket() -> bytes:
    return _sample("rocket.jpg")


@pytest.fixture(scope="session")
def both(grace: bytes, eileen: bytes) -> bytes:
    """One JPEG of the two, side by side and stored lying, as a camera does it that was turned (EXIF orientation 6)."""
    row = Image.new("RGB", (1200, 600))
    for at, photograph in enumerate((grace, eileen)):
        row.paste(Image.open(io.BytesIO(photograph)).convert("RGB").resize((600, 600)), (600 * at, 0))
    exif, written = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    row.transpose(Image.Transpose.ROTATE_90).save(written, "JPEG", quality=95, exif=exif)
    return written.getvalue()
