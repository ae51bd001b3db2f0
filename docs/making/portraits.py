"""Draws what recognition does to the sample photographs: the stages for three of them, and the tutorial's party."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageEnhance

from kenspeckle.domain import FaceDetail
from kenspeckle.models import install, registry
from kenspeckle.settings import load
from kenspeckle.vision.align import Aligner
from kenspeckle.vision.engine import KINDS, Engine
from kenspeckle.vision.picture import INK, KNOWN, Mark, annotate

HEADS = ("found, with five landmarks", "turned upright, cut out", "described by 128 numbers", "against the first")


@dataclass(frozen=True, slots=True)
class Seen:
    """One photograph with what the engine made of it."""

    framed: Image.Image
    dots: Any
    """Landmarks in pixels of `framed`, (5, 2)."""
    chip: Image.Image
    template: Any


def draw(folder: Path) -> list[Path]:
    """Write recognition.jpg and who.jpg into the folder."""
    return [stages(folder / "recognition.jpg"), party(folder / "who.jpg")]


def stages(file: Path) -> Path:
    """A row a photograph: Grace Hopper, the same one turned and darkened, Eileen Collins."""
    settings = load(environ={})
    samples = install.samples(settings.models_dir, lambda *_: None)
    installed = registry.find(settings.models_dir, settings.pack)
    engine = Engine(installed, settings)
    portrait = Image.open(samples.grace_hopper).convert("RGB")
    turned = portrait.rotate(17, Image.Resampling.BICUBIC, expand=True, fillcolor="gray")
    other = Image.open(samples.astronaut).convert("RGB")
    rows = [_seen(one, engine, installed) for one in (portrait, ImageEnhance.Brightness(turned).enhance(0.45), other)]
    calibration = installed.pack.info.calibration
    figure, axes = plt.subplots(len(rows), 4, figsize=(10, 7.2), width_ratios=(3, 2.4, 4, 2.2), layout="constrained")
    limit = max(float(np.abs(one.template).max()) for one in rows)
    for row, (one, places) in enumerate(zip(rows, axes, strict=True)):
        places[0].imshow(one.framed)
        places[0].scatter(*one.dots.T, s=22, color=KNOWN, edgecolors=INK, linewidths=0.8)
        places[1].imshow(one.chip)
        places[2].bar(range(len(one.template)), one.template, width=1.0, color="#0d9488")
        places[2].set_ylim(-limit, limit)
        distance = float(np.linalg.norm(one.template - rows[0].template))
        cosine, similarity = 1 - distance * distance / 2, calibration.similarity(distance)
        said = "-" if row == 0 else f"cosine {cosine:.2f}\nsimilarity {similarity:.1f}"
        places[3].text(0.5, 0.5, said, ha="center", va="center", fontsize=13)
        for place, head in zip(places, HEADS, strict=True):
            place.axis("off")
            if row == 0:
                place.set_title(head, fontsize=11)
    figure.savefig(file, dpi=130, facecolor="white", pil_kwargs={"quality": 88})
    plt.close(figure)
    return file


def _seen(picture: Image.Image, engine: Engine, installed: registry.InstalledPack) -> Seen:
    """The largest face of the picture, stage by stage."""
    data = io.BytesIO()
    picture.save(data, "PNG")
    photo = engine.open(data.getvalue())
    face = engine.detect(photo)[0]
    alignment = installed.pack.alignment
    chip = Aligner(alignment.size, alignment.places).chip(picture, _points(face, picture.size))
    framed = Image.open(io.BytesIO(annotate(data.getvalue(), [Mark(face.box)])))
    part = _around(face, framed.size)
    dots = _points(face, framed.size) - np.array(part[:2], np.float32)
    return Seen(framed.crop(part), dots, chip, engine.embed(photo, [face])[0])


def _points(face: FaceDetail, size: tuple[int, int]) -> Any:
    places = {one.kind: (one.x * size[0], one.y * size[1]) for one in face.landmarks}
    return np.array([places[kind] for kind in KINDS], np.float32)


def _around(face: FaceDetail, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A square around the face, twice as high, within the picture."""
    width, height = size
    side = min(2 * face.box.height * height, width, height)
    left = min(max(0.0, (face.box.left + face.box.width / 2) * width - side / 2), width - side)
    top = min(max(0.0, (face.box.top + face.box.height / 2) * height - side / 2), height - side)
    return round(left), round(top), round(left + side), round(top + side)


def party(file: Path) -> Path:
    """What `kenspeckle search party.jpg --all-faces --save who.jpg` draws in the tutorial."""
    samples = install.samples(load(environ={}).models_dir, lambda *_: None)
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        people = {"Grace-Hopper": samples.grace_hopper, "Eileen-Collins": samples.astronaut}
        both = Image.new("RGB", (1024, 512))
        both.paste(Image.open(samples.grace_hopper), (0, 0))
        both.paste(Image.open(samples.astronaut), (512, 0))
        both.save(here / "party.jpg")
        for person, photograph in people.items():
            (here / "people" / person).mkdir(parents=True)
            (here / "people" / person / photograph.name).write_bytes(photograph.read_bytes())
        environment = os.environ | {"KENSPECKLE_DATA_DIR": str(here / "data")}
        index = ("index", "people", "--by", "folder")
        for words in (index, ("search", "party.jpg", "--all-faces", "--save", str(file))):
            subprocess.run([sys.executable, "-m", "kenspeckle", *words], cwd=here, env=environment, check=True)
    return file
