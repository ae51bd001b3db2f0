"""`make cluster` and `make chaos`: PostgreSQL, three replicas and a balancer on this machine; the demo's photographs,
then work under faults. Shows that nothing acknowledged is lost and nothing deleted is found. Ends by itself and leaves
nothing. In chaos a bucket and Milvus are there too, and replicas are cut off each part, or reach it slowly."""

from __future__ import annotations

import argparse
import logging
import math
import random
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import httpx

from kenspeckle.cli.output import say
from kenspeckle.client.errors import CommandFailed
from tests.cluster import checks, disks, faults
from tests.cluster.faults import Fault, entered
from tests.cluster.machines import ADMIN, NAMES, Machines, ready, until
from tests.cluster.parts import parts
from tests.cluster.work import Work
from tests.webhooks.conftest import Receiver, receiving

CLIENTS = 4
PROBES = ("ready", "list", "search", "photograph", "index")
"""What a replica is asked directly while something is away."""
PROBE_SECONDS = 100.0
VERIFIED = 20
"""After so many rounds the audit trail is verified."""
ROOM = 400 << 20
"""Bytes of the disk that is filled."""


@dataclass
class Tally:
    """What happened: faults by name, the longest time in which nobody was answered, requests that failed, and until
    all replicas were as before; and by fault and question what a replica answered meanwhile."""

    faults: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    longest: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    failed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    back: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    answers: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))


class Run:
    """One run over `machines`."""

    def __init__(self, machines: Machines, receiver: Receiver, rounds: int, wanted: Sequence[Fault]) -> None:
        self.machines = machines
        self.receiver = receiver
        self.rounds = rounds
        self.faults = wanted
        self.work = Work(machines.url)
        self.tally = Tally()
        self.wrong: list[str] = []
        self.until = math.inf
        """No further fault is begun after this, by the monotonic clock."""
        self._dice = random.Random(17)

    def everything(self) -> None:
        machines, work = self.machines, self.work
        for name in NAMES:
            machines.start(name)
            say(f"Replica {name} is ready on port {machines.ports[name]}.")
        machines.balance()
        say(f"HAProxy balances on {machines.url}.")
        self.wrong += checks.demo(machines.url, index=True)
        with httpx.Client(base_url=machines.url, timeout=60, headers=ADMIN) as client:
            hook = {"url": self.receiver.url("/told"), "events": ["faces.indexed"]}
            client.post("/v1/webhooks", json=hook).raise_for_status()
        say(f"{CLIENTS} clients index, search and delete from now on.")
        work.start(CLIENTS)
        work.wait_for(20 if machines.parts is None else 60)
        until(self._as_before)
        for number in range(self.rounds):
            if work.wrong or self.wrong or time.monotonic() > self.until:
                break
            self._round(self.faults[number % len(self.faults)], number)
        work.wait_for(20)
        work.stop()
        self.wrong += work.wrong
        self.wrong += checks.replicas(machines, work)
        self.wrong += checks.demo(machines.url)
        self.wrong += checks.messages(self.receiver, work)
        self.wrong += checks.trail(machines)

    def _round(self, fault: Fault, number: int) -> None:
        """One fault in the middle of the work, which goes on by itself after it."""
        work, machines, tally = self.work, self.machines, self.tally
        # Each fault meets another replica each time.
        name = NAMES[(number + number // len(self.faults)) % len(NAMES)]
        time.sleep(self._dice.uniform(0.0, 0.3))
        before = sum(work.failed.values())
        work.watch()
        work.allowed = {503, fault.status}
        probes: list[threading.Thread] = []
        with entered(fault, machines, name):
            if fault.seconds:
                probes = [self._probing(fault, one, name) for one in PROBES]
                time.sleep(self._dice.uniform(fault.seconds / 2, fault.seconds))
            if fault.alone:
                work.wait_for(1)
                self._check_kill(fault, name, sum(work.failed.values()) - before)
        ended = time.monotonic()
        for one in probes:
            one.join()
        work.wait_for(1)
        failed = sum(work.failed.values()) - before
        until(self._as_before)
        back = time.monotonic() - ended
        work.wait_for(5)
        work.allowed = {503}
        self._check_round(number)
        tally.faults[fault.name] += 1
        tally.failed[fault.name] += failed
        tally.longest[fault.name] = max(tally.longest[fault.name], work.pause)
        tally.back[fault.name] = max(tally.back[fault.name], back)
        say(
            f"{number + 1} of {self.rounds}: {fault.what}. Requests repeated: {failed}; nobody was answered for "
            f"{work.pause:.1f} s; all as before after {back:.1f} s."
        )

    def _probing(self, fault: Fault, what: str, name: str) -> threading.Thread:
        """A thread that notes what the replica answers."""

        def probe() -> None:
            try:
                answer = self.work.probe(what, f"http://127.0.0.1:{self.machines.ports[name]}", PROBE_SECONDS)
            except Exception as error:
                self.wrong.append(f"{fault.name}, {what} at replica {name}: {type(error).__name__}: {error}")
            else:
                self.tally.answers[fault.name, what].add(answer)

        thread = threading.Thread(target=probe, daemon=True)
        thread.start()
        return thread

    def _check_kill(self, fault: Fault, name: str, failed: int) -> None:
        if fault is faults.REPLICA and failed > CLIENTS:
            self.wrong.append(f"{failed} requests failed as replica {name} was killed, which had {CLIENTS} at most")

    def _as_before(self) -> bool:
        """Whether every replica is ready, and searches where it did before."""
        urls = [f"http://127.0.0.1:{port}" for port in self.machines.ports.values()]
        if not all(map(ready, urls)):
            return False
        mirrored = self.machines.parts is not None and self.machines.parts.milvus is not None
        return not mirrored or all(map(self.work.is_approximate, urls))

    def _check_round(self, number: int) -> None:
        for port in self.machines.ports.values():
            self.wrong += self.work.sample(f"http://127.0.0.1:{port}")
        self.wrong += checks.repeated(self.receiver)
        self.wrong += checks.logs(self.machines)
        if number % VERIFIED == VERIFIED - 1:
            self.wrong += checks.trail(self.machines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="faults, one after the other")
    parser.add_argument("--standby", action="store_true", help="with a standby, and fail-overs to it")
    parser.add_argument("--chaos", action="store_true", help="with a bucket and Milvus, and faults between all parts")
    parser.add_argument("--minutes", type=float, help="begin no further fault after so long")
    parser.add_argument("--only", nargs="*", help="these faults")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request to the bucket
    began = time.monotonic()
    with ExitStack() as stack:
        try:
            run = _made(stack, asked)
            if asked.minutes:
                run.until = began + 60 * asked.minutes
            run.everything()
        except (CommandFailed, TimeoutError) as error:
            sys.exit(f"Error: {error}")
        except KeyboardInterrupt:
            sys.exit("Interrupted; everything is being stopped.")
    _report(run, time.monotonic() - began)


def _made(stack: ExitStack, asked: argparse.Namespace) -> Run:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kenspeckle-cluster-")))
    receiver = stack.enter_context(receiving())
    wanted = [faults.REPLICA, faults.CRASH, *([faults.FAIL_OVER] if asked.standby else [])]
    beside = room = None
    if asked.chaos:
        beside = stack.enter_context(parts(milvus=True))
        wanted += [*faults.LINKS, *faults.INDEX_LINKS]
        if disks.can_mount() and not asked.standby:
            place = stack.enter_context(tempfile.TemporaryDirectory(prefix="kenspeckle-room-"))
            room = stack.enter_context(disks.mounted(Path(place), ROOM))
            wanted.append(faults.FULL)
    wanted = [one for one in wanted if not asked.only or one.name in asked.only]
    machines = Machines(folder, with_standby=asked.standby, parts=beside, room=room)
    stack.callback(machines.close)
    say(f"PostgreSQL runs{', with a standby that has every commit' if asked.standby else ''}.")
    return Run(machines, receiver, asked.rounds, wanted)


def _report(run: Run, seconds: float) -> None:
    work, tally = run.work, run.tally
    for kind, count in tally.faults.items():
        repeated, longest, back = tally.failed[kind], tally.longest[kind], tally.back[kind]
        say(f"{count} x {kind}: {repeated} requests repeated, nobody answered for {longest:.1f} s, back in {back:.1f}.")
        for what in PROBES:
            if (kind, what) in tally.answers:
                say(f"    {what}: {', '.join(sorted(tally.answers[kind, what]))}")
    answered = ", ".join(f"{count} {what}" for what, count in sorted(work.answered.items()))
    say(f"Answered: {answered}. Repeated: {dict(work.failed) or 'none'}. {seconds:.0f} s in all.")
    if run.wrong:
        for one in run.wrong[:20]:
            say(one, "red")
        sys.exit(f"{len(run.wrong)} things are not as they should be.")
    say("Nothing that was acknowledged is lost, and nothing that was deleted is found.", "green")


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
