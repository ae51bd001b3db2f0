"""Error rates of each pack on real photographs: `python -m benchmarks.accuracy` writes docs/accuracy.md.

Genuine pairs show one person in two photographs, impostor pairs two people. Each pair is an indexed photograph
(every face detected, the largest taken) against a searched one (the largest face alone), as the service does it.
Needs the photographs that lie beside the project; without them it says so and writes nothing.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance, ImageFilter

from benchmarks.photographs import BESIDE
from kenspeckle.domain import FaceDetail, largest
from kenspeckle.models import registry
from kenspeckle.settings import Settings, load
from kenspeckle.usecases.recognition.quality_bars import BARS, failings
from kenspeckle.vision.engine import Engine

Floats: TypeAlias = npt.NDArray[np.float64]

DOCS = Path(__file__).resolve().parents[1] / "docs"
BEGIN = "<!-- measured: everything from here to the end marker is written by `python -m benchmarks.accuracy` -->"
END = "<!-- measured: end -->"

SETS = ("johns", "bbt")
THRESHOLDS = (80, 90, 95, 99)
STATED = {80: 1e-3, 90: 1e-4, 95: 1e-5, 99: 1e-6}
"""False match rate that each similarity stands for."""

Z95 = NormalDist().inv_cdf(0.975)


def _jpeg10(image: Image.Image) -> Image.Image:
    written = io.BytesIO()
    image.save(written, "JPEG", quality=10)
    return Image.open(written).convert("RGB")


def _noisy(image: Image.Image) -> Image.Image:
    noise = np.random.default_rng(1).normal(0, 40, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


VARIANTS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as they are": lambda image: image,
    "scaled to 96 px": lambda image: image.resize((96, 96), Image.Resampling.LANCZOS),
    "JPEG quality 10": _jpeg10,
    "blurred (1% of the side)": lambda image: image.filter(ImageFilter.GaussianBlur(image.width / 100)),
    "darkened to 15%": lambda image: ImageEnhance.Brightness(image).enhance(0.15),
    "rotated 30 degrees": lambda image: image.rotate(30, Image.Resampling.BICUBIC),
    "noise, sigma 40": _noisy,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One photograph of a known person: as it is indexed and as it is searched; None where no face was found."""

    group: str
    person: str
    indexed: Floats | None
    searched: Floats | None
    detail: FaceDetail | None
    clarity: float = 0.0


@dataclass(frozen=True, slots=True)
class Pairs:
    genuine: Floats
    impostor: Floats
    same_group: Floats
    """Impostor pairs within one set."""


@dataclass(frozen=True, slots=True)
class Unit:
    """How far apart two templates are, in a pack's own terms."""

    metric: str

    def of(self, distance: float) -> float:
        """Of a Euclidean distance; the cosine of two unit vectors is 1 - d d / 2."""
        return 1 - distance * distance / 2 if self.metric == "cosine" else distance

    def all(self, distances: Floats) -> Floats:
        return 1 - distances * distances / 2 if self.metric == "cosine" else distances

    def reached_by(self, law: NormalDist, rate: float) -> float:
        """The value that so large a part of pairs with that law reach."""
        return law.inv_cdf(1 - rate if self.metric == "cosine" else rate)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=DOCS, help="folder of the report")
    options = parser.parse_args()
    if not BESIDE.is_dir():
        sys.stderr.write(f"{BESIDE} is absent: error rates need photographs of known people.\n")
        return 1
    folder = load().models_dir
    results = [measure(Engine(registry.find(folder, name), Settings())) for name in registry.PACKS]
    (options.output / "accuracy.json").write_text(json.dumps({"packs": results}, indent=1) + "\n", "utf-8")
    page = DOCS / "accuracy.md"
    head, _, rest = page.read_text("utf-8").partition(BEGIN)
    tail = rest.partition(END)[2]
    text = "\n\n".join(report(one) for one in results)
    (options.output / page.name).write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", "utf-8")
    sys.stdout.write(text + "\n")
    return 0


def measure(engine: Engine) -> dict[str, Any]:
    """All figures of the engine's pack, JSON-ready. What two templates are apart is in the unit of `metric`: Euclidean
    distance, or cosine."""
    unit = Unit(registry.get(engine.pack.name).metric)
    variants = {name: [_seen(engine, *one, change) for one in people()] for name, change in VARIANTS.items()}
    plain = variants["as they are"]
    pairs = pairs_of(plain)
    distance = engine.pack.calibration.distance
    return {
        "pack": engine.pack.name,
        "metric": unit.metric,
        "people": len({one.person for one in plain}),
        "photographs": len(plain),
        "knots": knots(plain, unit),
        "thresholds": [_rates(pairs, threshold, distance(threshold), unit) for threshold in THRESHOLDS],
        "sets": {group: _set(plain, group, distance(80), unit) for group in SETS},
        "variants": {name: _variant(seen, distance(80), unit) for name, seen in variants.items()},
        "weak_group": _weak_group(engine, unit),
        "bars": _bars(variants),
    }


def people() -> Iterator[tuple[str, str, Path]]:
    """(set, person, file) of every photograph whose folder names the person."""
    for group in SETS:
        for file in sorted((BESIDE / group).rglob("*")):
            if file.suffix in (".jpg", ".png"):
                yield group, file.parent.name, file


def _seen(engine: Engine, group: str, person: str, file: Path, change: Callable[[Image.Image], Image.Image]) -> Seen:
    written = io.BytesIO()
    change(Image.open(file).convert("RGB")).save(written, "PNG")
    templates: list[Floats] = []
    details: list[FaceDetail] = []
    clarity: list[float] = []
    for alone in (False, True):
        photo = engine.open(written.getvalue())
        faces = engine.detect(photo, largest_only=alone)
        if faces:
            details.append(largest(faces))
            templates.append(engine.embed(photo, details[-1:])[0].astype(np.float64))
            clarity += engine.clarity(photo, details[-1:])
    if len(templates) < 2:
        return Seen(group, person, None, None, None)
    return Seen(group, person, templates[0], templates[1], details[0], clarity[0])


def pairs_of(seen: Sequence[Seen]) -> Pairs:
    """Distances of all pairs of two different photographs."""
    usable = [one for one in seen if one.indexed is not None and one.searched is not None]
    indexed = np.array([one.indexed for one in usable])
    searched = np.array([one.searched for one in usable])
    distances = np.linalg.norm(indexed[:, None] - searched[None], axis=2)[np.triu_indices(len(usable), 1)]
    same = _equal([one.person for one in usable])
    group = _equal([one.group for one in usable])
    return Pairs(distances[same], distances[~same], distances[~same & group])


def _equal(names: Sequence[str]) -> npt.NDArray[np.bool_]:
    found = np.array(names)
    return np.asarray((found[:, None] == found[None])[np.triu_indices(len(names), 1)])


def knots(seen: Sequence[Seen], unit: Unit) -> dict[str, Any]:
    """What the stated parts of impostor pairs reach, by a normal law fitted to each set of people."""
    found = {}
    for group in SETS:
        impostor = pairs_of([one for one in seen if one.group == group]).impostor
        values = unit.all(impostor)
        law = NormalDist(float(values.mean()), float(values.std(ddof=1)))
        found[group] = {
            "pairs": len(impostor),
            "mean": law.mean,
            "deviation": law.stdev,
            "nearest": unit.of(float(impostor.min())),
            "reached": {str(at): unit.reached_by(law, rate) for at, rate in STATED.items()},
        }
    return found


def _rates(pairs: Pairs, threshold: int, distance: float, unit: Unit) -> dict[str, Any]:
    return {
        "similarity": threshold,
        "at": unit.of(distance),
        "false_match": rate(int((pairs.impostor <= distance).sum()), len(pairs.impostor)),
        "false_non_match": rate(int((pairs.genuine > distance).sum()), len(pairs.genuine)),
    }


def rate(count: int, of: int) -> dict[str, float]:
    """A share with its 95 % interval (Wilson 1927). Pairs of the same photographs are not independent, so the true
    interval is wider."""
    share, spread = count / of, Z95 * Z95 / of
    centre = (share + spread / 2) / (1 + spread)
    half = Z95 * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return {"count": count, "of": of, "rate": share, "low": max(0.0, centre - half), "high": min(1.0, centre + half)}


def _set(seen: Sequence[Seen], group: str, distance: float, unit: Unit) -> dict[str, Any]:
    own = [one for one in seen if one.group == group]
    pairs = pairs_of(own)
    return {
        "people": len({one.person for one in own}),
        "photographs": len(own),
        **_rates(pairs, 80, distance, unit),
        "farthest_genuine": unit.of(float(pairs.genuine.max())),
        "nearest_impostor": unit.of(float(pairs.impostor.min())),
    }


def _variant(seen: Sequence[Seen], distance: float, unit: Unit) -> dict[str, Any]:
    pairs = pairs_of(seen)
    strict = float(np.quantile(pairs.impostor, 1e-3))
    return {
        "missed": sum(one.indexed is None for one in seen),
        "accepted_at_1e-3": float((pairs.genuine < strict).mean()),
        **_rates(pairs, 80, distance, unit),
    }


def _weak_group(engine: Engine, unit: Unit) -> dict[str, Any]:
    """Impostor pairs among strangers in photographs of groups: small faces, many of them relatives or of one origin."""
    templates = []
    for file in sorted((BESIDE / "voc").glob("2*.jpg")):
        photo = engine.open(file.read_bytes())
        templates += [one.astype(np.float64) for one in engine.embed(photo, engine.detect(photo))]
    found = np.array(templates)
    distances = np.linalg.norm(found[:, None] - found[None], axis=2)[np.triu_indices(len(found), 1)]
    return {
        "faces": len(found),
        "false_match": {
            str(at): rate(int((distances <= engine.pack.calibration.distance(at)).sum()), len(distances))
            for at in THRESHOLDS
        },
        "nearest": unit.of(float(distances.min())),
    }


def _bars(variants: dict[str, list[Seen]]) -> dict[str, dict[str, float]]:
    """Part of the faces found that each quality bar keeps."""
    kept: dict[str, dict[str, float]] = {}
    for name, seen in variants.items():
        found = [(one.detail, one.clarity) for one in seen if one.detail is not None]
        kept[name] = {
            str(bar): sum(not failings(detail, bar) and clarity >= least.clarity for detail, clarity in found)
            / len(found)
            for bar, least in BARS.items()
        }
    return kept


def report(results: dict[str, Any]) -> str:
    """The figures of a pack as Markdown."""
    metric = results["metric"].removesuffix("euclidean") or "distance"
    parts = [
        f"### {results['pack']}\n\n"
        f"{results['photographs']} photographs of {results['people']} people; intervals are of 95 %.",
        "#### At each similarity\n\n"
        + _table(
            ("similarity", metric, "stated false matches", "false matches measured", "true ones missed"),
            (
                (
                    str(one["similarity"]),
                    f"{one['at']:.3f}",
                    f"1 in {round(1 / STATED[one['similarity']]):,}",
                    _share(one["false_match"]),
                    _share(one["false_non_match"]),
                )
                for one in results["thresholds"]
            ),
        ),
        f"#### Impostor pairs of one group, {metric}\n\n"
        + _table(
            ("set", "pairs", "mean", "s.d.", "nearest", "1 in 1,000", "1 in 10,000", "1 in 100,000", "1 in 1,000,000"),
            (
                (
                    group,
                    f"{one['pairs']:,}",
                    *(f"{one[name]:.3f}" for name in ("mean", "deviation", "nearest")),
                    *(f"{value:.3f}" for value in one["reached"].values()),
                )
                for group, one in results["knots"].items()
            ),
        ),
        "#### Each set at similarity 80\n\n"
        + _table(
            ("set", "people", "photographs", "false matches", "true ones missed", "farthest true", "nearest false"),
            (
                (
                    group,
                    str(one["people"]),
                    str(one["photographs"]),
                    _share(one["false_match"]),
                    _share(one["false_non_match"]),
                    f"{one['farthest_genuine']:.3f}",
                    f"{one['nearest_impostor']:.3f}",
                )
                for group, one in results["sets"].items()
            ),
        ),
        "#### Poor photographs (both of each pair)\n\n" + _poor(results),
        "#### Strangers in group photographs\n\n" + _weak(results["weak_group"]),
    ]
    return "\n\n".join(parts)


def _poor(results: dict[str, Any]) -> str:
    titles = ("photographs", "faces missed", "TAR at 1 in 1,000", "false at 80", "missed at 80")
    rows = (
        (
            name,
            str(one["missed"]),
            f"{one['accepted_at_1e-3']:.3f}",
            _share(one["false_match"]),
            _share(one["false_non_match"]),
            *(f"{100 * part:.0f} %" for part in results["bars"][name].values()),
        )
        for name, one in results["variants"].items()
    )
    return _table((*titles, *(f"pass {bar}" for bar in next(iter(results["bars"].values())))), rows)


def _weak(group: dict[str, Any]) -> str:
    return f"{group['faces']} faces of strangers, nearest pair {group['nearest']:.3f}.\n\n" + _table(
        ("similarity", "false matches"), ((at, _share(one)) for at, one in group["false_match"].items())
    )


def _share(one: dict[str, float]) -> str:
    return f"{one['count']:,} of {one['of']:,} ({100 * one['low']:.2f}-{100 * one['high']:.2f} %)"


def _table(titles: Sequence[str], rows: Iterator[tuple[str, ...]] | Sequence[tuple[str, ...]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
