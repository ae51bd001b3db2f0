"""Faults of a cluster, each a block: something is taken away as it is entered, and given back as it is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.cluster import disks
from tests.cluster.machines import NAMES, Machines
from tests.cluster.parts import BUCKET, DATABASE, MILVUS

SLOW_SECONDS = 0.05
"""What a slow link adds to each chunk, in each direction."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`what` says it in a sentence's part; `seconds`: how long it lasts; `alone`: whether it is one replica's, so that
    requests to the others do not fail; `status`: what else than 503 an answer may have meanwhile."""

    name: str
    what: str
    seconds: float = 0.0
    alone: bool = True
    status: int = 503


REPLICA = Fault("replica", "a replica was killed (-9) and started again")
CRASH = Fault("database", "PostgreSQL and all its processes were killed (-9) and it was started again", alone=False)
FAIL_OVER = Fault("fail-over", "PostgreSQL's primary was lost and its standby took over", alone=False)
FULL = Fault("database full", "the disk of PostgreSQL was full", 6.0, alone=False, status=507)
LINKS = (
    Fault("database cut", "a replica was cut off the database", 5.0),
    Fault("database stalled", "packets between a replica and the database were lost", 12.0),
    Fault("database slow", f"each message between a replica and the database took {SLOW_SECONDS} s more", 6.0),
    Fault("database gone", "no replica reached the database", 5.0, alone=False),
    Fault("bucket cut", "a replica was cut off the bucket", 5.0),
    Fault("bucket stalled", "packets between a replica and the bucket were lost", 12.0),
    Fault("bucket slow", f"each message between a replica and the bucket took {SLOW_SECONDS} s more", 6.0),
    Fault("bucket gone", "no replica reached the bucket", 8.0, alone=False),
)
INDEX_LINKS = (
    Fault("milvus cut", "a replica was cut off Milvus", 5.0),
    Fault("milvus stalled", "packets between a replica and Milvus were lost", 12.0),
    Fault("milvus slow", f"each message between a replica and Milvus took {SLOW_SECONDS} s more", 6.0),
    Fault("milvus gone", "no replica reached Milvus", 8.0, alone=False),
)
PARTS = {"database": DATABASE, "bucket": BUCKET, "milvus": MILVUS}


@contextmanager
def entered(fault: Fault, machines: Machines, name: str) -> Iterator[None]:
    """The fault, of replica `name` where it is one replica's, until the block ends."""
    if fault is REPLICA:
        machines.kill(name)
        try:
            yield
        finally:
            machines.start(name)
    elif fault is CRASH:
        machines.primary.kill()
        try:
            yield
        finally:
            machines.primary.start()
    elif fault is FAIL_OVER:
        machines.fail_over()
        yield
    elif fault is FULL:
        assert machines.room is not None
        filler = disks.fill(machines.room)
        try:
            yield
        finally:
            filler.unlink()
            if not machines.primary.runs:  # it stops where its log finds no room
                machines.primary.start()
    else:
        with _disturbed(fault, machines, [name] if fault.alone else NAMES):
            yield


@contextmanager
def _disturbed(fault: Fault, machines: Machines, names: Sequence[str]) -> Iterator[None]:
    assert machines.parts is not None
    part, _, way = fault.name.partition(" ")
    how = {
        "cut": lambda link: link.cut(),
        "gone": lambda link: link.cut(),
        "stalled": lambda link: link.stall(),
        "slow": lambda link: link.slow(SLOW_SECONDS),
    }[way]
    with machines.parts.disturbed(PARTS[part], names, how):
        yield
