"""Packs of one's own: an embedder that an operator brings, behind the detectors of a pack that we have."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

from kenspeckle.domain import Calibration, PackInfo
from kenspeckle.models import centerface_dlib, sface
from kenspeckle.models.pack import Alignment, Pack, Part, Text, sha256_of

FORMAT: Final = 1
"""Of what the manifest says about a pack of one's own; it grows when an older one can't be read any more."""

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
VERSION: Final = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}")

EMBEDDER: Final = "embedder.onnx"

WAYS: Final[Mapping[str, Pack]] = {pack.name: pack for pack in (sface.SFACE, centerface_dlib.CENTERFACE_DLIB)}
"""The packs whose detectors, and whose way of seeing, a pack of one's own can have."""

LANDMARKS: Final = {
    "sface": "centerface, crop of 96 pixels",
    "centerface-dlib": "centerface, whole photograph",
}

CAREFUL: Final = (0.0, 0.382, 0.446, 0.516, 0.598, 0.648, 0.698, 0.833)
SIMILARITIES: Final = (100.0, 99.0, 95.0, 90.0, 80.0, 50.0, 10.0, 0.0)
"""What is taken until `models calibrate` has measured. Knots of Euclidean distance in units of the distance of two
strangers, from a normal law with a standard deviation of 0.13 of the mean: wider than dlib's (0.10) and ArcFace's
are, so that strangers stay strangers and some true pairs are missed."""

CAREFUL_COSINES: Final = (1.0, 0.718, 0.654, 0.583, 0.502, 0.453, 0.402, 0.267)
"""The same for cosines: a normal law with mean 0.10 and a standard deviation of 0.13 (SFace: 0.11 and 0.09)."""

GUESSED: Final = "a careful default that was not measured; run: kenspeckle models calibrate FOLDER"


@dataclass(frozen=True, slots=True)
class Source:
    """The embedder's file as it was brought, and on which terms, in the operator's words."""

    file: str
    size: int
    sha256: str
    licence: str
    author: str = ""
    home: str = ""
    trained_on: str = ""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What becomes of a pixel 0..255 before the network sees it: (value - mean) / scale, in this order of channels.

    `mean` and `scale` are of red, green and blue, whatever the order. It is part of the installed network."""

    channels: str = "rgb"
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    scale: tuple[float, float, float] = (127.5, 127.5, 127.5)


@dataclass(frozen=True)
class OwnPack:
    """As `Pack`, with an embedder that is known by its digest alone."""

    name: str
    version: str
    behind: str
    """The pack whose detectors find faces and place landmarks."""
    source: Source
    preprocessing: Preprocessing
    alignment: Alignment
    metric: str
    dimension: int
    calibration: Calibration
    output: str = ""
    """Name of the network's output that is the template; empty: its only one."""

    @property
    def _way(self) -> Pack:
        return WAYS[self.behind]

    @property
    def clarity(self) -> None:
        """Nothing is known of the lengths of its templates."""
        return

    @property
    def detector_file(self) -> str:
        return self._way.detector_file

    @property
    def embedder_file(self) -> str:
        return EMBEDDER

    @property
    def finder_file(self) -> str | None:
        return self._way.finder_file

    @property
    def plain_embedder_file(self) -> None:
        return

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is fetched: nothing."""
        return ()

    @property
    def texts(self) -> tuple[Part | Text, ...]:
        return ()

    @property
    def files(self) -> tuple[str, ...]:
        """Names of all files of the installed pack."""
        return (*self.borrowed, EMBEDDER)

    def files_for(self, runtime: str) -> tuple[str, ...]:
        """Those of `files` that the runtime has a use for: all."""
        return self.files

    @property
    def borrowed(self) -> tuple[str, ...]:
        """Files of the pack behind it: detectors and their licence texts."""
        way = self._way
        return tuple(file for file in way.files if "embedder" not in file)

    @cached_property
    def contract(self) -> str:
        """sha256 (hex) of what makes templates comparable."""
        return sha256_of(
            {
                "embedder": self.source.sha256,
                "output": self.output,
                "dimension": self.dimension,
                "preprocessing": asdict(self.preprocessing),
                "landmarks": LANDMARKS[self.behind],
                "detector": self._way.detector.member.sha256,
                "alignment": asdict(self.alignment),
                "metric": self.metric,
            }
        )

    @property
    def recipe(self) -> str:
        """What the installed files were made by."""
        return f"own-{FORMAT}"

    @property
    def info(self) -> PackInfo:
        return PackInfo(self.name, self.contract, self.dimension, self.calibration, self.version, self.source.licence)

    @property
    def described(self) -> dict[str, Any]:
        """For the manifest; `read` takes it back."""
        return asdict(self) | {"contract": self.contract}


def careful(metric: str, strangers: float) -> Calibration:
    """What similarity means until it is measured. `strangers` is the distance of two strangers' templates; cosines
    need none."""
    if metric == "cosine":
        distances = tuple(math.sqrt(2 - 2 * cosine) for cosine in CAREFUL_COSINES)
    else:
        distances = tuple(knot * strangers for knot in CAREFUL)
    return Calibration(distances, SIMILARITIES, "default", GUESSED)


def read(name: str, described: Mapping[str, Any]) -> OwnPack:
    """What `OwnPack.described` gave. Raises ValueError, TypeError, KeyError where it is anything else."""
    alignment, calibration = described["alignment"], described["calibration"]
    preprocessing = described["preprocessing"]
    pack = OwnPack(
        name=described["name"],
        version=described["version"],
        behind=described["behind"],
        source=Source(**described["source"]),
        preprocessing=Preprocessing(
            str(preprocessing["channels"]), _three(preprocessing["mean"]), _three(preprocessing["scale"])
        ),
        alignment=Alignment(int(alignment["size"]), tuple((float(x), float(y)) for x, y in alignment["places"])),
        metric=described["metric"],
        dimension=int(described["dimension"]),
        calibration=Calibration(
            tuple(map(float, calibration["distances"])),
            tuple(map(float, calibration["similarities"])),
            "default",
            GUESSED,
        ),
        output=described["output"],
    )
    if pack.name != name or pack.behind not in WAYS or pack.contract != described["contract"]:
        raise ValueError("the description is not that of this pack")
    return pack


def _three(values: Sequence[Any]) -> tuple[float, float, float]:
    red, green, blue = values
    return float(red), float(green), float(blue)


def is_name(name: str) -> bool:
    return NAME.fullmatch(name) is not None
