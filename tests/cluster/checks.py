"""What has to hold of a cluster after faults: recognition, every replica by itself, webhooks, the audit trail, logs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict

import httpx

from kenspeckle.cli.output import say
from kenspeckle.cli.variations import jpeg, open_upright, side_by_side, variations
from kenspeckle.client.errors import CommandFailed
from kenspeckle.shapes.load import box
from tests.cluster.machines import ADMIN, Machines
from tests.cluster.waiting import until
from tests.cluster.work import Work
from tests.faults.portraits import sample
from tests.webhooks.conftest import Receiver

PEOPLE = {
    "Grace Hopper": ("Grace-Hopper.jpg", "grace_hopper.jpg"),
    "Eileen Collins": ("Eileen-Collins.png", "astronaut.png"),
}
OWN = {"collection": "demo"}
"""Beside what the clients index: many photographs of the same two people."""
SETTLED_SECONDS = 120.0
"""Longest wait for messages of webhooks that a killed replica had claimed: their lease has to end."""
UNEXPECTED = re.compile(
    r"unexpected error|internal_error|failed unexpectedly|a slice of job \S+ failed|job job-\w+ failed"
    r"|can't be done here(?! now)"
)


def demo(url: str, *, index: bool = False) -> list[str]:
    """The demo's photographs, through the balancer: what is recognized wrongly."""
    wrong = []
    with httpx.Client(base_url=url, timeout=60, headers=ADMIN) as client:
        client.put("/v1/collections/demo").raise_for_status()
        pictures, probes = [], []
        for name, (key, file) in PEOPLE.items():
            data = sample(file).read_bytes()
            picture = open_upright(data)
            pictures.append(picture)
            answer = client.put(f"/v1/index/{key}", content=data, params=OWN).raise_for_status().json()
            face = box(answer["FaceRecords"][0]["Face"]["BoundingBox"])
            probes += [(f"{name}, {what}", changed, {name}) for what, changed in variations(picture, face)]
        probes.append(("both, side by side", side_by_side(pictures), set(PEOPLE)))
        probes.append(("a rocket", open_upright(sample("rocket.jpg").read_bytes()), set()))
        for what, picture, expected in probes:
            answer = client.post("/v1/search", params={**OWN, "all_faces": "true"}, content=jpeg(picture)).json()
            found = set(answer.get("matchedFaces", []))
            if found != expected:
                wrong.append(f"{what}: {sorted(found)} found, {sorted(expected)} expected")
    say(f"The demo's photographs: {len(PEOPLE)} {'indexed' if index else 'there'}, {len(probes)} searched.")
    return wrong


def replicas(machines: Machines, work: Work) -> list[str]:
    """Once the clients have stopped: each replica by itself."""
    say("The clients have stopped. Each replica is asked for itself:")
    wrong = []
    for name, url in machines.urls.items():
        found = work.check(url)
        wrong += [f"replica {name}: {one}" for one in found]
        say(f"  {name}: {len(work.acknowledged)} photographs acknowledged, {len(found)} differences.")
    return wrong


def repeated(receiver: Receiver) -> list[str]:
    """Faces of which the webhook was told again under another id."""
    twice = [face for face, ids in _told(receiver).items() if len(ids) > 1]
    return [f"{len(twice)} faces were told twice under different ids"] if twice else []


def messages(receiver: Receiver, work: Work) -> list[str]:
    """Every face that is left was told, and a repeated message has the id of the first."""
    wanted, wrong = set(work.acknowledged.values()), []
    try:
        until(lambda: wanted <= _told(receiver).keys(), SETTLED_SECONDS)
    except CommandFailed:
        wrong.append(f"{len(wanted - _told(receiver).keys())} faces were never told to the webhook")
    ids = receiver.ids("/told")
    say(f"The webhook was told of each face; {len(ids)} messages, {len(ids) - len(set(ids))} of them repeated.")
    return wrong + repeated(receiver)


def _told(receiver: Receiver) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for headers, body in receiver.of("/told"):
        for face in json.loads(body)["data"].get("face_ids", ()):
            found[face].add(headers["webhook-id"])
    return found


def trail(machines: Machines) -> list[str]:
    """`kenspeckle audit verify`."""
    environment = {one: value for one, value in os.environ.items() if not one.startswith("KENSPECKLE_")}
    command = [sys.executable, "-m", "kenspeckle", "audit", "verify", "--data-dir", str(machines.folder / "a")]
    done = subprocess.run(  # our own command
        command, env=environment | machines.settings, capture_output=True, text=True, check=False
    )
    if done.returncode:
        return [f"kenspeckle audit verify: {done.stdout}{done.stderr}"]
    say(done.stdout.strip())
    return []


def logs(machines: Machines) -> list[str]:
    """What replicas have logged that nobody expects of any fault."""
    return [
        f"replica {name} logged: {line[:200]} ... {line[-900:]}"
        for name in machines.urls
        for line in machines.log_of(name)
        if UNEXPECTED.search(line)
    ]
