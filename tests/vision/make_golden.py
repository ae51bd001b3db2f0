"""Writes the golden vectors of fixed chips. Run: python -m tests.vision.make_golden

golden.json: what dlib itself makes of them; needs dlib (the `bench` extra). golden_sface.json: what the published
SFace makes of them, its blocks of 8 bits unpacked by ONNX Runtime. Both files of weights are fetched.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from kenspeckle.models import install, registry
from kenspeckle.models.download import fetch
from kenspeckle.settings import load

GOLDEN = Path(__file__).with_name("golden.json")
GOLDEN_SFACE = Path(__file__).with_name("golden_sface.json")
SIDE = 150

CHIPS: dict[str, tuple[int, int, int, int]] = {
    "grace_hopper.jpg": (165, 120, 381, 336),
    "astronaut.png": (165, 62, 275, 172),
}
"""Sample photographs and the square of each (left, top, right, bottom) that becomes a chip."""

PEERS = "peers"
"""Folder in the folder of models where the benchmarks keep dlib's own files."""


def chips(samples: registry.Samples, side: int = SIDE) -> dict[str, npt.NDArray[np.uint8]]:
    """The chips, (side, side, 3) RGB, by name: two faces, and a pattern that no decoder can change."""
    found = {}
    for path in (samples.grace_hopper, samples.astronaut):
        with Image.open(path) as image:
            chip = image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR, box=CHIPS[path.name])
            found[path.name] = np.asarray(chip)
    y, x = np.mgrid[:side, :side]
    found["pattern"] = np.stack([(x * y) % 256, (3 * x + y) % 256, (x * x + 5 * y) % 256], axis=-1).astype(np.uint8)
    return found


def sface(models_dir: Path, samples: registry.Samples) -> None:
    import onnx
    import onnxruntime

    embedder = registry.SFACE.embedder
    files = fetch(embedder.archive, [embedder.member], models_dir / PEERS, lambda *_: None)
    model = onnx.load(files[embedder.member])
    pixels = [one for one in model.graph.input if one.name == "data"]
    del model.graph.input[:]  # it lists its weights too
    model.graph.input.extend(pixels)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    golden = {
        name: [round(float(value), 6) for value in session.run(None, {"data": _batch(chip)})[0][0]]
        for name, chip in chips(samples, 112).items()
    }
    GOLDEN_SFACE.write_text(json.dumps(golden) + "\n")
    sys.stdout.write(f"{GOLDEN_SFACE}: {len(golden)} templates\n")


def _batch(chip: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return chip.transpose(2, 0, 1)[None].astype(np.float32)


def main() -> None:
    import dlib

    models_dir = load().models_dir
    embedder = registry.CENTERFACE_DLIB.embedder
    files = fetch(embedder.archive, [embedder.member], models_dir / PEERS, lambda *_: None)
    network = dlib.face_recognition_model_v1(str(files[embedder.member]))
    samples = install.samples(models_dir, lambda *_: None)
    golden = {
        name: [round(value, 7) for value in network.compute_face_descriptor(chip)]
        for name, chip in chips(samples).items()
    }
    GOLDEN.write_text(json.dumps(golden) + "\n")
    sys.stdout.write(f"{GOLDEN}: {len(golden)} templates\n")
    sface(models_dir, samples)


if __name__ == "__main__":
    main()
