"""What a host without a key can do to a server: `python -m benchmarks.attacks [--seconds 600] [--only NAME]`.

A fresh server for each way of `benchmarks.attackers`. An honest client with a key and another address searches before,
while and after. Told are the growth of the server's memory, the honest client's median against its own without the
attack, the part of a core that the server takes, and the longest that it kept a half-open connection. The attackers
run on the same cores: so the honest client also searches beside a process that takes as much of a core as they took
and sends nothing, and its median under attack is told against that one too: what the attack costs by the server's own
work. Medians say something on a machine that is idle otherwise. On Linux, whose loopback has many addresses.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.attackers import ALL, WAYS
from benchmarks.client import Client
from benchmarks.goals import Goal
from benchmarks.service import models
from kenspeckle import settings as settings_
from kenspeckle.cli.launch import Launched, launch
from kenspeckle.compose.embedded import build
from kenspeckle.models import install

HONEST = "127.0.0.2"
QUIET_SECONDS = 8.0
"""Of searching without the attack, before and after it, and beside a process that does nothing."""
SETTLE_SECONDS = 1.0
"""Until the server has taken leave of the attackers' connections."""
WARM_UP = 30
THINKING = 0.1
"""Seconds between two requests of the honest client, whose key may send ten a second."""
LOOK_SECONDS = 0.5

GROWTH_MIB, SLOWER, LIFE_SECONDS = 60.0, 1.5, 30.0


@dataclass(frozen=True, slots=True)
class Found:
    """What one attack did. `longest_life` is seconds of a half-open connection; None where there was none."""

    name: str
    seconds: float
    connections: int
    searches: int
    failed: int
    quiet_ms: float
    """The honest client's median without an attack,"""
    beside_ms: float
    """beside a process that takes as much of a core as the attackers,"""
    median_ms: float
    """and under the attack."""
    growth_mib: float
    longest_life: float | None
    cores: float
    """That the server took while it was attacked, the honest searches included,"""
    attackers_cores: float
    """and the attackers, which would have their own elsewhere."""

    def goals(self) -> list[Goal]:
        found = [
            Goal(f"{self.name}: memory grows", self.growth_mib, GROWTH_MIB, "MiB"),
            Goal(f"{self.name}: an honest search is slower", self.median_ms / self.quiet_ms, SLOWER, "times"),
            Goal(f"{self.name}: by the server's own work", self.median_ms / self.beside_ms, SLOWER, "times"),
            Goal(f"{self.name}: honest searches that failed", self.failed, 0, "searches"),
        ]
        if self.longest_life is not None:
            found.append(Goal(f"{self.name}: a half-open connection lives", self.longest_life, LIFE_SECONDS, "s"))
        return found


@dataclass
class Watch:
    """Looks at the server's process: its memory, and which connections it holds."""

    process: psutil.Process
    port: int
    since: dict[int, float] = field(default_factory=dict)
    """When connections became half open, by the attacker's port: that of the newest."""
    seen: set[int] = field(default_factory=set)
    longest: float | None = None
    most_mib: float = 0.0
    _done: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        now = time.monotonic()
        self.most_mib = max(self.most_mib, self.process.memory_info().rss / 2**20)
        for one in self.process.net_connections("tcp"):
            if one.raddr and one.laddr.port == self.port and one.raddr.ip != HONEST:
                self.seen.add(one.raddr.port)
                life = now - self.since.get(one.raddr.port, now)
                if life > 0:  # Not where it is NaN.
                    self.longest = max(self.longest or 0.0, life)

    def run(self) -> None:
        while not self._done.wait(LOOK_SECONDS):
            self.look()

    def stop(self) -> None:
        self._done.set()


def attacked(name: str, seconds: float, photograph: bytes) -> Found:
    """One attack of so many seconds on a server of its own. Raises OSError where the server is not reached at all."""
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_.load({"data_dir": Path(folder)}, environ=models())
        with closing(build(settings)) as service:
            key, pair = service.access.create("honest"), service.access.create("honest program", aws=True)
        with launch(Path(folder)) as server:
            return _attacked(server, name, seconds, photograph, key.api_key, pair.access_key_id or "")


def _attacked(server: Launched, name: str, seconds: float, photograph: bytes, key: str, access_key_id: str) -> Found:
    port = int(server.url.rpartition(":")[2])
    honest = Honest(server.url, photograph, f"x-api-key: {key}\r\n")
    for _ in range(WARM_UP):
        honest.search()
    watch = Watch(psutil.Process(server.process.pid), port)
    watch.look()
    before = watch.most_mib
    quiet = honest.searches(QUIET_SECONDS)
    watch.look()
    before = max(before, watch.most_mib)
    command = [sys.executable, "-m", "benchmarks.attackers", str(port), name, access_key_id]
    watching = threading.Thread(target=watch.run)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as attacker:
        listening = threading.Thread(target=_listen, args=(attacker, watch.since))
        listening.start()
        watching.start()
        began, spent = time.monotonic(), _cpu(watch.process)
        try:
            times = honest.searches(seconds)
            took = time.monotonic() - began
            cores, own = (_cpu(watch.process) - spent) / took, _cpu(psutil.Process(attacker.pid)) / took
        finally:
            watch.stop()
            watching.join()
            attacker.kill()
            listening.join()
    time.sleep(SETTLE_SECONDS)
    with subprocess.Popen([sys.executable, "-m", "benchmarks.attackers", "burn", str(own)]) as burner:
        beside = honest.searches(QUIET_SECONDS)
        burner.kill()
    quiet += honest.searches(QUIET_SECONDS)
    return Found(
        name=name,
        seconds=seconds,
        connections=len(watch.seen),
        searches=len(times),
        failed=honest.failed,
        quiet_ms=statistics.median(quiet),
        beside_ms=statistics.median(beside),
        median_ms=statistics.median(times),
        growth_mib=watch.most_mib - before,
        longest_life=watch.longest,
        cores=cores,
        attackers_cores=own,
    )


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


class Honest:
    """Searches again and again, each time over a new connection, as `curl` does."""

    def __init__(self, url: str, photograph: bytes, headers: str) -> None:
        self._url, self._photograph, self._headers = url, photograph, headers
        self.failed = 0

    def search(self) -> float:
        """Milliseconds, with those of connecting."""
        begun = time.perf_counter()
        try:
            with closing(Client(self._url, headers=self._headers, source=HONEST)) as client:
                if client.ask("POST", "/v1/search", self._photograph).status != 200:
                    self.failed += 1
        except OSError:
            self.failed += 1
        return 1000 * (time.perf_counter() - begun)

    def searches(self, seconds: float) -> list[float]:
        end, found = time.monotonic() + seconds, []
        while time.monotonic() < end:
            found.append(self.search())
            time.sleep(THINKING)
        return found


def _listen(attacker: subprocess.Popen[str], since: dict[int, float]) -> None:
    assert attacker.stdout is not None
    for line in attacker.stdout:
        port, moment = line.split()
        since[int(port)] = float(moment)


def run(seconds: float, names: list[str]) -> dict[str, Any]:
    photograph = install.samples(settings_.load().models_dir, lambda *_: None).astronaut.read_bytes()
    rows, goals = [], []
    for name in names:
        found = attacked(name, seconds, photograph)
        rows.append(asdict(found))
        goals += [one.shape() for one in found.goals()]
        life = "" if found.longest_life is None else f", half open for {found.longest_life:.0f} s"
        sys.stderr.write(
            f"{name}: {found.connections} connections seen, memory +{found.growth_mib:.0f} MiB, search "
            f"{found.quiet_ms:.0f} -> {found.median_ms:.0f} ms ({found.median_ms / found.quiet_ms:.2f} times; "
            f"{found.median_ms / found.beside_ms:.2f} times the {found.beside_ms:.0f} ms beside as busy a process), "
            f"{found.failed} of {found.searches} failed{life}; cores {found.cores:.2f}, "
            f"the attackers' {found.attackers_cores:.2f}\n"
        )
    return {"seconds": seconds, "rows": rows, "goals": goals}


def main() -> int:
    """Exit code 0 where every goal held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="of each attack; lives need more than 30")
    parser.add_argument("--only", action="append", choices=[*WAYS, ALL], help="this way; may be given several times")
    options = parser.parse_args()
    results = run(options.seconds, options.only or [*WAYS, ALL])
    print(json.dumps(results, indent=1))
    return 0 if all(one["held"] for one in results["goals"]) else 1


if __name__ == "__main__":
    sys.exit(main())
