"""Faults of a cluster, each a block: something is taken away as it is entered, and given back as it is left."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

from tests.cluster import disks
from tests.cluster.links import Link
from tests.cluster.machines import NAMES, Machines
from tests.cluster.networks import NARROW
from tests.cluster.parts import BUCKET, DATABASE, MILVUS

SLOW_SECONDS = 0.05
"""What a slow link adds to each chunk, in each direction."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`what` says it in a sentence's part; `seconds`: how long it lasts at most; `alone`: whether it is one replica's,
    so that requests to the others do not fail; `status`: what else than 503 an answer may have meanwhile; `reached`:
    whether the replica can be asked directly meanwhile."""

    name: str
    what: str
    seconds: float = 0.0
    alone: bool = True
    status: int = 503
    reached: bool = True


REPLICA = Fault("replica", "a replica was killed (-9) and started again", reached=False)
HUNG = Fault("replica hung", "a replica was stopped (SIGSTOP) and went on", 14.0, reached=False)
CRASH = Fault("database", "PostgreSQL and all its processes were killed (-9) and it was started again", alone=False)
FAIL_OVER = Fault("fail-over", "PostgreSQL's primary was lost and its standby took over", alone=False)
KILLS = (REPLICA, CRASH, FAIL_OVER)
"""Those that cut what is under way at once."""
FULL = Fault("database full", "the disk of PostgreSQL was full", 6.0, alone=False, status=507)
BUCKET_KILLED = Fault("bucket", "the bucket was killed (-9) and started again", 5.0, alone=False)
MILVUS_KILLED = Fault("milvus", "Milvus was killed (-9) and started again", 5.0, alone=False)
LINKS = (
    Fault("database cut", "a replica was cut off the database", 5.0),
    Fault("database stalled", "messages between a replica and the database were held", 12.0),
    Fault("database slow", f"each message between a replica and the database took {SLOW_SECONDS} s more", 6.0),
    Fault("database gone", "no replica reached the database", 5.0, alone=False),
    Fault("bucket cut", "a replica was cut off the bucket", 5.0),
    Fault("bucket stalled", "messages between a replica and the bucket were held", 12.0),
    Fault("bucket slow", f"each message between a replica and the bucket took {SLOW_SECONDS} s more", 6.0),
    Fault("bucket gone", "no replica reached the bucket", 8.0, alone=False),
    Fault("milvus cut", "a replica was cut off Milvus", 5.0),
    Fault("milvus stalled", "messages between a replica and Milvus were held", 12.0),
    Fault("milvus slow", f"each message between a replica and Milvus took {SLOW_SECONDS} s more", 6.0),
    Fault("milvus gone", "no replica reached Milvus", 8.0, alone=False),
)
NETWORKS = (
    Fault("database lost", "packets from a replica to the database were lost", 22.0),
    Fault("bucket lost", "packets from a replica to the bucket were lost", 22.0),
    Fault("milvus lost", "packets from a replica to Milvus were lost", 12.0),
    Fault("network down", "a replica's cable was out", 8.0, reached=False),
    Fault("network deaf", "packets to a replica were lost, and none of its own", 8.0, reached=False),
    Fault("network narrow", f"a replica's network passed {NARROW}/s", 8.0),
)
PARTS = {"database": DATABASE, "bucket": BUCKET, "milvus": MILVUS}


@contextmanager
def entered(fault: Fault, machines: Machines, name: str) -> Iterator[None]:
    """The fault, of replica `name` where it is one replica's, until the block ends."""
    if fault is FAIL_OVER:
        machines.fail_over()
        yield
    elif fault in (REPLICA, HUNG, CRASH, BUCKET_KILLED, MILVUS_KILLED):
        with _killed(fault, machines, name):
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
        names = [name] if fault.alone else NAMES
        with _networked(fault, machines, names) if fault in NETWORKS else _disturbed(fault, machines, names):
            yield


@contextmanager
def _killed(fault: Fault, machines: Machines, name: str) -> Iterator[None]:
    kill, start = _ways(fault, machines, name)
    kill()
    try:
        yield
    finally:
        start()


def _ways(fault: Fault, machines: Machines, name: str) -> tuple[Callable[[], object], Callable[[], object]]:
    """How it is killed, and started again."""
    if fault is REPLICA:
        return partial(machines.kill, name), partial(machines.start, name)
    if fault is HUNG:
        return partial(machines.signal, name, signal.SIGSTOP), partial(machines.signal, name, signal.SIGCONT)
    if fault is CRASH:
        return machines.primary.kill, machines.primary.start
    parts = machines.parts
    assert parts is not None
    if fault is BUCKET_KILLED:
        return parts.s3.kill, parts.s3.start
    assert parts.milvus is not None
    return parts.milvus.kill, parts.restart_milvus


def _disturbed(fault: Fault, machines: Machines, names: Sequence[str]) -> AbstractContextManager[None]:
    assert machines.parts is not None
    part, _, way = fault.name.partition(" ")
    how = {"cut": Link.cut, "gone": Link.cut, "stalled": Link.stall, "slow": lambda link: link.slow(SLOW_SECONDS)}[way]
    return machines.parts.disturbed(PARTS[part], names, how)


def _networked(fault: Fault, machines: Machines, names: Sequence[str]) -> AbstractContextManager[None]:
    networks = machines.networks
    assert networks is not None
    part, _, way = fault.name.partition(" ")
    if way == "lost":
        return networks.lost(PARTS[part], names)
    return {"down": networks.down, "deaf": networks.deaf, "narrow": networks.narrow}[way](names)
