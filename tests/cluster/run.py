"""`make cluster` and `make chaos`: PostgreSQL, three replicas and a balancer on this machine; the demo's photographs,
then work under faults. Shows that nothing acknowledged is lost and nothing deleted is found. Ends by itself and leaves
nothing. In chaos a bucket and Milvus are there too, which are killed as well, replicas are cut off each part, or reach
it slowly, and jobs index by manifests. As root each replica has a network of its own, which loses packets."""

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
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import httpx

from kenspeckle.cli.output import say
from kenspeckle.client.errors import CommandFailed
from tests.cluster import checks, disks, faults, networks
from tests.cluster.faults import Fault, entered
from tests.cluster.keys import Revoked
from tests.cluster.machines import ADMIN, NAMES, Machines, ready
from tests.cluster.manifests import Manifests
from tests.cluster.networks import Networks
from tests.cluster.parts import BUCKET, DATABASE, MILVUS, RECEIVER, parts
from tests.cluster.waiting import until
from tests.cluster.work import Work
from tests.webhooks.conftest import Receiver, receiving

CLIENTS = 4
PROBES = ("ready", "list", "search", "photograph", "index")
"""What a replica is asked directly while something is away."""
PROBE_SECONDS = 100.0
SHORTEST = 0.25
"""Of a fault, as a part of its longest."""
KEY_SECONDS = 2.0
"""A replica that does not answer a revoked key within this, while something is away, lets nobody in."""
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
    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Seconds of all rounds, by what they went into."""
    answers: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))


class Run:
    """One run over `machines`."""

    def __init__(self, machines: Machines, receiver: Receiver, rounds: int, wanted: Sequence[Fault], seed: int) -> None:
        self.machines = machines
        self.receiver = receiver
        self.rounds = rounds
        self._dice = random.Random(seed)
        self.faults = self._dice.sample(wanted, len(wanted))
        self.work = Work(machines.url)
        self.manifests: Manifests | None = None
        self.tally = Tally()
        self.wrong: list[str] = []
        self.until = math.inf
        """No further fault is begun after this, by the monotonic clock."""

    def everything(self) -> None:
        machines, work = self.machines, self.work
        hook = self._hook()
        for name in NAMES:
            machines.start(name)
            say(f"Replica {name} is ready on {machines.urls[name]}.")
        machines.balance()
        say(f"HAProxy balances on {machines.url}.")
        self.wrong += checks.demo(machines.url, index=True)
        with httpx.Client(base_url=machines.url, timeout=60, headers=ADMIN) as client:
            client.post("/v1/webhooks", json={"url": hook, "events": ["faces.indexed"]}).raise_for_status()
        say(f"{CLIENTS} clients index, search and delete from now on.")
        self.manifests = Manifests(machines.url, machines.store)
        self.wrong += self.manifests.step()
        work.start(CLIENTS)
        work.wait_for(20 if machines.parts is None else 60)
        until(self._as_before)
        for number in range(self.rounds):
            if work.wrong or self.wrong or time.monotonic() > self.until:
                break
            self._round(self.faults[number % len(self.faults)], number)
        work.wait_for(20)
        if self.manifests is not None:
            self.wrong += self.manifests.finish()
        work.stop()
        self.wrong += work.wrong
        self.wrong += checks.replicas(machines, work)
        self.wrong += checks.demo(machines.url)
        self.wrong += checks.messages(self.receiver, work)
        self.wrong += checks.trail(machines)

    def _hook(self) -> str:
        """Where replicas reach the receiver of webhooks."""
        parts = self.machines.parts
        if parts is None:
            return self.receiver.url("/told")
        address = parts.receives(self.receiver.server.server_port)
        self.machines.hook_host = address.partition(":")[0]
        return f"http://{address}/told"

    def _round(self, fault: Fault, number: int) -> None:
        """One fault in the middle of the work, which goes on by itself after it."""
        work, machines, tally = self.work, self.machines, self.tally
        # Each fault meets another replica each time.
        name = NAMES[(number + number // len(self.faults)) % len(NAMES)]
        began = time.monotonic()
        key = Revoked(machines.url, machines.urls)
        time.sleep(self._dice.uniform(0.0, 0.3))
        before = sum(work.failed.values())
        work.watch()
        work.allowed = {503, fault.status}
        probes: list[threading.Thread] = []
        began = self._spent("preparing", began)
        with entered(fault, machines, name):
            if fault.seconds and fault.reached:
                probes = [self._probing(fault, one, name) for one in PROBES]
            if fault.alone:
                key.revoke()
            time.sleep(self._dice.uniform(SHORTEST * fault.seconds, fault.seconds))
            if fault.alone:
                self._note_let_in(fault, key.let_in(patience=KEY_SECONDS))
                work.wait_for(1)
                self._check_kill(fault, name, sum(work.failed.values()) - before)
        ended = began = self._spent("the fault", began)
        for one in probes:
            one.join()
        work.wait_for(1)
        failed = sum(work.failed.values()) - before
        self._wait_as_before()
        back = time.monotonic() - ended
        began = self._spent("coming back", began)
        key.revoke()
        self._note_let_in(fault, key.let_in(patience=60))
        work.allowed = {503}
        indexed = work.answered["index"]
        self._check_round(number)  # the clients go on meanwhile
        began = self._spent("checking", began)
        work.wait_for(indexed + 5 - work.answered["index"])
        self._spent("working on", began)
        tally.faults[fault.name] += 1
        tally.failed[fault.name] += failed
        tally.longest[fault.name] = max(tally.longest[fault.name], work.pause)
        tally.back[fault.name] = max(tally.back[fault.name], back)
        say(
            f"{number + 1} of {self.rounds}: {fault.what}. Requests repeated: {failed}; nobody was answered for "
            f"{work.pause:.1f} s; all as before after {back:.1f} s."
        )

    def _spent(self, what: str, since: float) -> float:
        """Note it; now."""
        now = time.monotonic()
        self.tally.spent[what] += now - since
        return now

    def _note_let_in(self, fault: Fault, wrong: Sequence[str]) -> None:
        self.wrong += [f"{fault.name}: {one}" for one in wrong]

    def _probing(self, fault: Fault, what: str, name: str) -> threading.Thread:
        """A thread that notes what the replica answers."""

        def probe() -> None:
            try:
                answer = self.work.probe(what, self.machines.urls[name], PROBE_SECONDS)
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
        return all(map(self._is_as_before, self.machines.urls.values()))

    def _wait_as_before(self) -> None:
        """Until each replica was; one that is, is not asked again, which would be work beside the clients'."""
        waited = list(self.machines.urls.values())

        def none_left() -> bool:
            waited[:] = [one for one in waited if not self._is_as_before(one)]
            return not waited

        until(none_left)

    def _is_as_before(self, url: str) -> bool:
        mirrored = self.machines.parts is not None and self.machines.parts.milvus is not None
        return ready(url) and (not mirrored or self.work.is_approximate(url))

    def _check_round(self, number: int) -> None:
        with ThreadPoolExecutor() as pool:
            for wrong in pool.map(self.work.sample, self.machines.urls.values()):
                self.wrong += wrong
        if self.manifests is not None:
            self.wrong += self.manifests.step()
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
    parser.add_argument("--seed", type=int, default=17, help="another order of the faults, another length of each")
    parser.add_argument("--loopback", action="store_true", help="no network of its own for each replica")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.chaos and not (asked.loopback or asked.inside) and networks.can_make():
        networks.enter("tests.cluster.run", [*sys.argv[1:], "--inside"])
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
    wanted = [faults.REPLICA, faults.HUNG, faults.CRASH, *([faults.FAIL_OVER] if asked.standby else [])]
    beside = room = own = None
    if asked.inside:
        own = stack.enter_context(Networks(NAMES, (DATABASE, BUCKET, MILVUS, RECEIVER)))
        say("Each replica has a network of its own.")
    if asked.chaos:
        beside = stack.enter_context(parts(milvus=True))
        wanted += [faults.BUCKET_KILLED, faults.MILVUS_KILLED, *faults.LINKS]
        wanted += faults.NETWORKS if own is not None else ()
        if disks.can_mount() and not asked.standby:
            place = stack.enter_context(tempfile.TemporaryDirectory(prefix="kenspeckle-room-"))
            room = stack.enter_context(disks.mounted(Path(place), ROOM))
            wanted.append(faults.FULL)
    wanted = [one for one in wanted if not asked.only or one.name in asked.only]
    machines = Machines(folder, with_standby=asked.standby, parts=beside, networks=own, room=room)
    stack.callback(machines.close)
    say(f"PostgreSQL runs{', with a standby that has every commit' if asked.standby else ''}.")
    return Run(machines, receiver, asked.rounds, wanted, asked.seed)


def _report(run: Run, seconds: float) -> None:
    work, tally = run.work, run.tally
    for kind, count in tally.faults.items():
        repeated, longest, back = tally.failed[kind], tally.longest[kind], tally.back[kind]
        say(f"{count} x {kind}: {repeated} requests repeated, nobody answered for {longest:.1f} s, back in {back:.1f}.")
        for what in PROBES:
            if (kind, what) in tally.answers:
                say(f"    {what}: {', '.join(sorted(tally.answers[kind, what]))}")
    if run.manifests is not None:
        say(f"Lines of manifests: {dict(run.manifests.finished)}.")
    say("Seconds of the rounds: " + ", ".join(f"{what} {taken:.0f}" for what, taken in tally.spent.items()) + ".")
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
