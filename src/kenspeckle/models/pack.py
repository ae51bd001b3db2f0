"""What a model pack is made of: its files with their sources and licences, and what makes its templates comparable."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from kenspeckle.domain import Calibration, PackInfo
from kenspeckle.errors import ModelMissing
from kenspeckle.models.extract import Archive, Member

RECIPE = 2
"""Number of the conversion; it grows when the same sources would give other files, so that those are made anew."""

OWN_LICENCE = "Apache-2.0.txt"
"""The text that this package is under itself, which every installation of it has."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a pack or of the samples: where it comes from and on which terms.

    `trained_on` names the photographs that a network learned from, whose terms were their own (docs/models.md).
    """

    file: str
    what: str
    author: str
    licence: str
    home: str
    archive: Archive
    member: Member
    trained_on: str = ""
    conversion: str = ""
    """How the member becomes the file (`install`); empty: as it is."""
    origin: str = ""
    """Where its makers publish the member itself, for those whose package index has lost the archive."""


@dataclass(frozen=True, slots=True)
class Text:
    """A licence text that no archive brings, so that this package does."""

    file: str
    what: str
    author: str
    licence: str
    home: str
    packaged: str
    """`OWN_LICENCE`, or a name in the folder `licences` beside this module."""

    @property
    def data(self) -> bytes:
        if self.packaged == OWN_LICENCE:
            text = distribution("kenspeckle").read_text("licenses/LICENSE")
            if text is None:
                raise ModelMissing("This installation of kenspeckle lacks its licence; install the package anew.")
            return text.encode()
        return Path(__file__).with_name("licences").joinpath(self.packaged).read_bytes()


@dataclass(frozen=True, slots=True)
class Alignment:
    """Places of the five landmarks (left eye, right eye, nose, left and right mouth corner) in a square chip, pixels.

    Left is left in the image. `size` is the chip's side.
    """

    size: int
    places: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Pack:
    """Detectors, an embedder, and what turns a photograph into comparable templates with them."""

    name: str
    version: str
    """FaceModelVersion of answers: a number of 6 or more, as programs written for Amazon Rekognition compare it."""
    detector: Part
    """CenterFace: landmarks, and where there is no `finder`, all faces."""
    embedder: Part
    texts: tuple[Part | Text, ...]
    alignment: Alignment
    preprocessing: str
    metric: str
    """`euclidean`, or `cosine`: templates are then made unit vectors, whose Euclidean distance d has the cosine
    1 - d d / 2."""
    dimension: int
    calibration: Calibration
    finder: Part | None = None
    """YuNet, which finds faces that CenterFace then looks at closely."""
    clarity: tuple[float, float] | None = None
    """Lengths of a template of which its network makes nothing (0) and all (100); None where they tell nothing."""
    plain_embedder: Part | None = None
    """The embedder in the form that OpenVINO is quickest with; the same answers."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is fetched."""
        networks = (self.finder, self.detector, self.embedder, self.plain_embedder)
        texts = (one for one in self.texts if isinstance(one, Part))
        return (*(one for one in networks if one is not None), *texts)

    @property
    def files(self) -> tuple[str, ...]:
        """Names of all files of the installed pack."""
        packaged = (one.file for one in self.texts if isinstance(one, Text))
        return (*(part.file for part in self.parts), *packaged)

    def files_for(self, runtime: str) -> tuple[str, ...]:
        """Those of `files` that the runtime `onnxruntime` or `openvino` has a use for."""
        if self.plain_embedder is None:
            return self.files
        other = self.embedder if runtime == "openvino" else self.plain_embedder
        return tuple(file for file in self.files if file != other.file)

    @property
    def detector_file(self) -> str:
        return self.detector.file

    @property
    def embedder_file(self) -> str:
        return self.embedder.file

    @property
    def finder_file(self) -> str | None:
        return None if self.finder is None else self.finder.file

    @property
    def plain_embedder_file(self) -> str | None:
        return None if self.plain_embedder is None else self.plain_embedder.file

    @cached_property
    def contract(self) -> str:
        """sha256 (hex) of what makes templates comparable: embedder, dimension, preprocessing, alignment, metric."""
        return sha256_of(
            {
                "embedder": self.embedder.member.sha256,
                "dimension": self.dimension,
                "preprocessing": self.preprocessing,
                "alignment": asdict(self.alignment),
                "metric": self.metric,
            }
        )

    @cached_property
    def recipe(self) -> str:
        """sha256 (hex) of what the installed files are made of."""
        return sha256_of({"recipe": RECIPE, "sources": {part.file: part.member.sha256 for part in self.parts}})

    @property
    def info(self) -> PackInfo:
        return PackInfo(self.name, self.contract, self.dimension, self.calibration, self.version, self.embedder.licence)


@dataclass(frozen=True, slots=True)
class Samples:
    """Photographs of the demo and the tests: two people, and three without a human face."""

    grace_hopper: Path
    astronaut: Path
    coffee: Path
    chelsea: Path
    rocket: Path


def sha256_of(value: Any) -> str:
    """Of a JSON value, hex."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
