"""Tries a pack of one's own on two people before it is accepted: the same person has to be nearer than the other."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageOps

from kenspeckle.domain import Vector
from kenspeckle.errors import InvalidValue, KenspeckleError, ModelMissing
from kenspeckle.models.registry import Samples
from kenspeckle.vision.engine import Engine
from kenspeckle.vision.sessions import Runtime

DIMENSIONS: Final = (8, 4096)

SAME: Final = 1e-3
"""Distance, in lengths of a template, under which two templates are one."""

DARKER: Final = 0.6
"""Of a view, so that the mean colour of a photograph says nothing of who is on it."""

COMPARABLE: Final = 0.99
"""Cosine of templates of one photograph that two runtimes may differ by."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Distances between templates of two people: the largest of one person, the smallest and the mean of both."""

    same: float
    strangers: float
    mean: float


def dimension(file: Path, side: int) -> int:
    """Of the templates that the network makes, seen by running it. Raises InvalidValue."""
    try:
        found = Runtime("onnxruntime").load(file, 1, embedder=True)(np.full((1, 3, side, side), 127.0, np.float32))
    except ModelMissing as error:
        raise InvalidValue(
            f"The network can't be loaded: {_reason(error.__cause__ or error)}", field="embedder"
        ) from error
    except Exception as error:  # the runtime's own classes
        raise InvalidValue(f"The network can't be run: {_reason(error)}", field="embedder") from error
    shape = found[0].shape
    if len(found) != 1 or len(shape) != 2 or shape[0] != 1 or found[0].dtype != np.float32:
        raise InvalidValue(f"The network answers {list(shape)}; a template is [1, dimension].", field="embedder")
    least, most = DIMENSIONS
    if not least <= shape[1] <= most:
        raise InvalidValue(
            f"The network answers {shape[1]} numbers for a face; {least} to {most} make a template. Is it another "
            "network, or another output (output)?",
            field="embedder",
        )
    return int(shape[1])


def try_out(engine: Engine, samples: Samples) -> Trial:
    """Raises InvalidValue, which says what is wrong with the templates."""
    people = [[_template(engine, data) for data in _views(file)] for file in (samples.grace_hopper, samples.astronaut)]
    again = _template(engine, _views(samples.astronaut)[0])
    length = float(np.linalg.norm(again))
    strangers = [float(np.linalg.norm(one - other)) for one in people[0] for other in people[1]]
    same = [float(np.linalg.norm(one - other)) for person in people for one, other in combinations(person, 2)]
    trial = Trial(max(same), min(strangers), float(np.mean(strangers)))
    if not trial.strangers > SAME * length:  # also where it is 0
        raise InvalidValue(
            "The network answers the same for two people: it sees nothing of a face. Check mean and scale, and that "
            "this output is the template (output).",
            field="embedder",
        )
    if float(np.linalg.norm(again - people[1][0])) > SAME * length:
        raise InvalidValue("The network answers something else each time; export it for inference.", field="embedder")
    if trial.same >= trial.strangers:
        raise InvalidValue(
            f"This does not tell people apart: of two people, photographs of one are up to {trial.same:.3f} apart, and "
            f"of both only {trial.strangers:.3f}. Check channels, mean, scale, alignment and size against what the "
            "network was trained with.",
            field="embedder",
        )
    return trial


def compare_runtimes(engine: Engine, reference: Engine, samples: Samples) -> None:
    """Raises InvalidValue where this machine's runtime gives other templates than float32 does."""
    for file in (samples.grace_hopper, samples.astronaut):
        one, other = (_template(engine, file.read_bytes()) for engine in (engine, reference))
        cosine = float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))
        if not cosine >= COMPARABLE:
            raise InvalidValue(
                f"In {engine.runtime.label} the network gives other templates than in float32 (cosine {cosine:.4f}). "
                "Set PRECISION=float32, then add it again.",
                field="embedder",
            )


def _template(engine: Engine, data: bytes) -> Vector:
    photo = engine.open(data)
    faces = engine.detect(photo, largest_only=True)[:1]
    if not faces:
        raise ModelMissing("The detectors find no face in a sample photograph. Run: kenspeckle models verify")
    with np.errstate(all="ignore"):
        try:
            return engine.embed(photo, faces)[0]
        except ModelMissing as error:
            raise InvalidValue(
                "The network answers NaN or infinite numbers for a face. Are mean and scale right?", field="scale"
            ) from error
        except KenspeckleError:
            raise
        except Exception as error:  # the runtime's own classes
            raise InvalidValue(f"The network can't be run: {_reason(error)}", field="embedder") from error


def _views(file: Path) -> list[bytes]:
    """A photograph as it is, in a mirror, small and compressed, a little turned, and darker without its colours."""
    with Image.open(file) as opened:
        picture = opened.convert("RGB")
    small = picture.resize((picture.width // 2, picture.height // 2))
    return [
        file.read_bytes(),
        _jpeg(ImageOps.mirror(picture), 90),
        _jpeg(small, 40),
        _jpeg(picture.rotate(8, Image.Resampling.BILINEAR), 90),
        _jpeg(picture.convert("L").point(lambda value: value * DARKER), 90),
    ]


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _reason(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0][:300]
