"""The engine: opens a photograph, detects and describes its faces, and turns them into templates."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from kenspeckle import memory
from kenspeckle.domain import Attribute, Box, FaceDetail, Landmark, Sample, Vector
from kenspeckle.errors import ModelMissing
from kenspeckle.models import registry
from kenspeckle.ports import Photo
from kenspeckle.settings import Settings
from kenspeckle.vision import cutter, face_mesh, passes
from kenspeckle.vision.align import Aligner, Floats
from kenspeckle.vision.attributes import Describer
from kenspeckle.vision.decode import Photograph
from kenspeckle.vision.detect import Faces
from kenspeckle.vision.embed import template
from kenspeckle.vision.frame import Frame
from kenspeckle.vision.quality import PoseEstimator, describe
from kenspeckle.vision.sessions import Activity, Network, choose
from kenspeckle.vision.two_stage import TwoStageDetector

KINDS: Final = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")

MIN_DETAIL: Final = 0.8
"""Picture pixels a chip pixel under which a face is cut from a finer decoding of its photograph, if there is one."""

CENTERFACE: Final = (0.5, 0.6, 0.8, 1.0), (0.85, 0.95, 0.995, 1.0)
"""Scores of CenterFace over a whole photograph, and the part of places with such scores that are faces."""

DESCRIBED: Final = 100
"""Faces of one photograph that are returned at most, the largest; as many as Amazon Rekognition returns."""


TOLD: Final = 50
"""Faces of one photograph of which attributes are told at most, the largest: 20 ms each. A crowd costs a second."""


class Engine:
    """`ports.Engine` by the networks of a pack. For many threads; a `Photo` belongs to one of them at a time."""

    def __init__(self, installed: registry.InstalledPack, settings: Settings, *, beside: Engine | None = None) -> None:
        """Loads the networks (a tenth of a second). `beside` is an engine of another pack in this process,
        with which it shares cores and memory. Raises ModelMissing where a file can't be loaded."""
        self.pack = installed.info
        self._settings = settings
        self.runtime = choose(settings.device, settings.precision)
        self.runtime.prepare()
        self._activity: Activity = Activity() if beside is None else beside._activity
        plain = installed.plain_embedder if self.runtime.name == "openvino" else None
        self._embedder = Network(plain or installed.embedder, self._activity, runtime=self.runtime, embedder=True)
        self._unit = installed.pack.metric == "cosine"
        self._clarity = installed.pack.clarity
        self._eye_distance = math.dist(*installed.pack.alignment.places[:2])
        detector = Network(installed.detector, self._activity, runtime=self.runtime)
        self._confidence: tuple[tuple[float, ...], tuple[float, ...]]
        self._looks: tuple[Callable[[Photograph], Faces], Callable[[Photograph], Faces]]
        if installed.finder is not None:
            faces = TwoStageDetector(Network(installed.finder, self._activity, runtime=self.runtime), detector)
            self._looks = faces.every_face, faces.largest_face
            self._confidence = (0.0, 1.0), (0.0, 1.0)
        else:
            self._confidence = CENTERFACE
            self._looks = partial(passes.every_face, network=detector), partial(passes.largest_face, network=detector)
        memory.trim()  # loading frees some 50 MB
        alignment = installed.pack.alignment
        self._aligner = Aligner(alignment.size, alignment.places)
        self._mesh = Aligner(face_mesh.SIDE, face_mesh.PLACES)
        self._poses = PoseEstimator(alignment.places)
        self._describer: Describer = (
            Describer(settings.models_dir, self.runtime, self._activity, gender=settings.gender)
            if beside is None
            else beside._describer
        )
        self._turn: threading.Lock = threading.Lock() if beside is None else beside._turn

    def open(self, data: bytes) -> Photograph:
        """Checks bytes and header. Raises UnsupportedImage, DamagedImage, ImageTooLarge, ImageTooSmall."""
        limits = self._settings
        return Photograph(data, max_bytes=limits.max_image_bytes, max_pixels=limits.max_image_pixels, turn=self._turn)

    def frame(self, sample: Sample) -> Frame:
        return Frame(sample)

    def detect(self, photo: Photo, *, largest_only: bool = False, part: float = 1.0) -> tuple[FaceDetail, ...]:
        """Faces, largest first, at most DESCRIBED. `largest_only` may find no other, and is several times faster. Of a
        crowd no more than `part` (0..1) of the places are looked at closely that one photograph may take.

        Raises DamagedImage, ImageTooLarge (no memory)."""
        own = _own(photo)
        with self._activity.busy():
            own.part = part
            faces = self._looks[largest_only](own)
            faces = faces.where(np.argsort(-faces.areas, kind="stable")[:DESCRIBED])
            chips = self._chips(own, [faces.points[at] for at in range(len(faces))])
            details = tuple(self._detail(own, faces, at, chip) for at, chip in enumerate(chips))
        # Mostly these faces are embedded next.
        own.chips = {detail.box: chip for detail, chip in zip(details, chips, strict=True)}
        return details

    def embed(self, photo: Photo, faces: Sequence[FaceDetail]) -> list[Vector]:
        """One template a face, (dimension,) float32, in the order given. Raises DamagedImage, and ModelMissing
        where the embedder answers NaN."""
        own = _own(photo)
        with self._activity.busy():
            lost = [face for face in faces if face.box not in own.chips]
            for face, chip in zip(lost, self._chips(own, [_points(own, face) for face in lost]), strict=True):
                own.chips[face.box] = chip
            found = self._templates(own, faces)
        found = [one / np.linalg.norm(one) for one in found] if self._unit else found
        if not all(np.isfinite(one).all() for one in found):
            raise ModelMissing(
                f"The embedder of the pack '{self.pack.name}' answers NaN for a face: nothing can be compared. "
                "Run kenspeckle models verify, or use another pack."
            )
        return found

    def attributes(self, photo: Photo, faces: Sequence[FaceDetail], asked: frozenset[Attribute]) -> list[FaceDetail]:
        """The faces with what is asked for of the TOLD largest, where it can be told. Raises DamagedImage, and
        ModelMissing where the networks for it are not installed."""
        if not asked:
            return list(faces)
        own, found = _own(photo), list(faces)
        largest = sorted(range(len(faces)), key=lambda at: -faces[at].box.area)[:TOLD]
        with self._activity.busy():
            for at in largest:
                face = faces[at]
                points = _points(own, face)
                picture, scale = self._picture(own, points)
                side = math.sqrt(face.box.area * own.width * own.height)
                told = self._describer.describe(picture, points * scale, side, asked, picture.size)
                found[at] = replace(face, attributes=told)
        return found

    def _picture(self, photo: Photograph, points: Floats) -> tuple[Image.Image, Floats]:
        """As `_chips` chooses the picture to cut a face from, and its pixels a pixel of the photograph."""
        sides = (passes.full_side(photo), max(photo.width, photo.height))
        for side in sides[1:] if photo.smoothing else sides:
            picture = photo.image(side)
            scale = np.array([picture.width / photo.width, picture.height / photo.height], np.float32)
            if abs(self._mesh.similarity(points * scale)[0]) >= MIN_DETAIL:
                break
        return picture, scale

    def clarity(self, photo: Photo, faces: Sequence[FaceDetail]) -> list[float]:
        """How recognizable each face is to the embedder, 0..100; 100 where its pack has no measure of it. SFace's
        templates are longer for clearer faces: blur, mosaics, masks, compression and darkness all shorten them before
        they spoil recognition. Costs nothing where the faces were embedded before. Raises DamagedImage."""
        if self._clarity is None:
            return [100.0] * len(faces)
        with self._activity.busy():
            lengths = [float(np.linalg.norm(one)) for one in self._templates(_own(photo), faces)]
        return np.interp(lengths, self._clarity, (0.0, 100.0)).tolist()

    def _templates(self, photo: Photograph, faces: Sequence[FaceDetail]) -> list[Vector]:
        """Templates as the embedder gives them."""
        for face in faces:
            if face.box not in photo.templates:
                photo.templates[face.box] = template(photo.chips[face.box], self._embedder)
        return [photo.templates[face.box] for face in faces]

    def thumbnail(self, photo: Photo, box: Box) -> bytes:
        """The face with some surroundings, upright JPEG of at most 256 pixels. Raises DamagedImage."""
        return cutter.thumbnail(_own(photo), box)

    def _chips(self, photo: Photograph, points: Sequence[Floats]) -> list[Image.Image]:
        """Aligned faces; `points` in pixels of the photograph.

        Each is cut from the picture that faces are looked for in, or from the finest there is where that has too few
        pixels for it: what else is asked of the photograph makes no difference to it.
        """
        if not points:
            return []
        longest = max(photo.width, photo.height)
        picture = photo.image(passes.full_side(photo))
        if photo.smoothing:
            picture = picture.filter(ImageFilter.GaussianBlur(photo.smoothing))
        chips: dict[int, Image.Image] = {}
        for finest in (True,) if photo.smoothing else (False, True):
            if finest and len(chips) < len(points) and not photo.smoothing:
                picture = photo.image(longest)
            scale = np.array([picture.width / photo.width, picture.height / photo.height], np.float32)
            for at, one in enumerate(points):
                if at not in chips and (finest or abs(self._aligner.similarity(one * scale)[0]) >= MIN_DETAIL):
                    chips[at] = self._aligner.chip(picture, one * scale)
        return [chips[at] for at in range(len(points))]

    def _detail(self, photo: Photograph, faces: Faces, at: int, chip: Image.Image) -> FaceDetail:
        left, top, right, bottom = (float(value) for value in faces.boxes[at])
        points = faces.points[at]
        return FaceDetail(
            box=Box(
                left / photo.width, top / photo.height, (right - left) / photo.width, (bottom - top) / photo.height
            ),
            confidence=100 * float(np.interp(faces.scores[at], *self._confidence)),
            landmarks=tuple(
                Landmark(kind, float(x) / photo.width, float(y) / photo.height)
                for kind, (x, y) in zip(KINDS, points, strict=True)
            ),
            pose=self._poses.pose(points),
            quality=describe(chip, self._eye_distance),
        )


def _own(photo: Photo) -> Photograph:
    if not isinstance(photo, Photograph):
        raise TypeError("the photograph was not opened by this engine")
    return photo


def _points(photo: Photograph, face: FaceDetail) -> Floats:
    """The landmarks in pixels of the photograph, (5, 2), in the order of KINDS."""
    places = {one.kind: (one.x * photo.width, one.y * photo.height) for one in face.landmarks}
    return np.array([places[kind] for kind in KINDS], np.float32)
