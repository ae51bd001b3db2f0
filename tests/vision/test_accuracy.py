"""Recognition on photographs of known people, as indexed and as searched: what docs/accuracy.md promises at 80."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kenspeckle.domain import QualityFilter
from kenspeckle.usecases.recognition.quality_bars import screen
from kenspeckle.vision.engine import Engine

FACES = Path(__file__).parents[3] / "shared/data/faces"


@pytest.mark.skipif(not FACES.is_dir(), reason="the photographs of ../shared/data are absent")
@pytest.mark.photographs
@pytest.mark.timeout(300)
def test_no_false_match_and_no_more_than_one_true_one_of_a_hundred_missed_at_80(engine: Engine) -> None:
    people: list[str] = []
    templates: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for file in sorted([*(FACES / "johns").rglob("*.jpg"), *(FACES / "bbt").rglob("*.png")]):
        people.append(file.parent.name)
        for largest_only, found in templates.items():
            photo = engine.open(file.read_bytes())
            faces, refused = screen(engine.detect(photo, largest_only=largest_only), QualityFilter.AUTO, 10)
            assert refused == [], file
            found += engine.embed(photo, faces[:1])
    assert len(people) == 95
    names = np.array(people)
    same = (names[:, None] == names[None]) & ~np.eye(len(names), dtype=bool)
    other = names[:, None] != names[None]
    limit = engine.pack.calibration.distance(80)
    for indexed, searched in ((False, False), (False, True), (True, True)):
        one, two = np.array(templates[indexed]), np.array(templates[searched])
        distances = np.linalg.norm(one[:, None] - two[None], axis=2)
        assert distances[other].min() > limit
        assert (distances[same] > limit).mean() <= 0.01
