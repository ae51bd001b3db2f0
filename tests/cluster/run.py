"""`make cluster` and `make chaos`: PostgreSQL, three replicas and a balancer on this machine; the demo's photographs,
then work under faults. Shows that nothing acknowledged is lost and nothing deleted is found. Ends by itself and leaves
nothing. In chaos a bucket and Milvus are there too, which are killed as well, replicas are cut off each part, or reach
it slowly, and jobs index by manifests. As root each replica has a network of its own, which loses packets."""

from __future__ import annotations

import argparse
import logging
import math
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from unittest import mock

from kenspeckle.cli.output import say
from kenspeckle.client.errors import CommandFailed
from tests import forks
from tests.cluster import disks, faults, networks
from tests.cluster.faults import Fault
from tests.cluster.machines import NAMES, Machines
from tests.cluster.networks import Networks
from tests.cluster.parts import BUCKET, DATABASE, MILVUS, RECEIVER, parts
from tests.cluster.rounds import PROBES, Form, Run
from tests.webhooks.conftest import receiving

ROOM = 400 << 20
"""Bytes of the disk that is filled."""


def main() -> None:
    asked = _asked()
    if asked.chaos and not (asked.loopback or asked.inside) and networks.can_make():
        networks.enter("tests.cluster.run", [*sys.argv[1:], "--inside"])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it runs in the background
    signal.signal(signal.SIGTERM, _leave)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request to the bucket
    os.environ["PYTHONFAULTHANDLER"] = "1"  # a replica that hangs logs where, see `Machines.abort`
    began = time.monotonic()
    with ExitStack() as stack:
        run: Run | None = None
        try:
            run = _made(stack, asked)
            run.everything()
        except (CommandFailed, TimeoutError) as error:
            if run is not None:
                run.machines.abort()
            _keep_logs(run, asked.logs)
            sys.exit(f"Error after {_done(run)} rounds: {error}")
        except KeyboardInterrupt:
            sys.exit(f"Interrupted after {_done(run)} rounds; everything is being stopped.")
        if run.wrong:
            _keep_logs(run, asked.logs)
    _report(run, time.monotonic() - began)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="faults, one after the other")
    parser.add_argument("--row", type=int, default=1, help="so many faults before everything is checked")
    parser.add_argument("--at-once", type=int, default=1, help="so many at the same time, on different replicas")
    parser.add_argument("--kills", action="store_true", help="nothing but kill -9 of replicas and of the database")
    parser.add_argument("--standby", action="store_true", help="with a standby, and fail-overs to it")
    parser.add_argument("--chaos", action="store_true", help="with a bucket and Milvus, and faults between all parts")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no further fault after so long")
    parser.add_argument("--only", nargs="*", help="these faults")
    parser.add_argument("--seed", type=int, default=17, help="another order of the faults, another length of each")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds that a client rests after each photograph")
    parser.add_argument("--logs", type=Path, default=Path("build/cluster-logs"), help="where logs go if one is wrong")
    parser.add_argument("--loopback", action="store_true", help="no network of its own for each replica")
    parser.add_argument(
        "--quick", action="store_true", help="replicas are forks of a process, PostgreSQL syncs nothing"
    )
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _made(stack: ExitStack, asked: argparse.Namespace) -> Run:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kenspeckle-cluster-")))
    receiver = stack.enter_context(receiving())
    wanted = [faults.REPLICA, faults.CRASH, *([faults.FAIL_OVER] if asked.standby else [])]
    if asked.kills:
        wanted += [*[faults.REPLICA] * 5, *[faults.CRASH] * 2]
    else:
        wanted.append(faults.HUNG)
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
    if asked.quick:
        _fork(stack, own)
    machines = Machines(folder, with_standby=asked.standby, parts=beside, networks=own, room=room, unsynced=asked.quick)
    stack.callback(machines.close)
    say(f"PostgreSQL runs{', with a standby that has every commit' if asked.standby else ''}.")
    form = Form(asked.rounds, asked.row, asked.at_once, asked.clients, asked.pause, asked.seed, 60 * asked.minutes)
    return Run(machines, receiver, _chosen(wanted, asked.only), form)


def _chosen(wanted: list[Fault], only: list[str] | None) -> list[Fault]:
    return [one for one in wanted if not only or one.name in only]


def _fork(stack: ExitStack, own: Networks | None) -> None:
    """A start takes a third of its time so; in each network there is a process of which replicas are forks."""
    for words in [own.inside(one) for one in own.cables.values()] if own is not None else [()]:
        stack.enter_context(forks.forking(words))
    stack.enter_context(mock.patch("kenspeckle.cli.launch.Popen", forks.Popen))


def _done(run: Run | None) -> int:
    return sum(run.tally.faults.values()) if run is not None else 0


def _keep_logs(run: Run | None, folder: Path) -> None:
    """For who looks for the reason: with the run everything else of it is gone."""
    if run is not None:
        run.machines.keep_logs(folder)
        say(f"What the replicas logged is in {folder}.", "red")


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
    say(f"{_done(run)} rounds in {tally.rows} rows, seed {run.form.seed}.")
    if run.wrong:
        for one in run.wrong[:20]:
            say(one, "red")
        sys.exit(f"{len(run.wrong)} things are not as they should be.")
    say("Nothing that was acknowledged is lost, and nothing that was deleted is found.", "green")


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
