"""One run of a cluster under faults: work, rows of faults in the middle of it, and what has to hold after each row.

A round is one fault: something is taken away under load and given back, and photographs are indexed while one replica
has it, and after it in any case. What clients see is judged in every round: a photograph that was indexed is found by
the next search, one that was deleted by none, no answer is a 5xx but 503 with Retry-After. After each row of rounds all
is as before, and each replica, webhooks, jobs, keys and logs are checked."""

from __future__ import annotations

import math
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

import httpx

from kenspeckle.cli.output import say
from tests.cluster import checks, faults
from tests.cluster.faults import Fault, entered
from tests.cluster.keys import Revoked
from tests.cluster.machines import ADMIN, NAMES, Machines, ready
from tests.cluster.manifests import Manifests
from tests.cluster.plan import Step, planned
from tests.cluster.waiting import until
from tests.cluster.work import Work
from tests.webhooks.conftest import Receiver

PROBES = ("ready", "list", "search", "photograph", "index")
"""What a replica is asked directly while something is away."""
PROBE_SECONDS = 100.0
SHORTEST = 0.25
"""Of a fault, as a part of its longest."""
KEY_SECONDS = 2.0
"""A replica that does not answer a revoked key within this, while something is away, lets nobody in."""
AIM_SECONDS = 0.3
"""Longest time between a request and the kill of who has it."""
VERIFIED = 20
"""After so many rows the audit trail is verified."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a run goes: `rounds` in all, `row` of them before everything is checked, `at_once` together; `clients`
    that rest for `pause` seconds between two photographs; no further row after `seconds`."""

    rounds: int = 2
    row: int = 1
    at_once: int = 1
    clients: int = 4
    pause: float = 0.0
    seed: int = 17
    seconds: float = math.inf


@dataclass
class Tally:
    """What happened: faults by name; of those that came alone the longest time in which nobody was answered, requests
    that failed, and until all replicas were as before; and by fault and question what a replica answered meanwhile."""

    faults: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    longest: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    failed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    back: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Seconds of all rounds, by what they went into."""
    answers: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    rows: int = 0


class Run:
    """One run over `machines`."""

    def __init__(self, machines: Machines, receiver: Receiver, wanted: Sequence[Fault], form: Form) -> None:
        self.machines = machines
        self.receiver = receiver
        self.form = form
        self._dice = random.Random(form.seed)
        self._plan = planned(wanted, form.rounds, self._dice, row=form.row, at_once=form.at_once)
        self.work = Work(machines.url, form.pause)
        self.manifests: Manifests | None = None
        self.tally = Tally()
        self.wrong: list[str] = []
        self._until = time.monotonic() + form.seconds

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
        say(f"{self.form.clients} clients index, search and delete from now on.")
        self.manifests = Manifests(machines.url, machines.store)
        self.wrong += self.manifests.step()
        work.start(self.form.clients)
        work.wait_for(20 if machines.parts is None else 60)
        until(self._as_before)
        for row in self._plan:
            if work.wrong or self.wrong or time.monotonic() > self._until:
                break
            self._row(row)
        work.wait_for(20)
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

    def _row(self, row: Sequence[Step]) -> None:
        """Faults in the middle of the work, which goes on by itself after each; then everything is checked."""
        work, tally = self.work, self.tally
        began = time.monotonic()
        key = Revoked(self.machines.url, self.machines.urls)
        alone = [one for one in row if one.alone]
        revoking = self._dice.choice(alone) if alone else None
        began = self._spent("preparing", began)
        for step in row:
            self._step(step, key if step is revoking else None)
            if work.wrong or self.wrong:
                return
        ended = began = self._spent("the faults", began)
        self._wait_as_before()
        back = time.monotonic() - ended
        began = self._spent("coming back", began)
        key.revoke()
        self._note_let_in(row[-1], key.let_in(patience=60))
        indexed = work.answered["index"]
        self._check_row()  # the clients go on meanwhile
        began = self._spent("checking", began)
        work.wait_for(indexed + 5 - work.answered["index"])
        self._spent("working on", began)
        if len(row) == len(row[0].faults) == 1:
            name = row[0].faults[0][0].name
            tally.back[name] = max(tally.back[name], back)
        done = sum(tally.faults.values())
        say(f"{done} of {self.form.rounds}: all as before after {back:.1f} s, and checked.")

    def _step(self, step: Step, key: Revoked | None) -> None:
        """Faults at once, entered and left."""
        work, tally = self.work, self.tally
        before = sum(work.failed.values())
        work.watch()
        work.allowed = {503, *step.statuses}
        first, name = step.faults[0]
        asking = [thread for fault, met in step.faults for thread in self._aimed(fault, met)]
        if not asking:
            time.sleep(self._dice.uniform(0.0, 0.3))
        with ExitStack() as stack:
            for fault, met in step.faults:
                stack.enter_context(entered(fault, self.machines, met))
            if len(step.faults) == self.form.row == 1 and first.seconds and first.reached:
                asking += [self._probing(first, one, name) for one in PROBES]
            if key is not None:
                key.revoke()
            time.sleep(max(self._dice.uniform(SHORTEST * fault.seconds, fault.seconds) for fault, _ in step.faults))
            if key is not None:
                self._note_let_in(step, key.let_in(patience=KEY_SECONDS))
            if step.alone:
                work.wait_for(1)
                self._check_kill(step, sum(work.failed.values()) - before)
        for one in asking:
            one.join()
        work.wait_for(1)
        if not step.alone or faults.REPLICA in (fault for fault, _ in step.faults):
            until(self._balanced)
        work.allowed = {503}
        failed = sum(work.failed.values()) - before
        for fault, _ in step.faults:
            tally.faults[fault.name] += 1
        if len(step.faults) == 1:
            tally.failed[first.name] += failed
            tally.longest[first.name] = max(tally.longest[first.name], work.pause)
        say(f"  {step}. Requests repeated: {failed}; nobody was answered for {work.pause:.1f} s.")

    def _spent(self, what: str, since: float) -> float:
        """Note it; now."""
        now = time.monotonic()
        self.tally.spent[what] += now - since
        return now

    def _note_let_in(self, step: Step, wrong: Sequence[str]) -> None:
        self.wrong += [f"{step}: {one}" for one in wrong]

    def _aimed(self, fault: Fault, name: str) -> list[threading.Thread]:
        """Requests under way on who is killed next: a photograph, sent directly to the replica, or to each of them."""
        if fault not in faults.KILLS:
            return []
        names = [name] if fault.alone else NAMES
        found = [self._sending(fault, one) for one in names]
        time.sleep(self._dice.uniform(0.0, AIM_SECONDS))
        return found

    def _sending(self, fault: Fault, name: str) -> threading.Thread:
        def send() -> None:
            try:
                self.work.probe("index", self.machines.urls[name], PROBE_SECONDS)
            except httpx.TransportError:
                pass  # the kill cut it; the clients send that photograph again
            except Exception as error:
                self.wrong.append(f"{fault.name}, sent to replica {name}: {type(error).__name__}: {error}")

        return _begun(send)

    def _probing(self, fault: Fault, what: str, name: str) -> threading.Thread:
        """A thread that notes what the replica answers."""

        def probe() -> None:
            try:
                answer = self.work.probe(what, self.machines.urls[name], PROBE_SECONDS)
            except Exception as error:
                self.wrong.append(f"{fault.name}, {what} at replica {name}: {type(error).__name__}: {error}")
            else:
                self.tally.answers[fault.name, what].add(answer)

        return _begun(probe)

    def _check_kill(self, step: Step, failed: int) -> None:
        """Requests fail that a killed replica had, and no others: one at most of each client, and of each kill, for
        who sends again may come to the other that is killed."""
        most = self.form.clients * len(step.faults)
        if all(fault is faults.REPLICA for fault, _ in step.faults) and failed > most:
            self.wrong.append(f"{failed} requests failed: {step}, which had {most} at most")

    def _balanced(self) -> bool:
        """Whether the balancer gives requests to every replica."""
        return self.machines.balanced() == set(NAMES)

    def _as_before(self) -> bool:
        """Whether every replica is ready, and searches where it did before."""
        return self._balanced() and all(map(self._is_as_before, self.machines.urls.values()))

    def _wait_as_before(self) -> None:
        """Until each replica was; one that is, is not asked again, which would be work beside the clients'."""
        waited = list(self.machines.urls.values())

        def none_left() -> bool:
            waited[:] = [one for one in waited if not self._is_as_before(one)]
            return not waited

        until(none_left)
        until(self._balanced)

    def _is_as_before(self, url: str) -> bool:
        mirrored = self.machines.parts is not None and self.machines.parts.milvus is not None
        return ready(url) and (not mirrored or self.work.is_approximate(url))

    def _check_row(self) -> None:
        with ThreadPoolExecutor() as pool:
            for wrong in pool.map(self.work.sample, self.machines.urls.values()):
                self.wrong += wrong
        if self.manifests is not None:
            self.wrong += self.manifests.step()
        self.wrong += checks.repeated(self.receiver)
        self.wrong += checks.logs(self.machines)
        self.tally.rows += 1
        if self.tally.rows % VERIFIED == 0:
            self.wrong += checks.trail(self.machines)


def _begun(what: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=what, daemon=True)
    thread.start()
    return thread
