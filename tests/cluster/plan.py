"""Which faults come when: steps of one fault, or of several at once on different replicas; rows of steps, after each of
which everything is checked."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.cluster.faults import Fault
from tests.cluster.machines import NAMES


@dataclass(frozen=True, slots=True)
class Step:
    """Faults at the same time, each with the replica that it meets."""

    faults: tuple[tuple[Fault, str], ...]

    @property
    def alone(self) -> bool:
        """Whether a replica is left that has none of them."""
        return all(fault.alone for fault, _ in self.faults)

    @property
    def statuses(self) -> set[int]:
        """What else than 503 an answer may have meanwhile."""
        return {fault.status for fault, _ in self.faults}

    def __str__(self) -> str:
        return ", and ".join(f"{fault.what} ({name})" if fault.alone else fault.what for fault, name in self.faults)


def planned(
    wanted: Sequence[Fault], rounds: int, dice: random.Random, *, row: int = 1, at_once: int = 1
) -> Iterator[list[Step]]:
    """Rows of up to `row` faults, `rounds` faults in all: each of `wanted` as often, in another order each time. Of
    those that are one replica's up to `at_once` come together."""
    deck: deque[Fault] = deque()
    number = 0
    while number < rounds:
        steps: list[Step] = []
        end = min(number + row, rounds)
        while number < end:
            if len(deck) < 2 * at_once:
                deck.extend(dice.sample(wanted, len(wanted)))
            together = [deck.popleft()]
            if together[0].alone:
                for other in [one for one in deck if one.alone][: min(at_once, end - number) - 1]:
                    deck.remove(other)
                    together.append(other)
            # Each fault meets another replica each time.
            first = number + number // len(wanted)
            names = [NAMES[(first + place) % len(NAMES)] for place in range(len(together))]
            steps.append(Step(tuple(zip(together, names, strict=True))))
            number += len(together)
        yield steps
