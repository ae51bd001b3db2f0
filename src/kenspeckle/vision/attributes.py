"""Attributes of faces by networks of their own, which are loaded when they are asked for the first time."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from kenspeckle import memory
from kenspeckle.domain import Landmark
from kenspeckle.domain.attributes import Attribute, Attributes, Flag
from kenspeckle.models import registry
from kenspeckle.vision import eyes as eyes_
from kenspeckle.vision import face_mesh, readings
from kenspeckle.vision.age import Ages, Genders
from kenspeckle.vision.eyes import Eyes
from kenspeckle.vision.face_mesh import FaceMesh
from kenspeckle.vision.sessions import Activity, Network, Runtime

Floats: TypeAlias = npt.NDArray[np.float32]

SMALLEST: Final = 24.0
"""Side of a face in pixels under which nothing is told of it: the networks would answer, of a smudge."""

_OF_EYES: Final = frozenset({Attribute.EYES_OPEN, Attribute.EYE_DIRECTION, Attribute.LANDMARKS})
_OF_MESH: Final = _OF_EYES | {Attribute.FACE_OCCLUDED, Attribute.MOUTH_OPEN, Attribute.SMILE}


@dataclass(frozen=True, slots=True)
class _Networks:
    mesh: FaceMesh
    eyes: Eyes
    ages: Ages
    genders: Genders | None


class Describer:
    """Tells attributes of faces; for many threads, and for the engines of all packs of a process."""

    def __init__(self, models_dir: Path, runtime: Runtime, activity: Activity, *, gender: bool) -> None:
        """Loads nothing. `gender`: whether the operator has switched it on."""
        self._models_dir, self._runtime, self._activity, self._gender = models_dir, runtime, activity, gender
        self._lock = threading.Lock()
        self._networks: _Networks | None = None

    def describe(
        self, picture: Image.Image, points: Floats, side: float, asked: frozenset[Attribute], size: tuple[float, float]
    ) -> Attributes:
        """Of a face of `side` pixels of the photograph, whose five landmarks lie at `points`, (5, 2) in pixels of the
        picture, what is asked for and can be told. `size` is the picture's, for landmarks as ratios.
        Raises ModelMissing."""
        found = self._infer(self._load(), picture, points, side, asked, size)
        return found.only(asked) or found

    @staticmethod
    def _infer(
        networks: _Networks,
        picture: Image.Image,
        points: Floats,
        side: float,
        asked: frozenset[Attribute],
        size: tuple[float, float],
    ) -> Attributes:
        if side < SMALLEST:
            return Attributes()
        age = networks.ages.find(picture, points) if Attribute.AGE_RANGE in asked else None
        wants_gender = networks.genders is not None and Attribute.GENDER in asked
        gender = networks.genders.find(picture, points) if networks.genders and wants_gender else None
        mesh = networks.mesh.find(picture, points) if asked & _OF_MESH else None
        if mesh is None:
            return Attributes(age=age, gender=gender)
        head = face_mesh.pose(mesh)
        flags: dict[Attribute, Flag | None] = {
            Attribute.SMILE: readings.smile(mesh),
            Attribute.MOUTH_OPEN: readings.mouth_open(mesh),
            Attribute.FACE_OCCLUDED: readings.is_occluded(mesh, head, side),
        }
        direction, places = None, [(name, complex(mesh.points[at])) for name, at in face_mesh.LANDMARKS]
        eyes = networks.eyes.find(picture, mesh) if asked & _OF_EYES else None
        if eyes is not None:
            flags[Attribute.EYES_OPEN] = seen = eyes_.are_open(eyes)
            direction = eyes_.direction(eyes, head) if seen.value else None
            places += eyes_.landmarks(eyes)
        return Attributes(
            age=age,
            gender=gender,
            flags={name: flag for name, flag in flags.items() if flag is not None},
            eyes=direction,
            landmarks=tuple(
                Landmark(name, round(one.real / size[0], 6), round(one.imag / size[1], 6)) for name, one in places
            ),
            pose=head,
        )

    def _load(self) -> _Networks:
        with self._lock:
            if self._networks is None:
                files = registry.find_attributes(self._models_dir, self._runtime.name)
                self._networks = _Networks(
                    FaceMesh(self._network(files.mesh)),
                    Eyes(self._network(files.iris)),
                    Ages(self._network(files.age)),
                    Genders(self._network(files.gender)) if self._gender else None,
                )
                memory.trim()
            return self._networks

    def _network(self, file: Path) -> Network:
        return Network(file, self._activity, runtime=self._runtime)
