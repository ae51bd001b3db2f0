"""Naming: appearances of the same face become one person, who is named from several frames, never from one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from kenspeckle.domain import Vector
from kenspeckle.ports import FoundPerson, Track

TOGETHER: Final = 95.0
"""Similarity from which two appearances are one person: 1 impostor pair in 100,000 reaches it."""
FEWEST_FRAMES: Final = 3
"""Sampled frames in which a person has to be seen to be named, and templates that agree."""
BEST: Final = 12
"""Templates of a person that are used, of the clearest frames."""
AGREES: Final = 50.0
"""Similarity from which a single frame speaks for a name; more than half of them have to."""

Search = Callable[[Vector], Sequence[tuple[str, Vector, float]]]
"""Stored faces like a template, at the threshold that was asked for: face id, template, similarity, best first."""


@dataclass(slots=True)
class _Group:
    tracks: list[Track] = field(default_factory=list)
    mean: Vector | None = None

    @property
    def frames(self) -> int:
        return sum(one.frames for one in self.tracks)

    def best(self) -> list[Vector]:
        pairs = [pair for one in self.tracks for pair in zip(one.weights, one.templates, strict=True)]
        return [template for _, template in sorted(pairs, key=lambda pair: -pair[0])[:BEST]]

    def meets(self, other: Track) -> bool:
        """Whether it is in sight at the same time, so that it is somebody else."""
        return any(one.first_ms <= other.last_ms and other.first_ms <= one.last_ms for one in self.tracks)


def people_of(
    tracks: Sequence[Track],
    similarity: Callable[[Vector, Vector], float],
    combine: Callable[[Sequence[Vector]], Vector],
    search: Search,
) -> list[FoundPerson]:
    """The people of a video, numbered from 0 in the order in which they appear."""
    groups: list[_Group] = []
    for track in sorted(tracks, key=lambda one: (-sum(one.weights), one.number)):
        mean = combine(track.templates) if track.templates else None
        home = None if mean is None else _home(groups, track, mean, similarity)
        if home is None:
            home = _Group()
            groups.append(home)
        home.tracks.append(track)
        best = home.best()
        home.mean = combine(best) if best else None
    groups.sort(key=lambda one: min((track.first_ms, track.number) for track in one.tracks))
    return [
        FoundPerson(number, tuple(sorted(one.number for one in group.tracks)), _names(group, similarity, search))
        for number, group in enumerate(groups)
    ]


def _home(
    groups: Sequence[_Group], track: Track, mean: Vector, similarity: Callable[[Vector, Vector], float]
) -> _Group | None:
    known = [one for one in groups if one.mean is not None]
    if not known:
        return None
    distances = np.linalg.norm(np.stack([one.mean for one in known if one.mean is not None]) - mean, axis=1)
    for at in np.argsort(distances):
        group = known[int(at)]
        if group.mean is None or similarity(group.mean, mean) < TOGETHER:
            return None
        if not group.meets(track):
            return group
    return None


def _names(
    group: _Group, similarity: Callable[[Vector, Vector], float], search: Search
) -> tuple[tuple[str, float], ...]:
    templates = group.best()
    if group.mean is None or group.frames < FEWEST_FRAMES or len(templates) < FEWEST_FRAMES:
        return ()
    return tuple(
        (face_id, found) for face_id, stored, found in search(group.mean) if agree(stored, templates, similarity)
    )


def agree(stored: Vector, templates: Sequence[Vector], similarity: Callable[[Vector, Vector], float]) -> bool:
    """Whether most frames speak by themselves for a stored face that their mean is like."""
    return 2 * sum(similarity(stored, one) >= AGREES for one in templates) > len(templates)
