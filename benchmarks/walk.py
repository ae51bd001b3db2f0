"""The walk of a request through our own code: modules entered, switches between modules and packages, deepest frames.

    python -m benchmarks.walk [--json]

Serves one photograph in process, indexed and searched, over REST and over Amazon's protocol, and traces every call of a
function of ours in every thread. A figure of the house's plan, not of its speed: fewer switches are less to follow.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import httpx

import kenspeckle
from kenspeckle.compose.embedded import build
from kenspeckle.settings import load

ROOT = str(Path(kenspeckle.__file__).parent) + "/"
REPEATS = 3


@dataclass(frozen=True, slots=True)
class Walk:
    """`modules` are distinct; `switches` are calls from one module of ours into another, of which `packages` are
    also into another package; `depth` counts frames of ours on one stack."""

    modules: int
    switches: int
    packages: int
    depth: int


class Trace:
    """What threads do while it is `on`. Made before the service is, so that it is told by every thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recording = False
        self._modules: set[str] = set()
        self._switches = self._packages = self._depth = 0
        threading.setprofile(self._note)
        sys.setprofile(self._note)

    @contextmanager
    def on(self) -> Iterator[None]:
        """Record what happens in the block, and nothing before it."""
        self._modules, self._switches, self._packages, self._depth = set(), 0, 0, 0
        self._recording = True
        try:
            yield
        finally:
            self._recording = False

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        if not self._recording or event != "call" or not frame.f_code.co_filename.startswith(ROOT):
            return
        stack = list(_ours(frame))
        with self._lock:
            self._modules.add(stack[0])
            self._depth = max(self._depth, len(stack))
            if len(stack) > 1:
                self._switches += stack[0] != stack[1]
                self._packages += _package(stack[0]) != _package(stack[1])

    def walk(self) -> Walk:
        """Of what was recorded last."""
        return Walk(len(self._modules), self._switches, self._packages, self._depth)


def _ours(frame: FrameType | None) -> Iterator[str]:
    """Files of our frames of a stack, innermost first."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(ROOT):
            yield frame.f_code.co_filename
        frame = frame.f_back


def _package(file: str) -> str:
    return file.removeprefix(ROOT).partition("/")[0]


def measured() -> dict[str, Walk]:
    """By name of the request; the shortest of some runs, without what only a first request does."""
    trace = Trace()
    photograph = (load().models_dir / "samples" / "grace_hopper.jpg").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        service = build(load({"data_dir": Path(folder)}))
        try:
            return asyncio.run(_all(service.serve(), photograph, trace))
        finally:
            service.close()


async def _all(app: Any, photograph: bytes, trace: Trace) -> dict[str, Walk]:
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:

        def wire(operation: str, **members: object) -> Callable[[], Awaitable[httpx.Response]]:
            body = {"CollectionId": "kenspeckle", "Image": {"Bytes": base64.b64encode(photograph).decode()}, **members}
            headers = {
                "x-amz-target": f"RekognitionService.{operation}",
                "content-type": "application/x-amz-json-1.1",
            }
            return lambda: client.post("/", headers=headers, json=body)

        number = 0

        def indexed() -> Awaitable[httpx.Response]:
            nonlocal number
            number += 1
            return client.put(f"/v1/index/{number}.jpg", content=photograph)

        def indexed_by_wire() -> Awaitable[httpx.Response]:
            nonlocal number
            number += 1
            return wire("IndexFaces", ExternalImageId=f"{number}")()

        requests: dict[str, Callable[[], Awaitable[httpx.Response]]] = {
            "index, REST": indexed,
            "search, REST": lambda: client.post("/v1/search", content=photograph),
            "index, Amazon's protocol": indexed_by_wire,
            "search, Amazon's protocol": wire("SearchFacesByImage"),
        }
        found: dict[str, Walk] = {}
        for name, send in requests.items():
            (await send()).raise_for_status()
            walks = []
            for _ in range(REPEATS):
                with trace.on():
                    answer = await send()
                answer.raise_for_status()
                walks.append(trace.walk())
            found[name] = min(walks, key=lambda walk: walk.switches)
        return found


def main() -> None:
    """Print the walks."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true")
    found = measured()
    if options.parse_args().json:
        print(json.dumps({name: asdict(walk) for name, walk in found.items()}))
        return
    print(f"{'request':28}{'modules':>9}{'switches':>10}{'packages':>10}{'deepest':>9}")
    for name, walk in found.items():
        print(f"{name:28}{walk.modules:9}{walk.switches:10}{walk.packages:10}{walk.depth:9}")


if __name__ == "__main__":
    main()
