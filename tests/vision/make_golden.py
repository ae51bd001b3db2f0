"""Writes golden.json: templates that dlib itself makes of fixed chips. Run: python tests/vision/make_golden.py

Needs dlib (the `bench` extra) and fetches dlib's own file of weights into the folder of models.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from kenspeckle.models import registry
from kenspeckle.models.download import fetch
from kenspeckle.settings import load

GOLDEN = Path(__file__).with_name("golden.json")
SIDE = 150

CHIPS: dict[str, tuple[int, int, int, int]] = {
    "grace_hopper.jpg": (165, 120, 381, 336),
    "astronaut.png": (165, 62, 275, 172),
}
"""Sample photographs and the square of each (left, top, right, bottom) that becomes a chip."""

PEERS = "peers"
"""Folder in the folder of models where the benchmarks keep dlib's own files."""


def chips(samples: registry.Samples) -> dict[str, npt.NDArray[np.uint8]]:
    """The chips, (150, 150, 3) RGB, by name: two faces, and a pattern that no decoder can change."""
    found = {}
    for path in (samples.grace_hopper, samples.astronaut):
        with Image.open(path) as image:
            chip = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=CHIPS[path.name])
            found[path.name] = np.asarray(chip)
    y, x = np.mgrid[:SIDE, :SIDE]
    found["pattern"] = np.stack([(x * y) % 256, (3 * x + y) % 256, (x * x + 5 * y) % 256], axis=-1).astype(np.uint8)
    return found


def main() -> None:
    import dlib

    models_dir = load().models_dir
    embedder = registry.CENTERFACE_DLIB.embedder
    files = fetch(embedder.archive, [embedder.member], models_dir / PEERS, lambda *_: None)
    network = dlib.face_recognition_model_v1(str(files[embedder.member]))
    samples = registry.samples(models_dir, lambda *_: None)
    golden = {
        name: [round(value, 7) for value in network.compute_face_descriptor(chip)]
        for name, chip in chips(samples).items()
    }
    GOLDEN.write_text(json.dumps(golden) + "\n")
    sys.stdout.write(f"{GOLDEN}: {len(golden)} templates\n")


if __name__ == "__main__":
    main()
