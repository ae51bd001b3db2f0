"""`make cluster`: PostgreSQL, three replicas and a balancer on this machine; the demo's photographs, then work under
faults. Shows that nothing acknowledged is lost and nothing deleted is found. Ends by itself and leaves nothing."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import httpx

from kenspeckle.cli.output import say
from kenspeckle.cli.variations import jpeg, opened, side_by_side, variations
from kenspeckle.client.errors import CommandFailed
from kenspeckle.shapes.load import box
from tests.cluster.machines import ADMIN, NAMES, Machines, ready, until
from tests.cluster.work import Work
from tests.faults.portraits import sample
from tests.webhooks.conftest import Receiver, receiving

CLIENTS = 4
PEOPLE = {
    "Grace Hopper": ("Grace-Hopper.jpg", "grace_hopper.jpg"),
    "Eileen Collins": ("Eileen-Collins.png", "astronaut.png"),
}
OWN = {"collection": "demo"}
"""Beside what the clients index: many photographs of the same two people."""
FAULTS = ("replica", "database", "fail-over")
SETTLED_SECONDS = 120.0
"""Longest wait for messages of webhooks that a killed replica had claimed: their lease has to end."""


@dataclass
class Tally:
    """What happened: faults by kind, the longest time in which nobody was answered, and requests that failed."""

    faults: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    longest: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    failed: dict[str, int] = field(default_factory=lambda: defaultdict(int))


class Run:
    """One run over `machines`."""

    def __init__(self, machines: Machines, receiver: Receiver, rounds: int, faults: Sequence[str]) -> None:
        self.machines = machines
        self.receiver = receiver
        self.rounds = rounds
        self.faults = faults
        self.work = Work(machines.url)
        self.tally = Tally()
        self.wrong: list[str] = []
        self._dice = random.Random(17)

    def everything(self) -> None:
        machines = self.machines
        for name in NAMES:
            machines.start(name)
            say(f"Replica {name} is ready on port {machines.ports[name]}.")
        machines.balance()
        say(f"HAProxy balances on {machines.url}.")
        self._demo(index=True)
        with httpx.Client(base_url=machines.url, timeout=60, headers=ADMIN) as client:
            hook = {"url": self.receiver.url("/told"), "events": ["faces.indexed"]}
            client.post("/v1/webhooks", json=hook).raise_for_status()
        say(f"{CLIENTS} clients index, search and delete from now on.")
        self.work.start(CLIENTS)
        self.work.wait_for(20)
        for number in range(self.rounds):
            if self.work.wrong:
                break
            self._fault(self.faults[number % len(self.faults)], number)
        self.work.wait_for(20)
        self.work.stop()
        self.wrong += self.work.wrong
        self._check()

    def _fault(self, kind: str, number: int) -> None:
        """One fault in the middle of the work, which goes on by itself after it."""
        work, machines = self.work, self.machines
        time.sleep(self._dice.uniform(0.0, 0.3))
        before = sum(work.failed.values())
        work.watch()
        if kind == "replica":
            name = NAMES[number % len(NAMES)]
            machines.kill(name)
            work.wait_for(1)
            failed = sum(work.failed.values()) - before
            if failed > CLIENTS:
                self.wrong.append(f"{failed} requests failed as replica {name} was killed, which had {CLIENTS} at most")
            machines.start(name)
        else:
            (machines.crash_database if kind == "database" else machines.fail_over)()
            work.wait_for(1)
            failed = sum(work.failed.values()) - before
        until(lambda: all(ready(f"http://127.0.0.1:{port}") for port in machines.ports.values()))
        work.wait_for(5)
        waited = work.pause
        tally = self.tally
        tally.faults[kind] += 1
        tally.failed[kind] += failed
        tally.longest[kind] = max(tally.longest[kind], waited)
        say(
            f"{number + 1} of {self.rounds}: {_FAULT[kind]}. Requests repeated: {failed}; nobody was answered for "
            f"{waited:.1f} s."
        )

    def _demo(self, *, index: bool = False) -> None:
        """The demo's photographs, through the balancer."""
        with httpx.Client(base_url=self.machines.url, timeout=60, headers=ADMIN) as client:
            client.put("/v1/collections/demo").raise_for_status()
            pictures, probes = [], []
            for name, (key, file) in PEOPLE.items():
                data = sample(file).read_bytes()
                picture = opened(data)
                pictures.append(picture)
                answer = client.put(f"/v1/index/{key}", content=data, params=OWN).raise_for_status().json()
                face = box(answer["FaceRecords"][0]["Face"]["BoundingBox"])
                probes += [(f"{name}, {what}", changed, {name}) for what, changed in variations(picture, face)]
            probes.append(("both, side by side", side_by_side(pictures), set(PEOPLE)))
            probes.append(("a rocket", opened(sample("rocket.jpg").read_bytes()), set()))
            for what, picture, expected in probes:
                answer = client.post("/v1/search", params={**OWN, "all_faces": "true"}, content=jpeg(picture)).json()
                found = set(answer.get("matchedFaces", []))
                if found != expected:
                    self.wrong.append(f"{what}: {sorted(found)} found, {sorted(expected)} expected")
        say(f"The demo's photographs: {len(PEOPLE)} {'indexed' if index else 'there'}, {len(probes)} searched.")

    def _check(self) -> None:
        """At every replica for itself, in the audit trail, and of the webhooks."""
        say("The clients have stopped. Each replica is asked for itself:")
        for name, port in self.machines.ports.items():
            found = self.work.check(f"http://127.0.0.1:{port}")
            self.wrong += [f"replica {name}: {one}" for one in found]
            say(f"  {name}: {len(self.work.acknowledged)} photographs acknowledged, {len(found)} differences.")
        self._demo()
        self._check_messages()
        environment = {one: value for one, value in os.environ.items() if not one.startswith("KENSPECKLE_")}
        command = [sys.executable, "-m", "kenspeckle", "audit", "verify", "--data-dir", str(self.machines.folder / "a")]
        done = subprocess.run(  # our own command
            command, env=environment | self.machines.settings, capture_output=True, text=True, check=False
        )
        if done.returncode:
            self.wrong.append(f"kenspeckle audit verify: {done.stdout}{done.stderr}")
        say(f"kenspeckle audit verify: {(done.stdout or done.stderr).splitlines()[0]}")

    def _check_messages(self) -> None:
        """Every face that is left was told, and a repeated message has the id of the first."""

        def told() -> dict[str, set[str]]:
            found: dict[str, set[str]] = defaultdict(set)
            for headers, body in self.receiver.of("/told"):
                for face in json.loads(body)["data"].get("face_ids", ()):
                    found[face].add(headers["webhook-id"])
            return found

        wanted = set(self.work.acknowledged.values())
        try:
            until(lambda: wanted <= told().keys(), SETTLED_SECONDS)
        except CommandFailed:
            self.wrong.append(f"{len(wanted - told().keys())} faces were never told to the webhook")
        twice = [face for face, ids in told().items() if len(ids) > 1]
        if twice:
            self.wrong.append(f"{len(twice)} faces were told twice under different ids")
        ids = self.receiver.ids("/told")
        say(f"The webhook was told of each face; {len(ids)} messages, {len(ids) - len(set(ids))} of them repeated.")


_FAULT = {
    "replica": "a replica was killed (-9) and started again",
    "database": "PostgreSQL crashed and came back",
    "fail-over": "PostgreSQL's primary was lost and its standby took over",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="faults, one after the other")
    parser.add_argument("--standby", action="store_true", help="with a standby, and fail-overs to it")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    began = time.monotonic()
    faults = FAULTS if asked.standby else FAULTS[:2]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kenspeckle-cluster-")))
        receiver = stack.enter_context(receiving())
        try:
            machines = Machines(folder, with_standby=asked.standby)
            stack.callback(machines.close)
            say(f"PostgreSQL runs{', with a standby that has every commit' if asked.standby else ''}.")
            run = Run(machines, receiver, asked.rounds, faults)
            run.everything()
        except (CommandFailed, TimeoutError) as error:
            sys.exit(f"Error: {error}")
        except KeyboardInterrupt:
            sys.exit("Interrupted; everything is being stopped.")
    _report(run, time.monotonic() - began)


def _report(run: Run, seconds: float) -> None:
    work, tally = run.work, run.tally
    for kind, count in tally.faults.items():
        repeated, longest = tally.failed[kind], tally.longest[kind]
        say(f"{count} x {_FAULT[kind]}: {repeated} requests repeated, {longest:.1f} s at most.")
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
