"""Writes golden_attributes.json: what MediaPipe's published networks make of fixed crops of two faces, by Google's own
LiteRT. Run: python -m tests.vision.make_golden_attributes (needs ai-edge-litert, which the `bench` extra brings).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from kenspeckle.models import install, registry
from kenspeckle.models.attributes import IRIS, MESH
from kenspeckle.models.download import fetch
from kenspeckle.models.extract import Member
from kenspeckle.settings import load
from tests.vision.make_golden import PEERS

GOLDEN = Path(__file__).with_name("golden_attributes.json")
Floats = npt.NDArray[np.float32]

CROPS: dict[str, tuple[int, dict[str, tuple[int, int, int, int]]]] = {
    "mesh": (192, {"grace_hopper.jpg": (130, 80, 420, 370), "astronaut.png": (140, 40, 310, 210)}),
    "iris": (64, {"grace_hopper.jpg": (205, 180, 275, 250), "astronaut.png": (185, 85, 229, 129)}),
}
"""Of each network the side of its input and a square (left, top, right, bottom) of each photograph."""


def sources(models_dir: Path) -> dict[str, Path]:
    """The published files, by name of the network; fetched once."""
    members: dict[str, Member] = {"mesh": MESH.member, "iris": IRIS.member}
    files = fetch(MESH.archive, list(members.values()), models_dir / PEERS, lambda *_: None)
    return {name: files[member] for name, member in members.items()}


def crops(samples: registry.Samples, network: str) -> dict[str, Floats]:
    """Pictures (side, side, 3), red, green, blue, 0..1, by photograph; and a pattern that no decoder can change."""
    side, boxes = CROPS[network]
    found: dict[str, Floats] = {}
    for path in (samples.grace_hopper, samples.astronaut):
        with Image.open(path) as image:
            crop = image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR, box=boxes[path.name])
            found[path.name] = np.asarray(crop, np.float32) / np.float32(255)
    y, x = np.mgrid[:side, :side]
    found["pattern"] = np.stack([(x * y) % 256, (3 * x + y) % 256, (x * x + 5 * y) % 256], -1).astype(
        np.float32
    ) / np.float32(255)
    return found


def by_litert(file: Path, picture: Floats) -> list[Floats]:
    """The outputs of the published file, the longer one first."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(file), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[None])
    interpreter.invoke()
    found = [np.ravel(interpreter.get_tensor(one["index"])) for one in interpreter.get_output_details()]
    return sorted(found, key=len, reverse=True)


def main() -> None:
    models_dir = load().models_dir
    samples = install.samples(models_dir, lambda *_: None)
    golden = {
        network: {
            name: [[round(float(value), 4) for value in one] for one in by_litert(file, picture)]
            for name, picture in crops(samples, network).items()
        }
        for network, file in sources(models_dir).items()
    }
    GOLDEN.write_text(json.dumps(golden) + "\n")
    sys.stdout.write(f"{GOLDEN}: {sum(map(len, golden.values()))} crops\n")


if __name__ == "__main__":
    main()
